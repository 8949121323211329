"""How volumes are moved and disguised."""

import numpy as np
import pytest
from scipy import ndimage

from evalsuite.auditing.moves import (
    DISGUISES,
    MOVES,
    blended,
    cropped,
    displaced,
    mirrored,
    recoloured,
    scaled,
    turned,
)
from evalsuite.volumes.volume import Volume


def a_blob(shape=(21, 25, 23), spacing=(1.0, 1.0, 1.0), at=(4.0, 0.0, 0.0), affine=None):
    """A Gaussian of 3 mm, so many millimetres from the centre of the volume."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    place = (grid - (np.array(shape) - 1) / 2) * spacing - at
    voxels = np.exp(-(place**2).sum(axis=-1) / 18).astype(np.float32)
    return Volume(voxels, np.diag([*spacing, 1.0]) if affine is None else affine)


def centre(volume):
    found = np.array(ndimage.center_of_mass(volume.voxels)) - (np.array(volume.shape) - 1) / 2
    return found * volume.spacing


def test_a_turn_is_true_to_millimetres_whatever_the_spacing():
    for spacing in ((1.0, 1.0, 1.0), (1.0, 0.5, 2.0)):
        shape = tuple(round(41 / s) for s in spacing)
        moved = turned(a_blob(shape, spacing, at=(8.0, 0.0, 0.0)), axis=2, degrees=30)
        found = centre(moved)
        assert np.hypot(*found[:2]) == pytest.approx(8, abs=0.2)
        assert abs(np.degrees(np.arctan2(found[1], found[0]))) == pytest.approx(30, abs=1)


def test_what_is_scaled_is_larger_and_further_from_the_centre():
    before = a_blob((41, 41, 41), at=(2.0, 0.0, 0.0))
    after = scaled(before, 1.5)
    assert centre(after)[0] == pytest.approx(3, abs=0.1)
    assert after.voxels.sum() == pytest.approx(before.voxels.sum() * 1.5**3, rel=0.1)


def test_others_do_what_they_are_called():
    volume = a_blob(at=(1.0, 0.0, 0.0))
    np.testing.assert_array_equal(mirrored(volume, (0,)).voxels, volume.voxels[::-1])
    np.testing.assert_allclose(
        centre(displaced(volume, 0.1)) - centre(volume), [2.1, 2.5, 2.3], atol=0.2
    )
    np.testing.assert_allclose(recoloured(volume, 0.5).voxels, np.sqrt(volume.voxels), atol=0.01)
    cut = cropped(volume, 0.1).voxels  # two voxels of 21 at each end, overwritten by the third
    np.testing.assert_array_equal(cut[0], cut[2])
    np.testing.assert_array_equal(cut[4:-4, 4:-4, 4:-4], volume.voxels[4:-4, 4:-4, 4:-4])


def test_a_blend_lies_centre_on_centre_with_like_intensities():
    first = a_blob(at=(0.0, 0.0, 0.0))
    far = np.diag([1.0, 1.0, 1.0, 1.0])
    far[:3, 3] = 100, -50, 7
    bright = a_blob(shape=(25, 29, 27), at=(0.0, 0.0, 0.0), affine=far)

    class Held:
        def read(self):
            return Volume(1000 * bright.voxels + 300, bright.affine)

    made = blended(first, 0.5, Held())
    np.testing.assert_allclose(made.voxels, first.voxels, atol=0.03)


@pytest.mark.parametrize("disguise", DISGUISES, ids=lambda d: d.name)
def test_disguises_change_volumes_and_are_known_apart(disguise, make_cohort):
    from evalsuite.volumes.sources import read_cohort

    first, second, third = read_cohort(str(make_cohort("a", 3)), name="a", role="real").entries
    volume = first.read()
    made = disguise.of(first, second, 0)(volume)
    assert made.voxels.dtype == np.float32
    assert made.shape == volume.shape
    assert np.array_equal(made.voxels, volume.voxels) == (disguise.name == "as they are")
    again = disguise.of(first, second, 0)(volume)
    np.testing.assert_array_equal(made.voxels, again.voxels)
    keys = {disguise.key(e, o, s) for e in (first, third) for o in "ab" for s in (0, 1)}
    assert len(keys) == (4 if disguise.random else 1) * (2 if disguise.blend else 1)


def test_training_volumes_are_moved_in_sixteen_ways_that_differ():
    random = np.random.default_rng(0)
    volume = Volume(random.random((9, 10, 11)).astype(np.float32), np.eye(4))
    made = {name: move(volume).voxels for name, move in MOVES.items()}
    assert len(made) == 16
    assert len({voxels.tobytes() for voxels in made.values()} | {volume.voxels.tobytes()}) == 17
