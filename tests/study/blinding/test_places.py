"""What of a case depends on the place: marks, position, mirror, and bands along an axis."""

import numpy as np
import pytest
from scipy import ndimage

from evalsuite.study.blinding.axes import AXES
from evalsuite.study.blinding.marks import in_usual_steps, place, relief
from evalsuite.study.blinding.placement import placement_cues, portrait
from evalsuite.study.blinding.spectra import band_cues

SHAPE = (8, 9, 10)


def standing(voxels):
    """Return the relief of voxels in their shape, and of layers along each axis."""
    flat = relief(np.asarray(voxels, dtype=np.float32))
    count = np.prod(SHAPE)
    ends = count + np.cumsum(SHAPE)
    return flat[:count].reshape(SHAPE), np.split(flat[count:], ends[:-1] - count)


def test_a_lone_voxel_and_a_line_stand_out_in_full_but_no_border_and_no_ramp():
    voxels = np.zeros(SHAPE)
    voxels[3, 4, 5] = 12
    assert standing(voxels)[0][3, 4, 5] == 12
    voxels[3, :, 5] = 12
    assert (standing(voxels)[0][3, :, 5] == 12).all()
    border = np.zeros(SHAPE)
    border[4:] = 12
    assert not standing(border)[0].any()
    assert not standing(np.indices(SHAPE).sum(axis=0))[0][1:-1, 1:-1, 1:-1].any()


def test_a_dark_layer_stands_out_in_the_means_of_layers_alone():
    voxels = np.full(SHAPE, 50.0)
    voxels[:, :, 6] = 40
    of_voxels, (across, along, up) = standing(voxels)
    assert not of_voxels.any()
    assert not across.any()
    assert not along.any()
    assert up.tolist() == [0, 0, 0, 0, 0, 5, -10, 5, 0, 0]


@pytest.mark.parametrize(
    ("shape", "at", "told"),
    [
        (SHAPE, (3, 4, 5), "around voxel 3, 4, 5"),
        # Blocks of two voxels: the mark is in that of 100 and 101, 4 and 5, 90 and 91.
        ((128, 70, 100), (101, 4, 90), "around voxel 101, 5, 91"),
    ],
)
def test_a_mark_is_kept_in_large_cases_too_and_told_in_voxels(shape, at, told):
    voxels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    voxels[at] += 100
    assert place(int(np.abs(relief(voxels)).argmax()), shape) == told


def test_layers_are_told_by_axis_and_places_beyond_are_none():
    count = int(np.prod(SHAPE))
    assert place(count, SHAPE) == "in layer 0 left-right"
    assert place(count + 8 + 9 + 9, SHAPE) == "in layer 9 feet-head"
    with pytest.raises(ValueError, match="no place"):
        place(count + 27, SHAPE)


def test_the_unit_of_reliefs_is_that_of_all_cases_together():
    random = np.random.default_rng(0)
    rough, smooth = (relief(random.normal(0, s, SHAPE).astype(np.float32)) for s in (10, 1))
    scaled = in_usual_steps(np.array([rough, smooth]), SHAPE)
    assert np.abs(scaled[0]).mean() > 3 * np.abs(scaled[1]).mean()
    assert np.abs(scaled[:, : np.prod(SHAPE)]).max() <= 10


def test_a_portrait_is_the_means_of_blocks():
    voxels = np.random.default_rng(0).normal(size=(65, 32, 10))
    means = portrait(voxels)
    assert means.shape == (22, 32, 10)  # blocks of three, the last of two
    np.testing.assert_allclose(means[:21], voxels[:63].reshape(21, 3, 32, 10).mean(axis=1), 1e-5)
    np.testing.assert_allclose(means[21], voxels[63:].mean(axis=0), 1e-5)


def anatomy(n, shape=(20, 22, 18)):
    """Return n pictures of one lopsided thing with noise."""
    random = np.random.default_rng(0)
    voxels = np.zeros(shape)
    voxels[6:14, 7:15, 6:12] = 1
    voxels[12:14, 12:15, 10:12] = 4
    shared = ndimage.gaussian_filter(voxels, 1)
    return np.array([shared + random.normal(0, 0.02, shape) for _ in range(n)], np.float32)


@pytest.mark.parametrize("by", [(3, 0, 0), (0, -2, 0), (1, 2, -1)])
def test_the_position_is_how_far_a_case_was_moved(by):
    pictures = anatomy(12)
    pictures[6:] = np.roll(pictures[6:], by, axis=(1, 2, 3))
    cues = placement_cues(pictures)
    moved = [
        cues[f"position {axis}"][6:].mean() - cues[f"position {axis}"][:6].mean() for axis in AXES
    ]
    np.testing.assert_allclose(moved, by, atol=0.15)
    assert all(len(set(cues[f"side of the asymmetry {axis}"])) == 1 for axis in AXES)


@pytest.mark.parametrize("axis", range(3))
def test_mirrored_cases_are_on_the_other_side_most_of_all_along_the_axis_of_the_mirror(axis):
    pictures = anatomy(12)
    pictures[6:] = np.flip(pictures[6:], axis + 1)
    cues = placement_cues(pictures)
    sides = cues[f"side of the asymmetry {AXES[axis]}"]
    assert set(sides[:6]) != set(sides[6:])
    assert len(set(sides[:6])) == len(set(sides[6:])) == 1
    parted = [
        abs(values[0])
        for name, values in cues.items()
        if "side" in name and values[0] * values[-1] < 0
    ]
    assert max(parted) == abs(sides[0])


def test_what_all_cases_share_has_no_sides():
    cues = placement_cues(anatomy(1).repeat(8, axis=0))
    assert all(len(set(values.round(9))) == 1 for values in cues.values())


def test_a_wave_along_one_axis_is_strong_there_and_a_blur_in_every_direction_nowhere():
    random = np.random.default_rng(0)
    noise = random.normal(size=(32, 32, 32)).astype(np.float32)
    wave = np.cos(2 * np.pi * np.arange(32) * 9 / 32).astype(np.float32)  # 3.6 voxels long
    before, with_wave = band_cues(noise), band_cues(noise + wave[None, :, None])
    gains = {name: with_wave[name] - before[name] for name in before}
    assert max(gains, key=gains.get) == "strength of details of 3.2 to 4 voxels front-back"
    blurred = band_cues(ndimage.gaussian_filter(noise, 0.7))
    assert max(abs(blurred[name] - before[name]) for name in before) < 0.35
    one_way = band_cues(ndimage.gaussian_filter1d(noise, 0.7, axis=2))
    assert one_way["strength of details of 2 to 2.29 voxels feet-head"] < -1.5


def test_a_case_without_any_details_has_equal_ones():
    assert set(band_cues(np.full((16, 16, 16), 3, np.float32)).values()) == {0.0}
