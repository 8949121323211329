"""One row for every statistic: its columns, its table, its corrected p-values."""

import math

import pytest
from statsmodels.stats.multitest import multipletests

from evalsuite.records import Caveat
from evalsuite.statistics.ratings.averages import averages
from evalsuite.statistics.ratings.comparison import comparisons
from evalsuite.statistics.result import Result, holm, tabulated
from tests.statistics.readings import long_table, simulated

ROW = Result(
    where={"question": "quality", "reader": "all"},
    quantity="mean",
    value=2.5,
    counts={"readers": 3},
    parts={"margin": 0.5},
    warnings=(Caveat("few", "Only {n} readers.")(n=3), Caveat("another", "Another.")),
)


def test_a_row_has_one_column_for_each_thing_it_knows():
    (row,) = tabulated([ROW]).to_dict("records")
    assert list(row) == [
        "question", "reader", "quantity", "value", "low", "high", "level", "standard_error", "unit",
        "hypothesis", "p", "p_holm", "family", "n_readers", "margin", "random", "interval",
        "method", "reference", "warnings",
    ]  # fmt: skip
    assert (row["n_readers"], row["margin"]) == (3, 0.5)
    assert row["warnings"] == "Only 3 readers. Another."
    assert math.isnan(row["low"])
    assert (ROW.defined, ROW.bounded, ROW.at("reader")) == (True, False, "all")


def test_tables_of_different_statistics_have_the_same_columns_for_the_same_things():
    table = long_table(simulated())
    tables = [tabulated(statistic(table)) for statistic in (averages, comparisons)]
    shared = set(tabulated([]).columns)
    assert tabulated([]).empty
    assert all(shared <= set(one.columns) for one in tables)
    assert all(one.columns.is_unique for one in tables)


def test_p_values_are_corrected_within_their_family_alone():
    p = [0.01, 0.04, math.nan, 0.03, 0.02]
    families = ["a", "a", "a", "b", None]
    rows = [
        Result(value=0.0, p=value, family=str(name))
        for value, name in zip(p, families, strict=True)
    ]
    corrected = holm(rows, lambda row: None if row.family == "None" else row.family)
    of_a = multipletests([0.01, 0.04], method="holm")[1]
    assert [row.p_holm for row in corrected] == pytest.approx(
        [*of_a, math.nan, 0.03, math.nan], nan_ok=True
    )
    assert [row.p for row in corrected] == pytest.approx(p, nan_ok=True)
