"""A sheared grid comes out orthogonal, with the intensities where they were in the patient."""

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from evalsuite.errors import VolumeError
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.labels import check_labels
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import load, read_volume
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from tests.caveats import sentences
from tests.volumes.test_read import write_any

PLAIN = np.array([[-0.9, 0, 0, 40], [0, -0.9, 0, 30], [0, 0, 2.4, -20], [0, 0, 0, 1]])


SHAPE = (24, 40, 12)


def smooth():
    """Return blobs that fade out before the borders of their volume."""
    grid = np.stack(np.indices(SHAPE), axis=-1) * [0.9, 0.9, 2.4]
    random = np.random.default_rng(0)
    voxels = np.zeros(SHAPE)
    for _ in range(8):
        centre = (np.array(SHAPE) - 1) * [0.9, 0.9, 2.4] * random.uniform(0.35, 0.65, 3)
        far = ((grid - centre) ** 2).sum(axis=-1)
        voxels += random.uniform(0.3, 1) * np.exp(-far / 2 / random.uniform(2, 3) ** 2)
    return (1000 * voxels / voxels.max()).astype(np.float32)


def tilted(degrees, margin=18, *, order=3, voxels=None):
    """Return the volume as a scan with a tilted gantry stores it: slices that shift along y."""
    voxels = smooth() if voxels is None else voxels
    affine = PLAIN.copy()
    affine[1, 2] = affine[2, 2] * np.tan(np.deg2rad(degrees))
    x, y, z = SHAPE
    shape = x, y + 2 * margin, z
    middle, ours = ([(n - 1) / 2 for n in size] for size in (SHAPE, shape))
    affine[:3, 3] += PLAIN[:3, :3] @ middle - affine[:3, :3] @ ours
    step = np.linalg.inv(PLAIN) @ affine
    stored = ndimage.affine_transform(
        voxels, step[:3, :3], step[:3, 3], shape, order=order, mode="grid-constant"
    )
    return stored.astype(voxels.dtype), affine


def at(volume, affine, shape):
    """Return the volume at the voxels of another grid."""
    step = np.linalg.inv(volume.affine) @ affine
    return ndimage.affine_transform(volume.voxels, step[:3, :3], step[:3, 3], shape, order=1)


@pytest.mark.parametrize("degrees", [-20, 8, 30])
def test_a_tilted_volume_comes_out_as_it_was_before(tmp_path, degrees):
    stored, affine = tilted(degrees)
    nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / "a.nii")
    np.savez(tmp_path / "a.npz", voxels=stored, affine=affine)
    for name in ("a.nii", "a.npz"):
        loaded = load(tmp_path / name)
        volume = loaded.volume
        # The planes of the slices keep their directions, their spacing and their distance.
        np.testing.assert_allclose(volume.affine[:3, :3], PLAIN[:3, :3], atol=1e-5)
        assert loaded.remarks.shear == pytest.approx(abs(degrees), abs=0.1)
        off = np.abs(at(volume, PLAIN, SHAPE) - smooth())
        assert off.max() < 0.06 * smooth().max()
        assert off.mean() < 0.01 * smooth().max()


def test_a_tilted_dicom_series_comes_out_as_it_was_before(tmp_path):
    stored, affine = tilted(15)
    path = write_any(tmp_path / "series", np.rint(stored).astype(np.int16), affine)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.affine[:3, :3], PLAIN[:3, :3], atol=1e-5)
    off = np.abs(at(volume, PLAIN, SHAPE) - smooth())
    assert off.mean() < 0.01 * smooth().max()


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_itk_hands_shear_over(tmp_path, suffix):
    stored, affine = tilted(15)
    volume = read_volume(write_any(tmp_path / f"a{suffix}", stored, affine))
    np.testing.assert_allclose(volume.affine[:3, :3], PLAIN[:3, :3], atol=1e-5)
    assert np.abs(at(volume, PLAIN, SHAPE) - smooth()).mean() < 0.01 * smooth().max()


def test_preprocessed_a_tilted_volume_is_nearly_the_plain_one(tmp_path):
    steps = Preprocessing(spacing=(0.9, 0.9, 2.4), shape=SHAPE)
    plain = steps.apply(Volume(smooth(), PLAIN)).voxels
    stored, affine = tilted(20)
    nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / "a.nii")
    tilt = steps.apply(read_volume(tmp_path / "a.nii")).voxels
    taken_as_orthogonal = steps.apply(Volume(stored, affine)).voxels

    def off(voxels):
        return np.abs(voxels - plain).mean() / plain.mean()

    assert off(tilt) < 0.13
    assert off(taken_as_orthogonal) > 0.3


def test_axes_stored_in_another_order_give_the_same_place(tmp_path):
    """The slices lie along the first stored axis, so the order of the file decides nothing."""
    stored, affine = tilted(15)
    turned = stored.transpose(2, 0, 1)
    nibabel.save(nibabel.Nifti1Image(turned, affine[:, [2, 0, 1, 3]]), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.affine[:3, :3], PLAIN[:3, [2, 0, 1]], atol=1e-5)
    assert np.abs(at(volume, PLAIN, SHAPE) - smooth()).mean() < 0.01 * smooth().max()


def test_shear_between_all_axes_keeps_points_where_they_are(tmp_path):
    affine = PLAIN.copy()
    affine[:3, :3] = PLAIN[:3, :3] @ [[1, 0.2, -0.3], [0, 1, 0.15], [0, 0, 1]]
    x, y, z = (affine @ [*np.indices((24, 30, 20)).reshape(3, -1), np.ones(24 * 30 * 20)])[:3]
    field = (3 * x - 2 * y + z + 500).reshape(24, 30, 20).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(field, affine), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    columns = volume.affine[:3, :3]
    np.testing.assert_allclose(columns.T @ columns, np.diag(np.square(volume.spacing)), atol=1e-5)
    centre = (np.array(volume.shape) - 1) // 2
    for index in (centre, centre + np.array([2, 3, 1]), centre - np.array([3, 1, 2])):
        x, y, z = (volume.affine @ [*index, 1])[:3]
        # A linear field is what linear interpolation gives back exactly.
        assert volume.voxels[tuple(index)] == pytest.approx(3 * x - 2 * y + z + 500, rel=1e-4)


def test_the_grid_covers_the_volume_and_adds_its_smallest_intensity(tmp_path):
    stored = smooth() - 1024
    affine = PLAIN.copy()
    affine[1, 2] = -1.2
    nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    # 11 steps of 1.2 mm are 14.7 rows of 0.9 mm.
    assert volume.shape == (24, 40 + 15, 12)
    assert volume.voxels.min() == stored.min() == volume.voxels[0, -1, 0]
    total = (volume.voxels + 1024).sum() / (stored + 1024).sum()
    assert total == pytest.approx(1, abs=1e-3)


def test_shear_of_less_than_half_a_voxel_is_let_be(tmp_path):
    affine = PLAIN.copy()
    affine[1, 2] = 0.9 * 0.45 / 11
    nibabel.save(nibabel.Nifti1Image(smooth(), affine), tmp_path / "a.nii")
    loaded = load(tmp_path / "a.nii")
    np.testing.assert_array_equal(loaded.volume.voxels, smooth())
    assert loaded.remarks.shear == 0
    affine[1, 2] = 0.9 * 0.55 / 11
    nibabel.save(nibabel.Nifti1Image(smooth(), affine), tmp_path / "a.nii")
    assert load(tmp_path / "a.nii").remarks.shear > 0


def test_labels_take_the_nearest_voxel_on_the_same_grid(tmp_path):
    labels = np.where(smooth() > 300, 7, np.where(smooth() > 100, 2, 0)).astype(np.uint8)
    for name, voxels, order in (("images", None, 3), ("labels", labels, 0)):
        (tmp_path / name).mkdir()
        stored, affine = tilted(20, order=order, voxels=voxels)
        nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / name / "a.nii.gz")
    cohort = check_cohort(read_cohort(str(tmp_path / "images"), name="real", role="real"))
    maps = check_labels(cohort, [tmp_path / "labels/a.nii.gz"])
    assert maps.structures == (2, 7)
    assert maps[0].labels.shape == cohort.infos[0].shape
    for value in (2, 7):
        volume = (maps[0].labels == value).sum() / (labels == value).sum()
        assert volume == pytest.approx(1, abs=0.03)
    np.save(tmp_path / "a.npy", stored)
    with pytest.raises(Exception, match="does not state its geometry, but its volume"):
        check_labels(cohort, [tmp_path / "a.npy"])


def test_a_cohort_says_how_much_was_sheared(tmp_path):
    (tmp_path / "real").mkdir()
    for i, degrees in enumerate((0, 10, 20)):
        stored, affine = tilted(degrees)
        nibabel.save(nibabel.Nifti1Image(stored + i, affine), tmp_path / f"real/{i}.nii")
    (warning,) = sentences(
        check_cohort(read_cohort(str(tmp_path / "real"), name="real", role="real"))
    )
    assert warning == (
        "2 of 3 volumes of real lie on sheared grids, as after a scan with a tilted gantry "
        "(by up to 20 degrees, 2.nii), and were resampled onto orthogonal ones; interpolation "
        "smooths within slices, and the corners that this adds are filled with the smallest "
        "intensity."
    )


def test_axes_that_are_no_scans_are_told(tmp_path):
    affine = PLAIN.copy()
    affine[1, 2] = 3 * affine[2, 2]
    np.savez(tmp_path / "a.npz", voxels=smooth(), affine=affine)
    with pytest.raises(VolumeError, match="its axes are 72 degrees off right angles"):
        read_volume(tmp_path / "a.npz")
