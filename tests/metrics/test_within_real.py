"""What stands beside a number as `within real` is that of real samples of the sizes compared."""

import numpy as np
import pytest
from scipy import stats

from evalsuite.metrics.anatomy import _distance
from evalsuite.metrics.slices import frechet as slice_frechet
from evalsuite.metrics.subjects import Subjects, each_its_own


@pytest.mark.parametrize(("m", "n"), [(20, 20), (20, 40)])
def test_frechet_distance_of_slices(m, n):
    rng = np.random.default_rng(1)

    def slices(volumes):
        trend = np.linspace(-1, 1, 16)[:, None]
        own, rest = (rng.standard_normal((volumes, k, 8)) for k in (1, 16))
        return trend + np.sqrt(0.8) * own + np.sqrt(0.2) * rest

    truth = np.mean([slice_frechet.between(slices(m), slices(n)) for _ in range(60)])
    found = [slice_frechet.within(slices(m), each_its_own(m, n), seed=0) for _ in range(30)]
    # Halves of 10 are twice as far apart as 20 and 20.
    assert np.mean(found) == pytest.approx(truth, rel=0.15)
    assert slice_frechet.within(slices(3), each_its_own(3, 3), seed=0) is None


@pytest.mark.parametrize(("m", "n", "each"), [(40, 40, 1), (40, 20, 1), (20, 20, 3)])
def test_wasserstein_distance_of_anatomy(m, n, each):
    rng = np.random.default_rng(2)
    subjects = Subjects(np.repeat(np.arange(m), each), np.repeat(np.arange(n), each))

    def measures(number):
        own, rest = (rng.standard_normal((number, k)) for k in (1, each))
        return (np.sqrt(0.7) * own + np.sqrt(0.3) * rest).ravel()

    found, truth = [], []
    for _ in range(80):
        real, fresh = measures(m), measures(n)
        estimate = _distance("volume", (("structure", "1"),), real, fresh, subjects, 2, rng)
        found.append(estimate.reference)
        truth.append(stats.wasserstein_distance(real, fresh) / real.std(ddof=1))
    # Halves are 40 % above it at equal sizes.
    assert np.mean(found) == pytest.approx(np.mean(truth), rel=0.12)
    assert "reference: two real samples of these sizes" in estimate.method
