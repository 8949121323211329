import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.metrics import frechet
from evalsuite.metrics.frechet import (
    METRIC,
    _weighted_distance,
    bootstrap_distances,
    compute,
    frechet_distance,
    frechet_distance_infinity,
)


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def with_moments(n, mean, covariance, seed):
    """Return n rows whose sample mean and unbiased covariance are exactly those given."""
    rows = normal(n, len(mean), seed)
    rows -= rows.mean(dim=0)
    white = torch.linalg.solve_triangular(
        torch.linalg.cholesky(torch.cov(rows.T)), rows.T, upper=False
    ).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def by_sqrtm(real, synthetic):
    """Return the distance by the textbook formula with SciPy's matrix square root."""
    root = scipy.linalg.sqrtm((torch.cov(real.T) @ torch.cov(synthetic.T)).numpy())
    shift = (real.mean(dim=0) - synthetic.mean(dim=0)).square().sum()
    spread = torch.cov(real.T).trace() + torch.cov(synthetic.T).trace()
    return float(shift + spread) - 2 * np.trace(root).real


@st.composite
def pairs(draw):
    """Draw two feature sets with more or fewer rows than features."""
    d = draw(st.integers(1, 12))
    real = normal(draw(st.integers(2, 15)), d, draw(st.integers(0, 2**20)))
    synthetic = normal(draw(st.integers(2, 15)), d, draw(st.integers(0, 2**20)))
    return real, synthetic * draw(st.floats(0.1, 10)) + draw(st.floats(-10, 10))


def test_by_hand():
    # Means 0 and 4, variances 2 and 8: (0 - 4)^2 + 2 + 8 - 2 (2 * 8)^(1/2) = 16 + 10 - 8 = 18.
    real = torch.tensor([[-1.0], [1.0]])
    synthetic = torch.tensor([[2.0], [6.0]])
    assert frechet_distance(real, synthetic) == pytest.approx(18, rel=1e-14)


def test_closed_form_of_commuting_gaussians():
    # Standard deviations s and t along shared axes, means apart by u: |u|^2 + |s - t|^2.
    axes = torch.linalg.qr(normal(6, 6, seed=0)).Q
    s, t = torch.arange(1.0, 7).double(), torch.tensor([2.0, 2, 2, 5, 5, 9]).double()
    mean, u = normal(1, 6, seed=1)[0], torch.tensor([3.0, 0, 0, 0, 4, 0]).double()
    real = with_moments(40, mean, axes @ (s**2).diag() @ axes.T, seed=2)
    synthetic = with_moments(25, mean + u, axes @ (t**2).diag() @ axes.T, seed=3)
    # 25 + (1 + 0 + 1 + 1 + 0 + 9) = 37
    assert frechet_distance(real, synthetic) == pytest.approx(37, rel=1e-12)


@pytest.mark.parametrize(("m", "n", "d"), [(300, 200, 8), (400, 500, 64)])
def test_agrees_with_torchmetrics_and_scipy(m, n, d):
    from torchmetrics.image.fid import _compute_fid

    mixing = normal(d, d, seed=1) / d**0.5
    real, synthetic = normal(m, d, seed=2), normal(n, d, seed=3) @ mixing + 0.3
    theirs = _compute_fid(
        real.mean(dim=0), torch.cov(real.T), synthetic.mean(dim=0), torch.cov(synthetic.T)
    )
    assert frechet_distance(real, synthetic) == pytest.approx(float(theirs), rel=1e-6)
    assert frechet_distance(real, synthetic) == pytest.approx(by_sqrtm(real, synthetic), rel=1e-6)


def test_is_exact_with_fewer_rows_than_features():
    real, synthetic = normal(7, 30, seed=1), 2 * normal(9, 30, seed=2) + 1
    # tr (S1 S2)^(1/2) = tr (S1^(1/2) S2 S1^(1/2))^(1/2), both roots of symmetric matrices.
    values, axes = torch.linalg.eigh(torch.cov(real.T))
    root = axes @ values.clamp(min=0).sqrt().diag() @ axes.T
    inner = torch.linalg.eigvalsh(root @ torch.cov(synthetic.T) @ root)
    expected = (
        (real.mean(dim=0) - synthetic.mean(dim=0)).square().sum()
        + torch.cov(real.T).trace()
        + torch.cov(synthetic.T).trace()
        - 2 * inner.clamp(min=0).sqrt().sum()
    )
    assert frechet_distance(real, synthetic) == pytest.approx(float(expected), rel=1e-6)


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


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_is_a_symmetric_distance_of_sets(pair):
    real, synthetic = pair
    distance = frechet_distance(real, synthetic)
    tolerance = 1e-10 * (1 + float(real.square().sum() + synthetic.square().sum()))
    assert distance >= 0
    assert frechet_distance(synthetic, real) == pytest.approx(distance, abs=tolerance)
    assert frechet_distance(real.flip(0), synthetic.roll(1, 0)) == pytest.approx(
        distance, abs=tolerance
    )
    assert 0 <= frechet_distance(real, real.flip(0)) <= tolerance


@settings(max_examples=40, deadline=None)
@given(pairs(), st.floats(-5, 5), st.floats(0.01, 100), st.integers(0, 2**20))
def test_follows_the_laws_of_shift_rotation_and_scale(pair, shift, scale, seed):
    real, synthetic = pair
    d = real.shape[1]
    distance = frechet_distance(real, synthetic)
    tolerance = 1e-9 * (1 + float(real.square().sum() + synthetic.square().sum()))
    rotation = torch.linalg.qr(normal(d, d, seed)).Q
    assert frechet_distance(real + shift, synthetic + shift) == pytest.approx(
        distance, abs=tolerance
    )
    assert frechet_distance(real @ rotation, synthetic @ rotation) == pytest.approx(
        distance, abs=tolerance
    )
    assert frechet_distance(real * scale, synthetic * scale) == pytest.approx(
        distance * scale**2, abs=tolerance * scale**2
    )
    assert frechet_distance(real, real + shift) == pytest.approx(d * shift**2, abs=tolerance)


@settings(max_examples=20, deadline=None)
@given(pairs(), st.integers(0, 2**20))
def test_counts_are_repeated_rows(pair, seed):
    real, synthetic = pair
    rng = np.random.default_rng(seed)
    counts = [torch.from_numpy(rng.integers(1, 4, size=len(rows))) for rows in pair]
    weighted = _weighted_distance(real, counts[0].double(), synthetic, counts[1].double())
    repeated = frechet_distance(
        real.repeat_interleave(counts[0], dim=0), synthetic.repeat_interleave(counts[1], dim=0)
    )
    assert weighted == pytest.approx(repeated, rel=1e-8, abs=1e-8)


def test_favours_too_little_variance_below_the_number_of_features():
    # The trap that the docstring and the warning name: it has to be true.
    real, fresh = normal(30, 400, seed=1), normal(30, 400, seed=2)
    assert frechet_distance(real, 0.7 * fresh) < frechet_distance(real, fresh)
    real, fresh = normal(3000, 4, seed=1), normal(3000, 4, seed=2)
    assert frechet_distance(real, 0.7 * fresh) > frechet_distance(real, fresh)


def test_a_large_offset_of_the_features_does_no_harm():
    real, synthetic = normal(20, 6, seed=1), normal(20, 6, seed=2)
    distance = frechet_distance(real, synthetic)
    assert frechet_distance(real + 1e5, synthetic + 1e5) == pytest.approx(distance, rel=1e-8)


def test_precision_of_the_input_does_not_matter():
    real, synthetic = normal(20, 6, seed=1).float(), normal(20, 6, seed=2).float()
    assert frechet_distance(real, synthetic) == frechet_distance(real.double(), synthetic.double())


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
        frechet, "frechet_distance", lambda real, rest: 5 + 11 / len(real) + 18 / len(rest)
    )
    value = frechet_distance_infinity(normal(11, 2, seed=1), normal(18, 2, seed=2))
    assert value == pytest.approx(5)


def test_interval_of_the_extrapolation_is_that_of_student_with_19_degrees_of_freedom():
    infinity = compute(normal(25, 2, seed=1), normal(30, 2, seed=2) + 1, bootstrap=2)[1]
    half_width = 2.0930 * infinity.standard_error  # 97.5 % point, from a printed table
    assert infinity.interval.low == pytest.approx(infinity.value - half_width, rel=1e-4)
    assert infinity.interval.high == pytest.approx(infinity.value + half_width, rel=1e-4)


def test_shifted_interval_covers_the_expected_distance_and_naive_percentiles_do_not():
    def simulated(seed):
        return normal(30, 8, seed), normal(30, 8, 10_000 + seed) + 0.5

    expected = np.mean([frechet_distance(*simulated(seed)) for seed in range(500, 900)])
    shifted, naive = [], []
    for seed in range(60):
        real, synthetic = simulated(seed)
        value = frechet_distance(real, synthetic)
        replicates = bootstrap_distances(real, synthetic, replicates=80, seed=seed)
        low, high = np.quantile(replicates, [0.025, 0.975])
        shift = value - replicates.mean()
        naive.append(low <= expected <= high)
        shifted.append(low + shift <= expected <= high + shift)
    # 97 % and 60 % in a longer simulation; 0.87 is three standard errors below 95 %.
    assert np.mean(shifted) >= 0.87
    assert np.mean(naive) < 0.8


def test_interval_is_the_shifted_percentiles():
    real, synthetic = normal(30, 4, seed=1), normal(25, 4, seed=2) + 1
    estimate, _ = compute(real, synthetic, seed=5, bootstrap=100, level=0.9)
    replicates = bootstrap_distances(real, synthetic, replicates=100, seed=5)
    low, high = np.quantile(replicates, [0.05, 0.95]) + estimate.value - replicates.mean()
    assert (estimate.interval.low, estimate.interval.high) == pytest.approx((low, high))
    assert estimate.interval.level == 0.9


def test_jackknife_error_is_near_the_standard_deviation_over_cohorts(monkeypatch):
    monkeypatch.setattr(frechet, "REPEATS", 3)
    estimates = [
        compute(normal(40, 4, seed), normal(40, 4, 1000 + seed) + 1, bootstrap=2)[1]
        for seed in range(30)
    ]
    actual = np.std([estimate.value for estimate in estimates], ddof=1)
    claimed = np.mean([estimate.standard_error for estimate in estimates])
    # Conservative by a few per cent where the cohorts differ; 30 values give +-13 %.
    assert 0.75 < claimed / actual < 1.5


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
    assert METRIC.options() == {"seed": 0, "bootstrap": 500, "level": 0.95}
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
            "`level` must lie between 0 and 1, but is 95.0; 0.95 is usual.",
        ),
        (
            torch.zeros(4, 1),
            torch.zeros(4, 1),
            {"bootstrap": 1},
            "`bootstrap` must be at least 2 replicates, but is 1.",
        ),
    ],
)
def test_errors_are_sentences(real, synthetic, options, message):
    with pytest.raises(ValueError) as caught:
        compute(real, synthetic, **options)
    assert str(caught.value) == message


def test_extrapolation_of_too_few_volumes_is_an_error():
    with pytest.raises(ValueError) as caught:
        frechet_distance_infinity(normal(9, 2, seed=1), normal(7, 2, seed=2))
    assert str(caught.value) == (
        "The extrapolation needs at least 8 volumes in each set, but got 9 real and 7 synthetic."
    )
