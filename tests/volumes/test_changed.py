"""Volumes that are changed when they are read are other volumes to the cache, and nowhere on disk."""

import pickle
from functools import partial

import numpy as np
import pytest

from evalsuite.volumes.changed import changed
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume


def brighter(volume, by):
    return Volume(volume.voxels + by, volume.affine)


@pytest.fixture
def cohort(make_cohort):
    return check_cohort(read_cohort(str(make_cohort("a", 3)), name="a", role="real"))


def test_each_is_read_as_it_is_changed(cohort):
    changes = [partial(brighter, by=i) for i in range(3)]
    made = pickle.loads(pickle.dumps(changed(cohort, "b", changes, ["0", "1", "2"])))
    for i, (entry, before) in enumerate(zip(made.entries, cohort.entries, strict=True)):
        np.testing.assert_allclose(entry.read().voxels, before.read().voxels + i)
        assert (entry.id, entry.path) == (before.id, before.path)


def test_the_cache_knows_volumes_and_changes_apart(cohort):
    def keys(*told):
        made = changed(cohort, "b", [partial(brighter, by=1)] * 3, told)
        return [info.key for info in made.infos]

    first = keys("x", "x", "x")
    assert len({*first, *keys("y", "y", "y"), *(info.key for info in cohort.infos)}) == 9
    assert keys("x", "x", "x") == first
