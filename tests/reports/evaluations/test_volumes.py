"""The chapter on single volumes."""

import math

import pytest

from reports.document import Picture, Table
from reports.evaluations.comparison import comparisons
from reports.evaluations.volumes import score_summary, volume_chapter, worst_volumes
from tests.reports.evaluations.made_up import evaluated, score_rows


def compared(*scores, cohorts=("gan",)):
    rows = [row for own in scores for row in own]
    (found,) = comparisons([evaluated(cohorts=cohorts, scores=rows)])
    return found


def test_without_scores_there_is_no_chapter():
    assert volume_chapter(compared()) == []
    assert volume_chapter(compared(score_rows("realism", {"gan": [math.nan]}))) == []


@pytest.mark.parametrize(
    ("direction", "values", "worse", "worst"),
    [
        # Real values 0 to 100: 5 % lie above 95, 5 % below 5, 5 % more than 47.5 from 50.
        ("lower is better", [94.0, 96.0, 200.0], 2, "gan_2.nii.gz"),
        ("higher is better", [4.0, 6.0, -9.0], 2, "gan_2.nii.gz"),
        ("nearer the reference is better", [1.0, 50.0, 99.5], 2, "gan_2.nii.gz"),
    ],
)
def test_worse_depends_on_the_direction(direction, values, worse, worst):
    real = [float(i) for i in range(101)]
    found = compared(score_rows("own", {"gan": values, "real": real}, direction=direction))
    (row,) = score_summary(found.scores, found).to_dict("records")
    assert row["worse than 95 % of real"] == f"{worse} of 3"
    assert (row["volumes"], row["median of real"]) == (3, 50.0)
    first = worst_volumes(found.scores, found).query("cohort == 'gan' and place == 1")
    assert list(first["volume"]) == [worst]


def test_undefined_scores_are_not_counted_and_no_volume_is_named_for_them():
    rows = score_rows("realism", {"gan": [math.nan, 1.0], "real": [1.0, 2.0]})
    found = compared(rows)
    assert score_summary(found.scores, found).loc[0, "volumes"] == 1
    assert "gan_0.nii.gz" not in set(worst_volumes(found.scores, found)["volume"])


def test_without_real_scores_nothing_is_said_to_be_worse():
    found = compared(score_rows("realism", {"gan": [1.0]}))
    (row,) = score_summary(found.scores, found).to_dict("records")
    assert row["worse than 95 % of real"] is None
    assert math.isnan(row["median of real"])


def test_real_volumes_are_named_once_though_scored_against_each_cohort():
    found = compared(
        score_rows("own", {"gan": [1.0], "real": [5.0, 1.0]}),
        score_rows("own", {"vae": [1.0], "real": [5.0, 1.0]}, against="vae"),
        cohorts=("gan", "vae"),
    )
    named = worst_volumes(found.scores, found).query("cohort == 'real'")
    assert list(named["volume"]) == ["real_0.nii.gz", "real_1.nii.gz"]


def test_the_chapter_has_figure_and_tables():
    planes = [
        score_rows(f"slice_consistency_{p}", {"gan": [1.0, 2.0], "real": [2.0, 3.0]})
        for p in ("sagittal", "coronal", "axial")
    ]
    (section,) = volume_chapter(compared(*planes))
    figures = [b for b in section.blocks if isinstance(b, Picture)]
    assert [b.name for b in figures] == ["evaluation-volumes"]
    titles = {t.get_text() for a in figures[0].figure.axes for t in a.texts}
    assert {f"Slice consistency, {p}" for p in ("sagittal", "coronal", "axial")} <= titles
    assert [b.name for b in section.everything if isinstance(b, Table)] == [
        "evaluation-volumes", "evaluation-worst",
    ]  # fmt: skip


def test_a_plugin_score_is_explained_by_its_method():
    (section,) = volume_chapter(compared(score_rows("own_score", {"gan": [1.0]})))
    notes = [n for b in section.blocks if isinstance(b, Table) for n in b.notes]
    assert notes == ["Own score: how own_score is made"]


def test_long_identifiers_keep_the_end_that_tells_them_apart():
    rows = score_rows("own", {"gan": [1.0]})
    rows[0]["volume"] = "a/very/long/folder/name/that/goes/on/scan_000123.nii.gz"
    found = compared(rows)
    name = worst_volumes(found.scores, found).loc[0, "volume"]
    assert name.endswith("scan_000123.nii.gz")
    assert len(name) == 34


def test_scores_of_label_maps_are_not_said_to_be_of_voxels():
    found = compared(score_rows("anatomy_outlyingness", {"gan": [1.0], "real": [1.0]}))
    assert list(score_summary(found.scores, found)["on"]) == ["label maps"]
    assert set(worst_volumes(found.scores, found)["on"]) == {"label maps"}
