"""Blinding: every case of a study becomes the same kind of picture in the same kind of file.

What could tell real from synthetic without looking at the anatomy is taken away where that does
not change what a reader judges: name, header, orientation, spacing, matrix, padding, intensity
range, data type, and the gaps in the histogram of a volume that was once stored in few bits. The
rest is for `audit` to tell.

Cases have one stored level for each Hounsfield unit, as scanners store them, or 12 bits; see
`evalsuite.study.protocol.windows`.
"""

import hashlib
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8, UInt16

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.windows import grey_of
from evalsuite.volumes.cohort import VolumeInfo
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.volume import Volume

HEADER = 352  # bytes before the voxels: 348 of header, 4 that announce no extension
TYPES: dict[int, np.dtype[Any]] = {
    2: np.dtype("u1"),
    512: np.dtype("<u2"),
}  # by NIfTI's code; studies before had 8 bits
ALIGNED = 2  # code of an affine to coordinates aligned with, but not those of, the scanner
DAMAGED = (
    "The file of a case is damaged: it is not NIfTI as this suite prepares it. "
    "Copy the study's folder of cases again."
)
SPARE = 2 / 3  # share of a volume's extent that a crop must leave to go unmentioned

Voxels = UInt16[np.ndarray, "x y z"] | UInt8[np.ndarray, "x y z"]


def resolve(
    steps: Preprocessing, real: Sequence[VolumeInfo], synthetic: Sequence[VolumeInfo]
) -> Preprocessing:
    """Return the steps with one spacing, and with one matrix that every case fills.

    `auto` takes the median spacing of the real volumes, but the smallest extent along each axis
    over all volumes, because zeros around the smaller cohort would give it away.

    Args:
        real, synthetic: checked volumes of the study, at least one real.

    Raises:
        EvalsuiteError: if the steps cannot give one kind of picture for all cases.
    """
    _require_blinding(steps)
    cases = [*real, *synthetic]
    resolved = steps.resolve([i.shape for i in real], [i.affine for i in real])
    if steps.shape != "auto":
        return resolved
    sizes = [resolved.median_size([case.shape], [case.affine]) for case in cases]
    x, y, z = np.min(sizes, axis=0).tolist()
    return resolved.model_copy(update={"shape": (x, y, z)})


def remarks(
    steps: Preprocessing, real: Sequence[VolumeInfo], synthetic: Sequence[VolumeInfo]
) -> tuple[str, ...]:
    """Return a sentence for each way in which preparation would mark or harm some cases.

    Args:
        steps: as `resolve` returns them.
        real, synthetic: checked volumes of the study, at least one of each.
    """
    if isinstance(steps.shape, str) or steps.spacing == "auto":
        msg = "resolve the preparation before asking for remarks"
        raise ValueError(msg)
    wanted = np.array(steps.shape)
    sentences = []
    padded, cropped, smoothed = [], [], []
    for infos in (real, synthetic):
        sizes = np.array([steps.median_size([i.shape], [i.affine]) for i in infos])
        padded.append(int((sizes < wanted).any(axis=1).sum()))
        cropped.append(int((wanted < SPARE * sizes).any(axis=1).sum()))
        smoothed.append(sum(steps.interpolates(i.affine) for i in infos))
    totals = (len(real), len(synthetic))
    if any(padded):
        sentences.append(
            f"{_counted(padded, totals)} are smaller than {_sized(steps.shape)} voxels and get a "
            "black rim, which can tell them apart. Leave out the shape to take one that all fill."
        )
    if any(cropped):
        sentences.append(
            f"{_counted(cropped, totals)} lose over a third of their extent along an axis when "
            f"cut to {_sized(steps.shape)} voxels. Leave out the smallest volumes, or name a "
            "larger shape and accept a black rim."
        )
    shares = [n / total for n, total in zip(smoothed, totals, strict=True)]
    if abs(shares[0] - shares[1]) > 0.1:
        spacing = " x ".join(f"{step:.4g}" for step in steps.spacing)
        sentences.append(
            f"{_counted(smoothed, totals)} are interpolated to {spacing} mm, which smooths them a "
            "little and may tell them apart. Name a spacing coarser than both cohorts', so that "
            "all are interpolated."
        )
    return tuple(sentences)


def prepare(volume: Volume, steps: Preprocessing) -> UInt16[np.ndarray, "x y z"]:
    """Return what a reader sees of a volume: RAS, one spacing, matrix and range of grey levels.

    A volume that was stored in few levels would keep gaps between its grey levels. By the same
    rule for every volume, triangular dither (Lipshitz et al., J. Audio Eng. Soc. 40 (1992)) of at
    most the usual step between the volume's own levels fills them: it is as small as the error
    that storing it in such steps has made already, and next to nothing for a volume of floating
    point numbers. The lowest and highest level stay, since background and saturation are no
    rounded numbers. The dither depends on the voxels alone, so a volume always gives the same
    picture.

    Axes are brought to the nearest directions of the patient; an oblique scan is not straightened.

    Args:
        volume: without NaN or Inf.
        steps: resolved, with an intensity rule that ends in [0, 1].

    Raises:
        EvalsuiteError: if the steps cannot give one kind of picture for all cases.
        ValueError: if a step is still `auto`, or a voxel is not finite.
    """
    _require_blinding(steps)
    if not np.isfinite(volume.voxels).all():
        msg = "the volume holds NaN or Inf; check it before preparing it"
        raise ValueError(msg)
    filled = steps.apply(Volume(_fill_levels(volume.voxels), volume.affine))
    stored: UInt16[np.ndarray, "x y z"] = np.rint(filled.voxels * grey_of(steps).levels).astype(
        np.uint16
    )
    return stored


def encode(voxels: UInt16[np.ndarray, "x y z"], spacing: tuple[float, float, float]) -> bytes:
    """Return the voxels as uncompressed NIfTI-1; equal shape and spacing give equal headers.

    The affine is diagonal, in millimetres, with the world's origin in the middle of the matrix;
    it is the sform and the qform. There is no description, name, date or extension.

    Args:
        voxels: along the patient's right, anterior and superior.
        spacing: millimetres per voxel along each axis.
    """
    return _header(voxels.shape, spacing) + voxels.astype("<u2", copy=False).tobytes("F")


def decode(content: bytes) -> tuple[Voxels, tuple[float, float, float]]:
    """Return voxels and spacing of a case that `encode` wrote, without copying the voxels.

    Raises:
        EvalsuiteError: if the bytes are not those of such a case.
    """
    shape, spacing, dtype = _geometry(content)
    if len(content) != HEADER + math.prod(shape) * dtype.itemsize:
        raise EvalsuiteError(DAMAGED)
    return np.frombuffer(content, dtype, offset=HEADER).reshape(shape, order="F"), spacing


def geometry(content: bytes) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Return shape and spacing of a case, of which the first `HEADER` bytes suffice.

    Raises:
        EvalsuiteError: if the bytes are not those of such a case.
    """
    return _geometry(content)[:2]


def _geometry(
    content: bytes,
) -> tuple[tuple[int, int, int], tuple[float, float, float], np.dtype[Any]]:
    if len(content) >= HEADER and content[344:348] == b"n+1\0":
        x, y, z = struct.unpack_from("<3h", content, 42)
        (code,) = struct.unpack_from("<h", content, 70)
        i, j, k = struct.unpack_from("<3f", content, 80)
        if code in TYPES and min(x, y, z) > 0:
            return (x, y, z), (i, j, k), TYPES[code]
    raise EvalsuiteError(DAMAGED)


def _header(shape: Sequence[int], spacing: tuple[float, float, float]) -> bytes:
    from nibabel import Nifti1Header

    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * np.array(spacing)
    header = Nifti1Header(endianness="<")
    header.set_data_dtype(np.uint16)
    header.set_data_shape(shape)
    header.set_xyzt_units("mm")
    header.set_sform(affine, ALIGNED)
    header.set_qform(affine, ALIGNED)
    header["vox_offset"] = HEADER
    header["scl_slope"] = 1
    header["scl_inter"] = 0
    content: bytes = header.binaryblock + bytes(HEADER - 348)
    return content


def _require_blinding(steps: Preprocessing) -> None:
    if steps.orientation != "RAS":
        raise EvalsuiteError(
            "A study shows every case in one orientation, but its preparation has orientation "
            f'"{steps.orientation}". Leave it out, or set it to RAS.'
        )
    if steps.spacing == "native":
        raise EvalsuiteError(
            'A study shows every case at one spacing, but its preparation has spacing "native". '
            "Name it in millimetres, or leave it out to take the median of the real volumes."
        )
    if steps.shape == "native":
        raise EvalsuiteError(
            'A study shows every case in one matrix, but its preparation has shape "native". '
            "Name it in voxels, or leave it out to take the smallest of all volumes."
        )
    if steps.axes != "xyz" or steps.trim:
        raise EvalsuiteError(
            "A study shows the whole of every case along the patient's axes, but its preparation "
            "has axes other than xyz, or trims slices. Leave both out."
        )
    if steps.fit == "resize":
        raise EvalsuiteError(
            "A study keeps the proportions of the anatomy, but its preparation has fit "
            '"resize", which stretches. Set it to crop-pad.'
        )
    if not steps.ends_in_unit_range:
        raise EvalsuiteError(
            "A study shows intensities between black and white, but its preparation has "
            f'intensity "{steps.intensity.kind}", which does not end in 0 to 1, or such a padding. '
            "Set it to percentile (MRI) or window (CT)."
        )


def _fill_levels(voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
    levels = np.unique(voxels)
    if len(levels) < 3:
        return voxels
    step = float(np.median(np.diff(levels.astype(np.float64))))
    digest = hashlib.sha256(np.ascontiguousarray(voxels.T, dtype="<f4").data).digest()
    random = np.random.default_rng(np.frombuffer(digest, "<u4"))
    dither = random.random(voxels.shape, dtype=np.float32)
    dither -= random.random(voxels.shape, dtype=np.float32)
    rounded = (voxels > levels[0]) & (voxels < levels[-1])
    filled: Float[np.ndarray, "x y z"] = np.where(rounded, voxels + dither * step, voxels)
    return filled


def _counted(counts: Sequence[int], totals: Sequence[int]) -> str:
    (a, b), (m, n) = counts, totals
    return f"{a} of {m} real and {b} of {n} synthetic cases"


def _sized(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)
