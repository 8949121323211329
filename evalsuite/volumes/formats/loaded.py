"""What the readers of all formats return, raise and require."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from isal import igzip, igzip_lib

from evalsuite.volumes.volume import UNREMARKABLE, Remarks, Volume

# Without annotations, and with a wrong one.
_unzipped: Callable[[bytes], bytes] = igzip.decompress
_DAMAGED = igzip.BadGzipFile, cast("type[Exception]", igzip_lib.IsalError)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A volume with what is known only while its files are open.

    Args:
        volume: voxels as float32 and their affine.
        dtype: NumPy name of the type on disk.
        digest: SHA-256 of the bytes on disk (of header and data file one after the other; of a
            DICOM series over the sorted SHA-256 of its files; of an image of a 4D file over that
            of the file and the number of the image).
        remarks: what had to be decided.
        beside: names of other files in the folder of the file that hold a part of it.
        images: how many its file holds along a fourth axis; 1 of a 3D file.
    """

    volume: Volume
    dtype: str
    digest: str
    remarks: Remarks = UNREMARKABLE
    beside: tuple[str, ...] = ()
    images: int = 1

    @classmethod
    def of(
        cls,
        raw: np.ndarray,
        voxels: np.ndarray,
        affine: np.ndarray,
        digest: str,
        remarks: Remarks = UNREMARKABLE,
        beside: tuple[str, ...] = (),
    ) -> "Loaded":
        """Return the voxels of an array as it is on disk, `raw`, in single precision."""
        # A value beyond float32 becomes Inf, which the check reports.
        with np.errstate(over="ignore", invalid="ignore"):
            single = voxels.astype(np.float32)
        dtype = raw.dtype.newbyteorder("=").name
        # Of a DICOM series, `raw` is but a slice.
        images = max(1, raw.size // max(1, voxels.size))
        return cls(Volume(single, affine), dtype, digest, remarks, beside, images)


class Problem(Exception):  # noqa: N818  (`read.load` makes it a VolumeError)
    """What is wrong with the file being read, as a clause."""


class SeriesProblem(Problem):
    """A file of `images` 3D images where one of them, or a single one, is expected."""

    def __init__(self, problem: str, images: int) -> None:
        super().__init__(problem)
        self.images = images


def content_of(path: Path) -> bytes:
    """Return the bytes of a file that is not empty."""
    content = path.read_bytes()
    if not content:
        raise Problem("the file is empty. Copy or write it again.")
    return content


def sizes_text(values: Sequence[float]) -> str:
    """Return numbers as `1 x 2 x 3`."""
    return " x ".join(f"{value:.6g}" for value in values)


def decompressed(content: bytes, path: Path) -> bytes:
    """Return the content of a file that is compressed by gzip if its name says so."""
    zipped, named = content[:2] == b"\x1f\x8b", path.suffix.lower()
    if named in (".gz", ".mgz") and not zipped:
        raise Problem(f"its name ends in {named}, but it is not compressed by gzip.")
    if zipped and named not in (".gz", ".mgz"):
        raise Problem("it is compressed by gzip, but its name does not end in .gz.")
    try:
        return _unzipped(content) if zipped else content
    except EOFError as error:
        raise Problem("its gzip stream is truncated. Copy or write it again.") from error
    except _DAMAGED as error:
        raise Problem("its gzip stream is damaged. Copy or write it again.") from error


def three_axes(shape: Sequence[int], image: int | None = None) -> tuple[int, int, int]:
    """Return the shape without axes of one voxel behind or before the three of a volume.

    Args:
        image: the one along a fourth axis that is asked for; None: there is to be no such axis.
    """
    first, end = channels(shape), len(shape)
    while end - first > 3 and shape[end - 1] == 1:
        end -= 1
    axes, sizes = end - first, sizes_text(shape)
    if axes == 3 and image is not None:
        raise Problem(
            f"it is 3D ({sizes}), but :{image} behind a source takes an image of 4D files. "
            f"Leave :{image} out."
        )
    if axes == 4 and image is None:
        raise SeriesProblem(
            f"it has 4 dimensions ({sizes}); expected one volume of 3. Put :0 behind the source "
            f"for the first of its {shape[end - 1]} images, or split the file.",
            shape[end - 1],
        )
    if axes not in (3, 4):
        raise Problem(
            f"it has {axes} dimensions ({sizes}); expected one volume of 3. "
            "Split a series into its volumes first."
        )
    if image is not None and image >= shape[end - 1]:
        raise Problem(
            f"it has {shape[end - 1]} images along its fourth axis ({sizes}), of which the first "
            f"is :0 and the last :{shape[end - 1] - 1}; there is no :{image}."
        )
    x, y, z = shape[first : first + 3]
    return x, y, z


def voxels_of(raw: np.ndarray, image: int | None) -> np.ndarray:
    """Return the voxels of a volume, a view of all that is on disk; see `three_axes`."""
    shape = three_axes(raw.shape, image)
    if image is None:
        return raw.reshape(shape, order="F")
    return raw.reshape(*shape, -1, order="F")[..., image]


def channels(shape: Sequence[int]) -> int:
    """Return how many axes of one channel stand before the three of a volume, as in PyTorch."""
    end = len(shape)
    while end > 3 and shape[end - 1] == 1:
        end -= 1
    first = 0
    while end - first > 3 and shape[first] == 1:
        first += 1
    return first


def require_scalar(dtype: np.dtype[Any], components: int = 1) -> None:
    """Refuse voxels that are not one real number each."""
    if components > 1 or dtype.kind not in "biuf":
        kind = "complex numbers" if dtype.kind == "c" else "colours, vectors or records"
        raise Problem(f"its voxels are {kind}; expected one real number each.")


def require_spacing(spacing: Sequence[float]) -> None:
    """Refuse a voxel spacing, in millimetres, that is not positive and finite."""
    if not all(math.isfinite(step) and step > 0 for step in spacing):
        raise Problem(
            f"its header gives a voxel spacing of {sizes_text(spacing)} mm; expected positive "
            "numbers. Write it again with its true spacing."
        )


def require_length(found: int, promised: int) -> None:
    """Refuse a file with fewer bytes than its header promises."""
    if found < promised:
        raise Problem(
            f"it is truncated: its header promises {promised} bytes, but it has {found}. "
            "Copy or write it again."
        )
