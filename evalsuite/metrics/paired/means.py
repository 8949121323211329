"""From one number a pair to an estimate: the subject is the unit, that of the real volume."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.special import chdtri

from evalsuite.metrics.metric import Finding, UndefinedError, Views
from evalsuite.metrics.subjects import LEVEL, coded, count, mean_interval, sums
from evalsuite.places import Where
from evalsuite.records import Caveat, Estimate, Interval, Quantity, Scores
from evalsuite.statistics.limits import limits_of_agreement

FEW = 10
FEW_PAIRS = Caveat(
    "few-pairs", "Only {n} {unit} with a pair: the interval is rough, and rests on normal means."
)
UNVARYING = Caveat(
    "unvarying-pairs", "The number is the same for every pair: there is no interval."
)
LEFT_OUT = Caveat(
    "pairs-left-out", "{n} of {size} pairs have no such number and are left out: {why}."
)
BOUNDS = {
    "0 to 1": (0.0, 1.0),
    "-1 to 1": (-1.0, 1.0),
    "0 to ∞": (0.0, math.inf),
    "0 to 2": (0.0, 2.0),
    "0 to 4": (0.0, 4.0),
}


NO_PAIRS = "Nothing says which real volume each synthetic one stands for. Pass --paired BY."


def pairs_of(real: Views, synthetic: Views) -> tuple[list[int], Int[np.ndarray, " n"]]:
    """Return the place of the real volume of each pair, and the code of its subject.

    Raises:
        UndefinedError: if no volume stands for another.
    """
    if synthetic.pairs is None:
        raise UndefinedError(NO_PAIRS)
    places = list(synthetic.pairs)
    return places, coded(real.codes[places].tolist())


def of_pairs(
    quantity: Quantity,
    values: Float[np.ndarray, " n"],
    subjects: Int[np.ndarray, " n"],
    *,
    where: Where = (),
    method: str,
    missing: str = "",
    reference: float | None = None,
    warnings: Sequence[Caveat] = (),
) -> tuple[Finding, Finding]:
    """Return the mean over pairs, see `mean_of`, and the value of each pair."""
    mean = mean_of(
        quantity, values, subjects, where=where, method=method, missing=missing,
        reference=reference, warnings=warnings,
    )  # fmt: skip
    each = f"of the volume and its real one; {method.removeprefix('mean over pairs').lstrip(',; ')}"
    return mean, Scores(
        quantity.name, np.empty(0), values, quantity.direction, each.rstrip("; "), where=where
    )


def mean_of(
    quantity: Quantity,
    values: Float[np.ndarray, " n"],
    subjects: Int[np.ndarray, " n"],
    *,
    where: Where = (),
    method: str,
    missing: str = "",
    reference: float | None = None,
    warnings: Sequence[Caveat] = (),
) -> Estimate:
    """Return the mean over pairs with its t interval over subjects.

    Args:
        values: one a pair; those that are not finite are left out, which is told.
        subjects: code of the subject of each pair.
        missing: why a pair may have no number, a clause.
    """
    known = np.isfinite(values)
    kept, codes = values[known], subjects[known]
    told = list(warnings)
    if not known.all():
        told.append(LEFT_OUT(n=int((~known).sum()), size=len(values), why=missing))
    n = count(codes) if len(codes) else 0
    if 0 < n < FEW:
        told.append(FEW_PAIRS(n=n, unit="subjects" if n < len(codes) else "volumes"))
    varies = n > 1 and np.ptp(kept) > 1e-12 * np.abs(kept).max()
    if n > 1 and not varies:
        told.append(UNVARYING)
    ends = mean_interval(kept, codes) if varies else None
    low, high = BOUNDS.get(quantity.range, (-math.inf, math.inf))
    return Estimate(
        name=quantity.name,
        where=where,
        value=float(kept.mean()) if n else math.nan,
        direction=quantity.direction,
        n_real=len(kept),
        n_synthetic=len(kept),
        method=method,
        interval=ends
        and Interval(max(ends[0], low), min(ends[1], high), LEVEL, "t interval over subjects"),
        reference=reference,
        warnings=tuple(told),
    )


def subject_means(
    values: Float[np.ndarray, " n"], subjects: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " s"]:
    """Return the mean over the pairs of each subject, in order of codes."""
    means: Float[np.ndarray, " s"] = sums(values, subjects) / sums(np.ones(len(values)), subjects)
    return means


def limits_of(
    quantity: Quantity,
    differences: Float[np.ndarray, " n"],
    subjects: Int[np.ndarray, " n"],
    *,
    where: Where,
) -> Estimate:
    """Return half the width of the 95 % limits of agreement of the subjects' mean differences.

    References:
        Bland and Altman, Statistical Methods in Medical Research 8 (1999), section 2; the interval
        is that of a standard deviation of normal values.
    """
    known = np.isfinite(differences)
    codes = subjects[known]
    n = count(codes) if len(codes) else 0
    interval, value = None, math.nan
    if n > 1:
        value = limits_of_agreement(subject_means(differences[known], codes)).reach
        tails = chdtri(n - 1, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])  # by their upper tails
        low, high = (value * math.sqrt((n - 1) / tail) for tail in tails)
        interval = Interval(low, high, LEVEL, "chi-squared, for normal differences")
    return Estimate(
        name=quantity.name,
        where=where,
        value=value,
        direction=quantity.direction,
        n_real=int(known.sum()),
        n_synthetic=int(known.sum()),
        method="1.96 standard deviations of the mean differences of subjects",
        interval=interval,
        warnings=(FEW_PAIRS(n=n, unit="subjects"),) if n < FEW else (),
    )
