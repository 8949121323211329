"""DICOM: a folder with the slices of one series, or with one enhanced multi-frame file."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evalsuite.volumes.formats.dicom_header import Image, read_header
from evalsuite.volumes.formats.dicom_stack import sort_out, step_between
from evalsuite.volumes.formats.itk import from_lps, simpleitk
from evalsuite.volumes.formats.loaded import Loaded, Problem, require_scalar, require_spacing
from evalsuite.volumes.formats.multiframe import read_frames
from evalsuite.volumes.volume import Remarks


def read_dicom(path: Path) -> Loaded:
    """Read a folder with one series; files in it that are no DICOM do not count."""
    found = sorted(file for file in path.iterdir() if is_dicom(file))
    if not found:
        raise Problem("the folder holds no DICOM files; expected one series of slices.")
    images = [read_header(file) for file in found]
    # A file passed over because it is damaged would shorten a volume at its ends.
    unread = [file.name for file, image in zip(found, images, strict=True) if image is None]
    if unread:
        raise Problem(
            f"{len(unread)} of its {len(found)} DICOM files cannot be read, first {unread[0]}. "
            "Copy or export the series again."
        )
    stack, left_out = sort_out([image for image in images if image is not None])
    digests = sorted(hashlib.sha256(image.path.read_bytes()).hexdigest() for image in stack)
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    remarks = Remarks(left_out=tuple(left_out))
    if stack[0].frames > 1:
        raw, voxels, affine = read_frames(stack[0].path)
        return Loaded.of(raw, voxels, affine, digest, remarks)
    return _read_slices(stack, digest, remarks)


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM: by its suffix, or where it has none by its contents."""
    if path.name.startswith(".") or path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    if path.suffix.lower() in (".dcm", ".ima", ".dicom"):
        return True
    # Scanners name files by numbers or UIDs, without a suffix or with a number for one.
    if path.suffix and not path.suffix[1:].isdigit():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _read_slices(stack: Sequence[Image], digest: str, remarks: Remarks) -> Loaded:
    itk = simpleitk()
    first, reader = itk.ImageFileReader(), itk.ImageSeriesReader()
    first.SetFileName(str(stack[0].path))
    reader.SetFileNames([str(image.path) for image in stack])
    for one in (first, reader):
        one.SetImageIO("GDCMImageIO")
    # Else all slices take the type of the first: PET has a slope for each, MR often just a few.
    reader.SetOutputPixelType(itk.sitkFloat32)
    try:
        stored = itk.GetArrayViewFromImage(first.Execute())
        require_scalar(stored.dtype, first.GetNumberOfComponents())
        image = reader.Execute()
    except RuntimeError as error:
        raise Problem(
            "its DICOM slices are damaged or do not fit together. Export the series again."
        ) from error
    require_spacing(image.GetSpacing()[:2])
    columns = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    # ITK steps along the normal of the slices; their positions also tell a tilt of the gantry.
    columns[:, 2] = step_between(
        [image.position for image in stack], [image.path.name for image in stack]
    )
    voxels = itk.GetArrayViewFromImage(image).T
    return Loaded.of(stored, voxels, from_lps(columns, image.GetOrigin()), digest, remarks)
