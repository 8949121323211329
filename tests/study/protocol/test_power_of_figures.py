"""Exact moments against simulation, power against a published example and our own analysis."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.special import logit, ndtr, ndtri

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.ratings.crossed import over_figures
from evalsuite.statistics.roc.auc import auc_covariance
from evalsuite.study.protocol import power_of_figures
from evalsuite.study.protocol.power import Components, _effects
from evalsuite.study.protocol.power_of_figures import (
    Variances,
    _half_widths,
    both_right,
    figure_power,
    variances,
)

UNLIKE = Components(reader=0.3, reader_cohort=0.2, case=0.5, reader_case=0.4)


def one(figure="auc", **changes):
    settings = {"readers": [5], "cases": [40], "difference": 0.2, "margin": 0.2}
    (row,) = figure_power(figure, **settings | changes)
    return row


def simulated(value, size, components, seed=0):
    """Return ratings of real and of synthetic cases by study, reader and case."""
    ratings = _effects(np.random.default_rng(seed), size, components)
    whole = 2 * (components.reader_cohort + components.case + components.reader_case)
    return ratings[:, 0] + ndtri(value) * whole**0.5, ratings[:, 1]


@pytest.mark.parametrize(
    ("value", "correlation"), list(product((0.5, 0.62, 0.97), (0, 0.3, 0.9, 1)))
)
def test_two_right_answers_are_those_of_a_bivariate_normal(value, correlation):
    at = np.full(2, ndtri(value))
    cov = [[1, correlation], [correlation, 1]]
    expected = stats.multivariate_normal([0, 0], cov, allow_singular=True).cdf(at)
    assert both_right(value, correlation) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("figure", ["auc", "choice"])
@pytest.mark.parametrize("components", [Components(), UNLIKE])
def test_variances_are_exact(figure, components):
    real, synthetic = simulated(0.7, (40_000, 2, 2, 5), components)
    if figure == "auc":
        figures = (real[..., :, None] > synthetic[..., None, :]).mean((2, 3))
    else:
        figures = (real > synthetic).mean(2)
    its = variances(figure, 0.7, 5, components)
    found = np.cov(figures.T)
    assert figures.mean() == pytest.approx(0.7, abs=0.003)
    assert its.reader + its.error == pytest.approx(np.diag(found).mean(), rel=0.02)
    assert its.shared == pytest.approx(found[0, 1], rel=0.06)
    # What no number of cases makes up for is the spread of the readers' true figures.
    spread = (2 * components.reader_cohort) ** 0.5
    away = ndtri(0.7) * (spread**2 + 2 * (components.case + components.reader_case)) ** 0.5
    own = ndtr(
        (away + spread * np.random.default_rng(1).standard_normal(400_000))
        / (2 * (components.case + components.reader_case)) ** 0.5
    )
    assert its.reader == pytest.approx(own.var(), rel=0.01)


@pytest.mark.parametrize(("readers", "cases", "published"), [(10, 165, 0.80542), (6, 111, 0.55261)])
def test_power_is_that_of_hillis_obuchowski_and_berbaum(readers, cases, published):
    """Van Dyke et al., 5 readers, 114 cases: the components and the power that RJafroc 2.1.2 tells.

    The difference of two modalities has variances and covariances of its own.
    """
    var_tr, cov1, cov2, cov3, var = (
        0.00020040252, 0.00034661371, 0.00034407483, 0.00023902837, 0.00080228827,
    )  # fmt: skip
    difference, scale = 0.043800322, 114 / cases
    its = Variances(2 * var_tr, 2 * scale * (var - cov1), 2 * scale * (cov2 - cov3), np.inf)
    mean_square = its.reader + its.error - its.shared
    denominator = mean_square + readers * its.shared
    df = (readers - 1) * (denominator / mean_square) ** 2
    critical = stats.f.ppf(0.95, 1, df)
    by_f = stats.ncf.sf(critical, 1, df, readers * difference**2 / denominator)
    assert by_f == pytest.approx(published, abs=1e-5)

    def detected(its):
        reach, error = _half_widths(its, readers, 0.05)
        assert error**2 == pytest.approx(denominator / readers)
        return (ndtr((difference - reach) / error) + ndtr((-difference - reach) / error)).mean()

    # Their intervals may be surer of other readers than of these; ours may not.
    assert detected(Variances(mean_square, its.shared, its.shared, np.inf)) == pytest.approx(
        published, abs=0.002
    )
    assert published - 0.02 < detected(its) < published


@pytest.mark.parametrize(
    ("figure", "readers", "cases", "value"),
    [("auc", 5, 20, 0.7), ("auc", 3, 40, 0.7), ("auc", 2, 40, 0.8), ("choice", 8, 40, 0.65)],
)
def test_power_is_that_of_our_own_analysis(figure, readers, cases, value):
    def analysed(value):
        outcomes = []
        for real, synthetic in zip(
            *simulated(value, (800, 2, readers, cases), Components(), seed=3), strict=True
        ):
            if figure == "auc":
                own, covariance = auc_covariance(real, synthetic)
                df = 2 * (cases - 1)
            else:
                right = (real > synthetic).astype(float)
                own, covariance, df = right.mean(1), np.cov(right) / cases, cases - 1
            odds = over_figures(own, covariance, df).on_logit()
            low, high = odds.interval(0.9)
            ruled_out = -logit(0.7) < low and high < logit(0.7)
            outcomes.append((odds.p_value() < 0.05, ruled_out))
        return np.mean(outcomes, axis=0)

    row = one(figure, readers=[readers], cases=[cases], difference=value - 0.5)
    detected, _ = analysed(value)
    alarms, ruled_out = analysed(0.5)
    # 800 studies leave a standard error of 0.018; covariances taken as known add up to 0.03.
    assert -0.05 < detected - row.detected < 0.04
    assert -0.06 < ruled_out - row.ruled_out < 0.04
    null = one(figure, readers=[readers], cases=[cases], difference=0)
    assert alarms == pytest.approx(null.detected, abs=0.03)
    assert 0.02 < null.detected < 0.065


def test_levels_are_shared_between_questions():
    whole, shared = one(), one(questions=4)
    assert (whole.level, shared.level) == (0.05, 0.0125)
    assert shared.detected < whole.detected
    assert shared.ruled_out < whole.ruled_out
    assert shared.half_width == whole.half_width
    assert one(questions=4, difference=0).detected < 0.02


def test_the_unit_of_the_ratings_does_not_matter_and_readers_are_not_replaced_by_cases():
    in_percent = Components(*(25**2 * v for v in (0.11, 0.035, 0.15, 0.44)))
    assert one(components=in_percent).detected == pytest.approx(one().detected)
    rows = figure_power("auc", [3, 6, 12], [10, 40], difference=0.15, margin=0.2)
    share = {(row.readers, row.cases): row.detected for row in rows}
    assert share[3, 10] < share[6, 10] < share[12, 10] < share[12, 40]
    assert one(readers=[3], cases=[4000]).half_width > 0.1
    assert "With 2 readers" in one(readers=[2]).warnings[0]


def test_readers_who_agree_in_all_are_as_sure_as_their_cases():
    alike = Components(0, 0, 0.2, 0)
    row = one(readers=[4], cases=[50], components=alike)
    error = variances("auc", 0.7, 50, alike).error ** 0.5 / (0.7 * 0.3)
    away = logit(0.7) / error
    critical = stats.t.ppf(0.975, 98)
    assert row.detected == pytest.approx(stats.norm.sf(critical - away), abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"readers": [1]}, r"needs at least 2 readers, but got \[1\]\."),
        ({"difference": 0.5}, "less than 0.5; but the difference is 0.5 and the margin 0.2"),
        ({"margin": 0}, "the margin 0"),
        ({"questions": 0}, "At least 1 comparison is made, but got 0"),
        ({"components": Components(1, 0, 0, 0)}, "every answer is right"),
    ],
)
def test_impossible_studies_are_told(changes, message):
    with pytest.raises(EvalsuiteError, match=message):
        one(**changes)


def test_averages_over_the_chance_of_the_readers_are_fine_enough(monkeypatch):
    coarse = one(readers=[3])
    monkeypatch.setattr(power_of_figures, "DRAWS", 20_000)
    fine = one(readers=[3])
    assert coarse == replace(
        fine,
        detected=pytest.approx(fine.detected, abs=1e-3),
        ruled_out=pytest.approx(fine.ruled_out, abs=1e-3),
        half_width=pytest.approx(fine.half_width, abs=1e-3),
    )
