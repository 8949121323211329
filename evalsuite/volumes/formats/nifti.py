"""NIfTI-1 and NIfTI-2, measured against their own header before a voxel is touched."""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.volumes.formats.loaded import (
    Loaded,
    Problem,
    channels,
    content_of,
    decompressed,
    require_length,
    require_scalar,
    require_spacing,
    sizes_text,
    three_axes,
    voxels_of,
)
from evalsuite.volumes.geometry import Part
from evalsuite.volumes.volume import Remarks

MILLIMETRES = {1: 1000.0, 3: 0.001}  # of a metre and a micrometre by their codes in NIfTI


def read_nifti(path: Path, image: int | None) -> Loaded:
    """Read a .nii, .nii.gz, or .hdr with its .img beside it."""
    from nibabel import Nifti1Header, Nifti2Header
    from nibabel.spatialimages import HeaderDataError

    content = content_of(path)
    digest = hashlib.sha256(content)
    content = decompressed(content, path)
    kinds = {348: Nifti1Header, 540: Nifti2Header}
    sizes = {"<": content[:4], ">": content[3::-1]}
    orders = [o for o, size in sizes.items() if int.from_bytes(size, "little") in kinds]
    if not orders:
        raise Problem("it is not a NIfTI file; its first bytes are not a NIfTI header.")
    kind = kinds[int.from_bytes(sizes[orders[0]], "little")]
    start = kind.sizeof_hdr
    require_length(len(content), start)
    # Without nibabel's check, which silently replaces a spacing of 0 by 1.
    header = kind(content[:start], endianness=orders[0], check=False)
    magic = header["magic"].item()[:3]
    if magic not in (b"n+1", b"n+2", b"ni1", b"ni2"):
        raise Problem(
            "it is not NIfTI but perhaps ANALYZE 7.5, which does not tell left from right. "
            "Convert it to NIfTI."
        )
    beside: tuple[str, ...] = ()
    if magic in (b"ni1", b"ni2"):
        data = path.with_suffix(".img")
        content, start, beside = data.read_bytes(), 0, (data.name,)
        digest.update(content)
    raw = _nifti_voxels(header, content, start, image)
    voxels = voxels_of(raw, image)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isfinite(slope) and slope != 0 and (slope, intercept) != (1, 0):
        with np.errstate(all="ignore"):
            voxels = voxels.astype(np.float64) * slope + intercept
    unit = MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    require_spacing([float(step) * unit for step in header["pixdim"][1:4]])
    unstated: tuple[Part, ...] = ()
    if header["sform_code"] == header["qform_code"] == 0:
        steps = header["pixdim"][1:4].astype(np.float64)
        # A spacing of 1 is also what headers hold in which nobody wrote one.
        unstated = ("spacing", "orientation") if (steps == 1).all() else ("orientation",)
        affine = np.diag([*steps, 1.0])
    else:
        try:
            affine = np.array(header.get_best_affine(), dtype=np.float64)
        except (HeaderDataError, ValueError) as error:
            raise Problem("the qform in its header is not a rotation.") from error
    affine[:3] *= unit
    remarks = Remarks(unstated, channel_first=channels(raw.shape) > 0 and not unstated)
    return Loaded.of(raw, voxels, affine, digest.hexdigest(), remarks, beside)


def _nifti_voxels(header: Any, content: bytes, start: int, image: int | None) -> np.ndarray:
    """Return the stored numbers in the header's shape; they may lie from byte `start` on."""
    from nibabel.spatialimages import HeaderDataError

    axes = int(header["dim"][0])
    shape = tuple(int(size) for size in header["dim"][1 : axes + 1])
    if not 1 <= axes <= 7 or min(shape) < 1:
        raise Problem(
            f"its header gives {axes} dimensions ({sizes_text(shape)}); expected 3 of 1 or more."
        )
    three_axes(shape, image)
    try:
        dtype = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise Problem(f"its data type {int(header['datatype'])} is not known.") from error
    require_scalar(dtype)
    offset, count = float(header["vox_offset"]), math.prod(shape)
    if not start <= offset <= len(content):
        raise Problem(f"its header places the voxels at byte {offset:g} of {len(content)}.")
    require_length(len(content), int(offset) + count * dtype.itemsize)
    return np.frombuffer(content, dtype, count, int(offset)).reshape(shape, order="F")
