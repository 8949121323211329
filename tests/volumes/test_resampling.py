"""Other grids agree with MONAI, PyTorch, SimpleITK and scikit-image's published recipe."""

import nibabel
import numpy as np
import pytest
import SimpleITK
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.transforms import Orientation, ResizeWithPadOrCrop, Spacing
from scipy import ndimage

from evalsuite.volumes.intensity import NoIntensity
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.volume import Volume

SIDES = st.tuples(*[st.integers(3, 11)] * 3)
CODES = st.permutations(["LR", "AP", "SI"]).flatmap(
    lambda pairs: st.tuples(*[st.sampled_from(pair) for pair in pairs]).map("".join)
)
AS_IT_IS = {"orientation": "native", "spacing": "native", "intensity": NoIntensity()}


def volume(shape=(9, 8, 7), affine=None, seed=0):
    voxels = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return Volume(voxels, np.eye(4) if affine is None else affine)


def oblique(spacing, seed=0):
    turn = nibabel.quaternions.quat2mat([1, *np.random.default_rng(seed).normal(size=3) * 0.2])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = (-20, 5, 30)
    return affine


def tensor(scan):
    return MetaTensor(torch.from_numpy(scan.voxels)[None], affine=torch.from_numpy(scan.affine))


def assert_same(found, expected, atol=1e-5):
    np.testing.assert_allclose(found.voxels, expected[0].numpy(), atol=atol)
    np.testing.assert_allclose(found.affine, expected.affine.numpy(), atol=1e-4)


@given(CODES, st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1, 1])] * 3))
def test_any_orientation_is_that_of_monai(code, order, signs):
    affine = np.eye(4)
    affine[:3, :3] = oblique((1.0, 2.0, 3.0))[:3, :3][:, order] * signs
    scan = volume(affine=affine)
    steps = Preprocessing(orientation=code, spacing="native", intensity=NoIntensity())
    found = steps.resolve([scan.shape], [affine]).apply(scan)
    assert_same(found, Orientation(axcodes=code, labels=None)(tensor(scan)), atol=0)


@pytest.mark.parametrize(("border", "beyond"), [("nearest", "border"), ("padding", "zeros")])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.5, 0.7, 3.0), (2.0, 2.0, 2.0)])
def test_linear_spacing_is_that_of_monai(spacing, border, beyond):
    scan = volume((17, 12, 9), oblique((1.1, 0.9, 2.5)))
    steps = Preprocessing(
        orientation="RAS", spacing=spacing, interpolation="linear", border=border,
        intensity=NoIntensity(), intensity_first=True,
    )  # fmt: skip
    steps = steps.resolve([scan.shape], [scan.affine])
    expected = Spacing(spacing, mode="bilinear", padding_mode=beyond)(
        Orientation(axcodes="RAS", labels=None)(tensor(scan))
    )
    assert steps.shape == tuple(expected.shape[1:])
    assert_same(steps.apply(scan), expected)


@given(SIDES, SIDES, st.sampled_from([0.0, -1000.0, 0.25]))
def test_pad_and_crop_are_those_of_monai(shape, target, value):
    scan = volume(shape)
    steps = Preprocessing(shape=target, fit="pad-crop", padding=value, **AS_IT_IS)
    expected = ResizeWithPadOrCrop(target, mode="constant", value=value)(tensor(scan))
    assert_same(steps.apply(scan), expected, atol=0)


def test_the_crop_of_old_takes_more_from_the_front():
    """Of 5 voxels cut to 4 ours loses the first, MONAI's the last."""
    scan = volume((5, 4, 4))
    for fit, kept in (("crop-pad", slice(1, 5)), ("pad-crop", slice(0, 4))):
        found = Preprocessing(shape=(4, 4, 4), fit=fit, **AS_IT_IS).apply(scan)
        np.testing.assert_array_equal(found.voxels, scan.voxels[kept])


@given(SIDES)
def test_linear_resize_is_that_of_pytorch(target):
    scan = volume((9, 8, 7))
    steps = Preprocessing(shape=target, fit="resize", interpolation="linear", **AS_IT_IS)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(scan.voxels)[None, None], target, mode="trilinear"
    )
    np.testing.assert_allclose(steps.apply(scan).voxels, expected[0, 0], atol=1e-5)


def test_a_resize_by_b_splines_is_that_of_scipy():
    scan = volume((9, 8, 7))
    steps = Preprocessing(shape=(12, 5, 7), fit="resize", interpolation="b-spline", **AS_IT_IS)
    expected = ndimage.zoom(
        scan.voxels, np.array([12 / 9, 5 / 8, 1]), order=3, mode="mirror", grid_mode=True
    )
    np.testing.assert_allclose(steps.apply(scan).voxels, expected, atol=1e-5)


@pytest.mark.parametrize("border", ["nearest", "padding"])
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (0.8, 1.7, 1.0)])
def test_b_splines_are_those_of_simpleitk_on_the_grid_of_pyradiomics(spacing, border):
    """The grid shares the first edge: its origin is half a new voxel behind it."""
    own = (1.0, 1.5, 1.2)
    scan = volume((15, 12, 11), np.diag([*own, 1.0]))
    steps = Preprocessing(
        orientation="native", spacing=spacing, interpolation="b-spline", border=border,
        intensity=NoIntensity(), intensity_first=True, padding=-7.0,
    ).resolve([scan.shape], [scan.affine])  # fmt: skip
    size = np.ceil(np.array(scan.shape) * own / spacing).astype(int)
    assert steps.shape == tuple(size)
    image = SimpleITK.GetImageFromArray(scan.voxels.astype(np.float64).transpose())
    image.SetSpacing(own)
    origin = (np.array(spacing) - own) / 2
    expected = SimpleITK.Resample(
        image, size.tolist(), SimpleITK.Transform(), SimpleITK.sitkBSpline, origin.tolist(), spacing,
        image.GetDirection(), -7.0,
    )  # fmt: skip
    expected = SimpleITK.GetArrayFromImage(expected).transpose()
    found = steps.apply(scan).voxels
    places = [origin[a] / own[a] + spacing[a] / own[a] * np.arange(size[a]) for a in range(3)]
    inside = np.ix_(*(p < n - 0.5 for p, n in zip(places, scan.shape, strict=True)))
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)
    if border == "padding":
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(6, 5, 4), (12, 11, 10)])
def test_a_smoothed_resize_with_a_border_is_that_of_scikit_image(shape):
    """`resize(img, shape, mode="constant", cval=-1)`, as batmanlab/HA-GAN calls it.

    It is a Gaussian of (factor - 1) / 2, then `ndimage.zoom` in grid mode.
    """
    scan = volume((10, 9, 8))
    steps = Preprocessing(
        shape=shape, fit="resize", border="padding", padding=-1.0, intensity_first=True, **AS_IT_IS
    )
    factors = np.array(scan.shape) / shape
    smooth = ndimage.gaussian_filter(
        scan.voxels, np.maximum(0, (factors - 1) / 2), mode="constant", cval=-1.0
    )
    expected = ndimage.zoom(
        smooth, 1 / factors, order=1, mode="grid-constant", cval=-1.0, grid_mode=True
    )
    np.testing.assert_allclose(steps.apply(scan).voxels, expected, atol=1e-5)


def test_blank_axial_slices_are_left_out_wherever_they_are():
    voxels = np.random.default_rng(0).random((4, 5, 8), dtype=np.float32) * 500
    voxels[:, :, [0, 1, 4, 7]] = -1024
    voxels[0, 0, 4] = -2000  # clipped, hence blank as well
    steps = Preprocessing(
        orientation="native", spacing="native", shape="native", trim=True, padding=-1.0,
        intensity_first=True,
        intensity={"kind": "window", "low": -1024, "high": 600, "range": (-1, 1)},
    )  # fmt: skip
    found = steps.apply(Volume(voxels, np.eye(4)))
    expected = np.interp(voxels[:, :, [2, 3, 5, 6]], [-1024, 600], [-1, 1])
    np.testing.assert_allclose(found.voxels, expected, atol=1e-6)
    assert found.affine[2, 3] == 2
    first_is_superior = np.array([[0, 1.0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    turned = Volume(voxels.transpose(2, 0, 1), first_is_superior)
    np.testing.assert_array_equal(steps.apply(turned).voxels, found.voxels.transpose(2, 0, 1))
    blank = Volume(np.full((3, 3, 3), -1024, np.float32), np.eye(4))
    assert steps.apply(blank).shape == (3, 3, 3)


def test_axes_are_those_of_the_arrays_of_simpleitk():
    scan = volume((3, 4, 5), np.diag([1.0, 2.0, 3.0, 1.0]))
    steps = Preprocessing(shape=(3, 4, 6), axes="zyx", **AS_IT_IS)
    found = steps.apply(scan)
    assert found.shape == steps.shape_seen == (6, 4, 3)
    assert found.spacing == (3.0, 2.0, 1.0)
    image = SimpleITK.GetImageFromArray(scan.voxels.transpose())
    np.testing.assert_array_equal(found.voxels[:5], SimpleITK.GetArrayFromImage(image))


@pytest.mark.parametrize("setting", [{"trim": True}, {"border": "padding"}])
def test_what_looks_at_the_padding_needs_its_units(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} looks at .*set intensity_first"):
        Preprocessing(**setting)
    Preprocessing(**setting, intensity_first=True)


def test_intensity_first_sees_the_whole_volume():
    scan = volume((6, 6, 6))
    crop = {"orientation": "native", "spacing": "native", "shape": (2, 2, 2)}
    minmax = {"intensity": {"kind": "minmax"}}
    after = Preprocessing(**crop, **minmax).apply(scan).voxels
    first = Preprocessing(**crop, **minmax, intensity_first=True).apply(scan).voxels
    assert (after.min(), after.max()) == (0, 1)
    whole = (scan.voxels - scan.voxels.min()) / np.ptp(scan.voxels)
    np.testing.assert_allclose(first, whole[2:4, 2:4, 2:4], atol=1e-6)


def test_a_native_shape_is_that_of_each_volume():
    steps = Preprocessing(shape="native", spacing=(2.0, 1.0, 1.0), intensity=NoIntensity())
    steps = steps.resolve([(9, 9, 9)], [np.eye(4)])
    assert steps.shape == "native"
    assert [steps.apply(volume(s)).shape for s in ((8, 5, 4), (12, 7, 3))] == [(4, 5, 4), (6, 7, 3)]


def test_metrics_on_voxels_see_the_axes_of_the_patient_in_order():
    steps = Preprocessing(
        orientation="SPL", spacing=(3.0, 2.0, 1.0), shape=(30, 20, 10), axes="zyx"
    ).along_patient()
    assert (steps.orientation, steps.axes) == ("LPS", "xyz")
    assert (steps.spacing, steps.shape) == ((1.0, 2.0, 3.0), (10, 20, 30))
    assert Preprocessing().along_patient() == Preprocessing()
