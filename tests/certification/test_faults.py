import numpy as np
import pytest
from scipy import ndimage

from evalsuite.certification.faults import (
    PLANTINGS,
    biased,
    blurred,
    coarsened,
    deformed,
    ghosted,
    mirrored,
    noisy,
    shifted,
    swapped,
)
from evalsuite.volumes.volume import Volume

IN_VOLUMES = [planting for planting in PLANTINGS if planting.plant]


def smooth(shape=(24, 26, 22), seed=0):
    return 10 + ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2) * 50


def volume(voxels=None, affine=None):
    voxels = smooth() if voxels is None else voxels
    return Volume(voxels.astype(np.float32), np.eye(4) if affine is None else affine)


def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize("planting", IN_VOLUMES, ids=lambda p: p.fault.name)
def test_a_fault_is_the_same_again_keeps_the_grid_and_grows(planting):
    before = volume()
    steps = planting.fault.levels if planting.strength is None else (planting.strength,)
    apart = []
    for level in steps:
        found, again = (planting.plant(before, level, random()) for _ in range(2))
        np.testing.assert_array_equal(found.voxels, again.voxels)
        assert found.voxels.shape == before.shape
        assert found.voxels.dtype == np.float32
        np.testing.assert_array_equal(found.affine, before.affine)
        apart.append(float(np.abs(found.voxels - before.voxels).mean()))
    assert apart[0] > 0
    assert apart == sorted(set(apart))
    assert planting.fault.levels == tuple(sorted(planting.fault.levels))


@pytest.mark.parametrize("plant", [blurred, biased, ghosted, coarsened, shifted, deformed, swapped])
def test_nothing_happens_to_a_volume_of_one_value(plant):
    before = volume(np.full((8, 9, 10), 3.0))
    np.testing.assert_allclose(plant(before, 1.5, random()).voxels, 3.0, rtol=1e-6)


def test_noise_is_a_share_of_the_range():
    before = volume(np.linspace(-500, 500, 30**3).reshape(30, 30, 30))
    noise = noisy(before, 0.05, random()).voxels - before.voxels
    assert noise.std() == pytest.approx(0.05 * 990, rel=0.02)  # 0.5 to 99.5 % of 1,000


def test_a_ghost_is_what_two_unequal_echoes_give():
    before, share = volume(), 0.1
    lines = np.fft.fft(before.voxels, axis=1)
    lines[:, 1::2] *= 1 - 2 * share  # every second line of k-space is weaker
    expected = np.fft.ifft(lines, axis=1).real
    np.testing.assert_allclose(ghosted(before, share, random()).voxels, expected, atol=1e-4)


def test_a_bias_field_is_smooth_and_of_its_size():
    before = volume(np.where(np.indices((24, 24, 24))[0] == 0, 0.0, 100.0))
    field = np.log(biased(before, 0.2, random()).voxels[1:] / 100)
    assert 0.1 < field.std() < 0.3
    assert np.abs(np.diff(field, axis=1)).max() < 0.2


def test_intensities_are_raised_to_a_power_within_their_range():
    before = volume(np.linspace(-1000, 1000, 27).reshape(3, 3, 3))
    found = shifted(before, 2.0, random()).voxels
    assert (found.min(), found.max()) == (-1000, 1000)
    assert found[1, 1, 1] == pytest.approx(-500)  # 0.5 ** 2 of 2,000 above the least


def test_a_line_survives_coarse_voxels():
    ramp = np.broadcast_to(np.arange(24.0)[:, None, None], (24, 24, 24))
    found = coarsened(volume(ramp), 2.0, random()).voxels
    np.testing.assert_allclose(found[2:-2], ramp[2:-2], atol=1e-4)
    checks = np.indices((24, 24, 24)).sum(axis=0) % 2
    assert coarsened(volume(checks * 1.0), 2.0, random()).voxels.std() < 0.1


def test_a_deformation_moves_by_its_size_without_blur():
    ramp = np.broadcast_to(np.arange(40.0)[:, None, None], (40, 40, 40))
    moved = (deformed(volume(ramp), 1.0, random()).voxels - ramp)[4:-4]
    assert 0.5 < moved.std() < 1.5
    before = volume(smooth((32, 32, 32)))
    sharp = [
        np.abs(np.diff(v.voxels, axis=0)).mean() for v in (before, deformed(before, 1, random()))
    ]
    assert sharp[1] > 0.9 * sharp[0]


def test_left_and_right_are_those_of_the_patient():
    stored = np.array([[0, -2.0, 0, 0], [3, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    before = volume(affine=stored)  # left-right runs along the second axis
    np.testing.assert_array_equal(mirrored(before, 1, random()).voxels, before.voxels[:, ::-1])
    found = swapped(before, 0.2, random()).voxels
    moved = (found != before.voxels).any(axis=(0, 1))
    assert moved.sum() == round(0.2 * before.shape[2])  # whole slices, feet to head
    assert sorted(found.sum(axis=(0, 1))) == pytest.approx(sorted(before.voxels.sum(axis=(0, 1))))
