"""What captions claim of other readers is what was computed; verdicts follow corrected p-values."""

import re
from dataclasses import replace

import numpy as np
import pytest

from evalsuite.statistics.multiplicity import FAMILIES, holm_adjusted
from evalsuite.statistics.ratings.comparison import DIFFERENCE, SUPERIORITY
from evalsuite.statistics.result import Result
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.readings import turing_readings
from reports.document import Picture, Table
from reports.readers import StudyResults, study_sections
from reports.readers.claims import chance, correction, intervals, noted
from tests.caveats import plain, sentences
from tests.reports.conftest import STUDIES, findings
from tests.statistics.tables import comparisons, obuchowski_rockette

FIVE = {"real": 0.0} | {f"gan{i}": 0.0 for i in range(1, 6)}


@pytest.mark.parametrize("name", STUDIES)
def test_captions_speak_of_other_readers_where_readers_were_drawn(name, computed_study):
    study, sections = computed_study(name)
    blocks = [block for section in sections for block in section.everything]
    few = len(study.readers) < 3
    for block in blocks:
        if isinstance(block, Picture) and "intervals for" in block.caption:
            assert ("other readers" in block.caption) <= (len(study.readers) > 1), block.name
        if not isinstance(block, Table) or block.data is None or "random" not in block.data:
            continue
        rows = block.data[block.data["low"].notna()]
        # The methods of the rows, not the column that the captions are made of.
        random = rows["method"].str.contains(
            "readers and cases random|draws of .*readers|log odds; r"
        )
        if not rows["interval"].any() and "option" not in rows:
            assert ((rows["random"] == "cases and readers") == random).all(), block.name
            claims = "other readers" in block.caption
            assert claims == bool(random.any()), (block.name, block.caption)
            assert not (claims and few) or "two readers tell little" in block.caption
        drawn = rows[rows["method"].str.contains("bootstrap draws")]
        over = drawn["method"].str.extract(r"draws of (cases and readers|cases|readers)")[0]
        assert (over == drawn["random"]).all()
        assert not (len(drawn) and few) or set(over) == {"cases"}
        if len(set(rows["random"])) == 1 and rows["interval"].any():
            assert ("other readers" in block.caption) == ("readers" in rows["random"].iloc[0])


def test_intervals_by_hand():
    def rows(random, low=0.0, readers=4, level=0.95):
        row = Result(value=0.1, level=level, random=random, counts={"readers": readers})
        return [
            replace(row, low=low, warnings=(plain("One."),)),
            replace(row, warnings=(plain("One."),)),
        ]

    for random, told in (
        ("cases", "95 % intervals for other cases and these readers only"),
        ("readers", "95 % intervals for other readers"),
        ("cases and readers", "95 % intervals for other readers and other cases"),
    ):
        assert intervals(rows(random)) == told
    assert intervals(rows("cases and readers", readers=2, level=0.9)) == (
        "90 % intervals for other readers and other cases (two readers tell little of others)"
    )
    assert intervals(rows("cases", readers=1)).endswith("this reader only")
    assert intervals(rows("cases", low=np.nan)).startswith("no intervals")
    cases = rows("cases")
    mixed = [*cases, *rows("cases and readers")]
    assert intervals(mixed) == (
        "95 % intervals for other readers and other cases, but where a note says for whom"
    )
    assert [" ".join(sentences(row)) for row in noted(mixed)] == [
        "One. The interval is for other cases and these readers only.", "One.", "One.", "One.",
    ]  # fmt: skip
    assert noted(cases) is cases
    assert intervals([*cases, *rows("readers")]) == "95 % intervals (the notes say for whom)"


def test_a_verdict_is_that_of_the_corrected_p():
    def tested(p, p_holm):
        return Result(value=0.0, p=p, p_holm=p_holm)

    assert re.fullmatch(r" \(may be chance, p.=.0\.070\)", chance(tested(0.07, 0.07), "chance"))
    assert re.fullmatch(r" \(p.=.0\.049\)", chance(tested(0.04, 0.049), "chance"))
    assert chance(tested(np.nan, np.nan), "chance") == ""
    assert correction([tested(0.01, 0.01), tested(np.nan, np.nan)]) == ""
    assert "corrected for the number" in correction([tested(0.01, 0.02)])


def doubtful(make_study, rows_of, **options):
    """Return a study of five equal cohorts in which one p is below 0.05 and none when corrected."""
    for seed in range(60):
        study = make_study(levels=FIVE, cases=12, effect=1.0, seed=seed, **options)
        rows = rows_of(study)
        if rows["p"].min() < 0.05 <= rows["p_holm"].min():
            return study, rows.loc[rows["p"].idxmin()]
    raise AssertionError("no such study")


def test_the_summary_does_not_call_a_difference_what_the_correction_does_not(make_study):
    def means(study):
        rows = comparisons(study.table)
        return rows[(rows["reader"] == "all") & (rows["quantity"] == DIFFERENCE)]

    study, row = doubtful(make_study, means, templates=("analogue",))
    assert not row["low"] <= 0 <= row["high"]
    told = next(text for text in findings(study) if text.startswith("“"))
    assert told.count("may be chance") == 5
    assert f"than {row['second']} (may be chance, p" in told
    assert any("p-values are corrected for their number" in text for text in findings(study))


def test_the_summary_does_not_call_telling_apart_what_the_correction_does_not(make_study):
    def areas(study):
        (readings,) = turing_readings(study.table)
        return obuchowski_rockette(auc_merits(readings)).treatments

    study, row = doubtful(make_study, areas)
    told = next(text for text in findings(study) if text.startswith("Area"))
    assert f"for {row['treatment']} (may be guessing, p" in told


def test_the_area_and_the_superiority_of_a_question_are_corrected_alike(make_study):
    study = make_study(templates=("turing", "paper"), levels=FIVE, cases=10, readers=list("ABCD"))
    rows = comparisons(study.table)
    rows = rows[rows["reader"] == "all"]
    for quantity, own in rows.groupby("quantity"):
        turing = own["question"] == "real_or_synthetic"
        for rows_of in (own[turing], own[~turing]):
            assert len(rows_of) in (5, 15), quantity
            family = rows_of[rows_of["p"].notna()]
            assert family["p_holm"].tolist() == pytest.approx(holm_adjusted(family["p"].to_numpy()))
    (readings,) = turing_readings(study.table)
    areas = obuchowski_rockette(auc_merits(readings)).treatments
    assert areas["p_holm"].tolist() == pytest.approx(holm_adjusted(areas["p"].to_numpy()))
    same = rows[(rows["quantity"] == SUPERIORITY) & (rows["question"] == "real_or_synthetic")]
    assert set(same["family"]) == set(areas["family"])


def test_every_shown_p_is_corrected_and_its_family_is_in_the_plan(make_study, make_pairs):
    kinds = ("turing", "paper", "analogue")
    ratings = make_study(
        levels=FIVE, cases=6, templates=kinds, repeats=3, margins={"appearance": 1.0}
    )
    for study in (ratings, make_pairs()):
        for section in study_sections(StudyResults(study, 50)):
            for table in (b for b in section.everything if isinstance(b, Table)):
                assert "p" not in table.frame.columns, table.name
                if table.data is not None and "p" in table.data:
                    tested = table.data.dropna(subset=["p"])
                    assert set(tested["family"]) <= set(FAMILIES), table.name
                    known = table.data.dropna(subset=["p", "p_holm"])
                    assert (known["p_holm"] >= known["p"] - 1e-12).all()
                    if (known["p_holm"] > known["p"]).any() and "p, corrected" in table.frame:
                        assert "corrected for the number" in table.caption, table.name
