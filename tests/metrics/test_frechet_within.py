"""The yardstick of the Frechet distance: what two real samples of the same sizes would have."""

import numpy as np
import pytest
import torch

from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.frechet_within import _thinned, expected_distance


def normal(rng, n, d):
    return torch.from_numpy(rng.standard_normal((n, d)))


@pytest.mark.parametrize(
    ("d", "sizes"), [(8, (40, 40)), (64, (40, 40)), (256, (40, 40)), (64, (40, 80)), (64, (40, 12))]
)
def test_is_near_the_mean_distance_of_fresh_samples(d, sizes):
    rng = np.random.default_rng(1)
    repeats = 30 if d < 100 else 8
    m, n = sizes
    truth = np.mean(
        [frechet_distance(normal(rng, m, d), normal(rng, n, d)) for _ in range(repeats)]
    )
    cohorts = [normal(rng, 40, d) for _ in range(repeats)]
    found = [expected_distance(c, np.arange(40), sizes, seed=k) for k, c in enumerate(cohorts)]
    # Halves of 20 are 93, 48 and 20 % above it at 40 against 40.
    assert np.mean(found) == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("sizes", [(20, 20), (20, 40)])
def test_samples_of_subjects_with_several_volumes(sizes):
    rng = np.random.default_rng(2)

    def sample(subjects, volumes):
        own, rest = (rng.standard_normal((subjects, k, 6)) for k in (1, volumes))
        rows = np.sqrt(0.8) * own + np.sqrt(0.2) * rest
        return torch.from_numpy(rows.reshape(-1, 6))

    m, n = sizes
    for each in (1, 4):
        truth = np.mean([frechet_distance(sample(m, 4), sample(n, each)) for _ in range(60)])
        codes = np.repeat(np.arange(m), 4)
        found = [
            expected_distance(sample(m, 4), codes, sizes, seed=k, volumes_each=each)
            for k in range(40)
        ]
        assert np.mean(found) == pytest.approx(truth, rel=0.2)


def test_by_hand():
    # Halves of 0, 0, 6, 6 are {0, 0} and {6, 6}, k times in 10, or twice {0, 6}: shifts of 36 or
    # 0, spreads of 0 or 36, overlaps of 0 or 18, so no overlap is lost. 4 in place of 2 subjects
    # halve the shift.
    rows = torch.tensor([[0.0], [0.0], [6.0], [6.0]]).double()
    found = expected_distance(rows, np.arange(4), (4, 4), seed=0)
    times = found / 1.8
    assert times == pytest.approx(round(times))
    assert 1 <= round(times) <= 9
    # 1/4 + 1/12 is two thirds of 1/4 + 1/4.
    assert expected_distance(rows, np.arange(4), (4, 12), seed=0) == pytest.approx(found * 2 / 3)


def test_goes_to_zero_for_large_samples_and_is_none_for_few_subjects():
    rng = np.random.default_rng(3)
    rows = normal(rng, 20, 5)
    few, many = (expected_distance(rows, np.arange(20), (n, n), seed=0) for n in (20, 10**9))
    assert 0 < many < 1e-6 * few
    assert expected_distance(rows[:6], np.repeat(np.arange(3), 2), (3, 3), seed=0) is None
    assert expected_distance(rows * 0, np.arange(20), (20, 20), seed=0) == 0


def test_thinned_subjects_keep_so_many_volumes():
    subjects = np.array([0, 1, 0, 1, 0, 2, 1])
    kept = _thinned(np.array([0, 2, 4, 1, 3, 6]), subjects, 2, np.random.default_rng(1))
    assert subjects[kept].tolist().count(0) == 2
    assert subjects[kept].tolist().count(1) == 2
    assert len(set(kept.tolist())) == 4
