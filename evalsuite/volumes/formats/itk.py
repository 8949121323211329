"""MetaImage and NRRD by ITK."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from evalsuite import extras
from evalsuite.volumes.formats.loaded import (
    Loaded,
    Problem,
    channels,
    content_of,
    require_length,
    require_scalar,
    require_spacing,
    three_axes,
    voxels_of,
)
from evalsuite.volumes.geometry import Part
from evalsuite.volumes.volume import Remarks

# MetaImage's AnatomicalOrientation is not among them: its letters are used for both ends of an axis.
METAIMAGE_MATRIX = ("transformmatrix", "rotation", "orientation")
METAIMAGE_SPACING = ("elementspacing", "elementsize")


def read_itk(path: Path, image: int | None) -> Loaded:
    """Read a .mha, .mhd, .nrrd or .nhdr with its data file."""
    itk = simpleitk()
    content = content_of(path)
    digest = hashlib.sha256(content)
    name = "NRRD" if path.suffix.lower() in (".nrrd", ".nhdr") else "MetaImage"
    damaged = f"it is damaged or truncated and cannot be read as {name}. Copy or write it again."
    fields = _fields(content)
    if not (content.startswith(b"NRRD") if name == "NRRD" else "ndims" in fields):
        raise Problem(f"it is not a {name} file; it does not begin with such a header.")
    data_file = fields.get("elementdatafile", fields.get("data file", "LOCAL"))
    if not data_file.isprintable():
        raise Problem(damaged)
    beside = () if data_file.upper() == "LOCAL" else (data_file,)
    if beside:
        content = (path.parent / data_file).read_bytes()
        digest.update(content)
    reader = itk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NrrdImageIO" if name == "NRRD" else "MetaImageIO")
    try:
        reader.ReadImageInformation()
        three_axes(reader.GetSize(), image)
        require_scalar(np.dtype(float), reader.GetNumberOfComponents())
        require_spacing(reader.GetSpacing())
        # ITK prints to stderr about a short file before it raises.
        bits = re.match(r"\d+", itk.GetPixelIDValueAsString(reader.GetPixelID()))
        if bits and fields.get("compresseddata", "").lower() == "false":
            require_length(len(content), math.prod(reader.GetSize()) * int(bits[0]) // 8)
        read = reader.Execute()
    except RuntimeError as error:
        raise Problem(damaged) from error
    raw = itk.GetArrayViewFromImage(read).T
    require_scalar(raw.dtype)
    unstated = _unstated(name, fields)
    # Unlike NIfTI, both formats give each axis its own step, a channel in front as well.
    first = channels(reader.GetSize())
    kept = slice(first, first + 3)
    axes = np.reshape(read.GetDirection(), [read.GetDimension()] * 2)[kept, kept]
    columns, origin = axes * np.array(read.GetSpacing()[kept]), read.GetOrigin()[kept]
    affine = from_lps(columns, origin)
    if "orientation" in unstated:
        affine[:3, :3] = columns
    voxels = voxels_of(raw, image)
    return Loaded.of(raw, voxels, affine, digest.hexdigest(), Remarks(unstated), beside)


def simpleitk() -> Any:
    """Import SimpleITK, silenced."""
    extras.require("itk", purpose="A file of MetaImage or NRRD")
    import SimpleITK

    # What ITK prints as a warning is checked here and raised.
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    return SimpleITK


def from_lps(columns: np.ndarray, origin: Sequence[float]) -> Float[np.ndarray, "4 4"]:
    """Return the RAS+ affine of a grid whose steps and origin are in LPS+, as in ITK and DICOM."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = columns, origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _unstated(name: str, fields: Mapping[str, str]) -> tuple[Part, ...]:
    """Return what a header does not state: ITK fills it in without a word."""
    if name == "NRRD":
        space = fields.get("space", "").lower()
        oriented = space.startswith(("left-", "right-")) or space[:3] in ("ras", "las", "lps")
        spaced = "space directions" in fields or "spacings" in fields
    else:
        oriented = any(field in fields for field in METAIMAGE_MATRIX)
        spaced = any(field in fields for field in METAIMAGE_SPACING)
    parts: dict[Part, bool] = {"spacing": spaced, "orientation": oriented}
    return tuple(part for part, stated in parts.items() if not stated)


def _fields(content: bytes) -> dict[str, str]:
    """Return the fields of a MetaImage or NRRD header by their lower-case names."""
    head = content[: 1 << 16].replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].decode("latin-1")
    pairs = (re.split(r"\s*[=:]\s*", line.strip(), maxsplit=1) for line in head.split("\n"))
    return {pair[0].lower(): pair[1] for pair in pairs if len(pair) == 2}
