"""Images of 4D files: read as their split files are, told apart, and refused where there are none."""

import hashlib
import json

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import EvalsuiteError, FaultsError, VolumeError
from evalsuite.pairing import masks_of
from evalsuite.study.create import _refuse_outside
from evalsuite.volumes.check import check_cohort, check_volume
from evalsuite.volumes.cohort import Entry, find_leaks
from evalsuite.volumes.geometry import Geometry
from evalsuite.volumes.index import VolumeIndex
from evalsuite.volumes.read import images_in, load, read_volume
from evalsuite.volumes.sources import read_cohort, table_of
from tests.volumes.test_read import oblique, write_dicom, write_itk
from tests.volumes.test_sources import fault as of_source

NAMES = ["a.nii", "a.nii.gz", "a.hdr", "a.mgz", "a.npz", "a.mha", "packed.mha", "a.nrrd"]


def series(shape=(4, 5, 6, 3), seed=0):
    return np.random.default_rng(seed).integers(-900, 900, shape).astype(np.int16)


def write(path, voxels, affine=None):
    """Write an array of three or four axes in the format that the name asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = oblique() if affine is None else affine
    if path.name.endswith((".nii", ".nii.gz", ".hdr")):
        kind = nibabel.Nifti1Pair if path.suffix == ".hdr" else nibabel.Nifti1Image
        nibabel.save(kind(voxels, affine), path)
    elif path.suffix == ".mgz":
        nibabel.save(nibabel.MGHImage(voxels, affine), path)
    elif path.suffix == ".npz":
        np.savez(path, voxels=voxels, affine=affine)
    elif voxels.ndim == 3:
        write_itk(path, voxels, affine)
    else:
        write_itk(path.with_name(f"split_{path.name}"), voxels[..., 0], affine)
        grid = SimpleITK.ReadImage(str(path.with_name(f"split_{path.name}")))
        image = SimpleITK.Image(voxels.shape, SimpleITK.sitkInt16)
        for k in range(voxels.shape[3]):
            three = SimpleITK.GetImageFromArray(np.ascontiguousarray(voxels[..., k].T))
            image[..., k] = three
        turned = np.eye(4)
        turned[:3, :3] = np.reshape(grid.GetDirection(), (3, 3))
        image.SetSpacing((*grid.GetSpacing(), 2.0))
        image.SetOrigin((*grid.GetOrigin(), 7.0))
        image.SetDirection(turned.ravel().tolist())
        SimpleITK.WriteImage(image, str(path), "packed" in path.name)
        if path.suffix == ".nrrd":  # ITK names no space of four dimensions
            named = b"space: left-posterior-superior-time\n"
            content = path.read_bytes()
            assert content.count(b"space dimension: 4\n") == 1
            path.write_bytes(content.replace(b"space dimension: 4\n", named))
    return path


def fault(path, image):
    with pytest.raises(VolumeError) as caught:
        read_volume(path, image=image)
    return caught.value.problem


def read(source, role="real"):
    return read_cohort(str(source), name=role, role=role)


def taken(source):
    return [(entry.id, entry.image) for entry in read(source).entries]


@given(
    shape=st.tuples(*[st.integers(2, 5)] * 4),
    scaled=st.booleans(),
    dtype=st.sampled_from(["i2", "u1", "f4", "f8"]),
    data=st.data(),
)
def test_an_image_is_what_nibabel_splits_off(tmp_path_factory, shape, scaled, dtype, data):
    path = tmp_path_factory.mktemp("series") / "a.nii.gz"
    voxels = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    image = nibabel.Nifti1Image(voxels, oblique())
    if scaled:
        image.header.set_slope_inter(0.37, -4.5)
    nibabel.save(image, path)
    split = nibabel.four_to_three(nibabel.load(path))
    k = data.draw(st.integers(0, shape[3] - 1))
    volume = read_volume(path, image=k)
    np.testing.assert_array_equal(volume.voxels, split[k].get_fdata().astype(np.float32))
    np.testing.assert_allclose(volume.affine, split[k].affine, atol=1e-6)
    assert volume.voxels.dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_checked_as_its_split_file_is(tmp_path, name):
    path = write(tmp_path / name, series())
    found = [check_volume(path, image=k) for k in range(3)]
    for k, info in enumerate(found):
        split = check_volume(write(tmp_path / f"{k}{name}", series()[..., k]))
        assert info.voxel_digest == split.voxel_digest
        assert (info.shape, info.dtype, info.orientation) == ((4, 5, 6), "int16", split.orientation)
        assert (info.minimum, info.maximum) == (split.minimum, split.maximum)
        np.testing.assert_allclose(info.affine, split.affine, atol=1e-5)
        assert info.remarks == split.remarks
        assert (info.images, split.images) == (3, 1)
        assert str(info.path) == f"{path}:{k}"
    assert len({info.key for info in found}) == len({info.digest for info in found}) == 3
    assert images_in(path) == 3


def test_what_an_image_takes_of_memory_is_its_own(tmp_path):
    path = write(tmp_path / "a.nii", series().astype(np.float32))
    assert read_volume(path, image=1).voxels.base is None


def test_keys_of_ordinary_volumes_are_those_of_before(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, series()[..., 0])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    info = check_volume(path)
    assert info.digest == info.key == digest
    stated = {"spacing": [1, 2, 3], "orientation": None}
    told = check_volume(path, Geometry((1, 2, 3)))
    assert told.key == hashlib.sha256(json.dumps([digest, stated]).encode()).hexdigest()
    several = write(tmp_path / "b.nii", series())
    of_file = hashlib.sha256(several.read_bytes()).hexdigest()
    assert load(several, image=2).digest == (
        hashlib.sha256(json.dumps([of_file, 2]).encode()).hexdigest()
    )


def test_an_index_never_takes_one_image_for_another(tmp_path, monkeypatch, later):
    path = write(tmp_path / "a.nii.gz", series())
    volumes = VolumeIndex(tmp_path / "index")
    entries = [Entry("a.nii.gz", path, image=k) for k in range(3)]
    first = [volumes.check(entry) for entry in entries]
    assert len({info.voxel_digest for info in first}) == 3
    monkeypatch.setattr(
        "evalsuite.volumes.index.check_entry", lambda entry: pytest.fail(f"{entry} is read again")
    )
    again = [VolumeIndex(tmp_path / "index").check(entry) for entry in reversed(entries)]
    assert again[::-1] == first


def test_an_index_of_before_still_knows_ordinary_volumes(tmp_path, monkeypatch, later):
    entry = Entry("a.nii", write(tmp_path / "a.nii", series()[..., 0]))
    volumes = VolumeIndex(tmp_path / "index")
    first = volumes.check(entry)
    parts = [str(entry.path), {"spacing": None, "orientation": None}]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    file = tmp_path / "index" / name[:2] / f"{name}.json"
    kept = json.loads(file.read_text())
    del kept["info"]["images"]
    file.write_text(json.dumps(kept))
    monkeypatch.setattr(
        "evalsuite.volumes.index.check_entry", lambda entry: pytest.fail(f"{entry} is read again")
    )
    assert volumes.check(entry) == first


def test_a_number_behind_any_source_takes_that_image(tmp_path):
    for name in ("x/a.nii.gz", "x/sub/b.nii.gz"):
        write(tmp_path / name, series())
    folder, all_ = tmp_path / "x", [("a.nii.gz", 1), ("sub/b.nii.gz", 1)]
    assert taken(f"{folder}:1") == taken(f"{folder}/**/*.nii.gz:1") == all_
    assert taken(f"{folder}/:1") == all_
    assert taken(folder) == [(name, None) for name, _ in all_]
    table = tmp_path / "x/cases.csv"
    table.write_text("path,t2,subject\na.nii.gz,sub/b.nii.gz,p1\n")
    assert taken(f"{table}:2") == [("a.nii.gz", 2)]
    assert taken(f"{table}:t2:2") == [("sub/b.nii.gz", 2)]
    assert (read(f"{table}:2").entries[0].subject, read(f"{table}:2").source) == (
        "p1",
        f"{table}:2",
    )
    for source in (f"{table}:2", f"{table}:t2:2", str(table)):
        assert table_of(source)[0] == table
    bids = tmp_path / "bids"
    write(bids / "sub-1/anat/sub-1_T1w.nii.gz", series())
    (bids / "dataset_description.json").write_text("{}")
    assert taken(f"{bids}:0") == [("sub-1/anat/sub-1_T1w.nii.gz", 0)]
    assert read(f"{bids}:0").entries[0].subject == "sub-1"
    checked = check_cohort(read(f"{folder}:1"))
    assert checked.infos[0].voxel_digest == check_volume(folder / "a.nii.gz", image=1).voxel_digest


def test_what_exists_as_written_keeps_its_meaning(tmp_path):
    write(tmp_path / "scans:0/a.nii", series())
    write(tmp_path / "scans/b.nii", series())
    assert taken(tmp_path / "scans:0") == [("a.nii", None)]
    assert taken(tmp_path / "scans:0:0") == [("a.nii", 0)]
    assert taken(tmp_path / "scans:1") == [("b.nii", 1)]
    write(tmp_path / "p1/s:0/a.nii", series())
    (tmp_path / "p1/s:0/IM0001").write_bytes(b"\0" * 128 + b"DICM")
    assert taken(f"{tmp_path}/p*/s:0") == [("p1/s:0", None)]
    table = tmp_path / "cases.csv"
    table.write_text("path,0\nscans:0/a.nii,scans/b.nii\n")
    assert taken(f"{table}:0") == [("scans/b.nii", None)]
    assert taken(f"{table}:0:1") == [("scans/b.nii", 1)]
    assert taken(f"{table}:1") == [("scans:0/a.nii", 1)]


def test_what_is_behind_no_source_is_told_without_it(tmp_path):
    write(tmp_path / "scans/a.nii", series())
    assert of_source(f"{tmp_path}/scan:0").startswith(f"{tmp_path}/scan: it does not exist. Did")
    assert "scans:0: it does not exist" in of_source(f"{tmp_path}/scans:0:1")
    assert "a single volume" in of_source(f"{tmp_path}/scans/a.nii:0")
    for odd in ("scans:00", "scans:-1", "scans:x", "scans:"):
        assert f"{odd}: it does not exist" in of_source(f"{tmp_path}/{odd}")
    table = tmp_path / "cases.csv"
    table.write_text("path,t2\nscans/a.nii,scans/a.nii\n")
    assert 'the column "t1" is missing' in of_source(f"{table}:t1:0")
    assert 'the column "0" is missing' in of_source(f"{table}:0:1")


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mgz", "a.npz", "a.mha", "a.nrrd"])
def test_images_that_are_not_there_are_told(tmp_path, name):
    path = write(tmp_path / name, series())
    assert fault(path, 3) == (
        "it has 3 images along its fourth axis (4 x 5 x 6 x 3), of which the first is :0 and the "
        "last :2; there is no :3."
    )
    flat = write(tmp_path / f"flat{name}", series()[..., 0])
    assert "it is 3D (4 x 5 x 6" in fault(flat, 1)
    assert fault(flat, 1).endswith("takes an image of 4D files. Leave :1 out.")
    assert images_in(flat) == 1


def test_faults_of_images_are_told_by_file_and_image(tmp_path):
    voxels = series()
    voxels[..., 2] = 7
    write(tmp_path / "a.nii", voxels)
    write(tmp_path / "b.nii", series()[..., :2])
    write(tmp_path / "c.nii", series(seed=1))
    with pytest.raises(FaultsError) as caught:
        check_cohort(read(f"{tmp_path}:2"))
    constant, beyond = caught.value.faults
    assert str(constant) == f"{tmp_path}/a.nii:2: all its voxels are 7; expected an image."
    assert str(beyond).startswith(f"{tmp_path}/b.nii: it has 2 images")
    assert [e.id for e in check_cohort(read(f"{tmp_path}:2"), skip_invalid=True).entries] == [
        "c.nii"
    ]


def test_a_folder_of_dicom_has_no_images(tmp_path):
    write_dicom(tmp_path / "s", series()[..., 0] + 1024, oblique())
    assert "it is a folder, which is one volume" in fault(tmp_path / "s", 0)
    assert images_in(tmp_path / "s") == 1
    for file in (tmp_path / "s").iterdir():
        file.unlink()
    with pytest.raises(VolumeError, match="holds no DICOM files"):
        images_in(tmp_path / "s")


def test_a_damaged_file_is_told_as_such(tmp_path):
    path = write(tmp_path / "a.nii", series())
    path.write_bytes(path.read_bytes()[:-8])
    assert fault(path, 0).startswith("it is truncated: its header promises 1072 bytes")
    write(path, series()[..., 0])
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(VolumeError, match="truncated"):
        images_in(path)


def test_a_copy_is_found_in_an_image(tmp_path):
    write(tmp_path / "real/a.nii", series())
    write(tmp_path / "made/x.nii", series()[..., 1])
    write(tmp_path / "made/y.nii", series(seed=5)[..., 1])
    made = check_cohort(read(tmp_path / "made", "synthetic"))
    found = {
        k: [copy.id for _, copy in find_leaks(check_cohort(read(f"{tmp_path}/real:{k}")), made)]
        for k in range(3)
    }
    assert found == {0: [], 1: ["x.nii"], 2: []}


def test_masks_are_files_of_their_own(tmp_path):
    write(tmp_path / "a.nii", series())
    with pytest.raises(EvalsuiteError, match=f"--masks {tmp_path}:0: a mask is a file of its own."):
        masks_of(read(f"{tmp_path}:1"), read(f"{tmp_path}:0"), "file")


def test_a_study_refuses_files_outside_its_table_whatever_image_is_taken(tmp_path):
    write(tmp_path / "a.nii", series())
    (tmp_path / "t").mkdir()
    (tmp_path / "t/cases.csv").write_text("path,t2\n../a.nii,../a.nii\n")
    for end in ("", ":1", ":t2:1"):
        with pytest.raises(EvalsuiteError, match="lies outside the folder of the table"):
            _refuse_outside(read(f"{tmp_path}/t/cases.csv{end}"))
