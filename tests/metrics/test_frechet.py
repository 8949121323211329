import math

import numpy as np
import pytest
import torch

from evalsuite.metrics.frechet import METRIC, compute
from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.frechet_sampling import error_of, infinity_error_of, sampled
from evalsuite.metrics.frechet_within import expected_distance
from evalsuite.metrics.metric import Views
from evalsuite.metrics.subjects import Subjects, each_its_own
from tests.caveats import sentences


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def test_five_volumes_with_2048_features():
    estimate, infinity = compute(normal(5, 2048, seed=1), normal(5, 2048, seed=2))
    assert math.isfinite(estimate.value)
    assert estimate.value > 0
    assert estimate.interval.low <= estimate.value <= estimate.interval.high
    assert sentences(estimate) == (
        (
            "5 real and 5 synthetic volumes are few for 2048 features: the covariances are "
            "rank-deficient and the value is biased upward. Cohorts with too little variance are "
            "favoured."
        ),
    )
    assert math.isnan(infinity.value)
    assert sentences(infinity) == (
        "The extrapolation needs at least 8 volumes in each set, but got 5 real and 5 synthetic.",
    )


def test_interval_is_that_of_the_standard_error():
    real, synthetic = normal(30, 4, seed=1), normal(25, 4, seed=2) + 1
    estimate, infinity = compute(real, synthetic, seed=5, level=0.9)
    found = sampled(real, synthetic, each_its_own(30, 25), divisions=10, seed=5)
    error, limit = error_of(found), infinity_error_of(found)
    assert (estimate.interval.low, estimate.interval.high) == pytest.approx(
        error.interval(found.value, 0.9)
    )
    assert estimate.standard_error == pytest.approx(error.size)
    assert (infinity.interval.low, infinity.interval.high) == pytest.approx(
        limit.interval(found.infinity, 0.9)
    )
    assert estimate.interval.level == infinity.interval.level == 0.9


def test_same_seed_same_result_and_other_seed_other_halves():
    real, synthetic = normal(30, 4, seed=1), normal(25, 4, seed=2) + 1
    first, again = (compute(real, synthetic, seed=1) for _ in range(2))
    other = compute(real, synthetic, seed=2)
    assert first == again
    assert other[0].value == first[0].value
    assert other[1].value != first[1].value
    assert other[0].standard_error == pytest.approx(first[0].standard_error, rel=0.1)


def test_convention_real_comes_first():
    real, synthetic = normal(30, 4, seed=1), 3 * normal(25, 4, seed=2)
    estimate, infinity = compute(real, synthetic)
    assert (estimate.n_real, estimate.n_synthetic) == (30, 25)
    assert (infinity.n_real, infinity.n_synthetic) == (30, 25)
    # The yardstick is within the real cohort; the synthetic one is three times as wide.
    swapped, _ = compute(synthetic, real)
    assert estimate.reference < 2 < swapped.reference
    assert swapped.value == pytest.approx(estimate.value)


def test_reference_is_the_distance_to_expect_at_the_sizes_compared():
    real = normal(30, 4, seed=1)
    estimate, _ = compute(real, normal(25, 4, seed=2) + 1, seed=3)
    own = np.arange(30)
    assert estimate.reference == expected_distance(real, own, (30, 25), seed=3)
    assert "two real samples of 30 and 25 volumes" in estimate.method
    # Another synthetic cohort of that size has the same yardstick, a larger one a smaller one.
    assert compute(real, normal(25, 4, seed=5), seed=3)[0].reference == (estimate.reference)
    more, _ = compute(real, normal(90, 4, seed=2), seed=3)
    assert more.reference < 0.9 * estimate.reference
    few, _ = compute(real[:3], real)
    assert few.reference is None
    assert few.method.endswith("A reference within the real cohort needs 4 real volumes.")


def test_metric_record():
    assert METRIC.name == "frechet"
    assert METRIC.options() == {"level": 0.95}
    estimates = compute(normal(10, 3, seed=1), normal(10, 3, seed=2))
    assert [e.name for e in estimates] == ["frechet_distance", "frechet_distance_infinity"]
    assert {e.direction for e in estimates} == {"lower is better"}
    assert {(e.synthetic, e.extractor) for e in estimates} == {("", "")}


def test_warns_of_identical_and_constant_features():
    real = normal(12, 3, seed=1)
    distance, infinity = compute(real, real.flip(0))
    assert sentences(distance) == ("The two feature sets are identical.",)
    assert math.isnan(infinity.value)
    assert sentences(infinity) == (
        "The two feature sets are identical. There is nothing to extrapolate.",
    )
    repeated, _ = compute(real, real[:1].expand(9, 3))
    assert "All 9 synthetic volumes have the same features." in sentences(repeated)
    # A constant cohort has no covariance: what remains is the shift and the real variances.
    expected = (real.mean(dim=0) - real[0]).square().sum() + real.var(dim=0).sum()
    assert repeated.value == pytest.approx(float(expected))


def test_warns_of_bias_and_of_curvature():
    # 200 volumes for 4 features: at a shift of 1 the bias is a few per cent, at 0 it is all.
    clear, _ = compute(normal(200, 4, seed=1), normal(200, 4, seed=2) + 1)
    assert sentences(clear) == ()
    null, _ = compute(normal(200, 4, seed=1), normal(200, 4, seed=2))
    assert any("of the value is small-sample bias" in warning for warning in sentences(null))
    few, infinity = compute(normal(24, 300, seed=1), normal(24, 300, seed=2))
    bias = few.value - infinity.value
    assert sentences(few) == (
        (
            "24 real and 24 synthetic volumes are few for 300 features: the covariances are "
            f"rank-deficient and the value is biased upward, by roughly {bias:.3g} or more. "
            "Cohorts with too little variance are favoured."
        ),
    )
    assert sentences(infinity)[0].startswith("The distance is not linear in 1/n")


def clustered(rng, subjects, volumes, d, within=0.9):
    own, rest = (rng.standard_normal((subjects, k, d)) for k in (1, volumes))
    rows = np.sqrt(within) * own + np.sqrt(1 - within) * rest
    return torch.from_numpy(rows.reshape(-1, d))


def scans(m, real_each, n, synthetic_each):
    return Subjects(np.repeat(np.arange(m), real_each), np.repeat(np.arange(n), synthetic_each))


def test_subjects_with_one_volume_each_change_nothing():
    real, synthetic = normal(12, 3, seed=1), 1.2 * normal(16, 3, seed=2) + 0.3
    found = compute(real, synthetic, seed=3)
    told = compute(real, synthetic, seed=3, subjects=scans(12, 1, 16, 1))
    assert told == found
    assert found[0].value == pytest.approx(0.5028509842212241, rel=1e-11)


def test_a_second_copy_of_every_volume_changes_no_error():
    real, synthetic = normal(20, 3, seed=1), normal(24, 3, seed=2) + 1
    once = compute(real, synthetic)
    doubled = (rows.repeat_interleave(2, dim=0) for rows in (real, synthetic))
    twice = compute(*doubled, subjects=scans(20, 2, 24, 2))
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
        compute(rows, synthetic, subjects=scans(10, 3, 12, 1)) for rows in (real, turned)
    )
    for one, other in zip(first, again, strict=True):
        assert other.value == pytest.approx(one.value)
        assert other.interval.low == pytest.approx(one.interval.low)
        assert other.interval.high == pytest.approx(one.interval.high)


def test_intervals_widen_where_volumes_show_one_subject():
    rng = np.random.default_rng(2)
    real, synthetic = clustered(rng, 12, 5, 3), clustered(rng, 14, 5, 3) + 1
    by_volume = compute(real, synthetic)
    by_subject = compute(real, synthetic, subjects=scans(12, 5, 14, 5))
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
            subjects=scans(20, 2, 20, 2),
        )
        for _ in range(6)
    ]
    assert np.mean([distance.value for distance, _ in found]) > 3.5
    assert np.mean([infinity.value for _, infinity in found]) == pytest.approx(2, abs=1.0)


def test_few_subjects_are_told():
    rng = np.random.default_rng(4)
    few, infinity = compute(
        clustered(rng, 5, 4, 2), clustered(rng, 9, 3, 2), subjects=scans(5, 4, 9, 3)
    )
    assert sentences(few)[-1] == (
        "The volumes show 5 real and 9 synthetic subjects, too few for the interval to be trusted "
        "(at least 8 of each are advisable)."
    )
    assert sentences(infinity) == (
        "The extrapolation needs at least 8 subjects in each set, but got 5 real and 9 synthetic.",
    )
    one, _ = compute(clustered(rng, 1, 9, 2), clustered(rng, 9, 1, 2), subjects=scans(1, 9, 9, 1))
    assert one.interval is None
    assert one.reference is None
    assert sentences(one)[-1] == (
        "1 real and 9 synthetic subjects give no interval: it needs 2 of each."
    )


def test_heavy_tails_are_told():
    rng = np.random.default_rng(5)
    radius = torch.from_numpy(rng.pareto(1.5, (2, 20, 1)) + 1)
    distance, _ = compute(*(radius * torch.from_numpy(rng.standard_normal((2, 20, 30)))))
    assert sentences(distance)[-1].startswith("A few subjects make most of the variance")
    even, _ = compute(normal(20, 30, seed=1), normal(20, 30, seed=2))
    assert not any("A few subjects" in warning for warning in sentences(even))


def test_two_constant_cohorts_have_no_interval_of_no_width():
    ones = torch.ones(9, 3).double()
    distance, infinity = compute(ones, 2 * ones)
    assert (distance.value, infinity.value) == pytest.approx((3, 3))
    assert distance.interval is distance.standard_error is None
    assert infinity.interval is infinity.standard_error is None
    assert "All 9 real volumes have the same features." in sentences(distance)


PLANES = ("sagittal", "coronal", "axial")


def sliced(rng, n, difference=0.0):
    """Return slices of n volumes by plane: alike within a volume, and in all planes."""
    own = rng.standard_normal((n, 1, 3))
    return {
        plane: torch.from_numpy(own + 0.5 * rng.standard_normal((n, 5, 3)) + difference).float()
        for plane in PLANES
    }


def by_slices(real, synthetic, **options):
    means = (
        torch.stack([s.mean(dim=1) for s in of.values()]).mean(dim=0) for of in (real, synthetic)
    )
    return compute(*means, slices=(real, synthetic), **options)


def test_slices_are_pooled_plane_by_plane():
    rng = np.random.default_rng(6)
    real, synthetic = sliced(rng, 30), sliced(rng, 24, 1.0)
    found = by_slices(real, synthetic)
    places = [(), *((("plane", plane),) for plane in PLANES)]
    names = ["frechet_distance", "frechet_distance_infinity"]
    assert [(e.name, e.where) for e in found] == [(n, where) for where in places for n in names]
    assert {(e.n_real, e.n_synthetic) for e in found} == {(30, 24)}
    mean, limit, *planes = found
    for estimate, plane in zip(planes[::2], PLANES, strict=True):
        pooled = (of[plane].flatten(0, 1) for of in (real, synthetic))
        assert estimate.value == pytest.approx(frechet_distance(*pooled))
        assert "all slices of all volumes pooled (2.5D)" in estimate.method
    assert mean.value == pytest.approx(np.mean([e.value for e in planes[::2]]))
    assert limit.value == pytest.approx(np.mean([e.value for e in planes[1::2]]))
    assert mean.reference == pytest.approx(np.mean([e.reference for e in planes[::2]]))
    assert "mean over planes (sagittal, coronal, axial)" in mean.method
    # Planes show the same volumes: their mean is hardly more certain than one of them.
    errors = [e.standard_error for e in planes[::2]]
    assert 0.9 * np.mean(errors) < mean.standard_error <= 1.001 * np.mean(errors)


def test_an_evaluation_hands_slices_of_their_extractor_to_the_metric():
    rng = np.random.default_rng(9)
    cohorts = sliced(rng, 12), sliced(rng, 10, 1.0)
    real, synthetic = (
        Views(
            names=[str(i) for i in range(len(of["axial"]))],
            features={"net": of["axial"].mean(dim=1)},
            volumes=[],
            spacing=(1.0, 1.0, 1.0),
            slices={"net": of},
        )
        for of in cohorts
    )
    assert METRIC.compute(real, synthetic, seed=3) == by_slices(*cohorts, seed=3)


def test_an_evaluation_tells_the_metric_whose_deviations_are_units():
    real, synthetic = normal(20, 3, seed=1), 2 * normal(18, 3, seed=2) + 1
    cohorts = [cohort / real.std(dim=0) for cohort in (real, synthetic)]
    views = [
        Views(
            names=[str(i) for i in range(len(rows))],
            features={"net": rows},
            volumes=[torch.zeros(1, 1, 1)] * len(rows),
            spacing=(1.0, 1.0, 1.0),
            standardised=frozenset({"net"}),
        )
        for rows in cohorts
    ]
    own = compute(*cohorts, standardised=True, seed=3)
    assert METRIC.compute(*views, seed=3) == own
    assert own[0].standard_error > 1.2 * compute(*cohorts, seed=3)[0].standard_error
    # A group has the units of all, which its own volumes hardly move.
    some = [v.of(range(15)) for v in views]
    given = compute(*(rows[:15] for rows in cohorts), seed=3)
    assert METRIC.compute(*some, seed=3) == given


def test_intervals_of_slices_are_of_subjects():
    rng = np.random.default_rng(7)
    real, synthetic = sliced(rng, 24), sliced(rng, 24, 1.0)
    by_volume, by_subject = (
        by_slices(real, synthetic, subjects=s) for s in (None, scans(8, 3, 24, 1))
    )
    rows = [of["axial"].flatten(0, 1) for of in (real, synthetic)]
    by_slice = compute(*rows)[0]
    assert by_volume[6].value == pytest.approx(by_slice.value)
    # Five slices that are nearly the same: errors are nearly 5^(1/2) times those of 120 volumes.
    assert 1.7 < by_volume[6].standard_error / by_slice.standard_error < 2.4
    assert by_subject[0].standard_error != pytest.approx(by_volume[0].standard_error, rel=0.01)
    assert "subjects" in by_subject[0].method


def test_few_slices_and_slices_that_are_not_finite_are_told():
    rng = np.random.default_rng(8)
    wide = {"axial": torch.from_numpy(rng.standard_normal((9, 5, 60)))}
    warning = sentences(by_slices(wide, {"axial": wide["axial"] + 1})[0])[0]
    assert warning.startswith("45 real and 45 synthetic slices are few for 60 features")
    broken = sliced(rng, 9)
    broken["axial"][3, 2, 1] = math.nan
    with pytest.raises(ValueError, match="1 of 9 synthetic volumes have NaN or infinite features"):
        compute(normal(9, 3, 1), normal(9, 3, 2), slices=(sliced(rng, 9), broken))


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
    ],
)
def test_errors_are_sentences(real, synthetic, options, message):
    with pytest.raises(ValueError) as caught:
        compute(real, synthetic, **options)
    assert str(caught.value) == message
