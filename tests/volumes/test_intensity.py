"""Rules of intensity agree with MONAI, and by hand."""

import numpy as np
import pytest
import torch
from monai.transforms import (
    NormalizeIntensity,
    ScaleIntensity,
    ScaleIntensityRange,
    ScaleIntensityRangePercentiles,
)

from evalsuite.volumes.intensity import (
    MinMaxIntensity,
    NoIntensity,
    PercentileIntensity,
    WindowIntensity,
    ZScoreIntensity,
)

RANGES = [(0.0, 1.0), (-1.0, 1.0), (10.0, 12.5)]


def voxels(seed=0, zeros=0.3):
    random = np.random.default_rng(seed)
    values = random.normal(300, 500, (9, 8, 7))
    return np.where(random.random(values.shape) < zeros, 0.0, values)


def by_monai(transform, values):
    return transform(torch.from_numpy(values)[None])[0].numpy()


@pytest.mark.parametrize("ends", RANGES)
def test_a_window_is_that_of_monai(ends):
    rule = WindowIntensity(low=-200, high=900, range=ends)
    expected = by_monai(ScaleIntensityRange(-200, 900, *ends, clip=True), voxels())
    np.testing.assert_allclose(rule.apply(voxels()), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("ends", RANGES)
def test_percentiles_are_those_of_monai(ends):
    rule = PercentileIntensity(low=0.1, high=99.9, range=ends)
    expected = by_monai(ScaleIntensityRangePercentiles(0.1, 99.9, *ends, clip=True), voxels())
    np.testing.assert_allclose(rule.apply(voxels()), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ends", RANGES)
def test_minimum_and_maximum_are_those_of_monai(ends):
    expected = by_monai(ScaleIntensity(*ends), voxels())
    found = MinMaxIntensity(range=ends).apply(voxels())
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("over", ["all", "nonzero"])
def test_z_scores_are_those_of_monai(over):
    expected = by_monai(NormalizeIntensity(nonzero=over == "nonzero"), voxels())
    found = ZScoreIntensity(over=over).apply(voxels())
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_percentiles_over_the_foreground_leave_out_exact_zeros():
    values = np.array([0.0] * 7 + [10, 20, 30]).reshape(10, 1, 1)
    rule = PercentileIntensity(low=0, high=50, over="nonzero")
    # 0 and 50 % of 10, 20, 30 are 10 and 20; zeros lie below and are clipped.
    np.testing.assert_array_equal(rule.apply(values).ravel(), [0] * 8 + [1, 1])
    assert not rule.apply(np.zeros((2, 2, 2))).any()


def test_without_a_range_units_stay():
    window = WindowIntensity(low=-1000, high=1000, range=None)
    values = np.array([-3000.0, -1000, 5, 4000]).reshape(4, 1, 1)
    np.testing.assert_array_equal(window.apply(values).ravel(), [-1000, -1000, 5, 1000])
    percentile = PercentileIntensity(low=25, high=75, range=None)
    values = np.arange(5.0).reshape(5, 1, 1)
    np.testing.assert_array_equal(percentile.apply(values).ravel(), [1, 1, 2, 3, 3])
    assert NoIntensity().apply(values) is values


def test_a_flat_volume_lies_at_the_low_end():
    flat = np.full((2, 2, 2), 7.0)
    assert (MinMaxIntensity(range=(-1, 1)).apply(flat) == -1).all()
    assert (PercentileIntensity(range=(-1, 1)).apply(flat) == -1).all()


@pytest.mark.parametrize(
    ("rule", "values", "told"),
    [
        (WindowIntensity, {"low": 5, "high": 5}, "window must lie below"),
        (PercentileIntensity, {"low": 60, "high": 50}, "low percentile 60.0 must lie below"),
        (MinMaxIntensity, {"range": (1, 0)}, "the range must rise, but found 1.0 to 0.0"),
    ],
)
def test_ends_in_the_wrong_order_are_told(rule, values, told):
    with pytest.raises(ValueError, match=told):
        rule(**values)
