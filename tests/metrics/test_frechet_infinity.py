import numpy as np
import pytest
import torch

from evalsuite.metrics import frechet_infinity
from evalsuite.metrics.frechet import compute
from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.frechet_infinity import frechet_distance_infinity
from evalsuite.metrics.subjects import each_its_own


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def test_extrapolation_is_nearer_the_truth():
    # N(0, I) and N(1/2, I) in 8 dimensions: the distance is 8 / 4 = 2.
    distances, extrapolations = [], []
    for seed in range(40):
        real, synthetic = normal(40, 8, seed), normal(40, 8, 1000 + seed) + 0.5
        distances.append(frechet_distance(real, synthetic))
        extrapolations.append(frechet_distance_infinity(real, synthetic, seed=seed))
    # One extrapolation has a standard deviation of 0.7, the mean of 40 one of 0.11.
    assert np.mean(extrapolations) == pytest.approx(2, abs=0.4)
    assert np.mean(distances) > 3


def test_extrapolation_is_exact_where_bias_is_linear(monkeypatch):
    # 11 and 18 do not divide by 1.5 and 2: the true fractions of the subsets have to be used.
    monkeypatch.setattr(
        frechet_infinity, "frechet_distance", lambda real, rest: 5 + 11 / len(real) + 18 / len(rest)
    )
    value = frechet_distance_infinity(normal(11, 2, seed=1), normal(18, 2, seed=2))
    assert value == pytest.approx(5)


def test_interval_of_the_extrapolation_is_that_of_student_with_19_degrees_of_freedom():
    infinity = compute(normal(25, 2, seed=1), normal(30, 2, seed=2) + 1, bootstrap=2)[1]
    half_width = 2.0930 * infinity.standard_error  # 97.5 % point, from a printed table
    assert infinity.interval.low == pytest.approx(infinity.value - half_width, rel=1e-4)
    assert infinity.interval.high == pytest.approx(infinity.value + half_width, rel=1e-4)


def test_jackknife_error_is_near_the_standard_deviation_over_cohorts(monkeypatch):
    monkeypatch.setattr(frechet_infinity, "REPEATS", 3)
    estimates = [
        compute(normal(40, 4, seed), normal(40, 4, 1000 + seed) + 1, bootstrap=2)[1]
        for seed in range(30)
    ]
    actual = np.std([estimate.value for estimate in estimates], ddof=1)
    claimed = np.mean([estimate.standard_error for estimate in estimates])
    # Conservative by a few per cent where the cohorts differ; 30 values give +-13 %.
    assert 0.75 < claimed / actual < 1.5


def test_extrapolation_of_too_few_volumes_is_an_error():
    with pytest.raises(ValueError) as caught:
        frechet_distance_infinity(normal(9, 2, seed=1), normal(7, 2, seed=2))
    assert str(caught.value) == (
        "The extrapolation needs at least 8 volumes in each set, but got 9 real and 7 synthetic."
    )


def test_error_of_the_extrapolation_is_that_of_a_jackknife_over_groups(monkeypatch):
    values = iter(range(8))
    monkeypatch.setattr(frechet_infinity, "_intercept", lambda *_: next(values))
    orders = frechet_infinity.random_orders(8, 9, np.random.default_rng(0))
    error, groups = frechet_infinity._jackknife_error(
        normal(8, 2, 1), normal(9, 2, 2), each_its_own(8, 9), orders
    )
    # 0 to 7 have squared deviations of 42 in all: (7 / 8 * 42)^(1/2).
    assert (error, groups) == (pytest.approx(36.75**0.5), 8)
