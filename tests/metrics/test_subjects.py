"""Statistics over subjects: arithmetic by hand, other implementations, and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import OLS

from evalsuite.metrics.subjects import (
    coded,
    count,
    effective_size,
    halved,
    mean_interval,
    mean_variance,
    median_interval,
    proportion_interval,
    resampled,
)

SUBJECTS = st.lists(st.integers(0, 9), min_size=2, max_size=40).filter(lambda s: len(set(s)) > 1)


def drawn(subjects, sizes, rho, seed):
    """Return values of subjects that correlate by rho within, and their codes."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(subjects), sizes)
    own = random.normal(size=subjects)[codes]
    return math.sqrt(rho) * own + math.sqrt(1 - rho) * random.normal(size=len(codes)), codes


@given(SUBJECTS, st.integers(0, 2**31))
def test_the_variance_of_a_mean_is_that_of_a_regression_with_clusters(subjects, seed):
    values = np.random.default_rng(seed).normal(size=len(subjects))
    codes = coded(subjects)
    fit = OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": True}
    )
    assert mean_variance(values, codes) == pytest.approx(float(fit.bse[0] ** 2), rel=1e-9)


def test_where_each_shows_another_subject_all_is_as_usual():
    values = np.random.default_rng(0).normal(size=31)
    codes = np.arange(31)
    assert mean_variance(values, codes) == pytest.approx(values.var(ddof=1) / 31)
    assert effective_size(values, codes) == 31
    half = stats.t.ppf(0.975, 30) * stats.sem(values)
    assert mean_interval(values, codes) == pytest.approx(
        (values.mean() - half, values.mean() + half)
    )
    exact = stats.binomtest(int((values > 1).sum()), 31).proportion_ci(method="exact")
    found = proportion_interval(values > 1, codes)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    quantile = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    found = median_interval(values, codes)
    assert (found.low, found.high) == (quantile.low, quantile.high)
    assert found.method == "order statistics, distribution-free"


def test_volumes_that_are_all_alike_count_as_one_by_hand():
    values = np.repeat([0.0, 1.0, 1.0, 0.0, 1.0, 0.0], 4)
    codes = np.repeat(np.arange(6), 4)
    # (s^2 / S of six values 0, 0, 0, 1, 1, 1): 0.3 / 6.
    assert mean_variance(values, codes) == pytest.approx(0.05)
    ratio = stats.t.ppf(0.975, 23) / stats.t.ppf(0.975, 5)
    assert effective_size(values, codes) == pytest.approx(6 * ratio**2)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_none_or_all_is_known_from_subjects_not_volumes(share):
    hits = np.full(40, bool(share))
    found = proportion_interval(hits, np.repeat(np.arange(8), 5))
    exact = stats.binomtest(int(8 * share), 8).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert found.method.endswith("at 8 effective volumes of 8 subjects")


@given(SUBJECTS, st.integers(0, 2**31))
def test_neither_order_nor_names_count(subjects, seed):
    random = np.random.default_rng(seed)
    values, order = random.normal(size=len(subjects)), random.permutation(len(subjects))
    renamed = [f"subject {(7 * s) % 11}" for s in subjects]
    for statistic in (mean_variance, effective_size):
        expected = statistic(values, coded(subjects))
        found = statistic(values[order], coded([renamed[i] for i in order]))
        assert found == pytest.approx(expected, rel=1e-9)


@given(SUBJECTS, st.integers(0, 2**31))
def test_subjects_stay_whole(subjects, seed):
    codes, random = coded(subjects), np.random.default_rng(seed)
    sizes = np.bincount(codes)
    again = np.bincount(codes[resampled(codes, random, 1)[0]], minlength=len(sizes))
    assert (again % sizes == 0).all()
    assert (again // sizes).sum() == len(sizes)
    first, second = halved(codes, random)
    assert sorted([*first, *second]) == list(range(len(codes)))
    assert not set(codes[first]) & set(codes[second])
    assert count(codes[first]) == len(sizes) // 2


def test_draws_are_those_of_volumes_where_each_shows_another_subject():
    values = np.arange(9.0)
    codes = np.arange(9)
    expected = np.random.default_rng(3).choice(values, (4, 9))
    found = resampled(codes, np.random.default_rng(3), 4)
    assert values[np.stack(found)].tolist() == expected.tolist()


@pytest.mark.parametrize("sizes", [2, 5])
def test_intervals_cover_what_they_should_where_subjects_repeat(sizes):
    """400 cohorts of 20 subjects; without subjects the same intervals cover 60 to 85 %."""
    covered = np.zeros(3)
    share = stats.norm.sf(0.5)
    for seed in range(400):
        values, codes = drawn(20, sizes, 0.7, seed)
        low, high = mean_interval(values, codes)
        middle = median_interval(values, codes)
        part = proportion_interval(values > 0.5, codes)
        covered += [
            low <= 0 <= high,
            middle.low <= 0 <= middle.high,
            part.low <= share <= part.high,
        ]
    assert (covered >= 368).all()
    assert (covered <= 396).all()
