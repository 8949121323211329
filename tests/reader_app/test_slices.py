"""The pictures of the viewer without WebGL2."""

import io

import numpy as np
import pytest
from PIL import Image

from evalsuite.errors import EvalsuiteError
from evalsuite.study.blinding.cases import encode
from reader_app.slices import LARGEST, PLANES, png

SHAPE = (10, 20, 16)


def phantom():
    """Dark, but light at the patient's right, lighter in front, lightest at the top."""
    voxels = np.zeros(SHAPE, np.uint16)
    voxels[-2:] = 80
    voxels[:, -4:] = 140
    voxels[:, :, -3:] = 220
    return voxels


def picture(plane, index, low=0, high=255, spacing=(1.0, 1.0, 1.0), voxels=None):
    content = encode(phantom() if voxels is None else voxels, spacing)
    return np.asarray(Image.open(io.BytesIO(png(content, plane, index, low, high))))


def shares(pixels):
    """Return the mean grey level of the left, right, top and bottom tenth of a picture's middle."""
    rows, columns = pixels.shape
    r, c = slice(rows * 4 // 10, rows * 6 // 10), slice(columns * 4 // 10, columns * 6 // 10)
    return (
        pixels[r, : columns // 10].mean(),
        pixels[r, -columns // 10 :].mean(),
        pixels[: rows // 10, c].mean(),
        pixels[-rows // 10 :, c].mean(),
    )


def test_axial_has_the_patients_right_on_the_left_and_the_front_on_top():
    left, right, top, bottom = shares(picture("axial", 5))
    assert left == pytest.approx(80, abs=1)
    assert right == pytest.approx(0, abs=1)
    assert top == pytest.approx(140, abs=1)
    assert bottom == pytest.approx(0, abs=1)


def test_coronal_has_the_patients_right_on_the_left_and_the_head_on_top():
    left, right, top, bottom = shares(picture("coronal", 5))
    assert left == pytest.approx(80, abs=1)
    assert right == pytest.approx(0, abs=1)
    assert top == pytest.approx(220, abs=1)
    assert bottom == pytest.approx(0, abs=1)


def test_sagittal_has_the_front_on_the_right_and_the_head_on_top():
    left, right, top, bottom = shares(picture("sagittal", 2))
    assert left == pytest.approx(0, abs=1)
    assert right == pytest.approx(140, abs=1)
    assert top == pytest.approx(220, abs=1)
    assert bottom == pytest.approx(0, abs=1)


@pytest.mark.parametrize(
    ("plane", "size"),
    [("axial", (10 * 2, 20 * 1)), ("coronal", (10 * 2, 16 * 3)), ("sagittal", (20 * 1, 16 * 3))],
)
def test_proportions_are_those_of_the_patient(plane, size):
    rows, columns = picture(plane, 3, spacing=(2.0, 1.0, 3.0)).shape
    assert max(rows, columns) == LARGEST
    assert columns / rows == pytest.approx(size[0] / size[1], rel=0.01)


def test_the_window_maps_low_to_black_and_high_to_white():
    voxels = np.full(SHAPE, 100, np.uint16)
    assert np.unique(picture("axial", 0, voxels=voxels)) == [100]
    assert np.unique(picture("axial", 0, low=100, high=200, voxels=voxels)) == [0]
    assert np.unique(picture("axial", 0, low=0, high=100, voxels=voxels)) == [255]
    assert np.unique(picture("axial", 0, low=50, high=150, voxels=voxels)) == [128]


def test_an_upside_down_window_is_a_step():
    voxels = np.full(SHAPE, 100, np.uint16)
    assert np.unique(picture("axial", 0, low=100, high=20, voxels=voxels)) == [0]
    assert np.unique(picture("axial", 0, low=99, high=20, voxels=voxels)) == [255]


@pytest.mark.parametrize("plane", PLANES)
def test_each_slice_is_its_own_and_beyond_the_last_comes_the_last(plane):
    axis = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    voxels = np.zeros(SHAPE, np.uint16)
    np.moveaxis(voxels, axis, 0)[:] = (10 * np.arange(SHAPE[axis]))[:, None, None]
    for index in (0, 1, SHAPE[axis] - 1):
        assert np.unique(picture(plane, index, voxels=voxels)) == [10 * index]
    assert np.unique(picture(plane, 999, voxels=voxels)) == [10 * (SHAPE[axis] - 1)]


def test_a_picture_says_nothing_but_its_pixels():
    content = png(encode(phantom(), (1.0, 1.0, 1.0)), "axial", 3, 0, 255)
    assert Image.open(io.BytesIO(content)).info == {}


def test_a_damaged_case_is_told():
    with pytest.raises(EvalsuiteError, match="The file of a case is damaged"):
        png(b"not a case", "axial", 0, 0, 255)
