"""Intraclass correlations: the share of the variance of ratings that lies between cases.

`ratings` has one row for each of n cases and one column for each of k readers, without gaps.
Forms are those of Shrout and Fleiss. 1: every case has its own readers; 2: readers are a sample and
their differences count against them (absolute agreement); 3: these readers only, constant
differences forgiven (consistency). 1 after the comma: of one reader's rating; k: of the mean of all.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import fdtri

from evalsuite.statistics.agreement.kappa import ROUNDING
from evalsuite.statistics.resample import Draws

SMALL = 1e-9  # differences between correlations below this are rounding
FORMS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """The two-way analysis of variance of cases and readers without replication.

    Args:
        cases: between cases (MSB or MSR), n - 1 degrees of freedom.
        readers: between readers (MSJ or MSC), k - 1 degrees of freedom.
        residual: residual (MSE), (n - 1) (k - 1) degrees of freedom.
        within: within cases (MSW), n (k - 1) degrees of freedom.
    """

    cases: float
    readers: float
    residual: float
    within: float


def mean_squares(ratings: Float[np.ndarray, "n k"]) -> MeanSquares:
    """Return the mean squares of at least two cases and two readers.

    Raises:
        ValueError: if there are fewer, or an answer is missing.
    """
    n, k = ratings.shape
    if min(n, k) < 2 or np.isnan(ratings).any():
        raise ValueError(
            "An intraclass correlation needs at least 2 cases and 2 readers without gaps, but got "
            f"{n} cases and {k} readers with {np.isnan(ratings).sum()} answers missing."
        )
    centred = ratings - ratings.mean()
    of_cases, of_readers = centred.mean(axis=1, keepdims=True), centred.mean(axis=0)
    readers = n * (of_readers**2).sum() / (k - 1)
    residual = ((centred - of_cases - of_readers) ** 2).sum() / ((n - 1) * (k - 1))
    within = ((centred - of_cases) ** 2).sum() / (n * (k - 1))
    return MeanSquares(
        float(k * (of_cases**2).sum() / (n - 1)), float(readers), float(residual), float(within)
    )


def intraclass_correlations(
    ratings: Float[np.ndarray, "n k"], *, level: float = 0.95
) -> Float[np.ndarray, "6 3"]:
    """Return the six `FORMS`, each with the ends of its interval from the F distribution.

    The intervals take ratings as normal; form 2's rests on Satterthwaite's degrees of freedom.
    A value is nan where all ratings are equal, and where it is impossible (see `possible` and
    `of_mean`); an interval also where readers agree perfectly.

    Args:
        ratings: one row per case, one column per reader; at least 2 of each, no gaps.
        level: nominal coverage of the intervals, between 0 and 1.

    Raises:
        ValueError: if there are fewer cases or readers, or an answer is missing.

    References:
        Shrout and Fleiss, Psychological Bulletin 86 (1979). McGraw and Wong, Psychological
        Methods 1 (1996), table 7.
    """
    squares = mean_squares(ratings)
    n, k = ratings.shape
    values = icc_replicates(ratings, Draws.once(n, k))[0]
    ends = [(np.nan, np.nan)] * 3
    total = squares.cases + squares.readers + squares.residual
    if np.ptp(ratings) > 0 and squares.residual > ROUNDING * total:
        tail = (1 + level) / 2
        ends = [
            _one_way_ends(squares.cases / squares.within, n - 1, n * (k - 1), k, tail),
            _two_way_ends(squares, float(values[1]), n, k, tail),
            _one_way_ends(squares.cases / squares.residual, n - 1, (n - 1) * (k - 1), k, tail),
        ]
    singles = [
        possible(np.array([value, *interval]), k)
        for value, interval in zip(values[:3], ends, strict=True)
    ]
    return np.stack([*singles, *(of_mean(single, k) for single in singles)])


def possible(single: Float[np.ndarray, "3"], k: int) -> Float[np.ndarray, "3"]:
    """Return an ICC of one of k readers and the ends of its interval, as far as there can be such.

    No correlation that all pairs of k readers share is below -1 / (k - 1). Form 2 falls below it
    where the variance of readers is estimated as so negative that little is left of the whole; it
    is then nan. Intervals end there, which costs no coverage; one without the estimate, or of no
    width, is none.
    """
    lowest = -1 / max(k - 1, 1)
    value, low, high = single.tolist()
    if not value >= lowest - SMALL:
        return np.full(3, np.nan)
    value, low = max(value, lowest), np.maximum(low, lowest)
    if not (low <= value + SMALL and value - SMALL <= high and high - low > SMALL):
        low, high = np.nan, np.nan
    return np.array([value, low, high])


def of_mean(single: Float[np.ndarray, "3"], k: int) -> Float[np.ndarray, "3"]:
    """Return the reliability of the mean of k readers and the ends of its interval.

    The truth lies between 0 and 1, while estimates fall to minus infinity as those of one reader
    fall to -1 / (k - 1). Below -1 they say no more than that readers agree less than by chance;
    they are nan, and intervals end at -1.

    Args:
        single: of one reader, such as `possible` returns.
    """
    with np.errstate(divide="ignore"):
        value, low, high = np.where(
            single > SMALL - 1 / max(k - 1, 1), reliability_of_mean(single, k), -np.inf
        ).tolist()
    if not value >= -1:
        return np.full(3, np.nan)
    if np.isnan(single[1:]).any():
        return np.array([value, np.nan, np.nan])
    return np.array([value, max(low, -1.0), high])


def icc_replicates(ratings: Float[np.ndarray, "n k"], draws: Draws) -> Float[np.ndarray, "b 6"]:
    """Return the six forms, in the order of FORMS, in every replicate of a bootstrap.

    The mean squares are written as means over readers (of their variances) and over pairs of
    different readers (of their covariances and squared differences of means), so that a reader
    drawn twice is never compared with a copy. Averages stay those of k readers.
    """
    n, k = draws.cases.sum(axis=1)[:, None], ratings.shape[1]
    scores = ratings - np.round(ratings.mean())
    i, j = np.triu_indices(k, k=1)
    sums, squares = draws.cases @ scores, draws.cases @ scores**2
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / n
        variances = (squares - sums * means) / (n - 1)
        covariances = (draws.cases @ (scores[:, i] * scores[:, j]) - sums[:, i] * means[:, j]) / (
            n - 1
        )
        offsets = (means[:, i] - means[:, j]) ** 2 / 2
        weights = draws.readers[:, i] * draws.readers[:, j]
        variance = _mean(variances, draws.readers)
        shared, offset = _mean(covariances, weights), _mean(offsets, weights)
        residual = variance - shared
        one_way = shared + (residual / n - offset) / k
        totals = (one_way + offset + residual * (n - 1) / n, variance + offset - residual / n)
        singles = np.hstack([one_way / totals[0], shared / totals[1], shared / variance])
        spread = np.hstack([*totals, variance]) > ROUNDING * _mean(squares, draws.readers) / n
        forms = np.hstack([singles, reliability_of_mean(singles, k)])
    return np.where(np.hstack([spread, spread]) & np.isfinite(forms), forms, np.nan)


def _mean(
    values: Float[np.ndarray, "b m"], weights: Float[np.ndarray, "b m"]
) -> Float[np.ndarray, "b 1"]:
    return np.asarray(
        (weights * values).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    )


def reliability_of_mean(single: Float[np.ndarray, "..."], k: int) -> Float[np.ndarray, "..."]:
    """Return the reliability of the mean of k readers (Spearman and Brown)."""
    return np.asarray(k * single / (1 + (k - 1) * single))


def _one_way_ends(f: float, df1: int, df2: int, k: int, tail: float) -> tuple[float, float]:
    low, high = f / fdtri(df1, df2, tail), f * fdtri(df2, df1, tail)
    return float((low - 1) / (low + k - 1)), float((high - 1) / (high + k - 1))


def _two_way_ends(
    squares: MeanSquares, value: float, n: int, k: int, tail: float
) -> tuple[float, float]:
    ratio = k * value / (n * (1 - value))
    of_readers, of_residual = ratio * squares.readers, (1 + ratio * (n - 1)) * squares.residual
    parts = of_readers**2 / (k - 1) + of_residual**2 / ((n - 1) * (k - 1))
    if parts == 0:
        return np.nan, np.nan
    df = (of_readers + of_residual) ** 2 / parts
    noise = k * squares.readers + (k * n - k - n) * squares.residual
    f_low, f_high = fdtri(n - 1, df, tail), fdtri(df, n - 1, tail)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = n * (squares.cases - f_low * squares.residual) / (f_low * noise + n * squares.cases)
        high = (
            n * (f_high * squares.cases - squares.residual) / (noise + n * f_high * squares.cases)
        )
    return float(low), float(high)
