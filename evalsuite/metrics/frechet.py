"""Frechet distance of two feature sets (FID), with its sampling error and small-sample bias."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from evalsuite.metrics import frechet_stored
from evalsuite.metrics.features import IDENTICAL, checked_features, same_rows
from evalsuite.metrics.frechet_distance import SUBJECT, affordable, rotated
from evalsuite.metrics.frechet_infinity import INFINITY, infinity_estimate
from evalsuite.metrics.frechet_influence import unit_influence
from evalsuite.metrics.frechet_sampling import (
    FEWEST_DIVISIONS,
    Error,
    Sampled,
    error_of,
    jackknife,
    mean_of,
    sampled,
)
from evalsuite.metrics.frechet_within import FEWEST_TO_HALVE, expected_distance
from evalsuite.metrics.metric import Level, Metric, judging_options, on_features
from evalsuite.metrics.subjects import Subjects, each_its_own
from evalsuite.places import Where
from evalsuite.records import Caveat, Estimate, Interval, Quantity

Slices = Mapping[str, Float[Tensor, "_ _ _"]]
FEWEST_SUBJECTS = 8
DISTANCE = Quantity(
    name="frechet_distance",
    title="Fréchet distance",
    sentence="how far apart the cohorts lie, judged by the mean and the spread of their features; "
    "it is too high where volumes are few, so it is read against what two real samples of the "
    "same sizes would have (within real).",
    direction="lower is better",
    range="0 to ∞",
    bias="squared (FID); unbiased covariances, exact below n = d; biased upward at small n; "
    "infinitesimal jackknife over subjects, for the value at these sizes; the reference is the "
    "distance to expect of two real samples of these sizes",
    chapter="distance",
    works=(
        (
            "Heusel M, et al. GANs trained by a two time-scale update rule converge to a local Nash "
            "equilibrium. NeurIPS 30 (2017)."
        ),
    ),
    role="distance",
    headline=True,
)
HEAVY = Caveat(
    "heavy-tails",
    "A few subjects make most of the variance of this distance. Where tails are that heavy the truth "
    "lies above the interval more often than below it: with 20 simulated volumes a side, above it "
    "in 5 % and below it in 1 % (2.5 % nominal).",
)
CONSTANT = Caveat("constant-features", "All {n} {role} {rows} have the same features.")
NO_INTERVAL = Caveat(
    "no-interval-of-frechet",
    "{real} real and {synthetic} synthetic subjects give no interval: it needs 2 of each.",
)
ROUGH_INTERVAL = Caveat(
    "rough-interval-of-frechet",
    "The volumes show {real} real and {synthetic} synthetic subjects, too few for the interval to "
    f"be trusted (at least {FEWEST_SUBJECTS} of each are advisable).",
)
RANK_DEFICIENT = Caveat(
    "rank-deficient",
    "{real} real and {synthetic} synthetic {rows} are few for {features} features: the covariances "
    "are rank-deficient and the value is biased upward. Cohorts with too little variance are "
    "favoured.",
)
RANK_DEFICIENT_BY = replace(
    RANK_DEFICIENT,
    code="rank-deficient-by",
    template=RANK_DEFICIENT.template.replace("upward", "upward, by roughly {bias:.3g} or more"),
)
BIASED = Caveat(
    "small-sample-bias",
    "About {share:.0%} of the value is small-sample bias, going by the extrapolation; "
    "frechet_distance_infinity is nearer the truth.",
)
FEW_TAILED = 20  # degrees of freedom


@dataclass(frozen=True, slots=True)
class _Compared:
    """Two cohorts in one plane, in the mean of planes, or as whole volumes.

    Args:
        distance: theirs.
        reference: what two real samples of these sizes would have, None for too few subjects.
        sizes: rows of either cohort.
        features: of a row.
        identical: whether both have the same rows.
        caveats: of rows that are all the same.
        rows: what a row is.
    """

    distance: Sampled
    reference: float | None
    sizes: tuple[int, int]
    features: int
    identical: bool
    caveats: tuple[Caveat, ...]
    rows: str


@judging_options
def compute(
    real: Float[Tensor, "m _"],
    synthetic: Float[Tensor, "n _"],
    *,
    subjects: Subjects | None = None,
    slices: tuple[Slices, Slices] | None = None,
    standardised: bool = False,
    seed: int = 0,
    intervals: bool = True,
    level: Level = 0.95,
) -> list[Estimate]:
    """Return the Frechet distance and its extrapolation to infinitely many volumes.

    Of slices, where an extractor sees them, the rows are those of all volumes, plane by plane, as
    published 2.5D distances have it; the mean over planes comes first.

    The interval of the distance is for the expected distance at these numbers of volumes, not for
    that of the populations: small-sample bias is outside it, and what the straight line leaves
    of it is outside that of the extrapolation. Both are score limits by Student's t, with the
    standard error of `frechet_sampling`, which is of subjects with all their volumes and slices.
    In simulations (benchmarks/frechet_intervals.py) 95 % intervals of slices hold the truth in 93
    to 98 %, where taking slices for subjects gives 34 to 48 %; those of 20 to 400 volumes, heavy
    tails and clusters among them, in 93 to 100 %, but for 91 % of 20 volumes with 2,048
    heavy-tailed features. The reference is `expected_distance`.

    Args:
        real: one row of features per real volume; at least 2 rows.
        synthetic: the same features of the synthetic volumes; at least 2 rows.
        subjects: whom the volumes show; by default each another.
        slices: features of the slices of the same volumes, by plane; None for whole volumes.
        standardised: whether features are in standard deviations of the real volumes, whose own
            error is then a part of that of the distance.
        seed: of the random halves.
        intervals: whether there are to be intervals and a reference; False: the values alone.
        level: nominal coverage of the intervals, between 0 and 1.

    Raises:
        ValueError: as `frechet_distance`, or for an option out of its range.
    """
    subjects = subjects or each_its_own(len(real), len(synthetic))
    checked = checked_features(real, synthetic, metric=SUBJECT)
    if slices is None:
        divisions = _divisions(checked)
        units = unit_influence(*checked) if standardised and intervals else None
        whole = _compared(
            *checked,
            subjects,
            divisions=divisions,
            seed=seed,
            rows="volumes",
            units=units,
            errors=intervals,
        )
        return _estimates(whole, subjects, level)
    divisions = _divisions([cohort for of in slices for cohort in of.values()])
    planes = {
        plane: _compared(
            *_checked_slices(theirs, slices[1][plane]),
            subjects,
            divisions=divisions,
            seed=seed,
            rows="slices",
            errors=intervals,
        )
        for plane, theirs in slices[0].items()
    }
    found = _estimates(_mean(list(planes.values())), subjects, level, among=", ".join(planes))
    for plane, compared in planes.items():
        found += _estimates(compared, subjects, level, where=(("plane", plane),))
    return found


def _checked_slices(
    real: Float[Tensor, "m s d"], synthetic: Float[Tensor, "n t d"]
) -> tuple[Float[Tensor, "m s d"], Float[Tensor, "n t d"]]:
    """Return both in float64 on the CPU; errors name volumes, whose slices' mean is not finite."""
    checked_features(real.mean(dim=1), synthetic.mean(dim=1), metric=SUBJECT)
    return real.detach().to("cpu", torch.float64), synthetic.detach().to("cpu", torch.float64)


def _divisions(cohorts: Iterable[Float[Tensor, "_ *_ _"]]) -> int:
    """Return how often all are divided alike: as often as the largest affords."""
    return min(
        affordable(cohort[..., 0].numel(), cohort.shape[-1], FEWEST_DIVISIONS) for cohort in cohorts
    )


def _compared(
    real: Float[Tensor, "m *s d"],
    synthetic: Float[Tensor, "n *t d"],
    subjects: Subjects,
    *,
    divisions: int,
    seed: int,
    rows: str,
    units: Float[Tensor, " m"] | None = None,
    errors: bool = True,
) -> _Compared:
    flat = real.flatten(0, -2), synthetic.flatten(0, -2)
    return _Compared(
        # Distances do not change under rotation.
        distance=sampled(
            *rotated(real, synthetic),
            subjects,
            divisions=divisions,
            seed=seed,
            units=units,
            errors=errors,
        ),
        reference=_expected(real, subjects, seed) if errors else None,
        sizes=(len(flat[0]), len(flat[1])),
        features=real.shape[-1],
        identical=same_rows(*flat),
        caveats=tuple(
            CONSTANT(n=len(of), role=role, rows=rows)
            for role, of in zip(("real", "synthetic"), flat, strict=True)
            if (of == of[0]).all()
        ),
        rows=rows,
    )


def _mean(planes: Sequence[_Compared]) -> _Compared:
    """Return the mean over planes, with the caveats of each."""
    references = [plane.reference for plane in planes if plane.reference is not None]
    return replace(
        min(planes, key=lambda plane: min(plane.sizes)),
        distance=mean_of([plane.distance for plane in planes]),
        reference=float(np.mean(references)) if len(references) == len(planes) else None,
        identical=all(plane.identical for plane in planes),
        caveats=tuple(dict.fromkeys(c for plane in planes for c in plane.caveats)),
    )


def _estimates(
    compared: _Compared,
    subjects: Subjects,
    level: float,
    *,
    where: Where = (),
    among: str = "",
) -> list[Estimate]:
    """Return the distance and its extrapolation at a place, or the mean among several."""
    identical, features = compared.identical, compared.caveats
    infinity = infinity_estimate(compared.distance, subjects, identical=identical, level=level)
    value, error = compared.distance.value, error_of(compared.distance)
    about = (IDENTICAL,) if identical else _warnings_about_size(compared)
    interval = None
    if min(subjects.counts) >= 2 and error.size > 0 and not identical:
        low, high = error.interval(value, level)
        method = jackknife(compared.distance, subjects.unit)
        interval = Interval(max(0.0, low), high, level, method)
    distance = Estimate(
        name=DISTANCE.name,
        value=value,
        direction=DISTANCE.direction,
        n_real=len(subjects.real),
        n_synthetic=len(subjects.synthetic),
        method=(
            "Squared Frechet distance of fitted Gaussians, covariances divided by n - 1 (Heusel et "
            f"al. 2017){_of(compared, among)}. The interval covers sampling variability at these "
            f"numbers of {subjects.unit}, not the upward small-sample bias. "
            f"{_about_reference(subjects)}"
        ),
        interval=interval,
        standard_error=None if interval is None else error.size,
        reference=compared.reference,
        warnings=features + about + _warnings_about_subjects(subjects, error),
        where=where,
    )
    return [distance, replace(infinity, warnings=features + infinity.warnings, where=where)]


def _of(compared: _Compared, among: str) -> str:
    """Return what rows are, where they are not volumes."""
    if compared.rows == "volumes":
        return ""
    mean = f"mean over planes ({among}), " if among else ""
    return f", {mean}all slices of all volumes pooled (2.5D)"


METRIC = Metric(
    name="frechet",
    summary="Frechet distance (FID) with an interval, and extrapolated to infinite n",
    needs=("features", "slices", "subjects"),
    compute=on_features(compute),
    compute_stored=frechet_stored.compute,
    quantities=(INFINITY, DISTANCE),
    methods="The distance between cohorts was measured by the Fréchet distance of Gaussians fitted "
    "to the features {frechet_distance}, also extrapolated to infinitely many volumes "
    "{frechet_distance_infinity}",
)


def _expected(real: Float[Tensor, "m *s d"], subjects: Subjects, seed: int) -> float | None:
    """Return the distance that a second real cohort in place of the synthetic one would have."""
    _, n = subjects.counts
    each = round(len(subjects.synthetic) / n)
    return expected_distance(real, subjects.real, subjects.counts, seed=seed, volumes_each=each)


def _about_reference(subjects: Subjects) -> str:
    (m, n), unit = subjects.counts, subjects.unit
    if m < FEWEST_TO_HALVE:
        return f"A reference within the real cohort needs {FEWEST_TO_HALVE} real {unit}."
    return (
        f"The reference is the distance to expect of two real samples of {m} and {n} {unit}, "
        "extrapolated from random halves and quarters of the real cohort."
    )


def _warnings_about_subjects(subjects: Subjects, error: Error) -> tuple[Caveat, ...]:
    m, n = subjects.counts
    if min(m, n) >= FEWEST_SUBJECTS and error.tailed < min(FEW_TAILED, error.freedom / 2):
        return (HEAVY,)
    if subjects.unit == "volumes" or min(m, n) >= FEWEST_SUBJECTS:
        return ()
    if min(m, n) < 2:
        return (NO_INTERVAL(real=m, synthetic=n),)
    return (ROUGH_INTERVAL(real=m, synthetic=n),)


def _warnings_about_size(compared: _Compared) -> tuple[Caveat, ...]:
    (m, n), d, value = compared.sizes, compared.features, compared.distance.value
    known = isfinite(compared.distance.bias)
    # The bias is at most the value, because the distance of the populations is not negative.
    bias = min(compared.distance.bias, value) if known else 0.0
    if min(m, n) <= d:
        caveat = RANK_DEFICIENT_BY if bias > 0 else RANK_DEFICIENT
        return (caveat(real=m, synthetic=n, rows=compared.rows, features=d, bias=bias),)
    return (BIASED(share=bias / value),) if bias > value / 4 > 0 else ()
