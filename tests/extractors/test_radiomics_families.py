"""Each family against IBSI's reference values, against plain loops, and its symmetries."""

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import pywt
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evalsuite.extractors.radiomics.extraction import TEXTURES
from evalsuite.extractors.radiomics.glcm import glcm, glcm_matrix
from evalsuite.extractors.radiomics.glrlm import glrlm_matrix
from evalsuite.extractors.radiomics.glszm import zones
from evalsuite.extractors.radiomics.grey_levels import bounding_box, discretise, foreground
from evalsuite.extractors.radiomics.intensity import statistics
from evalsuite.extractors.radiomics.ngldm import ngldm_matrix
from evalsuite.extractors.radiomics.ngtdm import ngtdm, ngtdm_matrix
from evalsuite.extractors.radiomics.wavelet import bands
from tests.extractors import ibsi

OFFSETS = [offset for offset in itertools.product((-1, 0, 1), repeat=3) if any(offset)]
FORWARD = [offset for offset in OFFSETS if offset > (0, 0, 0)]
LEVELS = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(0, 4)
)
REGIONS = LEVELS.filter(np.any)


def to_three_digits(values):
    return {name: float(f"{value:.3g}") for name, value in values.items()}


def test_statistics_are_those_of_the_ibsi_phantom():
    values = ibsi.PHANTOM[ibsi.PHANTOM > 0].astype(float)
    assert values.size == 74
    assert to_three_digits(statistics(values)) == ibsi.STATISTICS


@pytest.mark.parametrize("family", TEXTURES)
def test_textures_are_those_of_the_ibsi_phantom(family):
    values = TEXTURES[family](ibsi.PHANTOM, ibsi.N_LEVELS)
    assert to_three_digits(values) == ibsi.TEXTURES[family]


def test_discretisation_keeps_the_phantom():
    inside = foreground(ibsi.PHANTOM.astype(float))
    assert (discretise(ibsi.PHANTOM.astype(float), inside, 6) == ibsi.PHANTOM).all()


# Plain loops over dictionaries of voxels, nothing shared with the package.


def voxels_of(levels):
    return {tuple(map(int, k)): int(levels[tuple(k)]) for k in np.argwhere(levels)}


def shifted(voxel, offset):
    return tuple(a + b for a, b in zip(voxel, offset, strict=True))


def looped_cooccurrence(levels):
    voxels = voxels_of(levels)
    return Counter(
        (level, voxels[shifted(voxel, offset)])
        for voxel, level in voxels.items()
        for offset in OFFSETS
        if shifted(voxel, offset) in voxels
    )


def looped_runs(levels):
    voxels = voxels_of(levels)
    runs = Counter()
    for offset in FORWARD:
        back = tuple(-step for step in offset)
        for voxel, level in voxels.items():
            if voxels.get(shifted(voxel, back)) == level:
                continue
            length, end = 1, shifted(voxel, offset)
            while voxels.get(end) == level:
                length, end = length + 1, shifted(end, offset)
            runs[level, length] += 1
    return runs


def looped_zones(levels):
    voxels = voxels_of(levels)
    found = Counter()
    while voxels:
        voxel, level = voxels.popitem()
        front, size = [voxel], 0
        while front:
            centre = front.pop()
            size += 1
            for neighbour in (shifted(centre, offset) for offset in OFFSETS):
                if voxels.get(neighbour) == level:
                    del voxels[neighbour]
                    front.append(neighbour)
        found[level, size] += 1
    return found


def looped_dependence(levels):
    voxels = voxels_of(levels)
    return Counter(
        (level, 1 + sum(voxels.get(shifted(voxel, offset)) == level for offset in OFFSETS))
        for voxel, level in voxels.items()
    )


def looped_differences(levels):
    voxels = voxels_of(levels)
    counts, sums = Counter(), Counter()
    for voxel, level in voxels.items():
        around = [voxels[k] for offset in OFFSETS if (k := shifted(voxel, offset)) in voxels]
        if around:
            counts[level] += 1
            sums[level] += abs(level - sum(around) / len(around))
    return counts, sums


def entries(matrix):
    return {(int(i) + 1, int(j) + 1): int(matrix[i, j]) for i, j in np.argwhere(matrix)}


@given(levels=REGIONS)
def test_runs_zones_and_dependence_agree_with_plain_loops(levels):
    assert entries(glrlm_matrix(levels, 4)) == looped_runs(levels)
    assert entries(ngldm_matrix(levels, 4)) == looped_dependence(levels)
    assert Counter(zip(*(a.tolist() for a in zones(levels)), strict=True)) == looped_zones(levels)


@given(levels=REGIONS)
def test_cooccurrence_and_differences_agree_with_plain_loops(levels):
    pairs = looped_cooccurrence(levels)
    assume(pairs)
    assert entries(glcm_matrix(levels, 4)) == pairs
    counts, sums = looped_differences(levels)
    ours = ngtdm_matrix(levels, 4)
    assert ours[0].tolist() == [counts[level] for level in range(1, 5)]
    assert ours[1] == pytest.approx([sums[level] for level in range(1, 5)])


@pytest.mark.parametrize("shape", [(9, 14, 11), (1, 30, 2), (3, 1, 1)])
def test_plain_loops_agree_on_larger_volumes(shape):
    levels = np.random.default_rng(0).integers(0, 4, shape).astype(np.uint8)
    levels[0, 0, 0] = 1
    assert entries(glcm_matrix(levels, 32)) == looped_cooccurrence(levels)
    assert entries(glrlm_matrix(levels, 32)) == looped_runs(levels)
    assert Counter(zip(*(a.tolist() for a in zones(levels)), strict=True)) == looped_zones(levels)


@given(
    levels=REGIONS,
    axes=st.permutations((0, 1, 2)),
    flips=st.lists(st.sampled_from((0, 1, 2)), unique=True),
)
def test_rotations_and_reflections_leave_every_texture_unchanged(levels, axes, flips):
    turned = np.ascontiguousarray(np.flip(levels.transpose(axes), flips))
    for texture in TEXTURES.values():
        assert texture(turned, 4) == pytest.approx(texture(levels, 4))


@given(levels=REGIONS, before=st.integers(0, 3), after=st.integers(0, 3))
def test_voxels_outside_the_region_do_not_matter(levels, before, after):
    wider = np.pad(levels, (before, after))
    for texture in TEXTURES.values():
        assert texture(wider, 4) == pytest.approx(texture(levels, 4), rel=1e-12)


@given(
    image=hnp.arrays(np.int64, (3, 4, 3), elements=st.integers(-1000, 1000)),
    offset=st.integers(-(2**30), 2**30),
    power=st.integers(-40, 40),
)
def test_grey_levels_know_neither_scale_nor_offset(image, offset, power):
    inside = np.ones(image.shape, bool)
    levels = discretise(image.astype(float), inside, 32)
    # Integers times a power of two are exact, so every bin edge stays where it was.
    assert (discretise((image + offset) * 2.0**power, inside, 32) == levels).all()


def test_bins_are_of_equal_width_and_the_maximum_is_in_the_last():
    # Range 0 to 8 in 4 bins: [0, 2) -> 1, [2, 4) -> 2, [4, 6) -> 3, [6, 8] -> 4.
    image = np.array([0.0, 1.9, 2.0, 5.9, 6.0, 8.0, 99.0]).reshape(1, 1, 7)
    levels = discretise(image, image < 99, 4)
    assert levels.ravel().tolist() == [1, 1, 2, 3, 4, 4, 0]


def test_one_level_has_the_values_of_a_flat_texture():
    flat = np.ones((3, 3, 3), np.uint8)
    features = glcm(flat, 32)
    assert features["correlation"] == features["angular_second_moment"] == 1
    assert features["joint_entropy"] == features["contrast"] == 0
    assert ngtdm(flat, 32) == {
        "coarseness": 1e6,
        "contrast": 0,
        "busyness": 0,
        "complexity": 0,
        "strength": 0,
    }


def test_voxels_without_neighbours_pair_with_themselves():
    apart = np.zeros((3, 1, 1), np.uint8)
    apart[[0, 2]] = [[[1]], [[3]]]
    assert entries(glcm_matrix(apart, 4)) == {(1, 1): 1, (3, 3): 1}
    assert ngtdm(apart, 4)["coarseness"] == 1e6


def test_busyness_at_its_pole():
    # Level 1 four times and level 4 once: 1 * 4/5 - 4 * 1/5 = 0.
    assert ngtdm(np.array([[[1, 1, 4, 1, 1]]], np.uint8), 4)["busyness"] == 0


ANY = st.floats(-1e150, 1e150)  # denormals as well; their squares need not be floats


@st.composite
def nearly_constant(draw):
    steps = draw(st.lists(st.integers(-40, 40), min_size=1, max_size=30))
    base = draw(ANY)
    return base + np.array(steps, float) * np.spacing(base)


def exact(values):
    """Return statistics in exact arithmetic, rounded once; skewness, kurtosis to 1e-15."""
    ordered = sorted(map(Fraction, values.tolist()))
    n = len(ordered)
    mean = sum(ordered) / n
    second, third, fourth = (sum((x - mean) ** k for x in ordered) / n for k in (2, 3, 4))
    skewness_squared = third**2 / second**3 if second else 0
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return {
        "mean": float(mean),
        "variance": float(second),
        "skewness": float(skewness_squared) ** 0.5 * (1 if third > 0 else -1),
        "kurtosis": float(fourth / second**2) - 3 if second else 0.0,
        "median": float(median),
        "mean_absolute_deviation": float(sum(abs(x - mean) for x in ordered) / n),
        "median_absolute_deviation": float(sum(abs(x - median) for x in ordered) / n),
    }


@given(values=st.lists(ANY, min_size=1, max_size=30).map(np.array) | nearly_constant())
@example(np.array([0.0, 5e-324]))  # rounded to a float, their mean is one of them
@example(np.array([1.0, 1 + 2**-52]))
@example(np.full(3, 0.1))
@example(np.array([1e150, -1e150, 1e134]))
def test_statistics_agree_with_exact_arithmetic(values):
    ours, largest = statistics(values), float(np.abs(values).max())
    assert np.isfinite(list(ours.values())).all()
    for name, value in exact(values).items():
        # A mean cannot be told better than the largest intensity, nor a float than the smallest.
        about = 1e-15 * largest if name in {"mean", "median"} else 1e-12
        if "deviation" in name:
            about = 1e-15 * float(np.ptp(values))
        if name == "variance":
            about = 0.0
        assert ours[name] == pytest.approx(value, rel=1e-12, abs=max(about, 1e-323)), name
    assert ours["minimum"] <= ours["mean"] <= ours["maximum"]
    square = sum(Fraction(x) ** 2 for x in values.tolist())
    assert ours["energy"] == pytest.approx(float(square), rel=1e-12, abs=1e-323)
    over = square / len(values) / Fraction(largest or 1) ** 2
    assert ours["root_mean_square"] == pytest.approx(largest * float(over) ** 0.5, rel=1e-12)


@given(values=st.lists(ANY, min_size=1, max_size=30).map(np.array) | nearly_constant())
def test_quantiles_are_those_of_numpy(values):
    ours = statistics(values)
    p10, p25, p75, p90 = np.percentile(values, (10, 25, 75, 90), method="inverted_cdf")
    assert (ours["p10"], ours["p90"], ours["interquartile_range"]) == (p10, p90, p75 - p25)
    assert (ours["minimum"], ours["maximum"]) == (values.min(), values.max())
    assert ours["range"] == np.ptp(values)


def test_bands_are_those_of_a_stationary_transform_away_from_the_edges():
    image = np.random.default_rng(0).random((16, 14, 12))
    (published,) = pywt.swtn(image, "coif1", level=1)
    interior = (slice(4, -4),) * 3
    ours = dict(bands(image))
    assert len(ours) == 8
    for name, band in ours.items():
        theirs = published[name.replace("L", "a").replace("H", "d")]
        np.testing.assert_allclose(band[interior], theirs[interior], atol=1e-12)


def test_the_image_goes_on_as_its_mirror_beyond_its_edges():
    image = np.random.default_rng(0).random((6, 5, 7))
    mirrored = dict(bands(np.pad(image, 3, mode="symmetric")))
    for name, band in bands(image):
        np.testing.assert_allclose(band, mirrored[name][(slice(3, -3),) * 3], atol=1e-12)


def test_bands_of_an_image_that_does_not_vary_along_an_axis():
    # The low-pass filter sums to the square root of 2, the high-pass filter to 0.
    image = np.broadcast_to(np.random.default_rng(0).random((6, 5, 1)), (6, 5, 7)).copy()
    ours = dict(bands(image))
    assert not any(ours[name].any() for name in ours if name[2] == "H")
    flat = dict(bands(np.full((4, 4, 4), 0.3)))
    np.testing.assert_allclose(flat["LLL"], 0.3 * 2**1.5)


@given(levels=LEVELS)
def test_foreground_is_all_that_is_not_zero_or_everything(levels):
    inside = foreground(levels.astype(float))
    assert inside.all() if not levels.any() else ((levels != 0) == inside).all()
    box = bounding_box(inside)
    assert inside[box].sum() == inside.sum()
    assert all(inside[box].any(axis=(1, 2))[[0, -1]])
