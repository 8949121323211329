"""Label maps are found beside their volumes, read in one orientation, and refused if they are none."""

import json

import nibabel as nib
import numpy as np
import pytest

from evalsuite.errors import EvalsuiteError, VolumeError
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.labels import check_labels, label_files, read_labels
from evalsuite.volumes.sources import read_cohort

pytestmark = pytest.mark.usefixtures("undrawn")


def save(path, values, affine=None, dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(
        np.asarray(values, dtype=dtype), np.eye(4) if affine is None else affine
    )
    nib.save(image, path)
    return path


@pytest.fixture
def corner():
    """Return an asymmetric label map: structure 2 in the right, posterior, inferior corner."""
    labels = np.zeros((4, 5, 6), int)
    labels[3, 0, 0] = 2
    labels[0, 4, 5] = 1
    return labels


@pytest.fixture
def volumes(tmp_path, corner):
    for name in ("a", "b"):
        save(tmp_path / "images" / f"{name}.nii.gz", corner + 1.5, dtype=np.float32)
        save(tmp_path / "labels" / f"{name}.nii.gz", corner)
    return tmp_path


def cohort(source):
    return read_cohort(str(source), name="real", role="real")


def test_files_of_the_same_name_are_found_whatever_their_format(volumes):
    (volumes / "labels/b.nii.gz").rename(volumes / "labels/kept.nii.gz")
    save(volumes / "labels/b.nii", np.zeros((4, 5, 6)))
    found = label_files(cohort(volumes / "images"), str(volumes / "labels"))
    assert [file.name for file in found] == ["a.nii.gz", "b.nii"]


def test_a_table_with_absolute_paths_does_not_make_a_volume_its_own_label_map(volumes):
    table = volumes / "table.csv"
    table.write_text(f"path\n{volumes / 'images/a.nii.gz'}\n{volumes / 'images/b.nii.gz'}\n")
    found = label_files(cohort(table), str(volumes / "labels"))
    assert found == [volumes / "labels/a.nii.gz", volumes / "labels/b.nii.gz"]


def test_the_column_label_names_files_relative_to_the_table(volumes):
    table = volumes / "table.csv"
    table.write_text(
        "path,label\nimages/a.nii.gz,labels/b.nii.gz\nimages/b.nii.gz,labels/a.nii.gz\n"
    )
    found = label_files(cohort(table), None)
    assert [file.name for file in found] == ["b.nii.gz", "a.nii.gz"]


def test_without_folder_and_column_there_are_none(volumes):
    assert label_files(cohort(volumes / "images"), None) is None


def test_every_missing_label_map_is_named(volumes):
    for name in ("a", "b"):
        (volumes / f"labels/{name}.nii.gz").unlink()
    with pytest.raises(EvalsuiteError) as raised:
        label_files(cohort(volumes / "images"), str(volumes / "labels"))
    told = str(raised.value)
    assert "Every volume of a cohort with label maps needs one." in told
    for name in ("a", "b"):
        assert f"images/{name}.nii.gz: it has no label map, expected" in told


def test_a_folder_that_is_not_there_is_named(volumes):
    with pytest.raises(EvalsuiteError, match="nowhere: expected a folder with the label maps"):
        label_files(cohort(volumes / "images"), "nowhere")


@pytest.mark.parametrize("axes", [((0, -1), (1, 1), (2, 1)), ((2, 1), (0, 1), (1, -1))])
def test_other_orientations_are_turned_to_right_anterior_superior(tmp_path, corner, axes):
    ornt = np.array(axes, dtype=float)
    plain = nib.Nifti1Image(corner.astype(np.uint8), np.diag([1.0, 2.0, 3.0, 1.0]))
    nib.save(plain.as_reoriented(ornt), tmp_path / "turned.nii.gz")
    assert nib.load(tmp_path / "turned.nii.gz").affine[0, 0] != 1
    found = read_labels(tmp_path / "turned.nii.gz")
    np.testing.assert_array_equal(found.labels, corner)
    assert found.spacing == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("wrong", [0.5, -1.0, 1.01])
def test_values_that_are_no_labels_are_refused(tmp_path, wrong):
    values = np.zeros((4, 4, 4))
    values[1, 1, 1], values[2, 2, 2] = wrong, 3
    path = save(tmp_path / "map.nii.gz", values, dtype=np.float32)
    with pytest.raises(VolumeError, match=r"map\.nii\.gz: expected whole numbers from 0 on"):
        read_labels(path)


def test_rounding_of_scaled_files_is_allowed(tmp_path):
    values = np.zeros((4, 4, 4))
    values[1, 1, 1] = 2.0002
    found = read_labels(save(tmp_path / "map.nii.gz", values, dtype=np.float32))
    assert set(np.unique(found.labels)) == {0, 2}


def test_segmentations_are_read_when_asked_for(volumes, corner):
    maps = checked(volumes)
    assert len(maps) == 2
    np.testing.assert_array_equal(maps[1].labels, corner)
    assert [m.labels.shape for m in maps[:2]] == [(4, 5, 6)] * 2


def test_without_label_maps_the_metric_says_how_to_name_them(cli, make_cohort):
    real, synthetic = make_cohort("real"), make_cohort("synthetic", seed=1)
    status, _, err = cli(
        "compute-metrics", "--real", real, "--synthetic", synthetic,
        "--metrics", "anatomy", "--no-tracking",
    )  # fmt: skip
    assert status == 1
    assert "anatomy needs a label map for each volume of real. Name their folder with" in err


def checked(volumes):
    found = check_cohort(cohort(volumes / "images"))
    return check_labels(found, label_files(found, str(volumes / "labels")))


def test_maps_on_the_grids_of_their_volumes_pass_in_whatever_orientation(volumes, corner):
    checked(volumes)
    turned = nib.Nifti1Image(corner.astype(np.uint8), np.eye(4)).as_reoriented(
        np.array([[2.0, 1.0], [0.0, -1.0], [1.0, -1.0]])
    )
    assert turned.shape != corner.shape
    nib.save(turned, volumes / "labels/b.nii.gz")
    checked(volumes)


def test_the_record_tells_which_label_maps_were_measured(volumes, corner, cli, tmp_path):
    def config(out):
        status, _, err = cli(
            "compute-metrics", "--real", volumes / "images", "--synthetic", volumes / "images",
            "--real-labels", volumes / "labels", "--synthetic-labels", volumes / "labels",
            "--metrics", "anatomy", "--allow-leakage", "--no-tracking", "--output", tmp_path / out,
        )  # fmt: skip
        assert status == 0, err
        results = json.loads((tmp_path / out / "results.json").read_text())
        return results["config"], results["config_hash"]

    (before, old), (again, same) = config("one"), config("two")
    assert (before, old) == (again, same)
    save(volumes / "labels/b.nii.gz", np.roll(corner, 1, axis=2))
    after, new = config("three")
    assert set(after["label maps"]) == {"real", "images"}
    assert before.pop("label maps") != after.pop("label maps")
    assert before == after
    assert old != new


def test_all_maps_on_other_grids_are_told(volumes):
    save(volumes / "labels/a.nii.gz", np.ones((4, 5, 7)))
    save(volumes / "labels/b.nii.gz", np.ones((4, 5, 6)), affine=np.diag([1.0, 1.0, 2.0, 1.0]))
    with pytest.raises(EvalsuiteError) as raised:
        checked(volumes)
    told = str(raised.value)
    assert "labels/a.nii.gz: it has 4 x 5 x 7 voxels, but its volume" in told
    assert "images/a.nii.gz has 4 x 5 x 6." in told
    assert "labels/b.nii.gz: by its affine it lies up to 5 mm off its volume" in told
    assert "Each volume of real needs a label map on its own grid." in told


@pytest.mark.parametrize(("off", "fits"), [(0.4, True), (0.6, False)])
def test_half_a_voxel_is_the_most_that_a_map_may_be_off(volumes, corner, off, fits):
    affine = np.eye(4)
    affine[0, 3] = off
    save(volumes / "labels/b.nii.gz", corner, affine=affine)
    if fits:
        checked(volumes)
    else:
        with pytest.raises(EvalsuiteError, match=r"up to 0\.6 mm off its volume"):
            checked(volumes)


def test_a_map_that_is_none_is_told_with_the_others(volumes):
    save(volumes / "labels/a.nii.gz", np.full((4, 5, 6), 0.5), dtype=np.float32)
    with pytest.raises(EvalsuiteError, match=r"a\.nii\.gz: expected whole numbers from 0 on"):
        checked(volumes)


def test_an_empty_map_is_a_missing_structure_not_an_error(volumes):
    save(volumes / "labels/a.nii.gz", np.zeros((4, 5, 6)))
    checked(volumes)
