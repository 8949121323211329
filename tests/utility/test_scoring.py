"""Dice and Hausdorff distance by hand arithmetic; predictions land where the labels lie."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from evalsuite.utility.data import Example, Examples
from evalsuite.utility.networks import network
from evalsuite.utility.scoring import classes_on, predict, score
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.labels import check_labels
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.resampling import on_grid
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume


def box(shape, corner, size, value=1):
    classes = np.zeros(shape, dtype=int)
    classes[tuple(slice(a, a + n) for a, n in zip(corner, size, strict=True))] = value
    return classes


def test_a_shifted_box_by_hand():
    # 4 x 4 x 4 voxels moved by one along x: 48 of 64 are common, Dice = 2 * 48 / 128 = 0.75.
    # The 16 voxels of the leading face lie one step of 2.5 mm outside of the other box. They are
    # over 5 % of the 56 of the surface, and none lies further: the 95th percentile is 2.5 mm.
    truth, found = box((12,) * 3, (3, 3, 3), (4,) * 3), box((12,) * 3, (4, 3, 3), (4,) * 3)
    (one,) = score(found, truth, 1, (2.5, 1.0, 1.0))
    assert one.dice == pytest.approx(0.75)
    assert one.hd95 == pytest.approx(2.5)


def test_distance_is_in_millimetres_along_each_axis():
    truth = box((20, 12, 12), (2, 5, 5), (1, 1, 1))
    for axis, spacing in enumerate((0.5, 2.0, 3.0)):
        found = np.roll(truth, 4, axis=axis)
        (one,) = score(found, truth, 1, (0.5, 2.0, 3.0))
        assert one.hd95 == pytest.approx(4 * spacing)
        assert one.dice == 0


@given(st.integers(0, 2**32 - 1))
def test_agrees_with_distances_from_scipy(seed):
    rng = np.random.default_rng(seed)
    spacing = tuple(rng.uniform(0.5, 3, 3).tolist())
    truth, found = (
        (ndimage.gaussian_filter(rng.normal(size=(10, 11, 12)), 1.5) > 0.05).astype(int)
        for _ in range(2)
    )
    if not truth.any() or not found.any():
        return
    surfaces = [m & ~ndimage.binary_erosion(m) for m in (truth.astype(bool), found.astype(bool))]
    to_truth, to_found = (ndimage.distance_transform_edt(~s, sampling=spacing) for s in surfaces)
    expected = max(
        np.percentile(to_truth[surfaces[1]], 95), np.percentile(to_found[surfaces[0]], 95)
    )
    (one,) = score(found, truth, 1, spacing)
    assert one.hd95 == pytest.approx(expected, rel=1e-5)
    assert one.dice == pytest.approx(2 * (truth & found).sum() / (truth.sum() + found.sum()))


@pytest.mark.filterwarnings("error")
def test_absent_structures_are_nan_and_never_0():
    shape = (8, 8, 8)
    some, none = box(shape, (2, 2, 2), (3, 3, 3)), np.zeros(shape, dtype=int)
    (missed,) = score(none, some, 1, (1, 1, 1))
    assert missed.dice == 0
    assert math.isnan(missed.hd95)
    for found in (some, none):
        (absent,) = score(found, none, 1, (1, 1, 1))
        assert math.isnan(absent.dice)
        assert math.isnan(absent.hd95)


def test_structures_are_scored_in_order():
    truth = box((8,) * 3, (0, 0, 0), (3,) * 3) + box((8,) * 3, (4, 4, 4), (3,) * 3, 2)
    first, second = score(np.where(truth == 1, 1, 0), truth, 2, (1, 1, 1))
    assert (first.dice, first.hd95) == (1, 0)
    assert second.dice == 0


def test_labels_go_to_another_grid_and_back():
    labels = box((10, 12, 14), (2, 3, 4), (5, 6, 7))
    affine = np.diag([2.0, 1.0, 1.5, 1.0])
    affine[:3, 3] = (5, -7, 9)
    cropped = affine.copy()
    cropped[:3, 3] += affine[:3, :3] @ (1, 1, 2)
    truth = Volume(labels, affine)
    inner = on_grid(truth, cropped, (8, 10, 11), order=0)
    assert np.array_equal(inner, labels[1:9, 1:11, 2:13])
    probabilities = np.stack([inner == 0, inner == 1]).astype(np.float32)
    assert np.array_equal(classes_on(probabilities, cropped, truth), labels)


def test_a_finer_prediction_is_brought_to_the_grid_of_the_labels():
    truth = Volume(box((10,) * 3, (2,) * 3, (5,) * 3), np.eye(4))
    half = np.diag([0.5, 0.5, 0.5, 1.0])
    half[:3, 3] = -0.25
    fine = np.kron(truth.voxels, np.ones((2, 2, 2), dtype=int))
    probabilities = np.stack([fine == 0, fine == 1]).astype(np.float32)
    assert np.array_equal(classes_on(probabilities, half, truth), truth.voxels)


def test_a_perfect_prediction_of_real_volumes_is_perfect(hippocampi, tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for file in sorted((hippocampi.parent / kind).glob("*.nii.gz"))[:4]:
            (tmp_path / kind / file.name).symlink_to(file)
    cohort = check_cohort(read_cohort(str(tmp_path / "images"), name="real", role="real"))
    labels = check_labels(cohort, sorted((tmp_path / "labels").iterdir()))
    assert labels.structures == (1, 2)
    steps = Preprocessing(spacing=(1, 1, 1))
    examples = Examples(cohort, steps, labels)
    for place in range(len(examples)):
        example, truth = examples[place], examples.truth(place)
        assert example.image.shape == example.classes.shape == (1, *truth.shape)
        perfect = np.stack([example.classes[0] == c for c in range(3)]).astype(np.float32)
        found = classes_on(perfect, example.affine, truth)
        for one in score(found, truth.voxels, 2, truth.spacing):
            assert (one.dice, one.hd95) == (1, 0)


@pytest.mark.parametrize("shape", [(16, 16, 16), (15, 17, 9), (5, 40, 12)])
def test_prediction_covers_the_volume_whatever_its_shape(shape):
    made = network((4, 8), 3, seed=0)
    image = np.random.default_rng(0).random((1, *shape)).astype(np.float32)
    probabilities = predict(made, Example(image, None, np.eye(4)), (16, 16, 16), 2, "cpu")
    assert probabilities.shape == (3, *shape)
    assert probabilities.sum(axis=0) == pytest.approx(1, abs=1e-5)
