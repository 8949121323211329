"""Trivial cues: what a program or a sharp eye could tell a case by without knowing anatomy."""

import math
import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError
from evalsuite.study.blinding.axes import AXES
from evalsuite.study.blinding.files import unpacked
from evalsuite.study.blinding.marks import relief
from evalsuite.study.blinding.placement import portrait
from evalsuite.study.blinding.spectra import band_cues
from evalsuite.volumes.formats.loaded import sizes_text

Cues = dict[str, float | str]

HEADER = 348  # bytes of a NIfTI-1 header
EXTENSIONS = 1024  # bytes after the header that are looked at one by one
SAMENESS = "sameness of "  # before the name of a cue: how many cases share its value
IS = " = "  # between the name of a cue and the text that it is or is not
LEVELS = 4096  # into which the histogram of many-valued voxels is divided
CLASS = 16  # levels among which voxels should be spread evenly


@dataclass(frozen=True, slots=True)
class Case:
    """What is looked at of one prepared case.

    Args:
        cues: trivial ones, by name.
        appearance: those that a reader may rightly judge.
        shape: voxels along each axis.
        portrait: its coarse picture, see `evalsuite.study.blinding.placement`.
        relief: how far each place stands out, see `evalsuite.study.blinding.marks`.
    """

    cues: Cues
    appearance: Cues
    shape: tuple[int, ...]
    portrait: np.ndarray
    relief: np.ndarray


def read_case(content: bytes) -> Case:
    """Return what is looked at of a prepared case.

    Args:
        content: of a NIfTI-1 file, as it is sent or stored.

    Raises:
        EvalsuiteError: if the content is not such a file.
    """
    fields, stored = _parsed(unpacked(content))
    voxels = stored.astype(np.float32)
    cues: Cues = {
        "file size": len(content),
        **fields,
        **_intensity_cues(stored),
        **_border_cues(stored),
        **band_cues(voxels),
    }
    apart: Cues = {
        "sharpness": _sharpness(voxels),
        "compressed size": len(zlib.compress(stored.tobytes("F"), level=1)),
    }
    return Case(cues, apart, voxels.shape, portrait(voxels), relief(voxels))


def table(
    rows: list[Cues], *, sameness: bool = True
) -> tuple[list[str], Float[np.ndarray, "n k"], tuple[str, ...]]:
    """Return the names and values of cues that vary, and the names of those that do not.

    A text becomes one column for each text found; of two, one will do. Where values repeat, a
    further column tells how many cases share the case's own: a generator that always writes the
    same where scanners differ is given away by that, even if its value lies in the middle.

    Args:
        rows: the cues of each case.
        sameness: whether to add the columns on repeated values.
    """
    columns: dict[str, list[float]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name, -np.inf) for row in rows]
        texts = sorted({value for value in values if isinstance(value, str)})
        for text in texts[1:] if len(texts) == 2 else texts:
            columns[f"{name}{IS}{text}"] = [float(value == text) for value in values]
        if not texts:
            columns[name] = [float(value) for value in values]
    names: list[str] = []
    kept: list[np.ndarray] = []
    same: list[str] = []
    for name, column in columns.items():
        # Undefined numbers, as a header may hold, count as one lowest value.
        values = np.nan_to_num(np.array(column), nan=-np.inf, neginf=-np.inf, posinf=np.inf)
        distinct, index, counts = np.unique(values, return_inverse=True, return_counts=True)
        if len(distinct) < 2:
            same.append(name.partition(IS)[0])
            continue
        names.append(name)
        kept.append(values)
        # Of two values, how often each occurs tells no more than which it is.
        if sameness and len(distinct) > 2 and len(set(counts.tolist())) > 1:
            names.append(f"{SAMENESS}{name}")
            kept.append(counts[index].astype(np.float64))
    matrix = np.array(kept).T if kept else np.zeros((len(rows), 0))
    # The fields of a header are told as one where all of them are the same.
    varying = {name.partition(": ")[0] for name in names}
    groups = dict.fromkeys(name.partition(": ")[0] for name in same)
    return names, matrix, tuple(group for group in groups if group not in varying)


def _parsed(content: bytes) -> tuple[Cues, np.ndarray]:
    """Return each field of the header as numbers, and the voxels as stored."""
    from nibabel import Nifti1Header
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    try:
        header = Nifti1Header(content[:HEADER], check=False)
        dtype, start = header.get_data_dtype(), int(header["vox_offset"])
        shape = tuple(int(size) for size in header.get_data_shape())
        if len(shape) != 3 or min(shape) < 2 or dtype.kind not in "iuf":
            raise EvalsuiteError(
                f"its voxels are {dtype.name} in a matrix of {sizes_text(shape)}; expected real "
                "numbers in three axes of 2 or more. Prepare the study anew."
            )
        voxels = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape, order="F")
    except (WrapStructError, HeaderDataError, ValueError, KeyError, OverflowError) as error:
        raise EvalsuiteError("it is not a whole NIfTI-1 file. Prepare the study anew.") from error
    if not np.isfinite(voxels).all():
        raise EvalsuiteError("its voxels hold NaN or Inf. Prepare the study anew.")
    cues: Cues = {}
    for field in header.keys():  # noqa: SIM118  (a header's iterator gives no names)
        value = np.atleast_1d(np.asarray(header[field])).ravel()
        if value.dtype.kind == "S":
            value = np.frombuffer(value.tobytes(), np.uint8)
        for i, number in enumerate(value.astype(np.float64).tolist()):
            cues[f"header: {field}[{i}]" if len(value) > 1 else f"header: {field}"] = number
    for i, byte in enumerate(content[HEADER : min(start, HEADER + EXTENSIONS)]):
        cues[f"header: extension[{i}]"] = float(byte)
    return cues, voxels


def _intensity_cues(voxels: np.ndarray) -> Cues:
    low, high = float(voxels.min()), float(voxels.max())
    few = voxels.dtype.kind in "iu" and high - low < 2**16
    if few:
        counts = np.bincount((voxels.astype(np.int64) - int(low)).ravel())
    else:
        counts, _ = np.histogram(voxels, bins=LEVELS)
    return {
        "lowest intensity": low,
        "highest intensity": high,
        # The first and last level, where clipped intensities pile up, tell of no gaps.
        "missing grey levels": _missing(counts[1:-1]),
        "comb in the grey levels": _comb(counts[1:-1]),
        "share of exact zeros": float((voxels == 0).mean()),
        "share of the lowest intensity": float((voxels == low).mean()),
        "share of the highest intensity": float((voxels == high).mean()),
    }


def _missing(counts: np.ndarray) -> float:
    """Return the share of grey levels that are empty but would not be, were there no gaps.

    With so many voxels in each class of `CLASS` levels as there are, spread over its levels at
    random, lambda in a level, a share exp(-lambda) of them would be empty.
    """
    whole = counts[: len(counts) // CLASS * CLASS].reshape(-1, CLASS)
    expected = float((CLASS * (1 - np.exp(-whole.mean(axis=1)))).sum())
    return 1 - np.count_nonzero(whole) / expected if expected else 0.0


def _comb(counts: np.ndarray) -> float:
    """Return the strongest period in the histogram: 0 for a smooth one, 1 if all others are empty.

    Periods are those up to the root of the number of levels; what is slower is anatomy.
    """
    if len(counts) < 2 * CLASS or not counts.any():
        return 0.0
    smooth = counts * np.hanning(len(counts) + 2)[1:-1]
    waves = np.abs(np.fft.rfft(smooth))
    return float(waves[math.isqrt(len(counts)) :].max() / max(waves[0], 1e-9))


def _border_cues(voxels: np.ndarray) -> Cues:
    cues: Cues = {}
    zeros, faces, steps = 0, 0, []
    for axis, name in enumerate(AXES):
        across = tuple(other for other in range(3) if other != axis)
        constant = voxels.min(axis=across) == voxels.max(axis=across)
        cues[f"constant rim {name}"] = _leading(constant) + _leading(constant[::-1])
        for layers in (np.moveaxis(voxels, axis, 0), np.moveaxis(voxels, axis, 0)[::-1]):
            near: np.ndarray = layers[:3].astype(np.float64)
            first, second, third = near[0], near[1], near[-1]
            zeros, faces = zeros + int((first == 0).sum()), faces + first.size
            outer, inner = np.abs(first - second).mean(), np.abs(second - third).mean()
            steps.append((outer + 1e-3) / (inner + 1e-3))
    cues["share of zeros on the rim"] = zeros / faces
    cues["weakest step at the rim"] = float(min(steps))
    cues["strongest step at the rim"] = float(max(steps))
    return cues


def _leading(flags: np.ndarray) -> int:
    return len(flags) if flags.all() else int(np.argmin(flags))


def _sharpness(voxels: np.ndarray) -> float:
    """Return the mean difference of neighbours over that of voxels two apart, 1 for noise."""
    near = far = 0.0
    for axis in range(3):
        layers = np.moveaxis(voxels, axis, 0)
        near += float(np.abs(layers[1:] - layers[:-1]).mean())
        far += float(np.abs(layers[2:] - layers[:-2]).mean()) if len(layers) > 2 else 0.0
    return near / far if far else 0.0
