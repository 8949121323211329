import math

import numpy as np
import pytest
import torch

from evalsuite.metrics.frechet import METRIC, compute
from evalsuite.metrics.frechet_distance import bootstrap_distances
from evalsuite.metrics.frechet_within import expected_distance
from evalsuite.metrics.subjects import Subjects


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


def test_reference_is_the_distance_to_expect_at_the_sizes_compared():
    real = normal(30, 4, seed=1)
    estimate, _ = compute(real, normal(25, 4, seed=2) + 1, bootstrap=2, seed=3)
    own = np.arange(30)
    assert estimate.reference == expected_distance(real, own, (30, 25), seed=3)
    assert "two real samples of 30 and 25 volumes" in estimate.method
    # Another synthetic cohort of that size has the same yardstick, a larger one a smaller one.
    assert compute(real, normal(25, 4, seed=5), bootstrap=2, seed=3)[0].reference == (
        estimate.reference
    )
    more, _ = compute(real, normal(90, 4, seed=2), bootstrap=2, seed=3)
    assert more.reference < 0.9 * estimate.reference
    few, _ = compute(real[:3], real, bootstrap=2)
    assert few.reference is None
    assert few.method.endswith("A reference within the real cohort needs 4 real volumes.")


def test_metric_record():
    assert METRIC.name == "frechet"
    assert METRIC.options() == {"bootstrap": 500, "level": 0.95}
    estimates = compute(normal(10, 3, seed=1), normal(10, 3, seed=2), bootstrap=10)
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


def clustered(rng, subjects, volumes, d, within=0.9):
    own, rest = (rng.standard_normal((subjects, k, d)) for k in (1, volumes))
    rows = np.sqrt(within) * own + np.sqrt(1 - within) * rest
    return torch.from_numpy(rows.reshape(-1, d))


def scans(m, real_each, n, synthetic_each):
    return Subjects(np.repeat(np.arange(m), real_each), np.repeat(np.arange(n), synthetic_each))


def test_subjects_with_one_volume_each_change_nothing():
    real, synthetic = normal(12, 3, seed=1), 1.2 * normal(16, 3, seed=2) + 0.3
    found = compute(real, synthetic, seed=3, bootstrap=40)
    told = compute(real, synthetic, seed=3, bootstrap=40, subjects=scans(12, 1, 16, 1))
    assert told == found
    # From the commit before there were subjects.
    distance, infinity = found
    assert distance.value == pytest.approx(0.5028509842212241, rel=1e-11)
    assert distance.interval.high == pytest.approx(2.3148970521459824, rel=1e-9)
    assert infinity.value == pytest.approx(-1.158616845800753, rel=1e-9)
    assert infinity.standard_error == pytest.approx(1.1661083440514401, rel=1e-9)


def test_a_second_copy_of_every_volume_changes_no_error():
    real, synthetic = normal(20, 3, seed=1), normal(24, 3, seed=2) + 1
    once = compute(real, synthetic, bootstrap=200)
    doubled = (rows.repeat_interleave(2, dim=0) for rows in (real, synthetic))
    twice = compute(*doubled, bootstrap=200, subjects=scans(20, 2, 24, 2))
    # Covariances are divided by 2 n - 1 in place of 2 (n - 1), so values are not quite equal.
    widths = [e.interval.high - e.interval.low for e in (*once, *twice)]
    assert widths[2:] == pytest.approx(widths[:2], rel=0.1)
    assert twice[1].standard_error == pytest.approx(once[1].standard_error, rel=0.1)
    assert (twice[0].n_real, twice[0].n_synthetic) == (40, 48)


def test_order_of_rows_does_not_matter_within_subjects():
    rng = np.random.default_rng(1)
    real, synthetic = clustered(rng, 10, 3, 3), clustered(rng, 12, 1, 3)
    turned = torch.cat([real[i : i + 3].flip(0) for i in range(0, 30, 3)])
    first, again = (
        compute(rows, synthetic, bootstrap=20, subjects=scans(10, 3, 12, 1))
        for rows in (real, turned)
    )
    for one, other in zip(first, again, strict=True):
        assert other.value == pytest.approx(one.value)
        assert other.interval.low == pytest.approx(one.interval.low)
        assert other.interval.high == pytest.approx(one.interval.high)


def test_intervals_widen_where_volumes_show_one_subject():
    rng = np.random.default_rng(2)
    real, synthetic = clustered(rng, 12, 5, 3), clustered(rng, 14, 5, 3) + 1
    by_volume = compute(real, synthetic, bootstrap=100)
    by_subject = compute(real, synthetic, bootstrap=100, subjects=scans(12, 5, 14, 5))
    for volumes, subjects in zip(by_volume, by_subject, strict=True):
        ratio = (subjects.interval.high - subjects.interval.low) / (
            volumes.interval.high - volumes.interval.low
        )
        assert 1.5 < ratio < 4  # 5^(1/2) for volumes that are nearly the same
        assert "subjects" in subjects.interval.method
        assert "subjects" in subjects.method
        assert "subjects" not in volumes.method


def test_extrapolation_goes_to_infinitely_many_subjects():
    # N(0, I) and N(1/2, I) in 8 dimensions: the distance is 8 / 4 = 2.
    rng = np.random.default_rng(3)
    found = [
        compute(
            clustered(rng, 20, 2, 8),
            clustered(rng, 20, 2, 8) + 0.5,
            bootstrap=2,
            subjects=scans(20, 2, 20, 2),
        )
        for _ in range(6)
    ]
    assert np.mean([distance.value for distance, _ in found]) > 3.5
    assert np.mean([infinity.value for _, infinity in found]) == pytest.approx(2, abs=1.0)


def test_few_subjects_are_told():
    rng = np.random.default_rng(4)
    few, infinity = compute(
        clustered(rng, 5, 4, 2), clustered(rng, 9, 3, 2), subjects=scans(5, 4, 9, 3), bootstrap=9
    )
    assert few.warnings[-1] == (
        "The volumes show 5 real and 9 synthetic subjects, too few for the interval to be trusted "
        "(at least 8 of each are advisable)."
    )
    assert infinity.warnings == (
        "The extrapolation needs at least 8 subjects in each set, but got 5 real and 9 synthetic.",
    )
    one, _ = compute(
        clustered(rng, 1, 9, 2), clustered(rng, 9, 1, 2), subjects=scans(1, 9, 9, 1), bootstrap=9
    )
    assert one.interval is None
    assert one.reference is None
    assert one.warnings[-1] == (
        "1 real and 9 synthetic subjects give no interval: it needs 2 of each."
    )


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
