import itertools
import struct

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from evalsuite.errors import EvalsuiteError
from evalsuite.study.blinding.cases import decode, encode, prepare, remarks, resolve
from evalsuite.study.protocol.windows import Grey, grey_of
from evalsuite.volumes.check import check_volume
from evalsuite.volumes.intensity import WindowIntensity
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.volumes.test_read import write_dicom, write_itk

STEPS = Preprocessing(shape=(14, 15, 16), spacing=(1.0, 1.0, 1.0))
ORIENTATIONS = [
    "".join(code)
    for axes in itertools.permutations(("RL", "AP", "SI"))
    for code in itertools.product(*axes)
]


def smooth(seed=0, shape=(14, 15, 16)):
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, 1.5).astype(np.float32)


def asymmetric():
    """Return a head with a bright spot at the patient's right, front and top, in RAS."""
    voxels = np.zeros((10, 12, 13), dtype=np.int16)
    voxels[2:8, 2:10, 2:11] = 300
    voxels[7, 9, 10] = 1000
    return voxels


def stored(code):
    """Return the head as a file would hold it whose axes run as the code says."""
    affine = np.diag([1.0, 1.2, 1.5, 1.0])
    affine[:3, 3] = [-40.0, 7.0, 90.0]
    wanted = nibabel.orientations.axcodes2ornt(code)
    return nibabel.Nifti1Image(asymmetric(), affine).as_reoriented(
        nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), wanted)
    )


def write(kind, path, picture):
    voxels, affine = np.asarray(picture.dataobj), picture.affine
    if kind == "nifti":
        nibabel.save(picture, path := path.with_suffix(".nii"))
    elif kind == "dicom":
        write_dicom(path, voxels, affine)
    else:
        write_itk(path := path.with_suffix(".mha"), voxels, affine)
    return path


@pytest.mark.parametrize("kind", ["nifti", "dicom", "metaimage"])
@pytest.mark.parametrize("code", ORIENTATIONS)
def test_right_front_and_top_are_right_for_every_orientation_of_the_source(tmp_path, code, kind):
    volume = read_volume(write(kind, tmp_path / "head", stored(code)))
    steps = Preprocessing(
        shape=(10, 12, 13), spacing=(1.0, 1.2, 1.5), intensity=WindowIntensity(low=0, high=1000)
    )
    content = encode(prepare(volume, steps), (1.0, 1.2, 1.5))
    # By an independent reader: what a viewer makes of the file.
    seen = nibabel.Nifti1Image.from_bytes(content)
    assert nibabel.aff2axcodes(seen.affine) == ("R", "A", "S")
    np.testing.assert_array_equal(np.asarray(seen.dataobj) == 1000, asymmetric() == 1000)
    x, y, z = seen.affine[:3] @ [*np.argwhere(np.asarray(seen.dataobj) == 1000)[0], 1]
    assert (x > 0, y > 0, z > 0) == (True, True, True)


def test_every_case_has_the_same_header_whatever_its_source(tmp_path):
    headers = set()
    for i, (shape, spacing) in enumerate([((9, 30, 16), 1.0), ((20, 15, 11), 0.8)]):
        path = tmp_path / f"patient{i}.nii"
        picture = nibabel.Nifti1Image(smooth(i, shape) * 10**i, np.diag([spacing] * 3 + [1.0]))
        picture.header["descrip"] = f"scanner {i}"
        nibabel.save(picture, path)
        content = encode(prepare(read_volume(path), STEPS), (1.0, 1.0, 1.0))
        headers.add(content[:352])
        assert len(content) == 352 + 14 * 15 * 16 * 2
    assert len(headers) == 1


def test_the_header_is_a_plain_centred_grid():
    seen = nibabel.Nifti1Image.from_bytes(encode(np.zeros((4, 5, 7), np.uint16), (1.0, 2.0, 0.5)))
    expected = np.diag([1.0, 2.0, 0.5, 1.0])
    expected[:3, 3] = [-1.5, -4.0, -1.5]  # the middle of 4, 5 and 7 voxels lies at the origin
    np.testing.assert_allclose(seen.affine, expected)
    np.testing.assert_allclose(seen.get_qform(), expected)
    assert seen.header.get_data_dtype() == np.dtype("<u2")
    assert seen.header.get_xyzt_units()[0] == "mm"
    assert not seen.header["descrip"].item()
    nibabel.Nifti1Header(seen.header.binaryblock, check=True)


@given(
    st.tuples(*[st.integers(1, 6)] * 3),
    st.tuples(*[st.floats(0.125, 9, width=32)] * 3),
    st.integers(0, 99),
)
def test_what_is_encoded_is_decoded(shape, spacing, seed):
    voxels = np.random.default_rng(seed).integers(0, 2**16, shape, dtype=np.uint16)
    found, steps = decode(encode(voxels, spacing))
    np.testing.assert_array_equal(found, voxels)
    assert steps == spacing


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-1], lambda c: c[:40], lambda _: b"", lambda c: b"x" * len(c)]
)
def test_a_damaged_case_is_told(damage):
    content = encode(np.zeros((3, 4, 5), np.uint16), (1, 1, 1))
    with pytest.raises(EvalsuiteError, match="The file of a case is damaged: it is not NIfTI"):
        decode(damage(content))


def test_a_case_of_another_type_is_damaged():
    content = bytearray(encode(np.zeros((3, 4, 5), np.uint16), (1, 1, 1)))
    struct.pack_into("<h", content, 70, 4)
    with pytest.raises(EvalsuiteError, match="is damaged"):
        decode(bytes(content))


def test_preparation_depends_on_the_volume_alone():
    volume = Volume(np.rint(smooth() * 100), np.eye(4))
    first = prepare(volume, STEPS)
    prepare(Volume(smooth(1), np.eye(4)), STEPS)
    np.testing.assert_array_equal(prepare(volume, STEPS), first)


def test_an_eight_bit_case_of_an_older_study_is_decoded():
    content = bytearray(encode(np.zeros((3, 4, 5), np.uint16), (1, 2, 3)))[: 352 + 60]
    struct.pack_into("<2h", content, 70, 2, 8)
    content[352:] = bytes(range(60))
    voxels, spacing = decode(bytes(content))
    assert (voxels.dtype, voxels[1, 0, 0], spacing) == (np.uint8, 1, (1, 2, 3))


@pytest.mark.parametrize("whole", [True, False])
def test_computed_tomography_is_stored_in_hounsfield_units(whole):
    """Whole units of a scanner and fractions of a generator fall on the same levels."""
    steps = STEPS.model_copy(update={"intensity": WindowIntensity(low=-1000, high=1000)})
    noise = np.random.default_rng(0).normal(0, 10, (14, 15, 16))
    inserts = np.array([30, 37, 60, -1200])[np.arange(16) // 4] + noise
    voxels = (np.rint(inserts) if whole else inserts).astype(np.float32)
    prepared = prepare(Volume(voxels, np.eye(4)), steps)
    grey = grey_of(steps)
    assert grey == Grey(2000, -1000, 1000, "HU")
    read = grey.low + prepared / grey.levels * (grey.high - grey.low)
    assert (
        np.abs(read - voxels.clip(-1000)).max() <= 1.5
    )  # less than a unit of dither, and rounding
    means = [read[..., i : i + 4].mean() for i in range(0, 16, 4)]
    np.testing.assert_allclose(means, [30, 37, 60, -1000], atol=1)  # 10 HU / sqrt(840) is 0.35


def test_a_volume_of_few_levels_leaves_no_gaps_and_moves_by_less_than_its_own_step():
    exact = smooth(shape=(24, 24, 24))
    low, high = exact.min(), exact.max()
    few = np.rint((exact - low) / (high - low) * 49)  # 50 levels
    steps = Preprocessing(
        shape=(24, 24, 24), spacing=(1, 1, 1), intensity=WindowIntensity(low=0, high=49)
    )
    prepared = prepare(Volume(few.astype(np.float32), np.eye(4)), steps)
    plain = np.rint(few / 49 * 4095)
    assert len(np.unique(plain)) <= 50
    # 13,824 voxels: some two in each of 256 classes that no stored level of the volume is in.
    middle = np.bincount(prepared.ravel() // 16, minlength=256)[64:192]
    assert (middle > 0).all()
    assert np.abs(prepared - plain).max() <= 4095 / 49 + 1
    # A triangle on one step has a standard deviation of 1 / sqrt(6) steps.
    inside = (few > 0) & (few < 49)
    assert (prepared - plain)[inside].std() == pytest.approx(4095 / 49 / np.sqrt(6), rel=0.05)


def test_background_and_saturation_stay_where_they_are():
    levels = np.random.default_rng(0).integers(-4, 16, (14, 15, 16)).clip(0, 11)
    steps = STEPS.model_copy(update={"intensity": WindowIntensity(low=0, high=11)})
    prepared = prepare(Volume(levels.astype(np.float32), np.eye(4)), steps)
    assert set(prepared[levels == 0]) == {0}
    assert set(prepared[levels == 11]) == {4095}


def test_a_floating_point_volume_is_rounded_and_no_more():
    voxels = np.random.default_rng(0).random((14, 15, 16), dtype=np.float32)
    steps = STEPS.model_copy(update={"intensity": WindowIntensity(low=0, high=1)})
    prepared = prepare(Volume(voxels, np.eye(4)), steps)
    assert np.abs(prepared - voxels * 4095.0).max() < 0.51 + 4095 * 2 / voxels.size


def test_a_nearly_empty_volume_is_prepared():
    two = np.zeros((14, 15, 16), np.float32)
    two[3, 3, 3] = 1
    assert set(np.unique(prepare(Volume(two, np.eye(4)), STEPS))) == {0, 4095}


def infos(folder, sizes, spacing=1.0):
    found = []
    for i, shape in enumerate(sizes):
        path = folder / f"{spacing}-{i}-{shape}.nii"
        write_nifti(Volume(smooth(i, shape), np.diag([spacing] * 3 + [1.0])), path)
        found.append(check_volume(path))
    return found


def test_the_matrix_is_one_that_every_case_fills(tmp_path):
    real = infos(tmp_path, [(14, 20, 16), (12, 22, 18), (13, 21, 30)])
    synthetic = infos(tmp_path, [(26, 38, 40)], spacing=0.5)  # 13, 19 and 20 mm
    steps = resolve(Preprocessing(), real, synthetic)
    assert steps.spacing == (1.0, 1.0, 1.0)  # the median of the real ones
    assert steps.shape == (12, 19, 16)
    for info in (*real, *synthetic):
        prepared = prepare(read_volume(info.path), steps)
        assert all((np.take(prepared, i, axis) != 0).any() for axis in range(3) for i in (0, -1))


def test_a_named_matrix_is_kept(tmp_path):
    real = infos(tmp_path, [(14, 20, 16)])
    steps = Preprocessing(shape=(30, 30, 30))
    assert resolve(steps, real, real).shape == (30, 30, 30)


def test_what_preparation_does_to_one_cohort_only_is_told(tmp_path):
    real = infos(tmp_path, [(14, 20, 16), (14, 20, 30)])
    synthetic = infos(tmp_path, [(26, 36, 36)], spacing=0.5)
    wide = resolve(Preprocessing(shape=(14, 20, 16)), real, synthetic)
    assert remarks(wide, real, synthetic) == (
        (
            "0 of 2 real and 1 of 1 synthetic cases are smaller than 14 x 20 x 16 voxels and get a "
            "black rim, which can tell them apart. Leave out the shape to take one that all fill."
        ),
        (
            "1 of 2 real and 0 of 1 synthetic cases lose over a third of their extent along an axis "
            "when cut to 14 x 20 x 16 voxels. Leave out the smallest volumes, or name a larger shape "
            "and accept a black rim."
        ),
        (
            "0 of 2 real and 1 of 1 synthetic cases are interpolated to 1 x 1 x 1 mm, which smooths "
            "them a little and may tell them apart. Name a spacing coarser than both cohorts', so "
            "that all are interpolated."
        ),
    )
    alike = resolve(Preprocessing(), real[:1], real[:1])
    assert remarks(alike, real[:1], real[:1]) == ()


def test_remarks_need_resolved_steps(tmp_path):
    real = infos(tmp_path, [(14, 20, 16)])
    with pytest.raises(ValueError, match="resolve the preparation"):
        remarks(Preprocessing(), real, real)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (
            {"orientation": "native"},
            (
                "A study shows every case in one orientation, but its preparation has orientation "
                '"native". Leave it out, or set it to RAS.'
            ),
        ),
        (
            {"spacing": "native"},
            (
                'A study shows every case at one spacing, but its preparation has spacing "native". '
                "Name it in millimetres, or leave it out to take the median of the real volumes."
            ),
        ),
        (
            {"shape": "native"},
            (
                'A study shows every case in one matrix, but its preparation has shape "native". '
                "Name it in voxels, or leave it out to take the smallest of all volumes."
            ),
        ),
        (
            {"axes": "zyx"},
            (
                "A study shows the whole of every case along the patient's axes, but its preparation "
                "has axes other than xyz, or trims slices. Leave both out."
            ),
        ),
        (
            {"padding": 2.0},
            (
                "A study shows intensities between black and white, but its preparation has "
                'intensity "percentile", which does not end in 0 to 1, or such a padding. '
                "Set it to percentile (MRI) or window (CT)."
            ),
        ),
        (
            {"fit": "resize"},
            (
                "A study keeps the proportions of the anatomy, but its preparation has fit "
                '"resize", which stretches. Set it to crop-pad.'
            ),
        ),
        (
            {"intensity": {"kind": "zscore"}},
            (
                "A study shows intensities between black and white, but its preparation has "
                'intensity "zscore", which does not end in 0 to 1, or such a padding. '
                "Set it to percentile (MRI) or window (CT)."
            ),
        ),
    ],
)
def test_steps_that_cannot_blind_are_refused(tmp_path, steps, sentence):
    declared = Preprocessing.model_validate(steps)
    real = infos(tmp_path, [(14, 15, 16)])
    with pytest.raises(EvalsuiteError) as refused:
        resolve(declared, real, real)
    assert str(refused.value) == sentence
    with pytest.raises(EvalsuiteError):
        prepare(Volume(smooth(), np.eye(4)), declared)


def test_voxels_that_are_not_finite_are_no_picture():
    voxels = smooth()
    voxels[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN or Inf"):
        prepare(Volume(voxels, np.eye(4)), STEPS)
