"""The numbers that the metric of slices reports, each beside that of real volumes."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from evalsuite.metrics.slices import frechet as slice_frechet
from evalsuite.metrics.slices.consistency import folds, gridded
from evalsuite.metrics.slices.profiles import (
    FEWEST_SLICES,
    PERIODS,
    PLANES,
    WINDOW,
    Profiles,
    frequencies,
    through_plane,
)
from evalsuite.metrics.slices.quantities import (
    BRIGHTNESS,
    CONSISTENCY,
    FAULTS,
    FRECHET,
    OUTSIDE,
    PERIOD,
    POWER,
    SHARPNESS,
    SIMILARITY,
)
from evalsuite.metrics.subjects import (
    COARSE_RATE,
    LEVEL,
    Subjects,
    coded,
    count,
    mean_interval,
    median_interval,
    proportion_interval,
)
from evalsuite.records import Caveat, Estimate, Interval, Quantity

CENTRAL = (0.025, 0.975)


class SliceMeasures(NamedTuple):
    """What the voxels of n volumes of a cohort say.

    Args:
        subjects: whom each volume shows, as a code.
        profiles: of each volume across x, y and z; None where there are too few slices.
        log_power: along each axis; nan likewise.
        descriptors: of slices across each axis; nan likewise.
        spacing: of the volumes, in millimetres.
        shape: of the volumes, in voxels.
    """

    subjects: Int[np.ndarray, " n"]
    profiles: Sequence[tuple[Profiles | None, ...]]
    log_power: Float[np.ndarray, "n 3 f"]
    descriptors: Float[np.ndarray, "n 3 s d"]
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int]


def plane_estimates(
    real: SliceMeasures,
    synthetic: SliceMeasures,
    axis: int,
    seed: int,
    warnings: tuple[Caveat, ...],
) -> list[Estimate]:
    """Return every estimate of one plane.

    Args:
        real, synthetic: measured on one grid.
        axis: across which the slices are taken.
        seed: of the random parts of the real cohort behind the reference of the Frechet distance.
        warnings: about all that is measured.
    """
    plane = PLANES[axis]

    def mean(
        quantity: Quantity,
        method: str,
        of: Callable[[SliceMeasures], Float[np.ndarray, " _"]],
        *,
        log: bool = False,
    ) -> Estimate:
        values = of(real), of(synthetic)
        return _mean(quantity, plane, method, values, synthetic.subjects, warnings, log=log)

    def over(
        summary: Callable[[Profiles], float],
    ) -> Callable[[SliceMeasures], Float[np.ndarray, " _"]]:
        return lambda cohort: np.array(
            [summary(p) if (p := volume[axis]) else np.nan for volume in cohort.profiles]
        )

    outside = _outside(real, synthetic, axis)
    highest = 0.5 / max(real.spacing)
    return [
        mean(
            SIMILARITY,
            f"Mean correlation of neighbouring {plane} slices (normalised cross-correlation over"
            " all voxels of the box with content), per volume.",
            over(lambda p: float(p.similarity.mean())),
        ),
        _mean(
            OUTSIDE,
            plane,
            f"Share of the {plane} slices whose correlation with the next lies outside the central"
            " 95 % of real volumes at the same relative position, per volume; real volumes are"
            " judged by the others.",
            outside,
            synthetic.subjects,
            warnings,
        ),
        mean(
            POWER,
            f"Geometric mean over volumes of the power across {plane} slices over that within them,"
            f" from {highest / 2:.3g} to {highest:.3g} cycles/mm (the upper half below the lowest"
            " Nyquist frequency); periodograms of lines under a Hann window; within: geometric mean"
            " of both axes.",
            lambda cohort: high_frequency_ratio(cohort)[:, axis],
            log=True,
        ),
        mean(
            BRIGHTNESS,
            f"Mean absolute change of brightness between neighbouring {plane} slices, per volume, in"
            " percent: interquartile mean of (b - a) / ((a + b) / 2) over the foreground, less its"
            f" moving average over {WINDOW} slices.",
            over(lambda p: float(100 * np.abs(p.brightness).mean())),
        ),
        mean(
            PERIOD,
            f"Largest log F, per volume, of the changes of brightness between {plane} slices folded"
            f" by periods of {PERIODS[0]} to {PERIODS[-1]} slices (epoch folding, Leahy et al."
            " 1983).",
            over(lambda p: float(np.nanmax(p.periodicity))),
        ),
        mean(
            SHARPNESS,
            f"Mean absolute deviation, per volume, of the log sharpness of {plane} slices (mean"
            f" squared Laplacian over variance) from its moving median over {WINDOW} slices.",
            over(lambda p: float(np.abs(p.sharpness).mean())),
        ),
        _frechet(real, synthetic, axis, seed, warnings),
    ]


def high_frequency_ratio(cohort: SliceMeasures) -> Float[np.ndarray, "n 3"]:
    """Return the mean over high frequencies of log power across slices less that within them."""
    wanted = frequencies(cohort.spacing)
    ratios: Float[np.ndarray, "n 3"] = through_plane(cohort.log_power)[
        ..., wanted >= wanted[-1] / 2
    ].mean(axis=-1)
    return ratios


def cohort_estimates(
    real: Float[np.ndarray, " m"],
    synthetic: Float[np.ndarray, " n"],
    subjects: Int[np.ndarray, " n"],
    rate: float,
    warnings: tuple[Caveat, ...],
) -> list[Estimate]:
    """Return the median score and the share of faulty volumes.

    Args:
        real, synthetic: `slice_consistency` of every volume.
        subjects: of the synthetic volumes.
        rate: share of real volumes that may count as faulty.
        warnings: about all that is measured.
    """
    theirs, ours = real[np.isfinite(real)], synthetic[np.isfinite(synthetic)]
    subjects = subjects[np.isfinite(synthetic)]
    if not len(ours) or not len(theirs):
        warnings = (*warnings, _NO_SCORE)
        return [
            Estimate(q.name, math.nan, q.direction, len(theirs), len(ours), "", warnings=warnings)
            for q in (CONSISTENCY, FAULTS)
        ]
    threshold, attained = fault_threshold(theirs, rate)
    faulty = ours < threshold
    coarse = COARSE_RATE(n=len(theirs), rate=rate, least=attained)
    return [
        Estimate(
            name=CONSISTENCY.name,
            value=float(np.median(ours)),
            direction=CONSISTENCY.direction,
            n_real=len(theirs),
            n_synthetic=len(ours),
            method="Median over synthetic volumes of their score of the same name.",
            interval=median_interval(ours, subjects),
            reference=float(np.median(theirs)),
            warnings=warnings,
        ),
        Estimate(
            name=FAULTS.name,
            value=float(faulty.mean()),
            direction=FAULTS.direction,
            n_real=len(theirs),
            n_synthetic=len(ours),
            method=(
                f"Share of synthetic volumes with a slice_consistency below {threshold:.4g}, as it"
                f" is for {attained:.3g} of new real volumes (conformal)."
            ),
            interval=proportion_interval(faulty, subjects),
            reference=attained,
            warnings=(*warnings, coarse) if attained > rate else warnings,
        ),
    ]


def fault_threshold(real: Float[np.ndarray, " m"], rate: float) -> tuple[float, float]:
    """Return the score that at most `rate` of new real volumes fall below, and their share.

    The k-th smallest of m real scores, which a new one falls below with probability k / (m + 1);
    k is at least 1 (Vovk et al., Algorithmic Learning in a Random World (2005), chapter 2). nan
    scores are left out; without any other, both are nan.
    """
    real = real[np.isfinite(real)]
    if not len(real):
        return math.nan, math.nan
    rank = max(1, math.floor(rate * (len(real) + 1) + 1e-9))
    return float(np.sort(real)[rank - 1]), rank / (len(real) + 1)


def _mean(
    quantity: Quantity,
    plane: str,
    method: str,
    values: tuple[Float[np.ndarray, " m"], Float[np.ndarray, " n"]],
    subjects: Int[np.ndarray, " n"],
    warnings: tuple[Caveat, ...],
    *,
    log: bool = False,
) -> Estimate:
    """Return the mean over the volumes that have a value; of logarithms, back on their scale."""
    theirs, ours = (v[np.isfinite(v)] for v in values)
    ends = mean_interval(ours, subjects[np.isfinite(values[1])]) if len(ours) else None
    scale: Callable[[float], float] = math.exp if log else float
    known = len(ours) and len(theirs)
    interval = None
    if known and ends:
        low, high = map(scale, ends)
        interval = Interval(low, high, LEVEL, "t interval over synthetic subjects")
    return Estimate(
        name=quantity.name,
        where=(("plane", plane),),
        value=scale(ours.mean()) if known else math.nan,
        direction=quantity.direction,
        n_real=len(theirs),
        n_synthetic=len(ours),
        method=method,
        interval=interval,
        reference=scale(theirs.mean()) if known else None,
        warnings=warnings if known else (*warnings, _TOO_THIN),
    )


_NO_SCORE = Caveat("no-slice-score", "No volume of one of the cohorts has a score.")
_TOO_THIN = Caveat(
    "too-thin-across-plane",
    f"No volume of one of the cohorts has {FEWEST_SLICES} slices with content across this plane.",
)


def _outside(
    real: SliceMeasures, synthetic: SliceMeasures, axis: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " n"]]:
    """Return per volume the share of its similarities beyond the central range of real ones."""
    known, new = (gridded(c.profiles, "similarity", axis, c.shape[axis]) for c in (real, synthetic))

    def share(
        judged: Float[np.ndarray, "j p"], by: Float[np.ndarray, "k p"]
    ) -> Float[np.ndarray, " j"]:
        by = by[np.isfinite(by).all(axis=1)]
        if not len(by):
            return np.full(len(judged), np.nan)
        low, high = np.quantile(by, CENTRAL, axis=0)
        beyond = ((judged < low) | (judged > high)).mean(axis=1)
        return np.where(np.isfinite(judged).all(axis=1), beyond, np.nan)

    theirs = np.full(len(known), np.nan)
    for part in folds(real.subjects):
        theirs[part] = share(known[part], np.delete(known, part, axis=0))
    return theirs, share(new, known)


def _frechet(
    real: SliceMeasures,
    synthetic: SliceMeasures,
    axis: int,
    seed: int,
    warnings: tuple[Caveat, ...],
) -> Estimate:
    theirs, ours = (c.descriptors[:, axis] for c in (real, synthetic))
    whole = [np.isfinite(d).all(axis=(1, 2)) for d in (theirs, ours)]
    theirs, ours = theirs[whole[0]], ours[whole[1]]
    subjects = Subjects(
        *(coded(c.subjects[w].tolist()) for c, w in zip((real, synthetic), whole, strict=True))
    )
    known = count(subjects.real) >= 2 and len(ours) >= 1
    value, error, reference = math.nan, None, None
    if known:
        theirs, ours = slice_frechet.scaled(theirs, ours)
        value = slice_frechet.between(theirs, ours)
        if count(subjects.synthetic) > 1:
            error = slice_frechet.standard_error(theirs, ours, subjects, seed)
        reference = slice_frechet.within(theirs, subjects, seed)
    return Estimate(
        name=FRECHET.name,
        where=(("plane", PLANES[axis]),),
        value=value,
        direction=FRECHET.direction,
        n_real=len(theirs),
        n_synthetic=len(ours),
        method=(
            f"Squared Frechet distance of {slice_frechet.SLICES} evenly spaced {PLANES[axis]} slices"
            f" per volume (2.5D), each described by {slice_frechet.DESCRIPTOR}, in standard"
            " deviations of real slices; no trained network, so not comparable with published 2.5D"
            " FIDs. Biased upward by few volumes, as is its reference: the distance to expect of two"
            " real samples of these sizes, extrapolated from random halves and quarters of the real"
            " cohort. Standard error: infinitesimal jackknife over subjects."
        ),
        standard_error=error,
        reference=reference,
        warnings=warnings if known else (*warnings, _TOO_THIN),
    )
