from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f

from evalsuite.statistics.ratings.contrasts import odds_ratio
from evalsuite.statistics.ratings.mixed_odds import mixed_odds
from evalsuite.statistics.ratings.parallel import parallel_odds
from evalsuite.statistics.ratings.sensitivity import LARGEST, MIXED, PROPORTIONAL, SMALLEST
from tests.statistics.readings import long_table, simulated
from tests.statistics.tables import comparisons, sensitivity

FIXTURES = Path(__file__).parent / "fixtures"
NAN = np.nan


@pytest.mark.parametrize("study", ["wine", "simulated"])
def test_the_mixed_model_agrees_with_clmm(study):
    table = pd.read_csv(FIXTURES / f"clmm_{study}.csv").set_index("case")
    cohorts = dict(tuple(table.groupby("cohort")))
    x, y = (cohorts[name].drop(columns="cohort").to_numpy(float) for name in ("first", "second"))
    told = pd.read_csv(FIXTURES / "clmm.csv").query("study == @study")
    told = told.set_index("quantity")["value"]
    model = mixed_odds(x, y)
    for name in ("log_ratio", "error", "reader", "case", "log_likelihood"):
        assert getattr(model, name) == pytest.approx(told[name], rel=2e-5), name
    cuts = told[[name for name in told.index if "|" in name]]
    assert model.thresholds == pytest.approx(cuts.to_numpy(), rel=2e-5, abs=1e-5)


def test_without_effects_the_mixed_model_is_the_fixed_one():
    rng = np.random.default_rng(0)
    x, y = (np.digitize(rng.logistic(s, size=(60, 1)), [-1, 0, 1]) + 1.0 for s in (0.6, 0.0))
    model = mixed_odds(x, y)
    assert model.reader == 0
    assert model.case < 0.1
    assert model.log_ratio == pytest.approx(odds_ratio(x, y).value, rel=2e-3)


def test_the_order_of_readers_and_cases_does_not_matter():
    x, y = simulated(4, 12, difference=0.4).values()
    model = mixed_odds(x, y)
    other = mixed_odds(x[::-1, ::-1], y[:, ::-1])
    assert (other.log_ratio, other.error) == pytest.approx((model.log_ratio, model.error), abs=1e-5)
    assert mixed_odds(y, x).log_ratio == pytest.approx(-model.log_ratio, abs=1e-5)


def test_separated_answers_have_no_mixed_model():
    assert np.isnan(mixed_odds(np.full((9, 3), 4.0), np.full((9, 3), 1.0)).log_ratio)


def test_log_ratios_at_thresholds_by_hand():
    # One reader; x: 10 of 1, 20 of 2, 30 of 3; y: 30, 20, 10. Above 1: 50/10 against 30/30 is 5;
    # above 2: 30/30 against 10/50 is 5 too. A table with y: 30, 28, 2 has 5 and 29.
    counts = {"x": (10, 20, 30), "y": (30, 28, 2)}
    x, y = (np.repeat([1.0, 2, 3], n)[:, None] for n in counts.values())
    test = parallel_odds(x, y)
    assert test.log_ratios == pytest.approx(np.log([5, 29]))
    # Delta method of the difference of log odds ln(p2 / p1) ... by multinomial covariances.
    variance = 0.0
    for n in counts.values():
        total, p = sum(n), np.array(n) / sum(n)
        first, second = 1 - p[0], p[2]
        gradient = np.array(
            [1 / (first * (1 - first)) * np.array([-1, 0, 0]),
             1 / (second * (1 - second)) * np.array([0, 0, 1])]
        )  # fmt: skip
        covariance = gradient @ (np.diag(p) - np.outer(p, p)) @ gradient.T / total
        variance += covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    statistic = (np.log(29) - np.log(5)) ** 2 / variance
    assert test.statistic == pytest.approx(statistic, rel=1e-6)
    assert test.df == (1, 117)
    assert test.p == pytest.approx(f.sf(statistic, 1, 117))
    same = parallel_odds(x, np.repeat([1.0, 2, 3], (30, 20, 10))[:, None])
    assert same.statistic == pytest.approx(0, abs=1e-9)


def test_readers_who_repeat_each_other_are_no_more_evidence():
    rng = np.random.default_rng(1)
    x, y = (rng.integers(1, 5, (25, 1)).astype(float) for _ in range(2))
    one = parallel_odds(x, y)
    three = parallel_odds(np.repeat(x, 3, axis=1), np.repeat(y, 3, axis=1))
    assert three.statistic == pytest.approx(one.statistic, rel=1e-6)


def test_two_options_have_nothing_to_test():
    x, y = (np.tile([[1.0], [2.0]], (8, 2)) for _ in range(2))
    assert np.isnan(parallel_odds(x, y).p)


def test_sensitivity_beside_the_comparison():
    table = long_table(simulated(4, 20, difference=0.5))
    rows = sensitivity(table, points={"appearance": 4}).set_index("assumption")
    clustered = comparisons(table, points={"appearance": 4}).query(
        "quantity == 'cumulative odds ratio'"
    )
    # Of one reader and one case it is further from 1 than of the population.
    assert rows.loc[MIXED, "value"] > clustered["value"].item() > 1
    assert rows.loc[MIXED, "low"] < rows.loc[MIXED, "value"] < rows.loc[MIXED, "high"]
    assert 0 < rows.loc[rows["quantity"] == PROPORTIONAL, "p"].item() <= 1
    assert LARGEST not in rows.index


def test_missing_answers_at_their_worst():
    # Readers answer 2 of 1 to 4 everywhere; of 10 cases a side, A left out 2 real and B 1 synthetic.
    table = long_table({"real": np.full((10, 2), 2.0), "gan": np.full((10, 2), 2.0)})
    real, gan = table["cohort"] == "real", table["cohort"] == "gan"
    first, second = (table["reader"] == name for name in ("reader00", "reader01"))
    empty = (real & first & table["case"].isin(["real00", "real01"])) | (
        gan & second & (table["case"] == "gan03")
    )
    table.loc[empty, "answer"] = NAN
    rows = sensitivity(table, points={"appearance": 4})
    rows = rows[rows["quantity"] == "difference in means"].set_index(["assumption", "reader"])
    # Largest: A's real mean is 2.4, B's synthetic mean 1.9; the mean difference (0.4 + 0.1) / 2.
    assert rows.loc[(LARGEST, "all"), "value"] == pytest.approx(0.25)
    assert rows.loc[(LARGEST, "reader00"), "value"] == pytest.approx(0.4)
    assert rows.loc[(LARGEST, "reader01"), "value"] == pytest.approx(0.1)
    # Smallest: A's real mean is 1.8, B's synthetic mean 2.2.
    assert rows.loc[(SMALLEST, "all"), "value"] == pytest.approx(-0.2)
    assert rows.loc[(SMALLEST, "all"), "n_readers"] == 2


def test_cases_that_a_reader_gave_up_are_missing_at_their_worst():
    # All answer 2 of 1 to 4; A has no rows of 2 of 10 real cases, and of one that nobody read.
    table = long_table({"real": np.full((10, 2), 2.0), "gan": np.full((10, 2), 2.0)})
    gone = ["real00", "real01"]
    table = table[~(table["case"].isin(gone) & (table["reader"] == "reader00"))]
    rows = sensitivity(
        table, points={"appearance": 4}, unread={"reader00": [*gone, "real99"], "reader07": gone}
    )
    rows = rows[rows["quantity"] == "difference in means"].set_index(["assumption", "reader"])
    assert rows.loc[(LARGEST, "reader00"), "value"] == pytest.approx(0.4)
    assert rows.loc[(LARGEST, "all"), "value"] == pytest.approx(0.2)
    assert rows.loc[(SMALLEST, "all"), "value"] == pytest.approx(-0.1)


def test_cases_that_were_not_shown_are_not_missing():
    table = long_table(simulated(3, 12))
    apart = (table["reader"] == "reader00") & (table["case"].str[-1] == "1")
    rows = sensitivity(table[~apart], points={"appearance": 4})
    assert not (rows["quantity"] == "difference in means").any()
