"""Synthetic volumes against the real volumes that they stand for, voxel by voxel."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from pydantic import AfterValidator, Field
from torch import Tensor

from evalsuite.metrics.metric import Finding, LabelMap, Metric, Views, judging_options
from evalsuite.metrics.paired.means import limits_of, of_pairs, pairs_of, subject_means
from evalsuite.metrics.paired.quantities import (
    BIAS,
    LIMITS,
    MAE,
    MS_SSIM,
    MSE,
    NCC,
    PSNR,
    SSIM,
    VOXELS,
)
from evalsuite.metrics.structural_similarity import (
    Settings,
    fit_settings,
    odd,
    pyramid,
    similarity_and_map,
)
from evalsuite.places import Where
from evalsuite.records import Caveat, Detail, Quantity

UNLIKE_TIMES = 4  # from which ranges count as those of other units
WORST = 4  # pairs whose slices are kept to be shown
MIDDLE = "middle"  # mean intensity of both volumes
WHOLE: Where = ()
FOREGROUND: Where = (("region", "foreground"),)
MASK: Where = (("region", "mask"),)
UNDECLARED = Caveat(
    "range-undeclared",
    "PSNR and SSIM depend on the range that intensities can take, which no one can guess: declare "
    "it, such as --set metrics.paired.data_range=2000. The real volumes span {low:g} to {high:g}.",
)
BEYOND = Caveat(
    "beyond-the-range",
    "The intensities of {n} of {size} pairs span more than the declared range of {range:g} (the "
    "widest {most:g}): their PSNR and SSIM are no longer those of that range.",
)
WIDE = Caveat(
    "range-too-wide",
    "The declared range of {range:g} is over {times:.0f} times what any real volume spans "
    "({most:g}): PSNR and SSIM look better than they are.",
)
OTHER_UNITS = Caveat(
    "other-units",
    "Synthetic volumes span {synthetic:g} in the median, real ones {real:g}: are both in one unit?",
)
UNLIKE = Caveat(
    "spans-unlike",
    "Real volumes span {least:g} to {most:g}: those of the widest rule the means. Scale them by one "
    "rule for both of a pair first, or read correlation and the table of volumes.",
)
INTERPOLATED = Caveat(
    "interpolated-onto-pair",
    "{n} of {size} synthetic volumes lay on another grid than their real one and were interpolated "
    "onto it, which smooths.",
)
Measures = dict[str, float]


@judging_options
def compute(
    real: Views,
    synthetic: Views,
    *,
    seed: int,  # noqa: ARG001  (every metric is handed one)
    data_range: Annotated[
        float | None,
        Field(gt=0, description="the width of the range that intensities can take, such as 4095"),
    ] = None,
    foreground: Annotated[
        float | None,
        Field(description="real voxels above it are foreground; None: above the volume's lowest"),
    ] = None,
    kernel_size: Annotated[
        int, Field(ge=3, description="side of the Gaussian window of SSIM"), AfterValidator(odd)
    ] = 11,
    sigma: Annotated[float, Field(gt=0, description="its standard deviation in voxels")] = 1.5,
) -> list[Finding]:
    """Compare each synthetic volume with its real one, in the whole volume and in regions.

    Regions are the foreground, the masks of the real volumes, and each structure of their label
    maps, as far as there are any. In each: mean absolute and squared error, peak signal-to-noise ratio, structural similarity
    (in the Gaussian window, averaged over the region), correlation, and mean difference with its
    limits of agreement. Values are means over pairs, intervals those of means over subjects.

    Args:
        real, synthetic: on one grid, pair by pair, as `synthetic.pairs` says.
        data_range: L of Wang et al.; without it PSNR, SSIM and MS-SSIM are undefined.
        foreground: in the units of the volumes.
        kernel_size, sigma: of SSIM; the window shrinks where a side is smaller.

    Raises:
        UndefinedError: if no volume stands for another.
    """
    places, codes = pairs_of(real, synthetic)
    rows: list[dict[Where, Measures]] = []
    spans = np.empty((len(places), 2))
    ends = np.array([math.inf, -math.inf])
    for i, place in enumerate(places):
        x, y = real.volumes[place], synthetic.volumes[i]
        # By NumPy, which is quick in any order of axes, where torch is so in one alone.
        single = x.numpy(), y.numpy()
        spans[i] = [float(np.ptp(voxels)) for voxels in single]
        ends = np.array(
            [min(ends[0], float(single[0].min())), max(ends[1], float(single[0].max()))]
        )
        maps = _similar(x, y, kernel_size, sigma, data_range)
        pair = [voxels.astype(np.float64) for voxels in single]
        above = pair[0].min() if foreground is None else foreground
        masks = {WHOLE: np.ones(x.shape, bool), FOREGROUND: pair[0] > above}
        if real.masks is not None:
            masks[MASK] = real.masks[place].labels != 0
        if real.labels is not None:
            masks |= _structures(real.labels[place])
        found = {
            where: in_region(pair[0], pair[1], mask, data_range, maps and maps[0])
            for where, mask in masks.items()
        }
        found[WHOLE][MS_SSIM.name] = maps[1] if maps else math.nan
        rows.append(found)
    first = [WHOLE, FOREGROUND, *([] if real.masks is None else [MASK])]
    structures = {where for found in rows for where in found} - set(first)
    regions = [*first, *sorted(structures, key=lambda where: int(where[0][1]))]
    told = _doubts(spans)
    if moved := len(synthetic.moved.intersection(synthetic.names)):
        told = (*told, INTERPOLATED(n=moved, size=len(places)))
    undeclared = UNDECLARED(low=float(ends[0]), high=float(ends[1]))
    findings: list[Finding] = []
    for where in regions:
        for quantity in VOXELS:
            if quantity is MS_SSIM and where != WHOLE:
                continue
            if quantity is LIMITS:
                values = _column(rows, where, BIAS)
                findings.append(limits_of(LIMITS, values, codes, where=where))
                continue
            needs_range = quantity in (PSNR, SSIM, MS_SSIM)
            caveats = told
            if needs_range:
                caveats += (undeclared,) if data_range is None else _range_doubts(spans, data_range)
            findings += of_pairs(
                quantity,
                _column(rows, where, quantity),
                codes,
                where=where,
                method=_method(quantity, data_range, kernel_size, sigma),
                warnings=caveats,
                missing=_missing(quantity, data_range),
            )
    worst = _worst(real, synthetic, places, _column(rows, WHOLE, MAE))
    findings.append(Detail("paired", worst))
    findings.append(Detail("agreement", _agreement(rows, regions, codes)))
    return findings


def in_region(
    real: Float64[np.ndarray, "x y z"],
    synthetic: Float64[np.ndarray, "x y z"],
    mask: Bool[np.ndarray, "x y z"],
    data_range: float | None,
    similar: Float[np.ndarray, "x y z"] | None,
) -> Measures:
    """Return the measures of one pair within a region; nan where it is empty.

    Args:
        similar: structural similarity around each voxel.
    """
    if not mask.any():
        return dict.fromkeys((q.name for q in VOXELS), math.nan)
    x, y = real[mask], synthetic[mask]
    apart = y - x
    squared = float(np.mean(apart**2))
    psnr = math.nan
    if data_range is not None and squared > 0:
        psnr = 10 * math.log10(data_range**2 / squared)
    scale = float(x.std() * y.std())
    flat = scale <= 1e-12 * max(float(np.abs(x).max() * np.abs(y).max()), 1e-300)
    covariance = float(np.mean((x - x.mean()) * (y - y.mean())))
    return {
        MAE.name: float(np.mean(np.abs(apart))),
        MSE.name: squared,
        PSNR.name: psnr,
        SSIM.name: math.nan if similar is None else float(similar[mask].mean(dtype=np.float64)),
        NCC.name: math.nan if flat else covariance / scale,
        BIAS.name: float(np.mean(apart)),
        MIDDLE: float(x.mean() + y.mean()) / 2,
    }


def _similar(
    real: Float[Tensor, "x y z"],
    synthetic: Float[Tensor, "x y z"],
    kernel_size: int,
    sigma: float,
    data_range: float | None,
) -> tuple[Float[np.ndarray, "x y z"], float] | None:
    """Return SSIM around each voxel and MS-SSIM, None where the range is not declared."""
    if data_range is None:
        return None
    settings = _settings(tuple(real.shape), kernel_size, sigma)
    with torch.no_grad():
        # In single precision flat background moves the mean by up to 1e-5.
        first, second = (pyramid(v.double(), settings) for v in (real, synthetic))
        multi_scale, around = similarity_and_map(first, second, settings, data_range)
    return around.numpy(), multi_scale


@lru_cache
def _settings(shape: tuple[int, ...], kernel_size: int, sigma: float) -> Settings:
    return fit_settings(shape, kernel_size, sigma, None, 0.01, 0.03)


def _structures(label_map: LabelMap) -> dict[Where, Bool[np.ndarray, "x y z"]]:
    """Return where each structure of a label map is."""
    labels = label_map.labels
    values = np.unique(labels).tolist()
    return {(("structure", str(value)),): labels == value for value in values if value}


def _column(
    rows: Sequence[dict[Where, Measures]], where: Where, quantity: Quantity
) -> Float[np.ndarray, " n"]:
    """Return one number a pair, nan where a pair has no such region."""
    return np.array([found.get(where, {}).get(quantity.name, math.nan) for found in rows])


def _doubts(spans: Float[np.ndarray, "n 2"]) -> tuple[Caveat, ...]:
    told = []
    real, synthetic = (float(np.median(column)) for column in spans.T)
    if max(real, synthetic) > UNLIKE_TIMES * min(real, synthetic):
        told.append(OTHER_UNITS(real=real, synthetic=synthetic))
    least, most = float(spans[:, 0].min()), float(spans[:, 0].max())
    if most > UNLIKE_TIMES * least:
        told.append(UNLIKE(least=least, most=most))
    return tuple(told)


def _range_doubts(spans: Float[np.ndarray, "n 2"], data_range: float) -> tuple[Caveat, ...]:
    told = []
    most, widest = float(spans.max()), float(spans[:, 0].max())
    if over := int((spans.max(axis=1) > data_range * (1 + 1e-6)).sum()):
        told.append(BEYOND(n=over, size=len(spans), range=data_range, most=most))
    if 0 < widest < data_range / UNLIKE_TIMES:
        told.append(WIDE(range=data_range, times=math.floor(data_range / widest), most=widest))
    return tuple(told)


def _method(quantity: Quantity, data_range: float | None, kernel_size: int, sigma: float) -> str:
    declared = f", data range {data_range:g} as declared" if data_range else ""
    if quantity in (SSIM, MS_SSIM):
        window = f"Gaussian window of at most {kernel_size} voxels, sigma {sigma:g}"
        return f"mean over pairs; {window}, K1 0.01, K2 0.03{declared}"
    if quantity is PSNR:
        return f"mean over pairs of 10 log10(range^2 / mean squared error){declared}"
    return "mean over pairs, synthetic less real" if quantity is BIAS else "mean over pairs"


def _missing(quantity: Quantity, data_range: float | None) -> str:
    if quantity is PSNR and data_range is not None:
        return "both volumes are the same there, or the region is empty"
    if quantity is NCC:
        return "the voxels of one are all alike, or the region is empty"
    if quantity in (PSNR, SSIM, MS_SSIM) and data_range is None:
        return "the range is not declared"
    return "the region is empty"


def _agreement(
    rows: Sequence[dict[Where, Measures]], regions: Sequence[Where], codes: Int[np.ndarray, " n"]
) -> dict[str, object]:
    """Return per region and subject the mean intensity of both volumes and their difference."""

    def of_subjects(name: str) -> list[Float[np.ndarray, " s"]]:
        columns = [
            [found.get(where, {}).get(name, math.nan) for found in rows] for where in regions
        ]
        return [subject_means(np.array(column), codes) for column in columns]

    middle, apart = of_subjects(MIDDLE), of_subjects(BIAS.name)
    return {"regions": list(regions), "middle": middle, "apart": apart}


def _worst(
    real: Views, synthetic: Views, places: Sequence[int], errors: Float[np.ndarray, " n"]
) -> dict[str, object]:
    """Return the axial slice with the largest error of the pairs with the largest errors."""
    shown = np.argsort(-errors, kind="stable")[:WORST].tolist()
    slices, names = [], []
    for i in shown:
        x, y = real.volumes[places[i]].numpy(), synthetic.volumes[i].numpy()
        depth = int(np.abs(y - x).mean(axis=(0, 1)).argmax())
        slices.append(np.stack([x[:, :, depth], y[:, :, depth]]))
        stem = PurePosixPath(synthetic.names[i]).name.partition(".")[0]
        names.append(f"{stem}, slice {depth + 1}")
    return {"names": names, "slices": slices, "errors": errors[shown]}


METRIC = Metric(
    name="paired",
    summary="Each synthetic volume against its real one: MAE, PSNR, SSIM, correlation, agreement.",
    needs=("volumes", "pairs", "regions", "subjects"),
    compute=compute,
    quantities=VOXELS,
    scores=(MAE, PSNR, SSIM),
    methods="Each synthetic volume was compared with the real one of the same subject, voxel by "
    "voxel, by mean absolute error, peak signal-to-noise ratio, structural similarity {paired_ssim} "
    "and limits of agreement {paired_limits}",
)
