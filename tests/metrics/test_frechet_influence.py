"""The derivative of the Frechet distance against differences, closed forms and deleted rows."""

import numpy as np
import pytest
import torch

from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.frechet_influence import influence, unit_influence

SHAPES = [(30, 20, 5), (9, 14, 40), (40, 9, 20), (9, 30, 20)]


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def weighted(real, weights, synthetic):
    """Return the distance with weights of real rows that add up to their number, by its formula."""
    weights = weights * len(real) / weights.sum()
    mean = weights @ real / len(real)
    A = (weights / (len(real) - 1)).sqrt()[:, None] * (real - mean)
    B = (synthetic - synthetic.mean(dim=0)) / (len(synthetic) - 1) ** 0.5
    shift = (mean - synthetic.mean(dim=0)).square().sum()
    overlap = torch.linalg.svdvals(A @ B.T).sum()
    return float(shift + A.square().sum() + B.square().sum() - 2 * overlap)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("m", "n", "d"), SHAPES)
def test_is_the_difference_quotient_by_the_weight_of_a_row(m, n, d, exact):
    real, synthetic = normal(m, d, 1), 1.3 * normal(n, d, 2) + 0.2
    found = influence(real, synthetic, exact=exact)
    assert found.value == pytest.approx(frechet_distance(real, synthetic), rel=1e-7)
    for first, second, values in (
        (real, synthetic, found.real),
        (synthetic, real, found.synthetic),
    ):
        assert float(values.sum()) == pytest.approx(0, abs=1e-5)
        for row in (0, 5):
            step = torch.zeros(len(first)).double()
            step[row] = 1e-5
            up, down = (weighted(first, 1 + sign * step, second) for sign in (1, -1))
            quotient = len(first) * (up - down) / 2e-5
            assert float(values[row]) == pytest.approx(quotient, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("m", "n", "d"), SHAPES)
def test_units_of_the_real_cohort_are_derived_as_well(m, n, d):
    real, synthetic = normal(m, d, 1), 1.3 * normal(n, d, 2) + 0.2
    real[:, 0] = synthetic[:, 0] = 2.0  # constant: it has no unit
    spread = torch.cat([torch.ones(1).double(), real[:, 1:].std(dim=0)])
    real, synthetic = real / spread, synthetic / spread

    def in_own_units(weights):
        weights = weights * m / weights.sum()
        squares = weights @ (real - weights @ real / m).square() / (m - 1)
        unit = torch.where(squares > 1e-9, squares.sqrt(), 1.0)
        return weighted(real / unit, weights, synthetic / unit)

    units = unit_influence(real, synthetic)
    assert float(units.sum()) == pytest.approx(0, abs=1e-6)
    for row in (0, 5):
        step = torch.zeros(m).double()
        step[row] = 1e-5
        quotient = m * (in_own_units(1 + step) - in_own_units(1 - step)) / 2e-5
        found = float(influence(real, synthetic).real[row] + units[row])
        assert found == pytest.approx(quotient, rel=1e-4, abs=1e-4)


def test_closed_form_of_one_feature():
    # F = (a - b)^2 + (s - t)^2, so dF = 2 (a - b) da + 2 (s - t) ds, with da = x - a and
    # ds = (m / (m - 1) (x - a)^2 - s^2) / (2 s).
    real, synthetic = normal(12, 1, 1), 2 * normal(15, 1, 2) + 3
    a, s, b, t = real.mean(), real.std(), synthetic.mean(), synthetic.std()
    x = real[:, 0]
    expected = 2 * (a - b) * (x - a)
    expected += 2 * (s - t) * (12 / 11 * (x - a).square() - s.square()) / (2 * s)
    torch.testing.assert_close(influence(real, synthetic).real, expected)


def test_is_near_what_leaving_a_row_out_changes():
    real, synthetic = normal(200, 6, 1), 1.5 * normal(150, 6, 2) + 1
    found = influence(real, synthetic)
    for row in range(20):
        without = torch.cat([real[:row], real[row + 1 :]])
        left = 199 * (found.value - frechet_distance(without, synthetic))
        assert left == pytest.approx(float(found.real[row]), abs=0.15 * float(found.real.std()))


def test_nothing_to_derive_where_cohorts_are_constant_or_the_same():
    real, constant = normal(9, 4, 1), torch.full((6, 4), 2.0).double()
    same = influence(real, real.clone())
    np.testing.assert_allclose(same.real, 0, atol=1e-12)
    found = influence(real, constant)
    np.testing.assert_allclose(found.synthetic, 0, atol=1e-12)
    # All that is left: |x - 2|^2 of the means, and the variances of the real cohort.
    mean, squares = real.mean(dim=0), (real - real.mean(dim=0)).square()
    expected = 2 * (real - mean) @ (mean - 2) + 9 / 8 * squares.sum(dim=1) - squares.sum() / 8
    torch.testing.assert_close(found.real, expected)
