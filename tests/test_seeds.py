"""What is drawn follows from the seed and the purpose, and from nothing else."""

from itertools import combinations

import numpy as np
import pytest

from evalsuite.seeds import dealt, seed_of, sequence
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from evalsuite.workflow import simulate_population


def test_every_purpose_has_numbers_of_its_own():
    # Names of one length, and numbers that add up alike, are different purposes.
    purposes = [(1,), (0, 1), (1, 1), (0, "cases"), (0, "names"), (5,), (0, 5), (0, "case", 5)]
    assert len({seed_of(*parts) for parts in purposes}) == len(purposes)
    assert seed_of(3, "cases") == seed_of(3, "cases") < 2**32


def test_numbers_alone_are_those_of_numpy():
    assert seed_of(3, 1, 4) == np.random.SeedSequence([3, 1, 4]).generate_state(1)[0]
    drawn = [np.random.default_rng(seeds).random() for seeds in ([3, 1], sequence(3, 1))]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_epoch_deals_everything_once_in_another_order(count):
    one_by_one = [place for step in range(21) for place in dealt(7, step, 1, 0, "a")]
    together = [place for step in range(21 // count) for place in dealt(7, step, count, 0, "a")]
    assert together == one_by_one[: len(together)]
    epochs = [one_by_one[start : start + 7] for start in (0, 7, 14)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(7))] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    assert dealt(7, 0, 7, 0, "b") != epochs[0] != dealt(7, 0, 7, 1, "a")


def test_populations_of_neighbouring_seeds_share_no_noise(tmp_path, monkeypatch):
    smooth = Volume(np.ones((4, 4, 4), np.float32), np.eye(4))
    monkeypatch.setattr("evalsuite.volumes.population.simulate", lambda *_, **__: smooth)
    noises = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        simulate_population(folder, n=2, seed=seed, spacing=8, blur=0, noise=0.1, variability=1)
        noises += [read_volume(path).voxels for path in sorted(folder.glob("*.nii.gz"))]
    assert len(noises) == 4
    assert not any(np.array_equal(one, other) for one, other in combinations(noises, 2))
