"""DICOM as people have it: enhanced multi-frame files, and folders that hold more than slices."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BasicTextSRStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from evalsuite.errors import VolumeError
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.read import load, read_volume
from evalsuite.volumes.sources import read_cohort
from tests.caveats import sentences
from tests.volumes.test_read import TO_LPS, fault, mutants, oblique, phantom, write_dicom

SLOPES = [1.0, 0.5, 2.0, 1.0, 0.25, 1.0, 4.0, 1.0]
ORDER = [3, 0, 7, 1, 6, 2, 5, 4]  # of the slices in the file


def item(**values):
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    return Sequence([dataset])


def write_enhanced(path, voxels, affine, *, times=1, shared=True, change=lambda _: None):
    """Write slices as frames in another order, with a slope each; `shared` as far as they agree."""
    lps = TO_LPS @ affine
    steps = np.linalg.norm(lps[:3, :2], axis=0)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = EnhancedMRImageStorage, meta.MediaStorageSOPInstanceUID
    file.StudyInstanceUID, file.SeriesInstanceUID, file.Modality = "1.2.3", generate_uid(), "MR"
    file.Rows, file.Columns = voxels.shape[1], voxels.shape[0]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1
    plane = item(ImageOrientationPatient=[f"{v:.9g}" for v in (lps[:3, :2] / steps).T.ravel()])
    measures = item(PixelSpacing=[f"{v:.9g}" for v in steps[::-1]], SliceThickness=1)
    order = [k for k in ORDER if k < voxels.shape[2]] * times
    frames = []
    for k in order:
        frame = Dataset()
        place = [f"{v:.9g}" for v in (lps @ [0, 0, k, 1])[:3]]
        frame.PlanePositionSequence = item(ImagePositionPatient=place)
        frame.PixelValueTransformationSequence = item(
            RescaleSlope=SLOPES[k], RescaleIntercept=-7 - k, RescaleType="US"
        )
        if not shared:
            frame.PlaneOrientationSequence, frame.PixelMeasuresSequence = plane, measures
        frames.append(frame)
    file.PerFrameFunctionalGroupsSequence = Sequence(frames)
    groups = Dataset()
    if shared:
        groups.PlaneOrientationSequence, groups.PixelMeasuresSequence = plane, measures
    file.SharedFunctionalGroupsSequence = Sequence([groups])
    file.NumberOfFrames = len(order)
    file.PixelData = np.stack([voxels[:, :, k].T for k in order]).astype("<i2").tobytes()
    change(file)
    path.parent.mkdir(exist_ok=True, parents=True)
    file.save_as(path, enforce_file_format=True)
    return path


def rescaled(voxels):
    return voxels * np.array(SLOPES) - 7 - np.arange(8)


@pytest.mark.parametrize("shared", [True, False])
def test_an_enhanced_file_is_the_volume_of_its_frames_by_their_positions(tmp_path, shared):
    write_enhanced(tmp_path / "scan/IM1.dcm", phantom(), oblique(), shared=shared)
    loaded = load(tmp_path / "scan")
    np.testing.assert_allclose(loaded.volume.voxels, rescaled(phantom()))
    np.testing.assert_allclose(loaded.volume.affine, oblique(), atol=2e-5)
    assert (loaded.dtype, loaded.remarks.left_out) == ("int16", ())


def test_an_enhanced_file_compressed_by_run_lengths_is_read(tmp_path):
    path = write_enhanced(tmp_path / "scan/IM1.dcm", phantom(), oblique())
    file = pydicom.dcmread(path)
    file.compress(RLELossless)
    file.save_as(path)
    np.testing.assert_allclose(read_volume(tmp_path / "scan").voxels, rescaled(phantom()))


def test_frames_without_a_rescaling_are_taken_as_they_are(tmp_path):
    def strip(file):
        for frame in file.PerFrameFunctionalGroupsSequence:
            del frame.PixelValueTransformationSequence

    write_enhanced(tmp_path / "scan/IM1.dcm", phantom(), oblique(), change=strip)
    np.testing.assert_array_equal(read_volume(tmp_path / "scan").voxels, phantom())


def test_tilted_frames_come_out_orthogonal(tmp_path):
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    affine[1, 2] = 1.0
    write_enhanced(tmp_path / "scan/IM1.dcm", phantom(), affine)
    loaded = load(tmp_path / "scan")
    np.testing.assert_allclose(loaded.volume.affine[:3, :3], np.diag([1, 1, 3]), atol=1e-6)
    assert loaded.remarks.shear == pytest.approx(18.43, abs=0.01)  # arc tan of 1/3
    # Slices shift by whole voxels, so that nothing is interpolated.
    for k in range(8):
        np.testing.assert_allclose(
            loaded.volume.voxels[:, k : k + 7, k], rescaled(phantom())[:, :, k]
        )


def test_frames_that_are_no_single_stack_are_told(tmp_path):
    write_enhanced(tmp_path / "echoes/IM1.dcm", phantom(), oblique(), times=2)
    assert fault(tmp_path / "echoes").startswith("its frames show the same place more than once")

    def turn(file):
        groups = file.PerFrameFunctionalGroupsSequence[4]
        groups.PlaneOrientationSequence = item(ImageOrientationPatient=[1, 0, 0, 0, 0, -1])

    write_enhanced(tmp_path / "planes/IM1.dcm", phantom(), oblique(), change=turn)
    assert fault(tmp_path / "planes").startswith("its frames are not parallel")

    def lose(file):
        del file.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence

    write_enhanced(tmp_path / "lost/IM1.dcm", phantom(), oblique(), change=lose)
    assert "8 frames without a position, orientation and spacing each" in fault(tmp_path / "lost")

    def gap(file):
        place = file.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
        place.ImagePositionPatient = [float(v) + 0.4 for v in place.ImagePositionPatient]

    write_enhanced(tmp_path / "gap/IM1.dcm", phantom(), oblique(), change=gap)
    assert "a slice is missing or doubled" in fault(tmp_path / "gap")


def test_a_capture_of_many_frames_is_no_volume(tmp_path):
    def capture(file):
        file.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
        del file.PerFrameFunctionalGroupsSequence
        del file.SharedFunctionalGroupsSequence

    write_enhanced(tmp_path / "scan/IM1.dcm", phantom(), oblique(), change=capture)
    assert "Export it as a series of slices." in fault(tmp_path / "scan")


def test_no_damage_to_an_enhanced_file_raises_anything_but_a_volume_error(tmp_path):
    path = write_enhanced(tmp_path / "scan/IM1.dcm", phantom(), oblique())
    whole = path.read_bytes()
    found = 0
    for mutant in [*mutants(whole, 40, seed=5), *(whole[:n] for n in range(0, len(whole), 97))]:
        path.write_bytes(mutant)
        try:
            assert read_volume(tmp_path / "scan").voxels.ndim == 3
        except VolumeError:
            found += 1
    assert found > 40


def change(path, **values):
    file = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(file, name, value)
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID
    file.save_as(path)


def series_with(folder, name, **values):
    """Write a series of eight slices and one more image that differs in these values."""
    folder.parent.mkdir()
    write_dicom(folder, phantom(), oblique(), suffix=".dcm")
    write_dicom(folder.with_name("one"), phantom()[:, :, :1], oblique(), suffix=".dcm")
    (one,) = folder.with_name("one").iterdir()
    change(one, **values)
    one.rename(folder / name)
    folder.with_name("one").rmdir()


SCOUT = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1], "ImagePositionPatient": [0, 90, 0]}
OTHER_SIZE = {"Rows": 3, "Columns": 4, "PixelData": bytes(24)}
NO_SLICE = {"SOPClassUID": SecondaryCaptureImageStorage, "SeriesInstanceUID": "1.2.9"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (SCOUT | {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        (SCOUT, "another orientation"),
        (OTHER_SIZE, "another size"),
        (NO_SLICE | OTHER_SIZE, "Secondary Capture Image Storage"),
        (NO_SLICE, "Secondary Capture Image Storage"),
        (SCOUT | {"SeriesInstanceUID": "1.2.8"}, "another series"),
    ],
)
def test_one_image_that_is_no_slice_is_left_out_and_named(tmp_path, values, reason):
    series_with(tmp_path / "cohort/series", "SCOUT.dcm", **values)
    loaded = load(tmp_path / "cohort/series")
    np.testing.assert_array_equal(loaded.volume.voxels, phantom())
    np.testing.assert_allclose(loaded.volume.affine, oblique(), atol=2e-5)
    assert loaded.remarks.left_out == (f"SCOUT.dcm ({reason})",)
    cohort = check_cohort(read_cohort(str(tmp_path / "cohort"), name="real", role="real"))
    assert sentences(cohort)[-1] == (
        "Left out of the volumes of real, for they are no slices of the series in whose folder they "
        f"lie: series/SCOUT.dcm ({reason})."
    )
    (tmp_path / "cohort/series/SCOUT.dcm").unlink()
    assert load(tmp_path / "cohort/series").digest == loaded.digest


def test_several_localizers_in_three_planes_are_left_out(tmp_path):
    write_dicom(tmp_path / "series", phantom(), oblique(), suffix=".dcm")
    for i, turned in enumerate(([1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1])):
        folder = tmp_path / f"plane{i}"
        write_dicom(folder, phantom()[:, :, :3], oblique(), suffix=".dcm")
        for path in folder.iterdir():
            change(path, ImageOrientationPatient=turned, ImageType=["ORIGINAL", "LOCALIZER"])
            path.rename(tmp_path / f"series/plane{i}{path.name}")
    loaded = load(tmp_path / "series")
    np.testing.assert_array_equal(loaded.volume.voxels, phantom())
    assert len(loaded.remarks.left_out) == 6


def test_a_report_without_an_image_is_left_out(tmp_path):
    write_dicom(tmp_path / "series", phantom(), oblique(), suffix=".dcm")
    path = min((tmp_path / "series").iterdir())
    file = pydicom.dcmread(path)
    for name in ("Rows", "Columns", "PixelData", "ImagePositionPatient"):
        delattr(file, name)
    file.SOPClassUID = file.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    file.save_as(tmp_path / "series/SR.dcm")
    loaded = load(tmp_path / "series")
    np.testing.assert_array_equal(loaded.volume.voxels, phantom())
    assert loaded.remarks.left_out == ("SR.dcm (Basic Text SR Storage)",)
    for slice_ in (tmp_path / "series").glob("1.2*"):
        slice_.unlink()
    assert fault(tmp_path / "series") == (
        "its DICOM files hold no image; the first is SR.dcm: Basic Text SR Storage."
    )


def test_what_could_be_a_second_volume_is_refused(tmp_path):
    write_dicom(tmp_path / "series", phantom(), oblique(), suffix=".dcm")
    write_dicom(tmp_path / "other", phantom()[:, :, :2], oblique(), suffix=".dcm")
    for path in (tmp_path / "other").iterdir():
        change(path, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
        path.rename(tmp_path / f"series/x{path.name}")
    assert (
        fault(tmp_path / "series") == "its slices are not parallel; expected one stack of slices."
    )
    for path in (tmp_path / "series").glob("x*"):
        change(path, **OTHER_SIZE)
    assert fault(tmp_path / "series").startswith("its slices are not alike: 1.2.3.4.")


def test_one_slice_that_lost_its_position_is_no_other_image(tmp_path):
    write_dicom(tmp_path / "series", phantom(), oblique(), suffix=".dcm")
    last = tmp_path / "series" / "1.2.3.4.09.dcm"  # (5 x 7) mod 13
    file = pydicom.dcmread(last)
    del file.ImagePositionPatient
    file.save_as(last)
    assert fault(tmp_path / "series") == "its slice 1.2.3.4.09.dcm has no position in space."
    del file.ImageOrientationPatient
    file.save_as(last)
    assert fault(tmp_path / "series") == "its slice 1.2.3.4.09.dcm has no position in space."


def test_a_folder_of_series_of_one_file_is_described_as_what_it_is(tmp_path):
    write_dicom(tmp_path / "series", phantom(), oblique(), suffix=".dcm")
    for i, path in enumerate((tmp_path / "series").iterdir()):
        change(path, SeriesInstanceUID=f"1.2.7.{i}")
    assert fault(tmp_path / "series") == (
        "the folder holds 8 DICOM files that are each a series of its own; expected one series of "
        "slices. If they are slices of one volume, as after an anonymisation file by file, give "
        "them one SeriesInstanceUID."
    )
    for i in range(4):
        write_enhanced(tmp_path / f"volumes/{i}.dcm", phantom(), oblique())
    assert fault(tmp_path / "volumes") == (
        "the folder holds 4 DICOM files that are volumes of many frames: 0.dcm (8 frames), 1.dcm "
        "(8 frames), 2.dcm (8 frames) and 1 more. Give each a folder of its own."
    )


def test_slices_with_slopes_of_their_own_are_not_cut_to_the_type_of_the_first(tmp_path):
    write_dicom(tmp_path / "series", phantom() - 1024, oblique(), suffix=".dcm")
    for path in (tmp_path / "series").iterdir():
        k = [(5 * i) % 13 for i in range(8)].index(int(path.name.split(".")[-2]))
        change(path, RescaleSlope=1 if k == 0 else 0.375, RescaleIntercept=0)
    expected = phantom() * np.array([1] + [0.375] * 7)
    loaded = load(tmp_path / "series")
    np.testing.assert_allclose(loaded.volume.voxels, expected, rtol=1e-6)
