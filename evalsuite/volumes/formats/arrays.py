"""NumPy arrays, alone or with an affine."""

import hashlib
import io
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from evalsuite.volumes.formats.loaded import (
    Loaded,
    Problem,
    channels,
    content_of,
    require_scalar,
    voxels_of,
)
from evalsuite.volumes.geometry import PARTS
from evalsuite.volumes.volume import Remarks

MALFORMED_NUMPY = (
    EOFError, KeyError, OSError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def read_numpy(path: Path, image: int | None) -> Loaded:
    """Read a .npy or .npz; see `read_volume` for what it may hold."""
    content = content_of(path)
    try:
        opened = np.load(io.BytesIO(content), allow_pickle=False)
        arrays = {"voxels": opened} if isinstance(opened, np.ndarray) else dict(opened)
    except MALFORMED_NUMPY as error:
        raise Problem(
            "it is damaged, truncated, or holds no plain array of numbers. Write it again."
        ) from error
    unstated = () if "affine" in arrays else PARTS
    affine = np.asarray(arrays.pop("affine", np.eye(4)))
    raw = next(iter(arrays.values())) if len(arrays) == 1 else arrays.get("voxels")
    if raw is None:
        names = ", ".join(arrays) or "none"
        raise Problem(f'it holds the arrays {names}; expected "voxels" and perhaps "affine".')
    if affine.shape != (4, 4) or not np.array_equal(affine[3], [0, 0, 0, 1]):
        raise Problem("its affine is not 4 x 4 numbers with 0 0 0 1 in the last row.")
    require_scalar(raw.dtype)
    voxels = voxels_of(raw, image)
    remarks = Remarks(unstated, channel_first=channels(raw.shape) > 0 and not unstated)
    digest = hashlib.sha256(content).hexdigest()
    return Loaded.of(raw, voxels, affine.astype(float), digest, remarks)
