"""MGH, FreeSurfer's format, measured against its own header before a voxel is touched."""

import hashlib
import math
from pathlib import Path

import numpy as np

from evalsuite.volumes.formats.loaded import (
    Loaded,
    Problem,
    channels,
    content_of,
    decompressed,
    require_length,
    require_spacing,
    sizes_text,
    voxels_of,
)
from evalsuite.volumes.geometry import PARTS
from evalsuite.volumes.volume import Remarks

TYPES = {0: "u1", 1: ">i4", 3: ">f4", 4: ">i2", 10: ">u2"}
START = 284  # byte at which the voxels begin
FIELDS = np.dtype([
    ("version", ">i4"), ("shape", ">i4", 4), ("type", ">i4"), ("dof", ">i4"), ("placed", ">i2"),
    ("spacing", ">f4", 3), ("directions", ">f4", (3, 3)), ("centre", ">f4", 3),
])  # fmt: skip


def read_mgh(path: Path, image: int | None) -> Loaded:
    """Read a .mgz or .mgh.

    References: the format is described at surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat.
    """
    content = content_of(path)
    digest = hashlib.sha256(content).hexdigest()
    content = decompressed(content, path)
    require_length(len(content), START)
    header = np.frombuffer(content, FIELDS, 1)[0]
    if header["version"] != 1 or int(header["type"]) not in TYPES:
        raise Problem("it is not an MGH file; it does not begin with such a header.")
    shape = tuple(header["shape"].tolist())
    if min(shape) < 1:
        raise Problem(f"its header gives {sizes_text(shape)} voxels; expected 1 or more each.")
    dtype = np.dtype(TYPES[int(header["type"])])
    count = math.prod(shape)
    require_length(len(content), START + count * dtype.itemsize)
    raw = np.frombuffer(content, dtype, count, START).reshape(shape, order="F")
    voxels = voxels_of(raw, image)
    if not header["placed"]:
        return Loaded.of(raw, voxels, np.eye(4), digest, Remarks(PARTS))
    spacing = header["spacing"].astype(np.float64)
    require_spacing(spacing.tolist())
    affine = np.eye(4)
    affine[:3, :3] = header["directions"].astype(np.float64).T * spacing
    middle = np.array(shape[:3]) / 2
    affine[:3, 3] = header["centre"] - affine[:3, :3] @ middle
    remarks = Remarks(channel_first=channels(shape) > 0)
    return Loaded.of(raw, voxels, affine, digest, remarks)
