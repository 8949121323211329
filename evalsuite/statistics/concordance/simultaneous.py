"""What holds of many correlations at once: intervals, and which cannot be told from the best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from evalsuite.statistics.resample import fisher_ends
from evalsuite.statistics.result import NAN, Result


@dataclass(frozen=True, slots=True)
class Estimated:
    """A correlation and how it varies.

    Args:
        result: without what holds of several.
        replicates: of the bootstrap, nan where undefined; row by row of the same draws as those
            of other scores of the same cases.
        error, df: standard error and its degrees of freedom; nan where there is none.
    """

    result: Result
    replicates: Float[np.ndarray, " b"]
    error: float
    df: float


def together(estimates: Sequence[Estimated], level: float) -> list[Result]:
    """Return the correlations with what holds of all of them at once among their parts.

    `simultaneous_low` and `simultaneous_high` end intervals that all hold their truths in as many
    studies as `level` says: the interval of the correlation itself at a level so high that the
    largest standardised deviation of a bootstrap draw from its mean, over all of them, is within
    (max-T; never wider than Bonferroni's, never narrower than that of one). `p_best` is of the
    hypothesis that this correlation is that of the highest of the same question, corrected for the
    choice of the highest from all, as of all pairs (single-step max-T); 1 for the highest. Draws
    of cases and readers spread too far, so both are cautious.

    Args:
        estimates: of one coefficient in one group of cases, over metrics and questions.
        level: nominal coverage of all intervals together.

    References:
        Romano and Wolf, Econometrica 73 (2005) 1237-1282. Westfall and Young, Resampling-Based
        Multiple Testing, 1993.
    """
    known = [i for i, e in enumerate(estimates) if e.result.bounded]
    results = [e.result for e in estimates]
    if not known:
        return results
    deviations = _standardised(np.stack([estimates[i].replicates for i in known], axis=1))
    tail = (1 - level) / 2
    critical = float(np.quantile(np.abs(deviations).max(axis=1), level))
    tail = float(np.clip(ndtr(-critical), tail / len(known), tail))
    for i in known:
        one = estimates[i]
        low, high = fisher_ends(
            np.array([one.result.value]), np.array([one.error]), np.array([one.df]),
            np.array([[tail], [1 - tail]]),
        )  # fmt: skip
        ends = {"simultaneous_low": float(low[0]), "simultaneous_high": float(high[0])}
        results[i] = replace(results[i], parts={**results[i].parts, **ends, "p_best": NAN})
    questions = dict.fromkeys(results[i].at("question") for i in known)
    for question in questions:
        own = [i for i in known if results[i].at("question") == question]
        values = np.array([results[i].value for i in own])
        draws = np.stack([estimates[i].replicates for i in own], axis=1)
        for i, p in zip(own, _told_from_best(values, draws), strict=True):
            results[i] = replace(results[i], parts={**results[i].parts, "p_best": float(p)})
    return results


def _told_from_best(
    values: Float[np.ndarray, " k"], draws: Float[np.ndarray, "b k"]
) -> Float[np.ndarray, " k"]:
    """Return the corrected p-value of each value against the largest."""
    i, j = np.triu_indices(len(values), k=1)
    p = np.ones(len(values))
    if not len(i):
        return p
    differences = draws[:, i] - draws[:, j]
    with np.errstate(invalid="ignore"):
        errors = np.nanstd(differences, axis=0)
    largest = np.abs(_standardised(differences)).max(axis=1)
    best = int(values.argmax())
    for pair, (first, second) in enumerate(zip(i, j, strict=True)):
        if best not in (first, second):
            continue
        other = second if first == best else first
        away = values[best] - values[other]
        reached = largest >= away / errors[pair] if errors[pair] > 0 else np.ones(len(largest))
        p[other] = (1 + reached.sum()) / (1 + len(largest)) if away > 0 else 1.0
    return p


def _standardised(draws: Float[np.ndarray, "b k"]) -> Float[np.ndarray, "b k"]:
    """Return deviations from the means in units of the standard deviation; 0 where undefined."""
    deviations = draws - np.nanmean(draws, axis=0)
    spread = np.nanstd(draws, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nan_to_num(deviations / spread, posinf=0.0, neginf=0.0))
