"""Groups of readers and of cases: each number is that of a study without the others."""

import math

import numpy as np
import pandas as pd
import pytest

from evalsuite.statistics.ratings.averages import averages
from evalsuite.statistics.result import ALL
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import turing_readings
from evalsuite.statistics.strata import by_stratum, case_grouping, reader_grouping
from tests.caveats import sentences

POINTS = {"real": 6}


@pytest.fixture
def table():
    """Return a study of four readers, 12 real cases of two sites and 12 synthetic ones of none."""
    random = np.random.default_rng(0)
    rows = []
    for reader in ("Ada", "Bob", "Eve", "Kim"):
        for i in range(24):
            real = i < 12
            site = ("north", "south")[i % 2] if real else ""
            rating = random.normal(4 if real else 3 + (reader in ("Ada", "Bob")), 1.2)
            rows.append(
                {
                    "reader": reader, "position": i, "phase": "reading", "case": f"c{i}",
                    "repeat_of": None, "question": "real", "scale": "ordinal",
                    "analysis": "turing", "answer": int(np.clip(round(rating), 1, 6)),
                    "revision": 0, "role": "real" if real else "synthetic",
                    "cohort": "mr" if real else "gan", "stratum": site,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


YEARS = {"Ada": "more", "Bob": "more", "Eve": "fewer"}  # Kim told nothing


def test_readers_are_grouped_by_what_they_told_in_the_order_of_the_options(table):
    grouping = reader_grouping(table, "Years?", YEARS, ("none", "fewer", "more"))
    assert grouping.strata == ("fewer", "more")
    results = by_stratum(table, [grouping], POINTS)
    assert {(r.where["by"], r.where["stratum"]) for r in results} == {
        ("Years?", "fewer"),
        ("Years?", "more"),
    }
    for stratum, names in (("more", ("Ada", "Bob")), ("fewer", ("Eve",))):
        alone = table[table["reader"].isin(names)]
        (expected,) = obuchowski_rockette(auc_merits(turing_readings(alone, POINTS)[0])).treatments
        (found,) = [r for r in results if r.quantity == "AUC" and r.where["stratum"] == stratum]
        assert (found.value, found.low, found.high) == (
            expected.value, expected.low, expected.high,
        )  # fmt: skip
        assert found.counts["readers"] == len(names)
        assert found.warnings == expected.warnings
        assert any("reader" in warning for warning in sentences(found))  # that they are few


def test_nothing_of_a_group_is_tested(table):
    results = by_stratum(table, [reader_grouping(table, "y", YEARS, ("fewer", "more"))], POINTS)
    assert all(math.isnan(r.p) and math.isnan(r.p_holm) and not r.hypothesis for r in results)
    assert {r.quantity for r in results} == {"mean", "difference in means", "AUC"}


def test_cases_without_any_stratum_stand_beside_each(table):
    grouping = case_grouping(table, "Cases")
    assert grouping.strata == ("north", "south")
    results = by_stratum(table, [grouping], POINTS)
    for stratum in grouping.strata:
        own = table[(table["stratum"] == stratum) | (table["cohort"] == "gan")]
        (expected,) = obuchowski_rockette(auc_merits(turing_readings(own, POINTS)[0])).treatments
        (found,) = [r for r in results if r.quantity == "AUC" and r.where["stratum"] == stratum]
        assert found.value == expected.value
        assert found.counts["cases"] == 6 + 12
        means = {r.at("cohort"): r.value for r in averages(own, POINTS)
                 if r.quantity == "mean" and r.at("reader") == ALL}  # fmt: skip
        assert {
            r.at("cohort"): r.value
            for r in results
            if r.quantity == "mean" and r.where["stratum"] == stratum
        } == means


def test_a_case_that_lacks_what_its_cohort_has_is_in_no_stratum(table):
    table.loc[table["case"] == "c0", "stratum"] = ""
    results = by_stratum(table, [case_grouping(table, "Cases")], POINTS)
    counts = {r.where["stratum"]: r.counts["cases"] for r in results if r.quantity == "AUC"}
    assert counts == {"north": 5 + 12, "south": 6 + 12}


def test_pairs_are_of_the_stratum_of_their_cases(table):
    pairs = table.assign(
        stratum=["a|b", "b|a", "a|a", "|a", "|", "|"] * 16, cohort=["x|y", "y|x"] * 48
    )
    assert case_grouping(pairs, "Cases").strata == ("a", "a / b")


def test_one_group_is_no_group(table):
    one = reader_grouping(table, "Years?", {"Ada": "more"}, ("fewer", "more"))
    assert by_stratum(table, [one], POINTS) == []
    assert by_stratum(table, [case_grouping(table.assign(stratum=""), "Cases")], POINTS) == []


def test_before_unblinding_there_are_mean_answers_only(table):
    blind = table.drop(columns=["role", "cohort", "stratum"])
    results = by_stratum(blind, [reader_grouping(blind, "y", YEARS, ("fewer", "more"))], POINTS)
    assert {r.quantity for r in results} == {"mean"}
