"""MS-SSIM of two volumes, against torchmetrics and arithmetic by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from evalsuite.metrics.structural_similarity import (
    STANDARD_WEIGHTS,
    Settings,
    blur_matrix,
    fit_settings,
    pyramid,
    similarity,
)
from tests.metrics.phantoms import smooth


def alike(shape, seed, *, dtype=torch.float32) -> tuple[Tensor, Tensor]:
    first, second = smooth(shape, seed, dtype=dtype), smooth(shape, seed + 1, dtype=dtype)
    return first, 0.6 * first + 0.4 * second


def compare(first, second, chosen=None, data_range=1.0):
    chosen = chosen or Settings(scales=1)
    return similarity(pyramid(first, chosen), pyramid(second, chosen), chosen, data_range)


@pytest.mark.parametrize(
    ("shape", "chosen", "dtype", "tolerance"),
    [
        ((48, 44, 46), Settings(scales=2), torch.float32, 1e-5),
        ((45, 51, 47), Settings(scales=3), torch.float32, 1e-5),
        # torchmetrics asks for 176 voxels a side with five scales and a window of 11, which takes
        # it half a minute; with a window of 5 it accepts 80.
        ((80, 82, 85), Settings(5, 0.5, 5, 0.02, 0.05), torch.float32, 1e-5),
        # Its weights stay in single precision, hence not closer.
        ((24, 25, 26), Settings(scales=2), torch.float64, 1e-7),
    ],
)
def test_agrees_with_torchmetrics(shape, chosen, dtype, tolerance):
    first, second = alike(shape, 0, dtype=dtype)
    options = {
        "data_range": 1.5,
        "kernel_size": chosen.kernel_size,
        "sigma": chosen.sigma,
        "k1": chosen.k1,
        "k2": chosen.k2,
    }
    pair = first[None, None], second[None, None]
    multi = multiscale_structural_similarity_index_measure(*pair, betas=chosen.weights, **options)
    single = structural_similarity_index_measure(*pair, **options)
    expected = (float(multi), float(single))
    assert compare(first, second, chosen, 1.5) == pytest.approx(expected, abs=tolerance)


def test_a_negative_term_makes_ms_ssim_zero_as_in_torchmetrics():
    first = smooth((22, 22, 22), 1)
    second = 2 * first.mean() - first
    theirs = multiscale_structural_similarity_index_measure(
        first[None, None], second[None, None], data_range=1.0, betas=(0.5, 0.5)
    )
    multi, single = compare(first, second, Settings(scales=2))
    assert multi == float(theirs) == 0
    assert single < 0


def test_constant_volumes_by_hand():
    # No variance, so contrast (0 + c2) / (0 + 0 + c2) = 1 and luminance is left:
    # c1 = (0.01 * 1)^2 = 0.0001; (2 * 0.2 * 0.6 + c1) / (0.04 + 0.36 + c1) = 0.2401 / 0.4001
    first, second = torch.full((24, 24, 24), 0.2), torch.full((24, 24, 24), 0.6)
    expected = 0.2401 / 0.4001
    assert compare(first, second)[1] == pytest.approx(expected, rel=1e-6)
    two = Settings(scales=2)  # luminance counts at the coarsest scale only, with its weight
    assert two.weights[1] == pytest.approx(0.2856 / (0.0448 + 0.2856))
    assert compare(first, second, two)[0] == pytest.approx(expected ** two.weights[1], rel=1e-6)


def test_the_window_is_a_truncated_gaussian_mirrored_at_the_border():
    # Window of 3 with sigma 1: weights e^-0.5, 1, e^-0.5 over their sum s = 1 + 2 e^-0.5.
    edge = np.exp(-0.5) / (1 + 2 * np.exp(-0.5))
    expected = [
        [1 - 2 * edge, 2 * edge, 0],
        [edge, 1 - 2 * edge, edge],
        [0, 2 * edge, 1 - 2 * edge],
    ]
    matrix = blur_matrix(3, 3, 1.0, torch.float64, torch.device("cpu"))
    np.testing.assert_allclose(matrix.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("offset", [0, 10, -1000])
def test_single_precision_does_not_cancel(offset):
    first, second = (volume + offset for volume in alike((24, 24, 24), 3))
    second[:12] = second[0, 0, 0]
    single = compare(first, second, Settings(scales=2))
    double = compare(first.double(), second.double(), Settings(scales=2))
    assert single == pytest.approx(double, abs=1e-6)


@settings(max_examples=25)
@given(
    shape=st.tuples(*[st.integers(11, 26)] * 3),
    seed=st.integers(0, 10**6),
    scale=st.floats(0.01, 1000),
    shift=st.floats(0, 10),
)
def test_properties_of_the_similarity(shape, seed, scale, shift):
    first, second = alike(shape, seed)
    chosen = fit_settings(shape, 11, 1.5, None, 0.01, 0.03)
    multi, single = compare(first, second, chosen)
    assert 0 <= multi <= 1
    assert -1 <= single <= 1
    assert compare(second, first, chosen) == pytest.approx((multi, single), abs=1e-6)
    assert compare(first, first, chosen) == pytest.approx((1, 1), abs=1e-6)
    flipped = compare(first.flip(0).mT, second.flip(0).mT, chosen)
    odd = any(side % 2 for side in shape) and chosen.scales > 1  # pooling drops the last voxel
    assert odd or flipped == pytest.approx((multi, single), abs=1e-5)
    scaled = compare(scale * first, scale * second, chosen, scale)
    assert scaled == pytest.approx((multi, single), abs=1e-5)
    noisier = compare(first, second + 0.5 * torch.randn(shape), chosen)
    assert noisier[0] < multi
    # An offset common to both volumes hides differences of luminance, never those of contrast.
    assert compare(first + shift, second + shift, chosen)[1] >= single - 0.02


@pytest.mark.parametrize(
    ("shape", "window", "scales"),
    [
        ((24, 24, 24), 11, 2),
        ((21, 64, 64), 11, 1),
        ((64, 64, 64), 11, 3),
        ((175, 176, 176), 11, 4),
        ((176, 176, 176), 11, 5),
        ((256, 256, 256), 11, 5),
        ((1024, 1024, 1024), 11, 5),
        ((11, 30, 30), 11, 1),
        ((10, 30, 30), 9, 1),
        ((3, 30, 30), 3, 1),
    ],
)
def test_window_and_scales_fit_the_smallest_side(shape, window, scales):
    chosen = fit_settings(shape, 11, 1.5, None, 0.01, 0.03)
    assert (chosen.kernel_size, chosen.scales) == (window, scales)


def test_weights():
    assert Settings(scales=5).weights == STANDARD_WEIGHTS
    for scales in range(1, 5):
        weights = Settings(scales=scales).weights
        assert sum(weights) == pytest.approx(1, abs=1e-12)
        assert np.ptp(np.divide(weights, STANDARD_WEIGHTS[:scales])) < 1e-9


def test_medical_diffusion_raises_the_coarsest_scale_to_the_fourth_power():
    """Each of four finer scales is multiplied by it: 4 x 0.1333 = 0.5332; nothing is cut off."""
    chosen = fit_settings((48, 40, 32), 11, 1.5, None, 0.01, 0.03, "medical-diffusion")
    assert chosen.kernel_size == 13  # 6 voxels either side, 4 x 1.5
    assert chosen.exponents == pytest.approx((0.0448, 0.2856, 0.3001, 0.2363, 0.5332))
    assert Settings().exponents == STANDARD_WEIGHTS
    first, second = alike((32, 32, 32), 1)
    assert compare(first, first, chosen)[0] == pytest.approx(1)
    assert compare(first, second, chosen)[0] < 1
    with pytest.raises(ValueError, match="at least 16 voxels along each axis"):
        fit_settings((15, 20, 20), 11, 1.5, None, 0.01, 0.03, "medical-diffusion")


@pytest.mark.parametrize("side", [1, 2, 5, 20])
def test_a_mirror_that_repeats_the_outer_voxel_is_scipy_s(side):
    line = np.random.default_rng(0).normal(size=side)
    matrix = blur_matrix(side, 13, 1.5, torch.float64, torch.device("cpu"), twice=True)
    expected = ndimage.gaussian_filter1d(line, 1.5, mode="reflect")
    np.testing.assert_allclose(matrix @ torch.from_numpy(line), expected, atol=1e-6)


@given(
    sides=st.tuples(*[st.integers(7, 60)] * 3),
    convention=st.sampled_from([("wang", "mirror"), ("medical-diffusion", "reflect")]),
)
def test_the_mean_around_each_voxel_is_scipy_s_whatever_the_sides(sides, convention):
    ours, theirs = convention
    volume = torch.randn(sides, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (finest,) = pyramid(volume, Settings(13, 1.5, 1, convention=ours))
    gaussian = np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2)
    expected = volume.numpy() - finest.offset
    for axis in range(3):
        expected = ndimage.correlate1d(expected, gaussian / gaussian.sum(), axis, mode=theirs)
    np.testing.assert_allclose(finest.mean.numpy(), expected, atol=1e-12)
