import gzip
import hashlib
import random
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from evalsuite.errors import VolumeError
from evalsuite.volumes.formats.dicom import is_dicom
from evalsuite.volumes.read import FORMATS, is_volume, load, read_volume

TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def phantom():
    """Return a box with one bright corner, so that no two axes or directions look alike."""
    voxels = np.zeros((6, 7, 8), dtype=np.int16)
    voxels[1:4, 2:6, 1:3] = 100
    voxels[1, 2, 1] = 900
    return voxels


def oblique():
    """Return an affine with unequal steps, turned by 20 and 35 degrees."""
    a, b = np.deg2rad([20, 35])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag([0.8, 1.5, 2.5])
    affine[:3, 3] = [-30.0, 12.0, 41.0]
    return affine


def write_itk(path, voxels, affine, *, compress=False):
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(voxels.T))
    lps = TO_LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path), compress)


def write_dicom(folder, voxels, affine, *, uid="1.2.3.4", skip=(), suffix=""):
    """Write slices along the last axis under names in another order, with a shift of 1024."""
    folder.mkdir(exist_ok=True)
    lps = TO_LPS @ affine
    steps = np.linalg.norm(lps[:3, :2], axis=0)
    for k in set(range(voxels.shape[2])) - set(skip):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        file.StudyInstanceUID, file.SeriesInstanceUID, file.Modality = "1.2.3", uid, "CT"
        file.ImagePositionPatient = [f"{v:.9g}" for v in (lps @ [0, 0, k, 1])[:3]]
        file.ImageOrientationPatient = [f"{v:.9g}" for v in (lps[:3, :2] / steps).T.ravel()]
        file.PixelSpacing = [f"{v:.9g}" for v in steps[::-1]]
        file.Rows, file.Columns = voxels.shape[1], voxels.shape[0]
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1
        file.RescaleSlope, file.RescaleIntercept = 1, -1024
        file.PixelData = (voxels[:, :, k].T + 1024).astype("<i2").tobytes()
        name = f"{uid}.{(k * 5) % 13:02d}{suffix}"
        file.save_as(folder / name, enforce_file_format=True)


def write_any(path, voxels, affine):
    """Write the volume in the format that the name asks for."""
    if path.name.endswith((".nii", ".nii.gz", ".hdr")):
        kind = nibabel.Nifti1Pair if path.suffix == ".hdr" else nibabel.Nifti1Image
        nibabel.save(kind(voxels, affine), path)
    elif path.suffix in (".mgz", ".mgh"):
        nibabel.save(nibabel.MGHImage(voxels, affine), path)
    elif path.suffix == ".npz":
        np.savez(path, voxels=voxels, affine=affine)
    elif path.suffix:
        write_itk(path, voxels, affine, compress="packed" in path.name)
    else:
        write_dicom(path, voxels, affine)
    return path


def fault(path):
    with pytest.raises(VolumeError) as caught:
        read_volume(path)
    assert str(caught.value) == f"{path}: {caught.value.problem}"
    assert "\n" not in caught.value.problem
    return caught.value.problem


@pytest.mark.parametrize(
    "name",
    [
        "a.nii", "a.nii.gz", "a.hdr", "a.mha", "packed.mha", "a.mhd", "packed.mhd",
        "a.nrrd", "packed.nrrd", "a.nhdr", "a.npz", "a.mgz", "a.mgh", "series",
    ],
)  # fmt: skip
def test_every_format_gives_the_same_voxels_at_the_same_place_in_the_patient(tmp_path, name):
    volume = read_volume(write_any(tmp_path / name, phantom(), oblique()))
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels, phantom())
    np.testing.assert_allclose(volume.affine, oblique(), atol=2e-5)


def test_the_patients_left_stays_left_through_nibabels_eyes(tmp_path):
    # Stored from left to right, (1, 2, 1) lies at x = 40 - 1 x 2 = 38 mm: on the right (RAS+).
    affine = np.array([[-2.0, 0, 0, 40], [0, 2, 0, 5], [0, 0, 2, -7], [0, 0, 0, 1]])
    for name in ("a.nii", "a.mha", "a.nrrd", "series"):
        volume = read_volume(write_any(tmp_path / name, phantom(), affine))
        bright = [*np.argwhere(volume.voxels == 900)[0], 1]
        np.testing.assert_allclose(volume.affine @ bright, [38, 9, -5, 1])


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", ">i2", "<u2", "<i4", "<u4", "f4", ">f8"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_nifti_agrees_with_nibabel_in_every_type_and_scale(tmp_path, dtype, kind):
    voxels = np.random.default_rng(1).integers(0, 100, (3, 4, 5)).astype(dtype)
    for slope, intercept in ((None, None), (0.37, -12.0), (2, 0)):
        image = kind(voxels, oblique(), dtype=dtype)
        image.header.set_slope_inter(slope, intercept)
        path = tmp_path / f"{slope}.nii"
        path.write_bytes(image.to_bytes())
        expected = nibabel.load(path)
        volume = read_volume(path)
        np.testing.assert_array_equal(
            volume.voxels, expected.get_fdata(dtype=np.float64).astype("f4")
        )
        np.testing.assert_array_equal(volume.affine, expected.affine)
        assert load(path).dtype == np.dtype(dtype).newbyteorder("=").name


@pytest.mark.parametrize(("sform", "qform"), [(2, 1), (0, 1), (2, 0)])
def test_nifti_prefers_the_sform_to_the_qform_as_nibabel_does(tmp_path, sform, qform):
    image = nibabel.Nifti1Image(phantom(), None)
    image.set_sform(oblique(), sform)
    image.set_qform(np.diag([-3.0, 3, 3, 1]), qform)
    nibabel.save(image, tmp_path / "a.nii")
    expected = nibabel.load(tmp_path / "a.nii").affine
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii").affine, expected)


@pytest.mark.parametrize(("unit", "factor"), [("micron", 0.001), ("mm", 1), ("meter", 1000)])
def test_nifti_in_other_units_comes_out_in_millimetres(tmp_path, unit, factor):
    image = nibabel.Nifti1Image(phantom(), np.diag([2.0, 3.0, 4.0, 1.0]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    spacing = read_volume(tmp_path / "a.nii").spacing
    assert spacing == pytest.approx((2 * factor, 3 * factor, 4 * factor))


def test_nrrd_in_ras_space_keeps_its_place(tmp_path):
    header = (
        "NRRD0004\ntype: uchar\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "space directions: (2,0,0) (0,3,0) (0,0,4)\nkinds: domain domain domain\n"
        "encoding: raw\nspace origin: (10,20,30)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(header.encode() + bytes(range(24)))
    volume = read_volume(tmp_path / "a.nrrd")
    expected = np.diag([2.0, 3, 4, 1])
    expected[:3, 3] = 10, 20, 30
    np.testing.assert_allclose(volume.affine, expected)
    assert volume.voxels[1, 0, 0] == 1


def test_axes_of_one_voxel_behind_or_before_the_three_are_dropped(tmp_path):
    for i, voxels in enumerate((phantom()[..., None], phantom()[None], phantom()[None, ..., None])):
        nibabel.save(nibabel.Nifti1Image(voxels, oblique()), tmp_path / f"{i}.nii")
        nibabel.save(nibabel.Nifti1Image(voxels, None), tmp_path / f"{i}_bare.nii")
        np.save(tmp_path / f"{i}.npy", voxels)
        for name in (f"{i}.nii", f"{i}_bare.nii", f"{i}.npy"):
            loaded = load(tmp_path / name)
            np.testing.assert_array_equal(loaded.volume.voxels, phantom())
            assert loaded.remarks.channel_first == (name in ("1.nii", "2.nii"))
        np.testing.assert_allclose(read_volume(tmp_path / f"{i}.nii").affine, oblique(), atol=1e-5)


def test_a_channel_in_front_of_metaimage_has_a_step_of_its_own(tmp_path):
    image = SimpleITK.Image([1, 6, 7, 8], SimpleITK.sitkInt16)
    image.SetSpacing([9.0, 2.0, 3.0, 4.0])
    image.SetOrigin([0.0, 10.0, 20.0, 30.0])
    SimpleITK.WriteImage(image, str(tmp_path / "a.mha"))
    volume = read_volume(tmp_path / "a.mha")
    assert volume.shape == (6, 7, 8)
    expected = [[-2, 0, 0, -10], [0, -3, 0, -20], [0, 0, 4, 30], [0, 0, 0, 1]]
    np.testing.assert_array_equal(volume.affine, expected)


def test_the_case_of_a_suffix_does_not_count(tmp_path):
    path = write_any(tmp_path / "a.nii.gz", phantom(), oblique())
    path = path.rename(tmp_path / "A.NII.GZ")
    np.testing.assert_array_equal(read_volume(path).voxels, phantom())


def test_names_tell_volumes_from_other_files(tmp_path):
    for name in (
        "a.nii",
        "b.c.nii.gz",
        "A.MHA",
        "a.mhd",
        "a.nrrd",
        "a.nhdr",
        "a.npy",
        "a.npz",
        "a.mgz",
    ):
        assert is_volume(Path(name))
    for name in ("a.json", "a.gz", "a.tar.gz", "a.bval", "a.raw", "a.img", "a.dcm", "nii", "a"):
        assert not is_volume(Path(name))
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "IM.1").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "README").write_text("no image")
    assert [p.name for p in sorted(tmp_path.iterdir()) if is_dicom(p)] == ["IM.1"]


def test_paths_at_fault_are_told(tmp_path):
    (tmp_path / "link.nii").symlink_to("gone.nii")
    (tmp_path / "a.xyz").touch()
    (tmp_path / "folder.nii").mkdir()
    write_itk(tmp_path / "a.mhd", phantom(), oblique())
    (tmp_path / "a.raw").unlink()
    assert fault(tmp_path / "gone.nii") == "the file does not exist."
    assert fault(tmp_path / "link.nii") == "it is a link to gone.nii, which does not exist."
    assert fault(tmp_path / "a.xyz") == f"its format is not known. Known formats: {FORMATS}."
    assert fault(tmp_path / "a.mhd") == "its data file a.raw does not exist."
    problem = fault(tmp_path / "folder.nii")
    assert problem == "the folder holds no DICOM files; expected one series of slices."


def test_a_file_without_permission_is_told(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert fault(tmp_path / "a.nii") == "it cannot be read: Permission denied."


def test_contents_that_are_no_volume_are_told(tmp_path):
    for name in ("a.nii", "a.nii.gz", "a.mha", "a.nrrd", "a.npy", "a.npz"):
        (tmp_path / name).touch()
        assert fault(tmp_path / name) == "the file is empty. Copy or write it again."
    for name in ("a.nii", "a.nii.gz", "a.mha", "a.nrrd", "a.npy", "a.npz"):
        (tmp_path / name).write_text("A line of text that is no image.\n" * 40)
    kind = "it is not a {0} file; it does not begin with such a header."
    assert fault(tmp_path / "a.mha") == kind.format("MetaImage")
    assert fault(tmp_path / "a.nrrd") == kind.format("NRRD")
    assert "is not a NIfTI file" in fault(tmp_path / "a.nii")
    assert "ends in .gz, but it is not compressed" in fault(tmp_path / "a.nii.gz")
    assert "holds no plain array of numbers" in fault(tmp_path / "a.npy")
    assert "holds no plain array of numbers" in fault(tmp_path / "a.npz")
    (tmp_path / "b.nii").write_bytes(gzip.compress(b"x"))
    assert "compressed by gzip, but its name does not end in .gz" in fault(tmp_path / "b.nii")


def test_more_than_one_number_a_voxel_is_told(tmp_path):
    rgb = np.zeros((3, 3, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii")
    nibabel.save(nibabel.Nifti1Image(np.ones((3, 3, 3), "c8"), np.eye(4)), tmp_path / "c.nii")
    vector = SimpleITK.GetImageFromArray(np.zeros((3, 3, 3, 2)), isVector=True)
    SimpleITK.WriteImage(vector, str(tmp_path / "vector.mha"))
    np.save(tmp_path / "text.npy", np.full((3, 3, 3), "a"))
    for name in ("rgb.nii", "vector.mha", "text.npy"):
        expected = "its voxels are colours, vectors or records; expected one real number each."
        assert fault(tmp_path / name) == expected
    assert fault(tmp_path / "c.nii").startswith("its voxels are complex numbers;")


def test_four_dimensions_are_told(tmp_path):
    many = np.zeros((3, 4, 5, 6), dtype=np.float32)
    nibabel.save(nibabel.Nifti1Image(many, np.eye(4)), tmp_path / "a.nii.gz")
    SimpleITK.WriteImage(
        SimpleITK.Image([3, 4, 5, 6], SimpleITK.sitkInt16), str(tmp_path / "a.mha")
    )
    np.save(tmp_path / "a.npy", many)
    for name in ("a.nii.gz", "a.mha", "a.npy"):
        assert fault(tmp_path / name) == (
            "it has 4 dimensions (3 x 4 x 5 x 6); expected one volume of 3. "
            "Put :0 behind the source for the first of its 6 images, or split the file."
        )
    np.save(tmp_path / "five.npy", np.zeros((2, 2, 2, 2, 2)))
    assert fault(tmp_path / "five.npy").endswith("Split a series into its volumes first.")


def test_truncated_files_are_told_with_their_lengths(tmp_path):
    for name in ("a.nii", "a.nii.gz", "a.mha", "a.nrrd", "packed.mha", "a.npz", "a.mgz"):
        path = write_any(tmp_path / name, phantom(), oblique())
        path.write_bytes(path.read_bytes()[:-20])
    # 352 bytes of header, 6 x 7 x 8 voxels of 2 bytes.
    assert fault(tmp_path / "a.nii") == (
        "it is truncated: its header promises 1024 bytes, but it has 1004. Copy or write it again."
    )
    gz = "its gzip stream is truncated. Copy or write it again."
    assert fault(tmp_path / "a.nii.gz") == fault(tmp_path / "a.mgz") == gz
    for name in ("a.mha", "a.nrrd", "packed.mha"):
        assert "truncated" in fault(tmp_path / name)


def test_a_stream_of_several_members_and_of_padding_is_read_as_gzip_reads_it(tmp_path):
    """As bgzip, pigz in parts and tapes write them."""
    plain = write_any(tmp_path / "a.nii", phantom(), oblique())
    content = plain.read_bytes()
    members = [gzip.compress(part) for part in (content[:100], content[100:900], content[900:])]
    (tmp_path / "b.nii.gz").write_bytes(b"".join(members) + bytes(5))
    np.testing.assert_array_equal(
        read_volume(tmp_path / "b.nii.gz").voxels, read_volume(plain).voxels
    )


@pytest.mark.parametrize(
    ("place", "told"),
    [
        pytest.param(1, "its name ends in .gz, but it is not compressed by gzip.", id="magic"),
        pytest.param(40, "its gzip stream is damaged. Copy or write it again.", id="data"),
        pytest.param(-6, "its gzip stream is damaged. Copy or write it again.", id="checksum"),
    ],
)
def test_a_damaged_stream_is_told(tmp_path, place, told):
    path = write_any(tmp_path / "a.nii.gz", phantom(), oblique())
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    assert fault(path) == told


def test_a_truncated_mgh_is_told_with_its_lengths(tmp_path):
    path = write_any(tmp_path / "a.mgh", phantom(), oblique())
    # 284 bytes of header, 6 x 7 x 8 voxels of 2 bytes, and a footer that may be missing.
    path.write_bytes(path.read_bytes()[:956])
    np.testing.assert_array_equal(read_volume(path).voxels, phantom())
    path.write_bytes(path.read_bytes()[:955])
    assert "its header promises 956 bytes, but it has 955." in fault(path)


def test_arrays_that_do_not_explain_themselves_are_told(tmp_path):
    np.savez(tmp_path / "a.npz", first=phantom(), second=phantom())
    assert fault(tmp_path / "a.npz") == (
        'it holds the arrays first, second; expected "voxels" and perhaps "affine".'
    )
    np.savez(tmp_path / "b.npz", voxels=phantom(), affine=np.eye(3))
    assert fault(tmp_path / "b.npz").startswith("its affine is not 4 x 4 numbers")


def test_series_that_are_not_one_regular_stack_are_told(tmp_path):
    write_dicom(tmp_path / "gap", phantom(), np.diag([1.0, 1, 2, 1]), skip=(3,))
    # Slice k is called (5 k) mod 13: slices 2 and 4 are 10 and 7.
    assert fault(tmp_path / "gap") == (
        "its slices are 2 mm apart, but 1.2.3.4.10 and 1.2.3.4.07 4 mm; "
        "a slice is missing or doubled. Export the series again."
    )
    write_dicom(tmp_path / "two", phantom(), oblique(), suffix=".dcm")
    write_dicom(tmp_path / "two", phantom(), oblique(), uid="1.2.3.5", suffix=".dcm")
    assert fault(tmp_path / "two") == (
        "the folder holds 2 DICOM series: 1.2.3.4 (8 files), 1.2.3.5 (8 files). "
        "Give each a folder of its own."
    )
    write_dicom(tmp_path / "one", phantom()[:, :, :1], oblique())
    assert fault(tmp_path / "one").startswith("the folder holds a single DICOM file;")
    write_dicom(tmp_path / "same", phantom(), np.diag([1.0, 1, 1e-9, 1]))
    assert "a slice is missing or doubled" in fault(tmp_path / "same")


def test_a_damaged_slice_is_told_even_at_the_end_of_the_stack(tmp_path):
    write_dicom(tmp_path / "series", phantom(), oblique(), suffix=".dcm")
    last = tmp_path / "series" / "1.2.3.4.09.dcm"  # (5 x 7) mod 13
    last.write_bytes(last.read_bytes()[:200])
    assert fault(tmp_path / "series") == (
        "1 of its 8 DICOM files cannot be read, first 1.2.3.4.09.dcm. "
        "Copy or export the series again."
    )


def test_a_slice_without_a_position_is_told(tmp_path):
    write_dicom(tmp_path / "series", phantom(), oblique(), suffix=".dcm")
    for path in (tmp_path / "series").iterdir():
        file = pydicom.dcmread(path)
        del file.ImagePositionPatient
        file.save_as(path)
    assert fault(tmp_path / "series").endswith("has no position in space.")


def mutants(content, count, seed):
    """Yield the content cut at every k-th byte, with bytes changed, and random bytes."""
    chance = random.Random(seed)
    for cut in range(0, len(content), max(1, len(content) // count)):
        yield content[:cut]
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(chance.choice((1, 2, 8))):
            changed[chance.randrange(min(420, len(changed)))] = chance.randrange(256)
        yield bytes(changed)
        yield chance.randbytes(chance.randrange(600))


@pytest.mark.parametrize(
    "name",
    [
        "a.nii",
        "a.nii.gz",
        "a.mha",
        "packed.mha",
        "a.nrrd",
        "packed.nrrd",
        "a.npy",
        "a.npz",
        "a.mgz",
        "a.mgh",
    ],
)
def test_no_damage_to_a_file_raises_anything_but_a_volume_error(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".npy":
        np.save(path, phantom())
    else:
        write_any(path, phantom(), oblique())
    content = path.read_bytes()
    problems = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i, mutant in enumerate(mutants(content, 80, seed=len(name))):
            path = tmp_path / f"{i}_{name}"
            path.write_bytes(mutant)
            try:
                assert read_volume(path).voxels.ndim == 3
            except VolumeError as error:
                problems.append(error.problem)
    assert len(problems) > 120
    assert not any("\n" in problem for problem in problems)


def test_no_damage_to_a_slice_raises_anything_but_a_volume_error(tmp_path):
    write_dicom(tmp_path / "series", phantom(), oblique(), suffix=".dcm")
    path = tmp_path / "series" / "1.2.3.4.02.dcm"
    problems = []
    for mutant in mutants(path.read_bytes(), 20, seed=3):
        path.write_bytes(mutant)
        try:
            assert read_volume(tmp_path / "series").shape == (6, 7, 8)
        except VolumeError as error:
            problems.append(error.problem)
    assert len(problems) > 20
    assert not any("\n" in problem for problem in problems)


def test_the_digest_is_that_of_the_bytes(tmp_path):
    path = write_any(tmp_path / "a.nii.gz", phantom(), oblique())
    assert load(path).digest == hashlib.sha256(path.read_bytes()).hexdigest()
    path = write_any(tmp_path / "a.mhd", phantom(), oblique())
    both = path.read_bytes() + (tmp_path / "a.raw").read_bytes()
    assert load(path).digest == hashlib.sha256(both).hexdigest()
