import math

import numpy as np
import pytest
import torch

from evalsuite.metrics.frechet import METRIC, compute
from evalsuite.metrics.frechet_distance import bootstrap_distances


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def test_five_volumes_with_2048_features():
    estimate, infinity = compute(normal(5, 2048, seed=1), normal(5, 2048, seed=2), bootstrap=50)
    assert math.isfinite(estimate.value)
    assert estimate.value > 0
    assert estimate.interval.low <= estimate.value <= estimate.interval.high
    assert estimate.warnings == (
        (
            "5 real and 5 synthetic volumes are few for 2048 features: the covariances are "
            "rank-deficient and the value is biased upward. Cohorts with too little variance are "
            "favoured."
        ),
    )
    assert math.isnan(infinity.value)
    assert infinity.warnings == (
        "The extrapolation needs at least 8 volumes in each set, but got 5 real and 5 synthetic.",
    )


def test_interval_is_the_shifted_percentiles():
    real, synthetic = normal(30, 4, seed=1), normal(25, 4, seed=2) + 1
    estimate, _ = compute(real, synthetic, seed=5, bootstrap=100, level=0.9)
    replicates = bootstrap_distances(real, synthetic, replicates=100, seed=5)
    low, high = np.quantile(replicates, [0.05, 0.95]) + estimate.value - replicates.mean()
    assert (estimate.interval.low, estimate.interval.high) == pytest.approx((low, high))
    assert estimate.interval.level == 0.9


def test_same_seed_same_result_and_other_seed_other_interval():
    real, synthetic = normal(30, 4, seed=1), normal(25, 4, seed=2) + 1
    first, again = (compute(real, synthetic, seed=1, bootstrap=50) for _ in range(2))
    other = compute(real, synthetic, seed=2, bootstrap=50)
    assert first == again
    assert other[0].value == first[0].value
    assert other[0].interval != first[0].interval
    assert other[1].value != first[1].value


def test_convention_real_comes_first():
    real, synthetic = normal(30, 4, seed=1), 3 * normal(25, 4, seed=2)
    estimate, infinity = compute(real, synthetic, bootstrap=20)
    assert (estimate.n_real, estimate.n_synthetic) == (30, 25)
    assert (infinity.n_real, infinity.n_synthetic) == (30, 25)
    # The yardstick is within the real cohort; the synthetic one is three times as wide.
    swapped, _ = compute(synthetic, real, bootstrap=20)
    assert estimate.reference < 2 < swapped.reference
    assert swapped.value == pytest.approx(estimate.value)


def test_reference_is_the_mean_distance_of_halves_of_the_real_cohort():
    rows = torch.tensor([[0.0], [0.0], [6.0], [6.0]])
    estimate, _ = compute(rows, rows + 1, bootstrap=2)
    # {0, 0} and {6, 6} are 36 apart, {0, 6} and {0, 6} nothing; the mean is over 10 splits.
    of_ten = estimate.reference / 3.6
    assert of_ten == pytest.approx(round(of_ten))
    assert 0 < estimate.reference < 36
    assert compute(rows[:3], rows, bootstrap=2)[0].reference is None


def test_metric_record():
    assert METRIC.name == "frechet"
    assert METRIC.options() == {"bootstrap": 500, "level": 0.95}
    estimates = METRIC.compute(normal(10, 3, seed=1), normal(10, 3, seed=2), bootstrap=10)
    assert [e.name for e in estimates] == ["frechet_distance", "frechet_distance_infinity"]
    assert {e.direction for e in estimates} == {"lower is better"}
    assert {(e.synthetic, e.extractor) for e in estimates} == {("", "")}


def test_warns_of_identical_and_constant_features():
    real = normal(12, 3, seed=1)
    distance, infinity = compute(real, real.flip(0), bootstrap=10)
    assert distance.warnings == ("The two feature sets are identical.",)
    assert math.isnan(infinity.value)
    assert infinity.warnings == (
        "The two feature sets are identical. There is nothing to extrapolate.",
    )
    repeated, _ = compute(real, real[:1].expand(9, 3), bootstrap=10)
    assert "All 9 synthetic volumes have the same features." in repeated.warnings
    # A constant cohort has no covariance: what remains is the shift and the real variances.
    expected = (real.mean(dim=0) - real[0]).square().sum() + real.var(dim=0).sum()
    assert repeated.value == pytest.approx(float(expected))


def test_warns_of_bias_and_of_curvature():
    # 200 volumes for 4 features: at a shift of 1 the bias is a few per cent, at 0 it is all.
    clear, _ = compute(normal(200, 4, seed=1), normal(200, 4, seed=2) + 1, bootstrap=10)
    assert clear.warnings == ()
    null, _ = compute(normal(200, 4, seed=1), normal(200, 4, seed=2), bootstrap=10)
    assert any("of the value is small-sample bias" in warning for warning in null.warnings)
    few, infinity = compute(normal(24, 300, seed=1), normal(24, 300, seed=2), bootstrap=10)
    bias = few.value - infinity.value
    assert few.warnings == (
        (
            "24 real and 24 synthetic volumes are few for 300 features: the covariances are "
            f"rank-deficient and the value is biased upward, by roughly {bias:.3g} or more. "
            "Cohorts with too little variance are favoured."
        ),
    )
    assert infinity.warnings[0].startswith("The distance is not linear in 1/n")


@pytest.mark.parametrize(
    ("real", "synthetic", "options", "message"),
    [
        (
            torch.zeros(1, 3),
            torch.zeros(5, 3),
            {},
            (
                "The Frechet distance needs at least 2 volumes in each set, "
                "but got 1 real and 5 synthetic."
            ),
        ),
        (
            torch.zeros(4, 3),
            torch.zeros(5, 2),
            {},
            (
                "The real volumes have 3 features and the synthetic ones 2. "
                "Extract both with the same extractor."
            ),
        ),
        (
            torch.zeros(4, 1),
            torch.tensor([[0.0], [math.nan], [math.inf]]),
            {},
            (
                "2 of 3 synthetic volumes have NaN or infinite features, the first in row 1. "
                "Leave them out or mend the extractor."
            ),
        ),
        (
            torch.zeros(4, 1),
            torch.zeros(4, 1),
            {"level": 95.0},
            "level: expected a number above 0 and below 1, but found 95.0.",
        ),
        (
            torch.zeros(4, 1),
            torch.zeros(4, 1),
            {"bootstrap": 1},
            "bootstrap: expected a whole number of at least 2, but found 1.",
        ),
    ],
)
def test_errors_are_sentences(real, synthetic, options, message):
    with pytest.raises(ValueError) as caught:
        compute(real, synthetic, **options)
    assert str(caught.value) == message
