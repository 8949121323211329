import gzip
import hashlib
import os
import threading
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from evalsuite.errors import FaultsError, VolumeError
from evalsuite.sharing import Part
from evalsuite.volumes.check import check_cohort, check_entry, check_volume, voxel_digest
from evalsuite.volumes.cohort import find_leaks, leakage
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.caveats import sentences

REAL = Path(__file__).parents[3] / "shared/data/hippocampus/images"


def voxels(seed=0, shape=(4, 5, 6)):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def write(folder, *names, spacing=(1.0, 1.0, 1.0)):
    """Write one volume for each name, different from all others by their seed."""
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        seed = int.from_bytes(hashlib.sha256(f"{folder.name}{name}".encode()).digest()[:4], "big")
        write_nifti(Volume(voxels(seed), np.diag([*spacing, 1.0])), folder / name)
    return folder


def checked(folder, **options):
    return check_cohort(read_cohort(str(folder), name=folder.name, role="real"), **options)


def problem(path):
    with pytest.raises(VolumeError) as caught:
        check_volume(path)
    return caught.value.problem


def saved(path, data, affine=None):
    write_nifti(Volume(data, np.eye(4) if affine is None else affine), path)
    return path


def test_what_is_found_of_a_volume(tmp_path):
    image = nibabel.Nifti1Image(
        np.arange(120, dtype=np.int16).reshape(4, 5, 6), np.diag([-2, 3, 4, 1])
    )
    nibabel.save(image, tmp_path / "a.nii.gz")
    info = check_volume(tmp_path / "a.nii.gz")
    assert info.shape == (4, 5, 6)
    assert info.spacing == (2.0, 3.0, 4.0)
    assert info.orientation == "LAS"
    assert (info.dtype, info.minimum, info.maximum) == ("int16", 0.0, 119.0)
    assert info.digest == hashlib.sha256((tmp_path / "a.nii.gz").read_bytes()).hexdigest()
    np.testing.assert_array_equal(info.affine, np.diag([-2.0, 3, 4, 1]))


def test_voxels_that_are_no_image_are_told(tmp_path):
    data = voxels()
    data[0, 0, :2] = np.nan
    data[1, 1, 1] = np.inf
    path = saved(tmp_path / "a.nii.gz", data)
    assert problem(path) == "3 of its 120 voxels are NaN or Inf; expected numbers."
    saved(path, np.full((4, 5, 6), 7.5))
    assert problem(path) == "all its voxels are 7.5; expected an image."
    saved(path, np.zeros((4, 5, 6)))
    assert problem(path) == "all its voxels are 0; expected an image."
    saved(path, voxels(shape=(64, 64, 1)))
    assert problem(path) == "its shape is 64 x 64 x 1; expected at least 2 voxels along each axis."
    np.save(tmp_path / "none.npy", np.zeros((0, 3, 3)))
    assert problem(tmp_path / "none.npy").startswith("its shape is 0 x 3 x 3;")
    np.save(tmp_path / "huge.npy", np.full((3, 3, 3), 1e300))
    assert problem(tmp_path / "huge.npy") == "27 of its 27 voxels are NaN or Inf; expected numbers."


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf])
def test_a_spacing_that_cannot_be_is_told(tmp_path, step):
    image = nibabel.Nifti1Image(voxels(), np.eye(4))
    image.header["pixdim"][2], image.header["vox_offset"] = step, 352
    (tmp_path / "a.nii").write_bytes(image.header.binaryblock + bytes(4) + bytes(480))
    assert problem(tmp_path / "a.nii") == (
        f"its header gives a voxel spacing of 1 x {step:g} x 1 mm; expected positive numbers. "
        "Write it again with its true spacing."
    )


def test_an_affine_that_is_no_grid_is_told(tmp_path):
    path = tmp_path / "a.npz"
    for affine, expected in (
        (np.diag([1.0, 0, 1, 1]), "its voxel spacing is 1 x 0 x 1 mm; expected positive, finite numbers."),
        (np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
         "its affine is singular; expected three axes that span space."),
        (np.diag([1.0, np.nan, 1, 1]),
         "its affine holds NaN or Inf; expected numbers. Write it again with its true grid."),
    ):  # fmt: skip
        np.savez(path, voxels=voxels(), affine=affine)
        assert problem(path) == expected


def test_all_faults_are_told_together_in_the_order_of_the_cohort(tmp_path):
    folder = write(tmp_path / "real", "c.nii.gz", "truncated.nii.gz")
    truncated = folder / "truncated.nii.gz"
    truncated.write_bytes(truncated.read_bytes()[:-50])
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3, 4)), np.eye(4)), folder / "a_4d.nii")
    (folder / "empty.mha").touch()
    (folder / "text.nii.gz").write_text("hello")
    saved(folder / "zero.nii", np.zeros((4, 4, 4)))
    cohort = read_cohort(str(folder), name="real", role="real")
    with pytest.raises(FaultsError) as caught:
        check_cohort(cohort)
    lines = str(caught.value).splitlines()
    assert lines[0] == "5 volumes cannot be used:"
    assert [line.split(":")[0].rpartition("/")[2] for line in lines[1:-1]] == [
        "a_4d.nii", "empty.mha", "text.nii.gz", "truncated.nii.gz", "zero.nii",
    ]  # fmt: skip
    assert lines[1].startswith(f"  {folder}/a_4d.nii: it has 4 dimensions (3 x 3 x 3 x 4);")
    assert lines[4].endswith("its gzip stream is truncated. Copy or write it again.")
    assert lines[-1] == "Mend or remove them, or pass --skip-invalid to go on without them."


def test_faults_can_be_skipped_and_are_kept(tmp_path):
    folder = write(tmp_path / "real", "a.nii.gz", "c.nii.gz")
    whole = checked(folder)
    (folder / "b.nii.gz").touch()
    cohort = checked(folder, skip_invalid=True)
    assert [entry.id for entry in cohort.entries] == ["a.nii.gz", "c.nii.gz"]
    assert [str(fault) for fault in cohort.skipped] == [
        f"{folder}/b.nii.gz: the file is empty. Copy or write it again."
    ]
    assert cohort.fingerprint == whole.fingerprint
    assert cohort.infos == whole.infos
    for name in ("a.nii.gz", "c.nii.gz"):
        (folder / name).write_bytes(b"")
    with pytest.raises(
        FaultsError, match=r"3 volumes cannot be used(.|\n)*No volume of real is left\."
    ):
        checked(folder, skip_invalid=True)


def test_the_fingerprint_is_of_contents_and_order_alone(tmp_path):
    folder = write(tmp_path / "real", "a.nii.gz", "b.nii.gz")
    before = checked(folder).fingerprint
    (folder / "a.nii.gz").rename(folder / "A.nii.gz")
    os.utime(folder / "b.nii.gz", (1, 1))
    assert checked(folder).fingerprint == before
    (folder / "A.nii.gz").rename(folder / "c.nii.gz")
    assert checked(folder).fingerprint != before
    (folder / "c.nii.gz").rename(folder / "a.nii.gz")
    assert checked(folder).fingerprint == before
    saved(folder / "b.nii.gz", voxels(99))
    assert checked(folder).fingerprint != before


def test_progress_counts_every_volume_and_workers_do_not_change_the_result(tmp_path):
    folder = write(tmp_path / "real", *[f"{i}.nii.gz" for i in range(9)])
    calls = []
    one = checked(folder, workers=1, advance=lambda: calls.append(threading.current_thread()))
    assert calls == [threading.main_thread()] * 9
    assert checked(folder, workers=4) == one


def test_copies_within_a_cohort_are_a_warning_even_compressed_anew(tmp_path):
    folder = write(tmp_path / "real", "a.nii.gz", "z.nii.gz")
    plain = gzip.decompress((folder / "a.nii.gz").read_bytes())
    (folder / "b.nii").write_bytes(plain)
    assert sentences(checked(folder)) == (
        "1 of 3 volumes is a copy of another: b.nii (of a.nii.gz).",
    )
    for i in range(6):
        (folder / f"c{i}.nii").write_bytes(plain)
    (warning,) = sentences(checked(folder))
    assert warning.startswith("7 of 9 volumes are copies of others: b.nii (of a.nii.gz), c0.nii")
    assert warning.endswith("c3.nii (of a.nii.gz), and 2 more.")


def test_leaks_between_cohorts_are_found_by_their_voxels(tmp_path):
    real = write(tmp_path / "real", "a.nii.gz", "b.nii.gz", "c.nii.gz")
    made = write(tmp_path / "made", "x.nii.gz", "y.nii.gz")
    assert find_leaks(checked(real), checked(made)) == []
    (made / "y.nii").write_bytes(gzip.decompress((real / "b.nii.gz").read_bytes()))
    leaks = find_leaks(checked(real), checked(made))
    assert [(a.id, b.id) for a, b in leaks] == [("b.nii.gz", "y.nii")]
    assert str(leakage(checked(real), checked(made), leaks)) == (
        "1 of 3 volumes of made is a copy of a volume of real: y.nii (real: b.nii.gz)."
    )
    assert str(leakage(checked(real), checked(made), leaks * 7)).endswith(
        ", ".join(["y.nii (real: b.nii.gz)"] * 5) + ", and 2 more."
    )


def test_mixed_spacing_is_told_along_the_axes_of_the_patient(tmp_path):
    folder = write(tmp_path / "real", "a.nii.gz", spacing=(1.0, 1.0, 2.0))
    write(folder, "b.nii.gz", spacing=(1.005, 1.0, 2.0))
    # The same grid, stored from feet to head first.
    turned = np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]])
    saved(folder / "c.nii.gz", voxels(5), turned)
    cohort = checked(folder)
    assert cohort.mixed_spacing() is None
    slightly = write(tmp_path / "slightly", "a.nii.gz", spacing=(1.0, 1.0, 2.0))
    write(slightly, "b.nii.gz", spacing=(1.02, 1.0, 2.0))
    assert "1.02 x 1 x 2 mm (b.nii.gz)" in str(checked(slightly).mixed_spacing())
    write(folder, "d.nii.gz", spacing=(1.0, 1.0, 2.5))
    assert str(checked(folder).mixed_spacing()) == (
        "The voxel spacing differs between the volumes of real: "
        "1 x 1 x 2 mm (a.nii.gz) to 1 x 1 x 2.5 mm (d.nii.gz)."
    )
    assert replace(cohort, entries=(), infos=()).mixed_spacing() is None


def test_the_voxel_digest_knows_shape_and_order():
    data = voxels()
    assert voxel_digest(data) == voxel_digest(np.asfortranarray(data))
    assert voxel_digest(data) != voxel_digest(data.reshape(5, 4, 6, order="F"))  # the same bytes
    assert voxel_digest(data) != voxel_digest(data[::-1])


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/hippocampus")
def test_all_real_volumes_pass():
    cohort = checked(REAL)
    assert len(cohort.infos) == 180
    assert cohort.skipped == ()
    assert cohort.mixed_spacing() is None
    assert {info.dtype for info in cohort.infos} == {"uint8", "float32"}
    assert max(info.maximum for info in cohort.infos) > 1e6
    for info in cohort.infos[:5]:
        image = nibabel.load(info.path)
        np.testing.assert_array_equal(info.affine, image.affine)
        assert info.voxel_digest == voxel_digest(image.get_fdata(dtype=np.float32))


def test_processes_look_at_parts_of_their_own_first_and_find_the_same(tmp_path):
    folder = write(tmp_path / "a", *(f"{i}.nii" for i in range(5)))
    seen = []

    def check(entry):
        seen.append(entry.id)
        return check_entry(entry)

    second = checked(folder, workers=1, check=check, first=Part(1, 2))
    assert seen == ["1.nii", "3.nii", "0.nii", "2.nii", "4.nii"]
    assert second == checked(folder)
