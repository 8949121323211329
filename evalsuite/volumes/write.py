"""Volume -> NIfTI, all or nothing, the same bytes every time."""

import gzip
import io
from collections.abc import Collection
from pathlib import Path

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.geometry import Part
from evalsuite.volumes.volume import Volume
from evalsuite.writable import write_whole

SCANNER = 1  # code of an affine to scanner coordinates in NIfTI


def write_nifti(volume: Volume, path: Path, unstated: Collection[Part] = ()) -> None:
    """Write a volume as NIfTI-1: float32, millimetres, the affine as sform and as qform.

    A reader of the file sees all of it or nothing. An affine that no qform tells to 1e-4 (with
    shear, or turned by almost 180 degrees) has its qform marked as unknown.

    Args:
        path: must end in .nii or .nii.gz; a file that is there is replaced.
        unstated: parts of the geometry that nobody has stated. If there are any both codes are 0,
            so that the file states no orientation, and no spacing of 1 mm.

    Raises:
        EvalsuiteError: for another ending, or if the disk refuses.
    """
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        raise EvalsuiteError(f"{path}: volumes are written as .nii or .nii.gz.")
    content = _encode(volume, stated=not unstated)
    if name.endswith(".gz"):
        content = _compress(content)
    write_whole(path, content, "Make room or name another folder.")


def _encode(volume: Volume, *, stated: bool) -> bytes:
    from nibabel import Nifti1Image

    image = Nifti1Image(np.asarray(volume.voxels, dtype=np.float32), None)
    image.header.set_xyzt_units("mm")
    code = SCANNER if stated else 0
    image.set_sform(volume.affine, code)
    image.set_qform(volume.affine, code, strip_shears=True)
    if not np.allclose(image.get_qform(), volume.affine, rtol=1e-4, atol=1e-4):
        image.header["qform_code"] = 0
    content: bytes = image.to_bytes()
    return content


def _compress(content: bytes) -> bytes:
    # A time stamp or name in the gzip header would make equal volumes unequal files.
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()
