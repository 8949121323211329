"""No statistic leaves anybody out without a word: rows count who was used and name the others."""

import numpy as np
import pandas as pd
import pytest

from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.ratings.comparison import ODDS_RATIO
from evalsuite.statistics.ratings.proportional_odds import informative
from evalsuite.statistics.roc.choice import choice_merits, choices
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.readings import turing_readings
from tests.kinds import scales
from tests.statistics.readings import long_table, simulated
from tests.statistics.tables import (
    agreement_between_readers,
    agreement_within_readers,
    averages,
    comparisons,
    concordance,
    course,
    distributions,
    equivalence,
    generator_concordance,
    obuchowski_rockette,
    times,
)

NAN = float("nan")
READERS = [f"reader{i:02d}" for i in range(5)]
LAST = READERS[-1]
COHORTS = ("real", "gan", "ldm", "vae")


def study(kind="confidence", seed=0):
    """Return five readers of four cohorts with a tenth of the cases shown twice."""
    table = long_table(simulated(5, 12, difference=0.5, seed=seed, names=COHORTS), kind=kind)
    again = table[table["case"].str.endswith("03")].assign(repeat_of=1)
    again["position"] += 1000
    return pd.concat([table, again], ignore_index=True)


def unanswered(rows):
    """Return the study without the answers and the times of the rows that a mask picks."""
    table = study()
    away = rows(table)
    return table.assign(
        answer=table["answer"].where(~away), active_seconds=table["active_seconds"].where(~away)
    )


STUDIES = {
    "all there": study,
    "no answer": lambda: unanswered(lambda t: t["reader"] == LAST),
    "an answer to another question": lambda: study().assign(
        question=lambda t: t["question"].where(t["reader"] != LAST, "remark"),
        scale=lambda t: t["scale"].where(t["reader"] != LAST, "none"),
        analysis=lambda t: t["analysis"].where(t["reader"] != LAST, "remarks"),
        active_seconds=lambda t: t["active_seconds"].where(t["reader"] != LAST),
    ),
    "one cohort only": lambda: unanswered(
        lambda t: (t["reader"] == LAST) & (t["cohort"] != "real")
    ),
    "few cases": lambda: unanswered(
        lambda t: (t["reader"] == LAST) & ~t["case"].str[-2:].isin(["00", "01"])
    ),
    "two readers of one cohort": lambda: unanswered(
        lambda t: t["reader"].isin(READERS[3:]) & (t["cohort"] == "gan")
    ),
    "the lowest answer": lambda: study().assign(
        answer=lambda t: t["answer"].where(t["reader"] != LAST, 1.0)
    ),
    "one after the other": lambda: study().assign(
        answer=lambda t: (
            t["answer"]
            .clip(lower=3)
            .where(t["reader"] != LAST, 1.0)
            .where(t["reader"] != READERS[3], 2.0)
        )
    ),
    "repeats not answered": lambda: unanswered(
        lambda t: (t["reader"] == LAST) & t["repeat_of"].notna()
    ),
}
SCORES = [
    {"case": f"{cohort}{i:02d}", "metric": "m", "value": (7 * i) % 12 + 0.1 * k}
    for k, cohort in enumerate(COHORTS) for i in range(12)
]  # fmt: skip
ESTIMATES = [{"cohort": c, "metric": "m", "value": v} for v, c in enumerate(COHORTS[1:])]


def statistics(table):
    """Return the rows of all readers of every statistic, by its name."""
    analyses = [obuchowski_rockette(auc_merits(r)) for r in turing_readings(table)]
    found = {
        "between": agreement_between_readers(table, replicates=20),
        "within": agreement_within_readers(table, replicates=20),
        "shares": distributions(table),
        "averages": averages(table),
        "comparisons": comparisons(table),
        "equivalence": equivalence(table, {"appearance": 0.5}),
        "course": course(table),
        "times": times(table),
        "areas": pd.concat([a.treatments for a in analyses]),
        "differences of areas": pd.concat([a.differences for a in analyses]),
        "concordance": concordance(table, pd.DataFrame(SCORES), replicates=20),
        "generators": generator_concordance(table, pd.DataFrame(ESTIMATES), replicates=20),
    }
    return {
        name: rows[rows["reader"] == "all"] if "reader" in rows else rows
        for name, rows in found.items()
    }


def named(warnings):
    """Return whom the sentences on what was left out name; pairs of readers are none."""
    told = [s.split(": ", 1)[1] for s in warnings.split(". ") if s.startswith("Left out")]
    alone = [part for text in told for part in text.strip(".").split(", ") if " and " not in part]
    return {reader for reader in READERS if reader in alone}


@pytest.mark.parametrize("name", STUDIES)
def test_every_row_counts_who_was_used_and_names_who_was_not(name):
    for statistic, rows in statistics(STUDIES[name]()).items():
        known = rows[rows["value"].notna()]
        assert len(known) or statistic == "within", statistic
        for row in known.to_dict("records"):
            without = named(row["warnings"])
            assert len(without) == len(READERS) - row["n_readers"], (statistic, row)


@pytest.mark.parametrize("name", ["no answer", "the lowest answer", "one after the other"])
def test_the_odds_ratio_rests_on_the_readers_it_counts(name):
    table = STUDIES[name]()
    rows = comparisons(table)
    rows = rows[rows["quantity"] == ODDS_RATIO].reset_index(drop=True)
    silent = named(rows["warnings"][0])
    assert silent == ({LAST, READERS[3]} if "other" in name else {LAST})
    rest = comparisons(table[~table["reader"].isin(silent)])
    rest = rest[rest["quantity"] == ODDS_RATIO].reset_index(drop=True)
    same = ["value", "low", "high", "p", "n_readers", "n_first", "n_second", "n_answers"]
    pd.testing.assert_frame_equal(rows[same], rest[same])
    assert rows["value"].notna().sum() > 1


def test_who_is_left_with_the_lowest_answers_is_left_out_in_turn():
    scores = np.array([[1.0, 2, 3, 2], [1, 2, 4, 4], [1, 2, 2, 3]])
    assert informative(scores).tolist() == [False, False, True, True]
    assert informative(np.full((3, 2), 2.0)).tolist() == [False, False]
    assert informative(np.array([[2.0, 1, NAN], [2, 3, NAN]])).tolist() == [True, True, False]


def test_cases_that_are_not_used_are_counted():
    table = study()
    table.loc[table["case"].isin(["gan00", "ldm01"]) & (table["reader"] != LAST), "answer"] = NAN
    table.loc[table["case"] == "vae05", "answer"] = NAN
    found = statistics(table)
    between = found["between"].set_index("quantity")
    kappa, fleiss = between.loc["quadratic weighted kappa"], between.loc["Fleiss kappa"]
    # One reader alone answered two cases, and nobody one: of 48 there are 45 and 47 left.
    assert (kappa["n_cases"], kappa["n_answers"]) == (45, 225)
    assert "only one reader answered them: 2 of 47 cases." in kappa["warnings"]
    assert (fleiss["n_cases"], fleiss["n_answers"]) == (47, 227)
    icc = between.loc["ICC(2,1)"].iloc[0]
    assert icc["n_cases"] == 45
    assert "a reader did not answer them: 2 of 47 cases." in icc["warnings"]
    rows = found["concordance"].set_index("cases")
    assert rows.loc["vae", "n_cases"].tolist() == [11, 11]
    assert "nobody answered them: 1 of 12 cases." in rows.loc["vae", "warnings"].iloc[0]
    scores = pd.DataFrame(SCORES)[lambda t: t["case"] != "gan02"]
    fewer = concordance(table, scores, replicates=20).set_index("cases")
    assert fewer.loc["gan", "n_cases"].tolist() == [11, 11]
    assert "no score of them: 1 of 12 cases." in fewer.loc["gan", "warnings"].iloc[0]
    few = generator_concordance(
        STUDIES["all there"](), pd.DataFrame([*ESTIMATES[:2], ESTIMATES[2] | {"value": NAN}])
    )
    assert few["warnings"].str.contains("the metric has no value of them: vae.").all()


def test_repeats_with_one_answer_are_counted():
    table = study()
    second = table["repeat_of"].notna() & (table["case"] == "gan03")
    table.loc[second & table["reader"].isin(READERS[:2]), "answer"] = NAN
    rows = statistics(table)["within"]
    assert rows["n_answers"].iloc[0] == 2 * (20 - 2)
    assert "one of the two answers is missing: 2 of 20 repeats." in rows["warnings"].iloc[0]


def test_pairs_of_readers_without_a_kappa_are_named():
    table = study()
    table.loc[table["reader"].isin(READERS[3:]), "answer"] = 2.0
    kappa = statistics(table)["between"].iloc[0]
    assert kappa["n_readers"] == 5
    assert f"only equal answers): {READERS[3]} and {LAST}." in kappa["warnings"]


def test_forced_choices_name_who_made_none():
    rows = [
        {"reader": reader, "position": i, "phase": "reading", "case": f"r{i}|s{i}",
         "repeat_of": None, "question": "real_side", **scales("forced_choice"),
         "answer": None if reader == LAST else 1 + (i + k) % 3 // 2, "revision": 0,
         "cohort": "real|gan", "role": "real|synthetic", "real_side": 1}
        for k, reader in enumerate(READERS) for i in range(12)
    ]  # fmt: skip
    (found,) = choices(pd.DataFrame(rows))
    row = obuchowski_rockette(choice_merits(found)).treatments.iloc[0]
    assert row["n_readers"] == 4
    assert named(row["warnings"]) == {LAST}


def test_nobody_left_out_is_nothing_to_tell():
    assert left_out("why", np.array([False, False]), ("A", "B")) == ()
