from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups
from statsmodels.stats.weightstats import ttost_ind

from benchmarks import coverage
from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.multiplicity import holm_adjusted
from evalsuite.statistics.rated import NO_TRUTH
from evalsuite.statistics.ratings.comparison import DIFFERENCE, ODDS_RATIO, SUPERIORITY
from evalsuite.statistics.ratings.contrasts import mean_difference, odds_ratio, superiority
from evalsuite.statistics.ratings.crossed import pooled
from evalsuite.statistics.ratings.pairs import NO_COHORTS, NO_READER
from evalsuite.statistics.ratings.proportional_odds import proportional_odds
from evalsuite.study.protocol.power import contrast
from tests.statistics.readings import long_table, odd_studies, says_why, simulated
from tests.statistics.tables import comparisons, equivalence
from tests.statistics.test_ratings import one

NAN = float("nan")
VAN_DYKE = Path(__file__).parents[3] / "shared/reference/vandyke.csv"


def test_difference_is_analysed_as_the_power_of_a_study_is_planned():
    study = simulated(4, 30, difference=0.4)
    x, y = study["real"], study["gan"]
    planned = contrast(np.stack([x.T, y.T])[None])
    found = mean_difference(x, y)
    assert found.value == pytest.approx(planned.difference[0])
    assert found.from_readers == pytest.approx(planned.from_readers[0])
    assert found.from_cases == pytest.approx(planned.from_cases[0])
    assert found.half_width(0.95) == pytest.approx(planned.half_width(0.05)[0])


def test_one_reader_is_welchs_and_brunner_and_munzels_test():
    study = simulated(1, 25, difference=0.4)
    x, y = study["real"][:20], study["gan"]
    welch = stats.ttest_ind(x[:, 0], y[:, 0], equal_var=False)
    found = mean_difference(x, y)
    assert found.p_value() == pytest.approx(welch.pvalue)
    assert found.interval(0.95) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    assert superiority(x, y).p_value(0.5) == pytest.approx(
        stats.brunnermunzel(x[:, 0], y[:, 0]).pvalue
    )


def test_superiority_is_the_mean_area_under_the_readers_curves():
    study = simulated(3, 20, difference=0.5)
    x, y = study["real"], study["gan"]
    truth = np.repeat([1, 0], 20)
    areas = [roc_auc_score(truth, np.concatenate([x[:, r], y[:, r]])) for r in range(3)]
    assert superiority(x, y).value == pytest.approx(np.mean(areas))


@pytest.mark.skipif(not VAN_DYKE.exists(), reason=f"the reference data are not at {VAN_DYKE}")
@pytest.mark.parametrize(
    ("treatment", "area", "ms_reader", "cov2", "error"),
    [
        (1, 0.8970370370, 0.003082628662, 0.0004775238683, 0.03307642062),
        (2, 0.9408373591, 0.001304601948, 0.0002015291937, 0.02150464097),
    ],
)
def test_superiority_agrees_with_mrmcaov(treatment, area, ms_reader, cov2, error):
    """MRMCaov 0.3.0, DeLong covariance, "each analysis based only on data for the treatment"."""
    rows = pd.read_csv(VAN_DYKE)
    rows = rows[rows["treatment"] == treatment]
    wide = rows.pivot_table(index=["truth", "case"], columns="reader", values="rating")
    found = superiority(wide.loc[1].to_numpy(float), wide.loc[0].to_numpy(float))
    assert found.value == pytest.approx(area, rel=1e-9)
    assert found.from_readers * 5 == pytest.approx(ms_reader, rel=1e-9)
    assert found.from_cases == pytest.approx(cov2, rel=1e-9)
    assert np.sqrt(found.variance) == pytest.approx(error, rel=1e-9)


def test_superiority_by_hand():
    # 3 > 2, 3 = 3, 1 < 2, 1 < 3: (1 + 1/2) / 4.
    x, y = np.array([[3.0], [1.0], [NAN]]), np.array([[2.0], [3.0]])
    assert superiority(x, y).value == pytest.approx(0.375)


@given(
    arrays(float, (7, 3), elements=st.integers(1, 4).map(float)),
    arrays(float, (6, 3), elements=st.integers(1, 4).map(float)),
)
def test_exchanging_the_cohorts_turns_the_answer_round(x, y):
    there, back = superiority(x, y), superiority(y, x)
    assert there.value == pytest.approx(1 - back.value)
    assert there.variance == pytest.approx(back.variance, abs=1e-12)
    there, back = mean_difference(x, y), mean_difference(y, x)
    assert there.value == pytest.approx(-back.value)
    assert there.variance == pytest.approx(back.variance, abs=1e-12)
    raised = superiority(x**3 + 1, y**3 + 1)  # only the order of answers counts
    assert raised.value == pytest.approx(superiority(x, y).value)


def test_proportional_odds_agrees_with_statsmodels():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(0, 2, 300), rng.normal(size=300)]).astype(float)
    latent = x @ [0.8, -0.5] + rng.logistic(size=300)
    answers = np.digitize(latent, [-1.0, 0.2, 1.5])
    ours = proportional_odds(answers, x)
    theirs = OrderedModel(answers, x, distr="logit").fit(method="bfgs", disp=False, gtol=1e-8)
    assert ours.coefficients == pytest.approx(theirs.params[:2], abs=1e-4)
    assert ours.log_likelihood == pytest.approx(theirs.llf)
    thresholds = theirs.model.transform_threshold_params(theirs.params)[1:-1]
    assert ours.thresholds == pytest.approx(thresholds, abs=1e-4)
    errors = np.sqrt(np.diag(np.linalg.inv(ours.information)))[3:]
    assert errors == pytest.approx(theirs.bse[:2], rel=1e-3)
    assert ours.influence.sum(axis=0) == pytest.approx([0, 0], abs=1e-9)
    # Leaving one answer out changes the estimate by about its influence.
    without = proportional_odds(answers[1:], x[1:])
    assert ours.coefficients - without.coefficients == pytest.approx(ours.influence[0], abs=1e-3)


def test_two_cohorts_and_two_options_are_the_odds_ratio_of_a_table():
    answers = np.repeat([0, 1, 0, 1], [10, 30, 25, 15])
    x = np.repeat([[1.0], [0.0]], 40, axis=0)
    found = proportional_odds(answers, x)
    assert found.coefficients[0] == pytest.approx(np.log((30 / 10) / (15 / 25)))


def test_clusters_two_ways_agree_with_statsmodels():
    rng = np.random.default_rng(0)
    case, reader = np.divmod(np.arange(60), 4)
    x = rng.normal(size=15)[case] + rng.normal(size=60)
    y = x + rng.normal(size=15)[case] + rng.normal(size=4)[reader] + rng.normal(size=60)
    fit = sm.OLS(y, sm.add_constant(x)).fit()
    expected = cov_cluster_2groups(fit, case, reader, use_correction=False)[0][1, 1]
    centred = x - x.mean()
    influence = centred * fit.resid / (centred @ centred)
    found = pooled(fit.params[1], influence.reshape(15, 4))
    # Without the corrections for few clusters, r / (r - 1) and c / (c - 1).
    plain = found.from_readers * 3 / 4 + found.from_cases * 3 / 4 * 14 / 15
    assert found.from_cases > 0
    assert plain == pytest.approx(expected)


def test_odds_ratio_is_that_of_the_model_with_readers():
    study = simulated(3, 60, difference=0.6)
    x, y = study["real"], study["gan"]
    scores = np.concatenate([x, y])
    case, reader = np.nonzero(~np.isnan(scores))
    design = np.column_stack([case < 60, reader == 1, reader == 2]).astype(float)
    theirs = OrderedModel(scores.ravel(), design, distr="logit").fit(
        method="bfgs", disp=False, gtol=1e-8
    )
    found = odds_ratio(x, y)
    assert found.value == pytest.approx(theirs.params[0], abs=1e-4)
    # Of the order of the model's own error, which takes all answers for independent.
    assert 0.5 < np.sqrt(found.variance) / theirs.bse[0] < 3


def test_readers_with_one_answer_only_do_not_spoil_the_odds_ratio():
    study = simulated(3, 40, difference=0.5)
    x, y = study["real"], study["gan"]
    constant = [np.hstack([scores, np.full((40, 1), 4.0)]) for scores in (x, y)]
    assert odds_ratio(*constant).value == pytest.approx(odds_ratio(x, y).value)


def test_comparisons_find_a_difference_and_correct_it():
    table = long_table(simulated(5, 40, difference=0.8, names=("real", "gan", "ldm")))
    rows = comparisons(table)
    together = rows[rows["reader"] == "all"]
    assert len(together) == 6
    assert (together["p"] < 0.01).all()
    assert (together["p_holm"] >= together["p"]).all()
    assert rows[rows["reader"] != "all"]["p_holm"].isna().all()
    # Holm by hand: of two p-values the smaller is doubled.
    smaller = together[together["quantity"] == DIFFERENCE].sort_values("p").iloc[0]
    larger = together[together["quantity"] == DIFFERENCE]["p"].max()
    assert smaller["p_holm"] == pytest.approx(min(2 * smaller["p"], 1))
    assert larger >= smaller["p"]
    row = one(together, second="gan", quantity=SUPERIORITY)
    assert 0.5 < row["low"] < row["value"] < row["high"] < 1
    assert one(together, second="gan", quantity=ODDS_RATIO)["low"] > 1
    assert set(rows["reader"]) == {"all", *(f"reader{i:02d}" for i in range(5))}


@settings(max_examples=8)
@given(arrays(float, st.integers(1, 9), elements=st.floats(0, 1)))
def test_holm_is_that_of_statsmodels(p):
    assert holm_adjusted(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_equivalence_of_one_reader_is_that_of_statsmodels():
    study = simulated(1, 60)
    rows = equivalence(long_table(study), {"appearance": 0.5})
    p, *_ = ttost_ind(study["real"][:, 0], study["gan"][:, 0], -0.5, 0.5, usevar="unequal")
    assert one(rows, quantity="equivalence")["p"] == pytest.approx(p)


@pytest.mark.parametrize("seed", range(4))
def test_equivalence_is_shown_where_the_interval_lies_within_the_margin(seed):
    table = long_table(simulated(3, 10, seed=seed))
    seen = set()
    for margin in (0.05, 0.2, 0.4, 0.8, 1.2, 2.5):
        rows = equivalence(table, {"appearance": margin})
        row = one(rows, quantity="equivalence")
        assert row["level"] == 0.9
        assert (row["p_holm"] < 0.05) == (-margin < row["low"] and row["high"] < margin)
        assert one(rows, quantity="non-inferiority")["p"] <= row["p"]
        seen.add(row["p_holm"] < 0.05)
    assert seen == {False, True}


def test_non_inferiority_looks_at_the_second_cohort():
    worse = long_table(simulated(5, 40, difference=0.8))
    better = long_table(simulated(5, 40, difference=-0.8))
    assert (
        one(equivalence(worse, {"appearance": 0.4}), quantity="non-inferiority")["p_holm"] >= 0.05
    )
    assert (
        one(equivalence(better, {"appearance": 0.4}), quantity="non-inferiority")["p_holm"] < 0.05
    )
    assert one(equivalence(better, {"appearance": 0.4}), quantity="equivalence")["p_holm"] >= 0.05


def test_margins_that_fit_nothing_are_refused():
    table = long_table(simulated())
    with pytest.raises(EvalsuiteError, match='margin of the question "appearance" is 0; expected'):
        equivalence(table, {"appearance": 0})
    with pytest.raises(EvalsuiteError, match='Unknown question "apearance". Did you mean'):
        equivalence(table, {"apearance": 0.5})


@pytest.mark.parametrize("name", odd_studies())
def test_odd_studies_say_why(name):
    table = odd_studies()[name]
    assert says_why(comparisons(table))
    assert says_why(equivalence(table, {"appearance": 0.5}))


@pytest.mark.parametrize(
    ("name", "quantity", "sentence"),
    [
        ("not closed", DIFFERENCE, NO_TRUTH),
        ("only real", DIFFERENCE, NO_COHORTS),
        ("no answer", DIFFERENCE, NO_READER),
        ("all equal", DIFFERENCE, "There is no interval: the answers do not vary."),
        ("all equal", ODDS_RATIO, "There is no odds ratio: all answers are equal"),
        ("separated", SUPERIORITY, "The ratings separate the cases without error"),
        ("separated", DIFFERENCE, "each reader gave all cases of a cohort the same answer"),
        ("separated", ODDS_RATIO, "those to one cohort are all above"),
        ("one case", DIFFERENCE, "it needs 2 cases of each cohort"),
    ],
)
def test_what_is_said(name, quantity, sentence):
    rows = comparisons(odd_studies()[name])
    row = one(rows[rows["reader"] == "all"], quantity=quantity)
    assert str(sentence) in row["warnings"]


def test_cohorts_that_are_wholly_apart_have_an_exact_p_value_or_none_instead_of_one():
    """A p of 1 would say that nothing was found where nothing could be clearer."""
    found = comparisons(long_table({"real": np.full((6, 3), 4.0), "gan": np.full((6, 3), 1.0)}))
    assert found["value"].tolist()[:2] == [3.0, 1.0]
    superior = found["quantity"] == SUPERIORITY
    assert found.loc[~superior, "p"].isna().all()
    # Six pairs without a common case, all won.
    assert found.loc[superior, "p"].tolist() == pytest.approx([2 / 2**6] * 4)
    assert found.loc[superior, "low"].tolist() == pytest.approx([0.025 ** (1 / 6)] * 4)
    assert (found.loc[superior, "high"] == 1).all()
    assert (found["warnings"] != "").all()


def test_readers_of_one_cohort_are_left_out():
    study = simulated(3, 20)
    study["gan"][:, 2] = NAN
    rows = comparisons(long_table(study))
    row = one(rows, reader="all", quantity=DIFFERENCE)
    assert row["n_readers"] == 2
    assert "did not answer cases of both cohorts: reader02." in row["warnings"]


@pytest.mark.parametrize("readers", [3, 6])
def test_intervals_cover(readers):
    """A short version of benchmarks/coverage.py; 300 studies leave 2.5 % of chance (2 sigma)."""
    components = coverage.COMPONENTS["typical"]
    found = coverage.coverage(300, readers, 30, components, model=False, resampling=False)
    for quantity in ("mean", "difference", "superiority", "trend"):
        assert 0.92 <= found[quantity] <= 0.99, quantity


def test_tests_keep_their_level():
    components = coverage.COMPONENTS["typical"]
    alarms = coverage.false_alarms(300, 3, 30, components, model=False)
    for test, share in alarms.items():
        assert 0.01 <= share <= 0.085, test
