"""A two-dimensional network sees the slices that were chosen, as published code prepares them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors import slices as module
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.slices import Slices, resliced, slice_extractor
from evalsuite.features import Extraction, FeatureCache
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort

OPTIONS = ExtractorOptions()
MEANS = (0.406, 0.456, 0.485)


class Seen(torch.nn.Module):
    """Answers with the image itself, so that a test sees what a network sees."""

    def forward(self, images):
        return images.flatten(1)


class Corner(torch.nn.Module):
    def forward(self, images):
        return images[:, :, 0, 0]


def volume(shape=(10, 8, 12), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) * 300


def seen(voxels, **declared):
    """Return by plane what the network sees, (s, 3, h, w)."""
    slices = Slices(**declared)
    return {plane: torch.cat(list(slices.images(voxels, plane))).numpy() for plane in slices.planes}


def maisi(voxels, share):
    """Return planes as `get_features_2p5d` of NV-Generate-CTMR hands them to its network.

    Written anew from its description in words: channels equal, minimum and maximum over all
    chosen slices of one plane, means subtracted in the order of the reversed channels.
    """
    found = {}
    for plane, axis in (("axial", 2), ("sagittal", 0), ("coronal", 1)):
        n = voxels.shape[axis]
        first, last = int((1.0 - share) / 2.0 * n), int((1.0 + share) / 2.0 * n)
        stack = torch.from_numpy(np.moveaxis(voxels, axis, 0)[first:last].copy())
        scaled = (stack - stack.min()) / (stack.max() - stack.min() + 1e-10)
        found[plane] = torch.stack([scaled - mean for mean in MEANS], dim=1).numpy()
    return found


@pytest.mark.parametrize("share", [0.4, 0.7, 1.0])
def test_planes_are_those_of_maisi(share):
    voxels = volume()
    expected = maisi(voxels, share)
    found = seen(voxels, share=share, intensity={}, reverse=True, mean=MEANS)
    assert list(found) == list(expected)
    for plane, images in expected.items():
        np.testing.assert_allclose(found[plane], images, atol=1e-6)


def test_the_central_share_truncates_as_maisi_does():
    # 512: int(0.3 * 512) = 153, int(0.7 * 512) = 358; 5: int(1.5) = 1, int(3.5) = 3.
    assert Slices(share=0.4).chosen(512) == range(153, 358)
    assert Slices(share=0.4).chosen(5) == range(1, 3)
    assert list(Slices(share=0.4, step=3).chosen(20)) == [6, 9, 12]
    with pytest.raises(EvalsuiteError, match="central 10 % of 3 slices are none"):
        Slices(share=0.1).chosen(3)


@pytest.mark.parametrize(
    ("shape", "declared", "few"),
    [
        ((64, 64, 64), {}, None),
        ((64, 64, 63), {}, 63),
        ((64, 64, 20), {"planes": ["axial"]}, None),  # 20 slices of 64 x 64 pixels
        ((20, 64, 64), {"planes": ["axial"]}, 20),
        ((20, 20, 20), {"size": 128}, None),
    ],
)
def test_slices_that_are_small_for_a_network_are_told(shape, declared, few):
    told = Slices(**declared).doubts(shape)
    assert [caveat.values for caveat in told] == ([{"pixels": few}] if few else [])


def test_every_fourth_slice_is_that_of_vlm3d():
    """Percentiles of each slice, then 224 squared, then three equal channels; no means."""
    voxels = volume((9, 8, 13))
    voxels[:, :, 4] = 5  # without spread
    found = seen(
        voxels, planes=("axial", "coronal", "sagittal"), step=4, size=24,
        intensity={"per": "slice", "low": 0.5, "high": 99.5},
    )  # fmt: skip
    for axis, images in zip((2, 1, 0), found.values(), strict=True):
        for i, place in enumerate(range(0, voxels.shape[axis], 4)):
            image = np.take(voxels, place, axis)
            low, high = np.percentile(image, 0.5), np.percentile(image, 99.5)
            flat = high - low < 1e-6
            image = np.zeros_like(image) if flat else np.clip((image - low) / (high - low), 0, 1)
            expected = torch.nn.functional.interpolate(
                torch.from_numpy(image)[None, None], (24, 24), mode="bilinear", align_corners=False
            )
            np.testing.assert_allclose(images[i], expected[0].expand(3, -1, -1), atol=2e-6)


def test_neighbours_are_those_in_the_volume():
    voxels = np.broadcast_to(np.arange(6, dtype=np.float32), (2, 2, 6))
    found = seen(voxels, planes=("axial",), step=2, channels="neighbours")["axial"]
    assert found[:, :, 0, 0].tolist() == [[0, 0, 1], [1, 2, 3], [3, 4, 5]]
    turned = seen(voxels, planes=("axial",), step=2, channels="neighbours", reverse=True)["axial"]
    assert turned[1, :, 0, 0].tolist() == [3, 2, 1]
    # Chosen are 0, 2 and 4, which decide the scale; 5 lies beyond it and is clipped.
    scaled = seen(voxels, planes=("axial",), step=2, channels="neighbours", intensity={})["axial"]
    assert scaled[2, :, 0, 0].tolist() == [0.75, 1, 1]


def test_means_and_deviations_are_of_the_channels_that_the_network_sees():
    voxels = np.ones((2, 2, 2), np.float32)
    found = seen(voxels, planes=("axial",), mean=(0, 1, 3), std=(1, 2, 4))["axial"]
    assert found[0, :, 0, 0].tolist() == [1, 0, -0.5]


def test_antialiasing_is_that_of_pytorch():
    voxels = volume((32, 32, 2))
    (found,) = seen(
        voxels, planes=("axial",), size=8, interpolation="bicubic", antialias=True
    ).values()
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(voxels).permute(2, 0, 1)[:, None], (8, 8), mode="bicubic", antialias=True
    )
    np.testing.assert_allclose(found[:, :1], expected, atol=1e-4)


@given(st.integers(1, 400), st.sampled_from(["repeat", "neighbours"]))
def test_batches_are_bounded_and_change_nothing(pixels, channels):
    voxels = volume((6, 5, 7))
    declared = {"intensity": {}, "channels": channels, "size": 4, "share": 0.9}
    whole = seen(voxels, **declared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_PIXELS", pixels)
        slices = Slices(**declared)
        for plane in slices.planes:
            parts = list(slices.images(voxels, plane))
            largest = max(16, voxels.size // voxels.shape[module.AXES[plane]])
            assert max(map(len, parts)) <= max(1, pixels // largest)
            np.testing.assert_array_equal(torch.cat(parts), whole[plane])


def test_rows_are_in_the_order_of_the_features(make_cohort, tmp_path):
    slices = Slices(planes=("coronal", "axial"), share=0.5)
    extractor = slice_extractor("corner", Corner, slices, {"architecture": "corner"}, OPTIONS)
    assert isinstance(extractor, Extractor)
    voxels = np.stack([volume(seed=i) for i in range(2)])
    found = extractor(voxels)
    rows = slices.rows(voxels.shape[1:])
    assert found.shape == (2, len(rows), 3)
    for i, (plane, place) in enumerate(rows):
        expected = voxels[:, 0, place, 0] if plane == "coronal" else voxels[:, 0, 0, place]
        np.testing.assert_array_equal(found[:, i, 0], expected)


def test_a_table_keeps_slices_by_plane_and_their_mean(make_cohort, tmp_path):
    cohort = check_cohort(read_cohort(str(make_cohort("real", 3)), name="real", role="real"))
    steps = Preprocessing(spacing=(1.0, 1.0, 1.0), shape=(8, 9, 10), axes="zyx")
    slices = Slices(planes=("axial", "sagittal"), step=2)
    extractor = slice_extractor("corner", Corner, slices, {}, OPTIONS)
    cache = FeatureCache(tmp_path / "cache")
    table = Extraction(cohort, steps, extractor, cache).table()
    # The network sees 10 x 9 x 8 voxels: 4 axial and 5 sagittal slices.
    assert {p: v.shape for p, v in table.slices.items()} == {
        "axial": (3, 4, 3), "sagittal": (3, 5, 3)
    }  # fmt: skip
    whole = np.concatenate(list(table.slices.values()), axis=1)
    np.testing.assert_allclose(table.values, whole.mean(axis=1), rtol=1e-6)
    direct = extractor(np.stack([steps.apply(e.read()).voxels for e in cohort.entries]))
    np.testing.assert_array_equal(whole, direct)
    again = Extraction(cohort, steps, extractor, cache).table()
    np.testing.assert_array_equal(again.values, table.values)
    row = next((tmp_path / "cache").rglob("*.npy"))
    np.save(row, np.ones(3))  # of another extractor: done again
    redone = Extraction(cohort, steps, extractor, cache).table()
    np.testing.assert_array_equal(redone.values, table.values)


def test_what_decides_the_features_is_in_the_fingerprint():
    def fingerprint(options=OPTIONS, **declared):
        return slice_extractor("x", Seen, Slices(**declared), {"a": 1}, options).fingerprint

    base = fingerprint()
    assert base["a"] == 1
    assert base["slices"]["planes"] == ["axial", "sagittal", "coronal"]
    assert fingerprint(step=2) != base
    assert fingerprint(ExtractorOptions(precision="bfloat16")) != base


def test_a_network_that_does_not_fit_is_told():
    class Map(torch.nn.Module):
        def forward(self, images):
            return images

    extractor = slice_extractor("map", Map, Slices(), {}, OPTIONS)
    with pytest.raises(EvalsuiteError, match=r"map: the network turns 12 slices into \(12, 3, 10"):
        extractor(volume()[None])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_networks_run_exactly_and_without_gradients(precision):
    class State(torch.nn.Module):
        def forward(self, images):
            assert torch.is_inference_mode_enabled()
            assert torch.backends.cudnn.deterministic
            assert not torch.backends.cudnn.allow_tf32
            assert torch.get_float32_matmul_precision() == "highest"
            assert torch.is_autocast_enabled("cpu") == (precision == "bfloat16")
            return images.mean((2, 3)) @ torch.eye(3)

    extractor = slice_extractor(
        "state", State, Slices(), {}, ExtractorOptions(precision=precision, device="cpu")
    )
    torch.set_float32_matmul_precision("medium")
    try:
        features = extractor(volume()[None])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    exact = np.concatenate([volume().mean((0, 1)), volume().mean((1, 2)), volume().mean((0, 2))])
    tolerance = 1e-4 if precision == "float32" else 0.3
    np.testing.assert_allclose(features[0, :, 0], exact, atol=tolerance)
    assert features.dtype == np.float32


def test_networks_run_in_evaluation_mode_and_leave_torch_as_it_was():
    before = torch.get_float32_matmul_precision()
    extractor = slice_extractor(
        "drop",
        lambda: torch.nn.Sequential(torch.nn.Dropout(0.5), Corner()),
        Slices(),
        {},
        OPTIONS,
    )
    np.testing.assert_array_equal(extractor(volume()[None]), extractor(volume()[None]))
    assert torch.get_float32_matmul_precision() == before
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"planes": ("axial", "axial")}, "each plane can stand only once"),
        ({"planes": ()}, "at least 1 item"),
        ({"share": 0}, "greater than 0"),
        ({"std": (1, 0, 1)}, "each std must be above 0"),
        ({"antialias": True, "interpolation": "nearest"}, "antialias goes with bilinear or bicub"),
        ({"intensity": {"low": 60, "high": 50}}, "the low percentile 60.0 must lie below"),
    ],
)
def test_impossible_slices_are_told(declared, told):
    with pytest.raises(ValueError, match=told):
        Slices(**declared)
    assert math.isclose(Slices().share, 1)


def test_other_slices_are_laid_over_those_that_a_network_declares():
    own = slice_extractor("corner", Corner, Slices(step=2, size=8), {"version": 1}, OPTIONS)
    other = resliced(own, {"step": 3, "size": None, "intensity": {"per": "slice"}})
    assert (other.slices.step, other.slices.size, other.slices.intensity.per) == (3, None, "slice")
    assert other.fingerprint["slices"]["step"] == 3
    assert other.fingerprint["version"] == 1
    assert own.slices.step == 2
    assert resliced(own, {}) is own
    with pytest.raises(EvalsuiteError, match='In the slices, the setting "steps" is unknown'):
        resliced(own, {"steps": 3})
