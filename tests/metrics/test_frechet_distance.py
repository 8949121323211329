import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.metrics.frechet_distance import affordable, frechet_distance


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
def test_agrees_with_torchmetrics_monai_and_scipy(m, n, d):
    from monai.metrics import FIDMetric
    from torchmetrics.image.fid import _compute_fid

    mixing = normal(d, d, seed=1) / d**0.5
    real, synthetic = normal(m, d, seed=2), normal(n, d, seed=3) @ mixing + 0.3
    theirs = _compute_fid(
        real.mean(dim=0), torch.cov(real.T), synthetic.mean(dim=0), torch.cov(synthetic.T)
    )
    assert frechet_distance(real, synthetic) == pytest.approx(float(theirs), rel=1e-6)
    assert frechet_distance(real, synthetic) == pytest.approx(by_sqrtm(real, synthetic), rel=1e-6)
    # MAISI's 2.5D distances are this class's.
    monai = float(FIDMetric()(synthetic, real))
    assert frechet_distance(real, synthetic) == pytest.approx(monai, rel=1e-6)


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


def test_large_cohorts_are_divided_less_often():
    assert affordable(100, 2048, 1) == affordable(4000, 24, 1) == 10
    assert 2 < affordable(600, 600, 2) < 10
    assert (affordable(10_000, 2048, 1), affordable(10_000, 2048, 2)) == (1, 2)
