import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti

SHEAR = np.array([[1.0, 0.4, 0, 3], [0, 1, 0, -2], [0, 0, 2, 5], [0, 0, 0, 1]])


def volume(affine=None, seed=0):
    voxels = np.random.default_rng(seed).random((4, 5, 6), dtype=np.float32)
    return Volume(voxels, np.diag([-1.0, 2.0, 3.0, 1.0]) if affine is None else affine)


@st.composite
def volumes(draw):
    shape = draw(st.tuples(*[st.integers(1, 5)] * 3))
    values = st.floats(-1e6, 1e6, width=32)
    voxels = draw(arrays.arrays(np.float32, shape, elements=values))
    angles = draw(st.tuples(*[st.floats(-3, 3)] * 3))
    a, b, c = np.cos(angles)
    d, e, f = np.sin(angles)
    turn = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    turn = turn @ np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    turn = turn @ np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(draw(st.tuples(*[st.floats(0.1, 10)] * 3)))
    affine[:3, 3] = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    if draw(st.booleans()):
        affine[:, 0] *= -1
    return Volume(voxels, affine)


@given(volumes(), st.sampled_from(["a.nii", "a.nii.gz"]))
def test_what_is_written_is_read(original, name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_nifti(original, path)
        back = read_volume(path)
        header = nibabel.load(path).header
    np.testing.assert_array_equal(back.voxels, original.voxels)
    np.testing.assert_array_equal(back.affine, original.affine.astype(np.float32))
    assert header.get_xyzt_units()[0] == "mm"
    # A quaternion of three float32 tells turns by nearly half a circle less well than others.
    told = np.allclose(header.get_qform(), original.affine, rtol=1e-4, atol=1e-4)
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, told)
    assert header.get_data_dtype() == np.float32


@pytest.mark.parametrize("degrees", [0, 30, 90, -120, 179, 180])
def test_a_turned_affine_has_a_qform(tmp_path, degrees):
    turn = np.deg2rad(degrees)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    write_nifti(volume(affine), tmp_path / "a.nii.gz")
    header = nibabel.load(tmp_path / "a.nii.gz").header
    np.testing.assert_allclose(header.get_qform(coded=True)[0], affine, atol=1e-4)


def test_a_sheared_affine_has_no_qform(tmp_path):
    write_nifti(volume(SHEAR), tmp_path / "a.nii.gz")
    image = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(image.affine, SHEAR, atol=1e-6)
    assert int(image.header["qform_code"]) == 0


def test_equal_volumes_give_equal_files(tmp_path):
    write_nifti(volume(), tmp_path / "a.nii.gz")
    write_nifti(volume(), tmp_path / "another_name.nii.gz")
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "another_name.nii.gz").read_bytes()
    # Bytes 4 to 7 of a gzip file are its time stamp, bit 3 of byte 3 announces a name.
    assert content[3:8] == bytes(5)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.nii.gz"
    write_nifti(volume(), path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EvalsuiteError) as caught:
        write_nifti(volume(seed=1), path)
    assert str(caught.value) == (
        f"{path}: it cannot be written: No space left on device. Make room or name another folder."
    )
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EvalsuiteError, match=r"it cannot be written: .*\. Make room"):
        write_nifti(volume(), tmp_path / "file" / "a.nii")
    with pytest.raises(
        EvalsuiteError, match=r"a\.mha: volumes are written as \.nii or \.nii\.gz\."
    ):
        write_nifti(volume(), tmp_path / "a.mha")
