import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.volumes.intensity import PercentileIntensity, WindowIntensity, ZScoreIntensity
from evalsuite.volumes.preprocessing import PRESETS, Preprocessing
from evalsuite.volumes.volume import Volume

SHAPES = st.tuples(*[st.integers(3, 9)] * 3)
IDENTITY = PercentileIntensity(low=0, high=100)


def volume(shape=(6, 7, 8), spacing=(1.0, 1.0, 1.0), seed=0):
    voxels = np.random.default_rng(seed).random(shape, dtype=np.float32)
    return Volume(voxels, np.diag([*spacing, 1.0]))


def test_auto_takes_the_medians_of_the_real_cohort():
    affines = [np.diag([1.0, 1.0, s, 1.0]) for s in (1.0, 2.0, 4.0)]
    # Extents along z: 10 x 1, 10 x 2, 10 x 4 mm; at the median spacing of 2 mm: 5, 10, 20.
    resolved = Preprocessing().resolve([(8, 8, 10)] * 3, affines)
    assert resolved.spacing == (1.0, 1.0, 2.0)
    assert resolved.shape == (8, 8, 10)


def test_auto_rounds_a_shape_to_the_nearest_voxel():
    steps = Preprocessing(spacing=(1.0, 1.0, 2.0))
    # 11 voxels of 1.9 mm are 20.9 mm, 10.45 voxels of 2 mm; of 1.94 mm they are 10.67.
    for step, voxels in ((1.9, 10), (1.94, 11)):
        resolved = steps.resolve([(8, 8, 11)], [np.diag([1.0, 1.0, step, 1.0])])
        assert resolved.shape == (8, 8, voxels)


@pytest.mark.parametrize(("step", "resampled"), [(1.0, False), (1.0005, False), (1.005, True)])
def test_a_spacing_counts_as_another_from_a_thousandth_on(step, resampled):
    steps = Preprocessing(spacing=(1.0, 1.0, 1.0), shape=(8, 8, 8))
    assert steps.interpolates(np.diag([1.0, step, 1.0, 1.0])) is resampled


def test_auto_reads_shapes_along_the_axes_of_the_patient():
    first_axis_is_superior = np.array(
        [[0, 1.0, 0, 0], [0, 0, 1.0, 0], [3.0, 0, 0, 0], [0, 0, 0, 1]]
    )
    resolved = Preprocessing().resolve([(4, 5, 6)], [first_axis_is_superior])
    assert resolved.shape == (5, 6, 4)
    assert resolved.spacing == (1.0, 1.0, 3.0)


def test_applying_unresolved_steps_is_refused():
    with pytest.raises(ValueError, match="resolve the preprocessing"):
        Preprocessing().apply(volume())


@given(SHAPES, st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1, 1])] * 3))
def test_orientation_does_not_change_where_anything_lies(shape, order, signs):
    """The same anatomy stored along other axes gives the same voxels."""
    original = volume(shape)
    steps = Preprocessing(shape=shape, spacing="native", intensity=IDENTITY)
    orientation = np.array([[order.index(i), signs[i]] for i in range(3)])
    stored = nibabel.Nifti1Image(original.voxels, original.affine).as_reoriented(orientation)
    other = steps.apply(Volume(stored.get_fdata(dtype=np.float32), stored.affine))
    expected = steps.apply(original)
    np.testing.assert_array_equal(other.voxels, expected.voxels)
    np.testing.assert_allclose(other.affine, expected.affine)


@given(SHAPES, SHAPES)
def test_crop_and_pad_keep_every_shared_voxel_at_its_place_in_the_patient(shape, target):
    original = volume(shape)
    fitted = Preprocessing(
        shape=target, spacing="native", intensity=WindowIntensity(low=0, high=1)
    ).apply(original)
    assert fitted.shape == target
    start = fitted.affine[:3, 3].round().astype(int)
    for index in np.ndindex(*target):
        source = tuple(start + index)
        inside = all(0 <= s < n for s, n in zip(source, shape, strict=True))
        assert fitted.voxels[index] == pytest.approx(original.voxels[source] if inside else 0.0)


def test_resampling_a_linear_ramp_keeps_its_values_in_millimetres():
    x = np.arange(20, dtype=np.float32)
    ramp = Volume(np.broadcast_to(x[:, None, None], (20, 6, 6)).copy(), np.diag([2.0, 1, 1, 1]))
    steps = Preprocessing(
        spacing=(1.0, 1.0, 1.0), shape=(40, 6, 6), intensity=WindowIntensity(low=0, high=20)
    )
    out = steps.apply(ramp)
    at = out.affine[0, 3] + np.arange(40)
    inside = (at >= 0) & (at <= 38)
    np.testing.assert_allclose(out.voxels[inside, 3, 3] * 20, at[inside] / 2, atol=1e-5)
    assert out.spacing == pytest.approx((1.0, 1.0, 1.0))


def test_downsampling_smooths_what_the_coarse_grid_cannot_hold():
    stripes = np.zeros((32, 8, 8), np.float32)
    stripes[::2] = 1
    steps = Preprocessing(
        spacing=(4.0, 1.0, 1.0), shape=(8, 8, 8), intensity=WindowIntensity(low=0, high=1)
    )
    out = steps.apply(Volume(stripes, np.eye(4))).voxels[1:-1]
    assert np.abs(out - 0.5).max() < 0.05


def test_resize_keeps_the_extent_in_the_patient():
    steps = Preprocessing(spacing="native", shape=(12, 7, 4), fit="resize")
    out = steps.apply(volume((6, 7, 8)))
    assert out.shape == (12, 7, 4)
    assert np.array(out.shape) * np.array(out.spacing) == pytest.approx([6, 7, 8])


@given(st.floats(1e-2, 1e6), st.floats(-1e3, 1e3))
def test_percentiles_make_arbitrary_units_vanish(scale, shift):
    voxels = volume().voxels.astype(np.float64)
    rule = PercentileIntensity()
    np.testing.assert_allclose(rule.apply(voxels * scale + shift), rule.apply(voxels), atol=1e-6)


def test_percentiles_fall_back_to_the_range_of_a_nearly_empty_volume():
    voxels = np.zeros((10, 10, 10))
    voxels[5, 5, 5] = 7
    assert PercentileIntensity().apply(voxels)[5, 5, 5] == 1


def test_zscore_leaves_background_at_zero():
    voxels = np.array([0.0, 1, 2, 3]).reshape(4, 1, 1)
    # Mean 2 and standard deviation sqrt(2/3) of the values 1, 2, 3.
    out = ZScoreIntensity().apply(voxels).ravel()
    np.testing.assert_allclose(out, [0, -1.2247449, 0, 1.2247449], atol=1e-7)
    assert not ZScoreIntensity().apply(np.zeros((2, 2, 2))).any()


def test_ct_window_maps_air_and_bone():
    voxels = np.array([-2000.0, -1000, 0, 1000, 3000]).reshape(5, 1, 1)
    out = PRESETS["ct"].intensity.apply(voxels).ravel()
    np.testing.assert_allclose(out, [0, 0, 0.5, 1, 1])


def test_padding_never_moves_the_intensities():
    original = volume((5, 5, 5))
    small = Preprocessing(spacing="native", shape=(5, 5, 5)).apply(original)
    large = Preprocessing(spacing="native", shape=(50, 50, 50)).apply(original)
    np.testing.assert_array_equal(large.voxels[22:27, 22:27, 22:27], small.voxels)


def test_the_hash_follows_every_step():
    base = Preprocessing(spacing=(1.0, 1.0, 1.0), shape=(8, 8, 8))
    others = [
        base.model_copy(update=change)
        for change in (
            {"spacing": (1.0, 1.0, 2.0)},
            {"shape": (8, 8, 9)},
            {"fit": "resize"},
            {"orientation": "native"},
            {"orientation": "LPS"},
            {"axes": "zyx"},
            {"interpolation": "linear"},
            {"trim": True, "intensity_first": True},
            {"border": "padding", "intensity_first": True},
            {"intensity_first": True},
            {"padding": -1.0},
            {"intensity": PercentileIntensity(over="nonzero")},
            {"intensity": PercentileIntensity(range=None)},
            {"intensity": PercentileIntensity(low=1)},
        )
    ]
    assert len({base.hash, *(other.hash for other in others)}) == 15
    assert base.hash == Preprocessing.model_validate(base.model_dump()).hash


@pytest.mark.parametrize(
    ("steps", "shape", "some", "total"),
    [
        (
            {"spacing": (1.5, 1, 1.5), "shape": (5, 9, 8)},
            (5, 9, 8),
            [0.4919906556606293, 0.27558282017707825, 0.26935264468193054],
            159.010194407776,
        ),
        (
            {
                "spacing": (2, 2, 2),
                "shape": (3, 7, 6),
                "fit": "resize",
                "intensity": WindowIntensity(),
            },
            (3, 7, 6),
            [0.5311028361320496, 0.5309950113296509, 0.5964226722717285],
            67.46021908521652,
        ),
        (
            {
                "orientation": "native",
                "spacing": "native",
                "shape": (10, 7, 7),
                "intensity": ZScoreIntensity(),
            },
            (10, 7, 7),
            [-0.30468809604644775, -0.17497923970222473, 0.5096020698547363],
            0.0,
        ),
    ],
)
def test_steps_of_before_there_were_others_give_the_voxels_of_then(steps, shape, some, total):
    """Values frozen from the code before orientation, interpolation and the rest could be chosen."""
    voxels = np.random.default_rng(7).normal(100, 300, (9, 8, 7)).astype(np.float32)
    affine = np.array([[0, -1.2, 0, 30], [0.9, 0, 0, -20], [0, 0, 2.0, 5], [0, 0, 0, 1]])
    found = Preprocessing(**steps).apply(Volume(voxels, affine)).voxels
    assert (found.shape, found.dtype) == (shape, np.float32)
    np.testing.assert_array_max_ulp(found[1, 2, 3:6], np.array(some, np.float32), maxulp=4)
    assert found.sum(dtype=np.float64) == pytest.approx(total, abs=1e-6, rel=1e-9)
