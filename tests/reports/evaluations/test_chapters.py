"""The chapters: where each number stands, with and without interval, group or a known name."""

import html
import math
from collections import Counter
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from evalsuite.errors import EvalsuiteError
from evalsuite.records import Chapter
from reports.document import Picture, Report, Table, Text
from reports.evaluations import evaluation_sections
from reports.evaluations.chapters import CHAPTERS
from reports.evaluations.comparison import comparisons
from reports.formats.folder import write
from reports.glossary import meaning, metrics, score_meaning, title
from tests.caveats import plain
from tests.reports.conftest import visible
from tests.reports.evaluations.made_up import cohort, estimate, evaluated, score_rows

EVIL = '<script>alert("&")</script>'
KNOWN = [quantity.name for metric in metrics().values() for quantity in metric.quantities]
AXIAL, CORONAL = (("plane", "axial"),), (("plane", "coronal"),)
ONE, TWELVE, PAIR = (
    (("structure", "1"),),
    (("structure", "12"),),
    (("structure", "1"), ("other", "2")),
)
NAMES = [
    *((name, ()) for name in KNOWN),
    ("slice_similarity", AXIAL), ("slice_frechet", CORONAL), ("anatomy_volume", ONE),
    ("anatomy_right", PAIR), ("anatomy_faults", TWELVE), ("own_metric", ()),
    ("own_metric", (("lobe", "upper"),)), ("anatomy_odd", ()), ("realism_index", ()),
]  # fmt: skip


def tables(sections):
    return {b.name: b for s in sections for b in s.everything if isinstance(b, Table)}


def pictures(sections):
    return {b.name: b for s in sections for b in s.blocks if isinstance(b, Picture)}


values = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(0.0))


@st.composite
def evaluations(draw):
    """Return one or two evaluations with any numbers, of any name."""
    made = []
    for folder, names in (("one", ("gan", "vae")), ("two", ("flow",))):
        own = draw(
            st.lists(
                st.tuples(
                    st.sampled_from(NAMES), st.sampled_from(names),
                    st.sampled_from(("", "radiomics")), st.sampled_from(("", "sex=F")),
                ),
                unique=True, max_size=12,
            )
        )  # fmt: skip
        found = [
            estimate(n, draw(values), c, extractor=e, group=g, where=w, warnings=draw(st.sampled_from(((), (plain("W."),)))))
            for (n, w), c, e, g in own
        ]  # fmt: skip
        made.append(evaluated(*found, cohorts=names, folder=folder))
    return made


@settings(max_examples=30)
@given(evaluations())
def test_every_estimate_stands_in_exactly_one_full_table(made):
    full = [t.data for n, t in tables(evaluation_sections(made)).items()
            if n.endswith("-full") or n == "evaluation-groups"]  # fmt: skip
    shown = Counter(
        (row["cohort"], row["number"], row["on"], row.get("group", ""))
        for frame in full
        for row in frame.astype(object).fillna("").to_dict("records")
    )
    known = [e for data in made for e in data.evaluation.estimates]
    assert sum(shown.values()) == len(known)
    for e in known:
        on = [row for row in shown if row[0] == e.synthetic and row[1] == title(e)
              and row[3] == e.group and (e.extractor in row[2])]  # fmt: skip
        assert on


@pytest.mark.parametrize(
    ("name", "chapter"),
    [
        ("frechet_distance", "distance"),
        ("coverage", "overlap"),
        ("ssim", "diversity"),
        ("slice_similarity", "slices"),
        ("anatomy_volume", "anatomy"),
        ("anatomy_faults", "anatomy"),
        ("anatomy_right", "anatomy"),
        ("copies", "privacy"),
        ("own_metric", "other"),
    ],
)
def test_each_number_has_its_chapter(name, chapter):
    sections = evaluation_sections([evaluated(estimate(name, 1.0))])
    assert [s.name for s in sections] == ["evaluation", f"evaluation-{chapter}"]
    assert sections[1].title == CHAPTERS[chapter][0]


def test_chapters_ask_what_a_reader_asks():
    assert CHAPTERS["anatomy"][0] == "Is the anatomy right?"
    assert list(CHAPTERS) == list(get_args(Chapter))
    assert {meaning(estimate(name, 1.0)).chapter for name in KNOWN} == {*CHAPTERS} - {"other"}


def test_titles_name_planes_and_structures():
    titles = {
        ("slice_frechet", AXIAL): "Fréchet distance of slices, axial",
        ("anatomy_volume", ONE): "Volume apart, structure 1",
        ("anatomy_right", PAIR): "Position apart, left to right, 1 to 2",
        ("anatomy_faults", TWELVE): "Faulty structures, structure 12",
        ("own_metric", ()): "Own metric",
        ("own_metric", (("lobe", "upper"),)): "Own metric, lobe upper",
    }
    for (name, where), expected in titles.items():
        assert title(estimate(name, 1.0, where=where)) == expected
    assert meaning(estimate("own_metric", 1.0)).sentence == "how own_metric is made"
    assert score_meaning("realism", "").title == "Realism"
    assert score_meaning("anatomy_outlyingness", "").title == "Most unusual measure"
    own = score_meaning("own_score", "by hand")
    assert (own.title, own.sentence) == ("Own score", "by hand")


def test_label_maps_are_not_called_voxels():
    found = tables(
        evaluation_sections([evaluated(estimate("anatomy_volume", 1, extractor="", where=ONE))])
    )
    assert found["evaluation-anatomy-full"].frame.loc[0, "on"] == "label maps"
    found = tables(evaluation_sections([evaluated(estimate("copies", 1.0, extractor=""))]))
    assert found["evaluation-privacy-full"].frame.loc[0, "on"] == "voxels"


def test_cells_hold_value_interval_and_note():
    made = evaluated(
        estimate("kid", 1.5, low=1.0, high=2.0, warnings=(plain("Few."),)),
        estimate("mmd_rbf", 0.25, standard_error=0.5),
        estimate("frechet_distance", math.nan, warnings=(plain("Nothing to divide by."),)),
        estimate("frechet_distance", 2.0, "vae", reference=0.5),
        cohorts=("gan", "vae"),
    )
    found = tables(evaluation_sections([made]))
    frame = found["evaluation-distance"].frame.set_index("number")
    assert frame.loc["KID", "gan"] == "1.5 (1 to 2) [1]"
    assert frame.loc["MMD", "gan"] == "0.25"
    assert frame.loc["Fréchet distance", "gan"] == "undefined [2]"
    assert frame.loc["KID", "vae"] == "\N{EN DASH}"
    assert frame.loc["Fréchet distance", "within real"] == "0.5"
    full = found["evaluation-distance-full"].data
    assert full.loc[1, "standard error"] == 0.5
    assert full["low"].isna().sum() == 3
    assert math.isnan(full.loc[2, "estimate"])


def test_p_values_are_in_the_table_and_not_among_the_panels():
    made = evaluated(estimate("mmd_rbf", 1.0), estimate("mmd_rbf_p_value", 0.5))
    sections = evaluation_sections([made])
    assert "MMD, p-value" in set(tables(sections)["evaluation-distance"].frame["number"])
    drawn = pictures(sections)["evaluation-distance-forest"].figure
    assert isinstance(drawn, Figure)
    assert "MMD, p-value" not in {t.get_text() for a in drawn.axes for t in a.texts}
    only = evaluation_sections([evaluated(estimate("mmd_rbf_p_value", 0.5))])
    assert pictures(only) == {}


def test_more_cohorts_than_fit_on_a_page_go_on_in_a_second_table():
    names = [f"g{i}" for i in range(5)]
    made = evaluated(*(estimate("kid", 1.0, n) for n in names), cohorts=names)
    found = tables(evaluation_sections([made]))
    assert {"g0", "g3"} <= set(found["evaluation-distance-1"].frame)
    assert "g4" in found["evaluation-distance-2"].frame
    assert found["evaluation-distance-1"].notes == ()
    assert len(found["evaluation-distance-2"].notes) == 1


def test_groups_have_a_chapter_of_their_own():
    made = evaluated(estimate("kid", 1.0), *(estimate("kid", 2.0, group=f"sex={s}") for s in "FM"))
    sections = evaluation_sections([made])
    assert [s.name for s in sections][-1] == "evaluation-groups"
    assert list(tables(sections)["evaluation-groups"].frame["group"]) == ["sex=F", "sex=M"]
    assert len(tables(sections)["evaluation-distance-full"].frame) == 1


def test_levels_of_intervals_are_told_as_they_are():
    made = evaluated(estimate("kid", 1.0, low=0, high=2, level=0.9))
    overview = evaluation_sections([made])[0]
    assert isinstance(overview.blocks[0], Text)
    assert "its 90 % interval" in overview.blocks[0].paragraphs[-1]


def test_figures_of_the_runs_stand_where_they_belong(tmp_path):
    names = ("anatomy", "cohorts", "estimates", "estimates-2", "own", "privacy")
    own = [tmp_path / f"{name}.png" for name in names]
    made = evaluated(estimate("anatomy_volume", 1.0, where=ONE), figures=own)
    found = {s.name: [b.name for b in s.blocks if isinstance(b, Picture)]
             for s in evaluation_sections([made])}  # fmt: skip
    assert found == {
        "evaluation": ["evaluation-cohorts"],
        "evaluation-anatomy": ["evaluation-anatomy", "evaluation-anatomy-forest"],
        # Of a metric without numbers the figure is shown all the same; `estimates` is redrawn.
        "evaluation-figures": ["evaluation-own", "evaluation-privacy"],
    }
    assert len(comparisons([made])[0].runs) == 1


def test_names_with_html_characters_are_text_on_the_page(tmp_path):
    made = evaluated(
        estimate("kid", 1.0, EVIL, warnings=(plain(f"{EVIL} is odd."),)),
        estimate(f"{EVIL}_metric", 1.0, EVIL, extractor=EVIL, group=f"a={EVIL}"),
        cohorts=(cohort(EVIL, warnings=(plain(f"{EVIL} was padded."),)),),
        scores=score_rows(EVIL, {EVIL: [1.0, 2.0], "real": [1.0, 3.0]}, against=EVIL),
    )
    report = Report("t", (), tuple(evaluation_sections([made])))
    page = write(report, tmp_path / "out").read_text()
    assert "<script" not in page
    assert html.unescape(visible(page)).count(EVIL) > 5


def test_groups_are_drawn_below_each_other_in_one_panel():
    made = evaluated(
        *(estimate(n, 2.0, group=g) for n in ("kid", "coverage") for g in ("a=1", "a=2"))
    )
    figure = pictures(evaluation_sections([made]))["evaluation-groups-forest"].figure
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["KID", "Coverage"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["a=1", "a=2"]


def test_a_full_table_is_as_narrow_as_its_numbers_allow():
    made = evaluated(
        estimate("kid", 1.0, "vae", low=0.5, high=1.5), estimate("kid", 2.0, "gan"),
        estimate("mmd_rbf", math.nan, "vae"), cohorts=("gan", "vae"),
    )  # fmt: skip
    table = tables(evaluation_sections([made]))["evaluation-distance-full"]
    assert table.group == "cohort"
    assert list(table.frame["cohort"]) == ["vae", "vae", "gan"]
    assert list(table.frame) == [
        "cohort", "number", "on", "estimate", "interval", "n real", "n synthetic",
    ]  # fmt: skip
    assert table.frame.loc[0, "interval"] == "0.5 to 1.5"
    assert {"low", "high", "standard error", "within real", "good is", "notes"} <= set(table.data)


def stored(folder, **cohorts):
    """Leave features and their figure as an evaluation would."""
    (folder / "features").mkdir(parents=True)
    for name, values in cohorts.items():
        path = folder / "features" / f"{name}--radiomics.npz"
        np.savez(path, values=values, volumes=np.array([str(i) for i in range(len(values))]))
    return {"folder": folder, "figures": [folder / "embedding.png"]}


def test_features_of_several_runs_are_drawn_together(tmp_path):
    random = np.random.default_rng(0)
    real, gan, vae = (random.normal(size=(6, 3)) for _ in range(3))
    runs = [
        evaluated(estimate("kid", 1.0), **stored(tmp_path / "one", real=real, gan=gan)),
        evaluated(
            estimate("kid", 1.0, "vae"), cohorts=("vae",),
            **stored(tmp_path / "two", real=real, vae=vae),
        ),
    ]  # fmt: skip
    (figure,) = [p.figure for n, p in pictures(evaluation_sections(runs)).items() if "embed" in n]
    assert isinstance(figure, Figure)
    assert [len(c.get_offsets()) for c in figure.axes[0].collections] == [6, 6, 6]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["real (n = 40)", "gan (n = 30)", "vae (n = 30)"]
    # One evaluation has drawn its own already.
    assert not isinstance(
        pictures(evaluation_sections(runs[:1]))["evaluation-embedding"].figure, Figure
    )


def test_without_all_features_the_runs_own_figures_stand(tmp_path):
    values = np.eye(3)
    runs = [
        evaluated(estimate("kid", 1.0), **stored(tmp_path / "one", real=values, gan=values)),
        evaluated(
            estimate("kid", 1.0, "vae"), cohorts=("vae",), **stored(tmp_path / "two", real=values)
        ),
    ]
    found = [name for name in pictures(evaluation_sections(runs)) if "embedding" in name]
    assert found == ["evaluation-embedding-run-1", "evaluation-embedding-run-2"]


def test_features_that_cannot_be_read_are_told_in_a_sentence(tmp_path):
    values = np.eye(3)
    runs = [
        evaluated(estimate("kid", 1.0, n), cohorts=(n,), **stored(tmp_path / n, **{n: values}, real=values))
        for n in ("gan", "vae")
    ]  # fmt: skip
    broken = tmp_path / "gan/features/gan--radiomics.npz"
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(EvalsuiteError) as caught:
        evaluation_sections(runs)
    assert str(caught.value) == (
        f"{broken}: the features cannot be read. Run the evaluation again, or remove its folder "
        "features to have them left out."
    )
