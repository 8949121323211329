"""The metric of slices, against arithmetic by hand and against faults planted in real volumes."""

import math
import re
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, stats

from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.metric import Views
from evalsuite.metrics.slices import METRIC
from evalsuite.metrics.slices import frechet as slices_frechet
from evalsuite.metrics.slices.consistency import FOLDS, folds, median, nearest, robust_z
from evalsuite.metrics.slices.estimates import fault_threshold
from evalsuite.metrics.slices.frechet import LENGTH, SLICES, described
from evalsuite.metrics.slices.profiles import (
    FREQUENCIES,
    PERIODS,
    PLANES,
    brightness_changes,
    content,
    correlations,
    folded,
    frequencies,
    interpolation_ratio,
    log_sharpness,
    power,
    standardised,
    through_plane,
)
from evalsuite.metrics.slices.profiles import profiles as profiles_in
from evalsuite.metrics.subjects import each_its_own
from evalsuite.records import Detail, Estimate, Scores
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from tests.caveats import sentences
from tests.metrics.phantoms import smooth


def views(volumes, prefix="v", spacing=(1.0, 1.0, 1.0)):
    tensors = [torch.as_tensor(v, dtype=torch.float32) for v in volumes]
    return Views([f"{prefix}{i}" for i in range(len(tensors))], {}, tensors, spacing)


def estimates(findings):
    return {f.key: f for f in findings if isinstance(f, Estimate)}


def scores(findings):
    return {f.name: f for f in findings if isinstance(f, Scores)}


def shown(findings):
    return next(f.values for f in findings if isinstance(f, Detail))


def profiles(voxels):
    return profiles_in(voxels, content(voxels))


def cohort(n, seed, shape=(14, 15, 16)):
    return [smooth(shape, 100 * seed + i) for i in range(n)]


# --- formulas


def test_correlations_are_pearsons_and_zero_beside_an_empty_slice():
    flat = np.random.default_rng(0).normal(size=(6, 50)).cumsum(axis=0)
    found = correlations(standardised(flat))
    expected = [np.corrcoef(flat[i], flat[i + 1])[0, 1] for i in range(5)]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(correlations(standardised(3 + 7 * flat)), expected)
    flat[2] = 4.0
    np.testing.assert_allclose(correlations(standardised(flat))[[1, 2]], 0)


def test_interpolation_ratio_by_hand():
    # Half way between (0, 0) and (4, 0) lies (2, 0); (2, 1) is 1 away from it, they are 2 away.
    three = np.array([[0.0, 0.0], [2.0, 1.0], [4.0, 0.0]])
    np.testing.assert_allclose(interpolation_ratio(three), math.log(1 / 4), rtol=1e-5)
    # Noise: 1 + 1/4 + 1/4 over 1/4 + 1/4.
    noise = np.random.default_rng(0).normal(size=(3, 400_000))
    np.testing.assert_allclose(interpolation_ratio(noise), math.log(3), atol=0.02)


@given(step=st.floats(-0.5, 0.5))
def test_a_brightness_step_is_measured_exactly_and_anatomy_hardly_moves_it(step):
    flat = np.random.default_rng(0).uniform(0.2, 1, (1, 400)).repeat(2, axis=0)
    flat[1] *= 1 + step
    # (b - a) / ((a + b) / 2) with b = a (1 + s).
    np.testing.assert_allclose(brightness_changes(flat), step / (1 + step / 2), atol=1e-12)
    changed = flat.copy()
    changed[1, np.argsort(flat[0])[-40:]] *= 0.5  # a tenth of the voxels, all in the foreground
    assert abs(brightness_changes(changed)[0] - step / (1 + step / 2)) < 0.02 + 0.1 * abs(step)


def test_brightness_of_empty_slices_is_defined():
    flat = np.array([[1.0, 2.0, 3.0, 4.0], [0.0] * 4, [0.0] * 4])
    np.testing.assert_allclose(brightness_changes(flat), [-2, 0])


def test_folding_is_the_analysis_of_variance():
    changes = np.random.default_rng(0).normal(size=31)
    for period, found in zip(PERIODS, folded(changes), strict=True):
        phases = [changes[i::period] for i in range(period)]
        assert found == pytest.approx(math.log(stats.f_oneway(*phases).statistic))
    assert np.isnan(folded(changes[:11])).tolist() == [False, False] + [True] * 5


def test_sharpness_by_hand():
    # A single 1 in 5 x 5: the Laplacian on the inner 3 x 3 is 4 at it and -1 at four neighbours,
    # so 20 / 9; the variance is 1/25 - 1/625.
    image = np.zeros((1, 5, 5))
    image[0, 2, 2] = 1
    expected = math.log(20 / 9 / (1 / 25 - 1 / 625))
    np.testing.assert_allclose(log_sharpness(image), expected, rtol=1e-4)
    np.testing.assert_allclose(log_sharpness(3 + 10 * image), expected, rtol=1e-4)


def test_content_leaves_padding_out_and_keeps_gaps():
    voxels = np.zeros((12, 13, 14))
    voxels[2:9, 3:10, 4:12] = np.random.default_rng(0).random((7, 7, 8))
    voxels[5] = 0
    voxels[:, 5, 12] = 1  # a line in the padding does not make a slice full
    # One more beside the padding, none at the end of the volume.
    assert content(voxels) == (slice(3, 8), slice(4, 9), slice(5, 11))
    assert content(voxels[2:, :10]) == (slice(0, 6), slice(4, 10), slice(5, 11))
    assert content(np.ones((3, 3, 3))) == (slice(0, 0),) * 3


@given(
    seed=st.integers(0, 99),
    scale=st.floats(0.01, 100),
    shift=st.floats(-10, 10),
    margins=st.tuples(*[st.tuples(st.integers(1, 3), st.integers(1, 3))] * 3),
)
def test_neither_scale_nor_offset_nor_padding_changes_a_profile(seed, scale, shift, margins):
    voxels = smooth((12, 13, 14), seed, dtype=torch.float64).numpy()
    voxels -= voxels.min()
    padded = np.pad(voxels, margins)
    plain, moved = profiles(np.pad(voxels, 1)), profiles(scale * padded + shift)
    for axis in range(3):
        assert moved[axis].start == plain[axis].start + margins[axis][0] - 1
        for ours, theirs in zip(plain[axis][1:], moved[axis][1:], strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_profiles_have_one_value_per_slice_or_gap():
    for profile, k in zip(
        profiles(smooth((12, 13, 14), 0).double().numpy()), (12, 13, 14), strict=True
    ):
        assert [len(values) for values in profile[1:]] == [k - 1, k - 1, k - 1, k - 2, k - 1, 7, k]


def test_axes_with_too_few_slices_say_nothing():
    thin = profiles(smooth((20, 20, 5), 0).double().numpy())
    assert [p is None for p in thin] == [False, False, True]
    assert profiles(smooth((20, 20, 2), 0).double().numpy()) == (None, None, None)
    assert profiles(np.ones((9, 9, 9))) == (None, None, None)


def test_power_of_a_wave_and_of_noise():
    k = np.arange(48)
    spacing = (1.0, 1.0, 2.0)
    wave = np.broadcast_to(np.sin(2 * np.pi * k / 6), (48, 48, 48)).copy()  # 12 mm along z
    wave += 0.01 * np.random.default_rng(0).normal(size=wave.shape)
    found = through_plane(power(wave, spacing))
    asked = frequencies(spacing)
    assert asked[-1] == 0.25  # the Nyquist frequency of 2 mm
    assert len(asked) == FREQUENCIES
    assert asked[found[2].argmax()] == pytest.approx(1 / 12, abs=asked[0])
    assert found[2].max() > 5
    assert found[0].min() < 0
    noise = np.random.default_rng(0).normal(size=(48, 48, 48))
    density = power(noise, spacing)
    np.testing.assert_allclose(density[:2], 0, atol=0.2)  # variance 1 times 1 mm
    np.testing.assert_allclose(density[2], math.log(2), atol=0.2)
    np.testing.assert_allclose(through_plane(power(noise, (1.0, 1.0, 1.0))), 0, atol=0.2)


def test_frechet_is_that_of_the_slices_of_all_volumes():
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(20, 10, 24)), rng.normal(0.1, 1.3, (15, 10, 24))
    pooled = (torch.tensor(cohort.reshape(-1, 24)) for cohort in (real, synthetic))
    assert slices_frechet.between(real, synthetic) == pytest.approx(frechet_distance(*pooled))


def test_descriptors_by_hand():
    voxels = np.add.outer(np.add.outer(np.arange(16.0), np.zeros(20)), np.zeros(24))
    voxels += np.random.default_rng(0).uniform(0, 1e-3, voxels.shape)
    found = described(voxels)
    assert found.shape == (3, SLICES, LENGTH)
    sagittal = found[0]
    chosen = np.linspace(0, 15, 18)[1:-1].round()
    np.testing.assert_allclose(sagittal[:, :21], chosen[:, None].repeat(21, axis=1), atol=2e-3)
    # Across y a slice is a ramp 0 to 15 along x: rows of tiles of means 1.5, 5.5, 9.5 and 13.5.
    np.testing.assert_allclose(found[1][5, :16], np.repeat([1.5, 5.5, 9.5, 13.5], 4), atol=2e-3)
    # Differences at lags of 1, 2 and 4 along the ramp.
    np.testing.assert_allclose(found[1][5, 21:], np.log([1, 4, 16]), atol=1e-3)


@given(st.integers(1, 70))
def test_folds_deal_every_volume_once(n):
    parts = folds(np.arange(n))
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    assert len(parts) == min(n, FOLDS)


@given(slices=st.integers(1, 30), more=st.integers(0, 20))
def test_no_slice_is_lost_on_the_grid(slices, more):
    chosen = nearest(slices, slices + more)
    assert set(chosen.tolist()) == set(range(slices))
    assert (np.diff(chosen) >= 0).all()


def test_medians_and_z_scores_by_hand():
    rows = np.array([[1.0, np.nan, np.nan], [2.0, 5.0, np.nan], [9.0, 7.0, np.nan]])
    np.testing.assert_array_equal(median(rows), [2, 6, np.nan])
    # Medians 3 and 30, MADs 1 and 0; the second is raised to half of their median 0.5.
    reference = np.array([[2.0, 30.0], [3.0, 30.0], [4.0, 30.0]])
    z = robust_z(np.array([[5.0, 31.0]]), reference)
    np.testing.assert_allclose(z, [[2 / 1.4826, 1 / (1.4826 * 0.25)]])
    np.testing.assert_array_equal(robust_z(np.array([[5.0]]), np.ones((3, 1))), [[0.0]])


def test_threshold_is_conformal():
    # The 5th smallest of 99: a new one is among the lowest 5 of 100 with probability 0.05.
    assert fault_threshold(np.arange(99.0)[::-1], 0.05) == (4.0, 0.05)
    assert fault_threshold(np.arange(9.0), 0.05) == (0.0, 0.1)


# --- the metric


def test_estimates_scores_and_detail_of_small_cohorts():
    found = METRIC.compute(views(cohort(24, 0)), views(cohort(9, 1), "s"), seed=3)
    numbers = estimates(found)
    kinds = ("similarity", "profile_outside", "power_ratio", "brightness_jump")
    kinds += ("brightness_period", "sharpness_jump", "frechet")
    expected = {f"slice_{kind}_{plane}" for kind in kinds for plane in PLANES}
    assert set(numbers) == expected | {"slice_consistency", "slice_faults"}
    for name, e in numbers.items():
        assert math.isfinite(e.value), name
        assert e.reference is not None, name
        assert (e.n_real, e.n_synthetic) == (24, 9)
        assert sentences(e) == ()
        if e.interval:
            assert e.interval.low <= e.value <= e.interval.high
    table = scores(found)
    assert list(table) == ["slice_consistency", *(f"slice_consistency_{p}" for p in PLANES)]
    whole = table["slice_consistency"]
    by_plane = np.array([table[f"slice_consistency_{p}"].synthetic for p in PLANES])
    np.testing.assert_array_equal(whole.synthetic, by_plane.min(axis=0))
    assert (len(whole.real), len(whole.synthetic)) == (24, 9)
    assert numbers["slice_consistency"].value == np.median(whole.synthetic)
    assert numbers["slice_consistency"].reference == np.median(whole.real)
    mean = np.mean([profiles(v.double().numpy())[2].similarity.mean() for v in cohort(9, 1)])
    assert numbers["slice_similarity_axial"].value == pytest.approx(mean)
    detail = shown(found)
    assert detail["real"]["similarity"][1].shape == (3, 15)
    assert len(detail["worst"]) == 6
    assert detail["worst"][0]["score"] == whole.synthetic.min()


def test_order_of_volumes_does_not_matter_and_the_seed_decides_the_halves_only():
    real, synthetic = cohort(21, 0), cohort(6, 1)
    first = METRIC.compute(views(real), views(synthetic), seed=0)
    order = [3, 1, 5, 0, 2, 4]
    other = METRIC.compute(views(real), views([synthetic[i] for i in order]), seed=1)
    ours, theirs = scores(first)["slice_consistency"], scores(other)["slice_consistency"]
    np.testing.assert_array_equal(ours.synthetic[order], theirs.synthetic)
    np.testing.assert_array_equal(ours.real, theirs.real)
    before, after = estimates(first), estimates(other)
    for name, e in before.items():
        assert after[name].value == pytest.approx(e.value), name
    name = "slice_frechet_axial"
    assert before[name].reference != after[name].reference


def test_convention_noise_between_slices_is_worse_and_blur_is_not():
    real, fresh = cohort(24, 0), cohort(12, 1)
    rng = np.random.default_rng(0)
    noisy = [v + 0.1 * torch.tensor(rng.normal(size=v.shape)) for v in fresh]
    blurred = [torch.tensor(ndimage.gaussian_filter(v.numpy(), 0.7)) for v in fresh]
    found = {
        name: estimates(METRIC.compute(views(real), views(volumes)))
        for name, volumes in (("fresh", fresh), ("noisy", noisy), ("blurred", blurred))
    }
    similarity = [found[n]["slice_similarity_axial"].value for n in ("noisy", "fresh", "blurred")]
    assert similarity == sorted(similarity)
    consistency = {name: numbers["slice_consistency"].value for name, numbers in found.items()}
    assert consistency["noisy"] < consistency["fresh"] - 3
    assert consistency["blurred"] > consistency["fresh"] - 1
    for other in ("noisy", "blurred"):
        name = "slice_frechet_axial"
        assert found[other][name].value > found["fresh"][name].value


def test_what_is_undefined_is_nan_and_said():
    synthetic = [*cohort(3, 1), torch.ones(14, 15, 16)]
    found = METRIC.compute(views(cohort(5, 0)), views(synthetic))
    whole = scores(found)["slice_consistency"].synthetic
    assert np.isnan(whole).tolist() == [False, False, False, True]
    warnings = sentences(estimates(found)["slice_similarity_axial"])
    assert warnings == (
        "Only 5 real volumes tell what is usual between slices: too few for a firm conclusion.",
        (
            "1 of 4 synthetic volumes have fewer than 8 slices with content across every plane, or"
            " none, and were left out."
        ),
    )
    assert estimates(found)["slice_similarity_axial"].n_synthetic == 3
    assert sentences(estimates(found)["slice_faults"])[-1] == (
        "5 real volumes cannot calibrate a rate of 0.05: the least is 0.167."
    )
    assert len(shown(found)["worst"]) == 3


def test_thin_volumes_have_no_numbers_across_their_slices():
    real, synthetic = cohort(6, 0, (14, 15, 6)), cohort(4, 1, (14, 15, 6))
    numbers = estimates(METRIC.compute(views(real), views(synthetic)))
    assert math.isfinite(numbers["slice_similarity_coronal"].value)
    axial = numbers["slice_similarity_axial"]
    assert math.isnan(axial.value)
    assert sentences(axial)[-1] == (
        "No volume of one of the cohorts has 8 slices with content across this plane."
    )


def test_constant_cohorts_are_undefined_throughout():
    found = METRIC.compute(views([torch.ones(9, 9, 9)] * 4), views([torch.ones(9, 9, 9)]))
    for e in estimates(found).values():
        assert math.isnan(e.value)
        assert sentences(e)
    assert np.isnan(scores(found)["slice_consistency"].real).all()
    assert shown(found)["worst"] == ()


def test_one_synthetic_volume_has_values_without_intervals():
    numbers = estimates(METRIC.compute(views(cohort(5, 0)), views(cohort(1, 1))))
    assert all(math.isfinite(e.value) for e in numbers.values())
    assert all(e.interval is None for n, e in numbers.items() if n != "slice_faults")


def test_options_and_input():
    assert METRIC.options() == {"false_positive_rate": 0.05}
    assert METRIC.needs == ("volumes", "subjects")


GOOD = cohort(4, 0)


@pytest.mark.parametrize(
    ("real", "synthetic", "rate", "message"),
    [
        (
            GOOD[:2],
            GOOD,
            0.05,
            (
                "The slice metric needs at least 3 real volumes and a synthetic one, but got 2 real and 4"
                " synthetic."
            ),
        ),
        (
            GOOD,
            [],
            0.05,
            (
                "The slice metric needs at least 3 real volumes and a synthetic one, but got 4 real and 0"
                " synthetic."
            ),
        ),
        (
            GOOD,
            [smooth((14, 15, 17), 0)],
            0.05,
            (
                "Synthetic volume v0 is 14 x 15 x 17 voxels, but the first real one is 14 x 15 x 16. The"
                " slice metric needs one shape: set it in the preprocessing."
            ),
        ),
        (
            [*GOOD, torch.full((14, 15, 16), math.nan)],
            GOOD,
            0.05,
            "Real volume v4 holds NaN or infinite values.",
        ),
        (
            GOOD,
            GOOD,
            0.0,
            "false_positive_rate: expected a number above 0 and below 1, but found 0.0.",
        ),
    ],
)
def test_errors(real, synthetic, rate, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        METRIC.compute(views(real), views(synthetic), false_positive_rate=rate)


# --- planted faults in real volumes


@lru_cache
def real_volumes(folder):
    """Return every fourth volume, preprocessed."""
    read = [read_volume(path) for path in sorted(folder.glob("*.nii.gz"))[::4]]
    steps = Preprocessing().resolve([v.shape for v in read], [v.affine for v in read])
    return [steps.apply(v).voxels.astype(np.float64) for v in read]


def derangement(rng, n):
    order = rng.permutation(n)
    while (order == np.arange(n)).any():
        order = rng.permutation(n)
    return order


def plant(kind, voxels, other, axis, rng):
    """Return the volume with one fault across an axis, in [0, 1] like every preprocessed volume."""
    slices, others = np.moveaxis(voxels.copy(), axis, 0), np.moveaxis(other, axis, 0)
    boxes = content(voxels)[axis], content(other)[axis]
    # Neither the first nor the last slice with content of either volume.
    low, high = max(b.start for b in boxes) + 1, min(b.stop for b in boxes) - 1
    at = int(rng.integers(low, high))
    if kind == "replaced":
        slices[at] = others[at]
    elif kind == "shuffled":
        width = int(rng.integers(4, 6))
        start = int(rng.integers(low, high - width + 1))
        slices[start : start + width] = slices[start + derangement(rng, width)]
    elif kind == "every other slice brighter":
        slices[rng.integers(2) :: 2] *= 1.05
    elif kind == "every fourth slice brighter":
        slices[rng.integers(4) :: 4] *= 1.05
    elif kind == "four brighter, four not":
        slices[(np.arange(len(slices)) + rng.integers(8)) % 8 < 4] *= 1.05
    elif kind == "blurred":
        slices[at] = ndimage.gaussian_filter(slices[at], 1.5)
    elif kind == "repeated":
        slices[at] = slices[at - 1]
    elif kind == "missing":
        slices[at] = 0
    else:
        raise AssertionError(kind)
    return np.clip(np.moveaxis(slices, 0, axis), 0, 1)


KINDS = (
    "replaced",
    "shuffled",
    "every other slice brighter",
    "every fourth slice brighter",
    "four brighter, four not",
    "blurred",
    "repeated",
    "missing",
)


@lru_cache
def scores_of_faulty_volumes(folder):
    """Return scores per plane of clean volumes, and by kind and axis those of the same with faults.

    Two thirds of the volumes are the real cohort; the scores know no other.
    """
    volumes = real_volumes(folder)
    known, clean = [v for i, v in enumerate(volumes) if i % 3], volumes[::3]
    rng = np.random.default_rng(0)
    faulty = [
        plant(kind, voxels, clean[i - 1], axis, rng)
        for kind in KINDS
        for axis in range(3)
        for i, voxels in enumerate(clean)
    ]
    found = scores(METRIC.compute(views(known), views([*clean, *faulty])))
    by_plane = np.array([found[f"slice_consistency_{plane}"].synthetic for plane in PLANES])
    whole = by_plane[:, len(clean) :].reshape(3, len(KINDS), 3, len(clean))
    return by_plane[:, : len(clean)], dict(zip(KINDS, np.moveaxis(whole, 0, 2), strict=True))


@pytest.mark.parametrize("axis", range(3), ids=PLANES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_is_found_and_told_in_its_plane(hippocampi, kind, axis):
    clean, faulty = scores_of_faulty_volumes(hippocampi)
    good, bad = clean.min(axis=0), faulty[kind][axis].min(axis=0)
    auc = stats.mannwhitneyu(good, bad).statistic / len(good) / len(bad)
    assert auc > 0.95
    told = faulty[kind][axis].argmin(axis=0) == axis
    assert told.mean() > 0.75


def test_fresh_real_volumes_score_as_the_real_cohort_does(hippocampi):
    volumes = real_volumes(hippocampi)
    found = METRIC.compute(views(volumes[::2]), views(volumes[1::2]))
    numbers, whole = estimates(found), scores(found)["slice_consistency"]
    assert stats.mannwhitneyu(whole.real, whole.synthetic).pvalue > 0.01
    assert numbers["slice_faults"].interval.low <= numbers["slice_faults"].reference
    for plane in PLANES:
        value = numbers[f"slice_frechet_{plane}"]
        assert value.value < value.reference + 3 * value.standard_error


def test_error_of_the_distance_is_that_of_volumes_not_of_slices():
    rng = np.random.default_rng(0)
    # Slices of a volume are the same: 30 and 40 volumes tell as much as one slice of each.
    real, synthetic = rng.normal(size=(30, 1, 3)), rng.normal(1, 1, (40, 1, 3))
    once = slices_frechet.standard_error(real, synthetic, each_its_own(30, 40), 1)
    many = (cohort.repeat(9, axis=1) for cohort in (real, synthetic))
    found = slices_frechet.standard_error(*many, each_its_own(30, 40), 1)
    # Covariances are divided by 9 n - 1 in place of 9 (n - 1).
    assert found == pytest.approx(once, rel=0.05)
