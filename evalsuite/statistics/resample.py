"""The bootstrap over cases, over readers, or over both crossed, by multiplicities."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

from evalsuite.seeds import sequence

Over = Literal["cases", "readers", "cases and readers"]
IntervalMethod = Literal["percentile", "fisher t"]

# Replicates in one call of the statistic: enough to vectorise, few enough to stay in the cache.
BATCH = 64
FEWEST_DEFINED = 0.5
FEWEST_READERS_TO_DRAW = 3


class Draws(NamedTuple):
    """How often each case and each reader occurs in each of b replicates.

    A statistic that weighs every answer of case c and reader r by `cases[b, c] * readers[b, r]`
    needs no copy of the data per replicate. One that compares readers must leave out the
    comparison of a drawn reader with a copy, which would agree perfectly.

    Args:
        cases: multiplicities of cases; one row serves all replicates where they are not drawn.
        readers: multiplicities of readers; likewise.
    """

    cases: Float[np.ndarray, "b c"]
    readers: Float[np.ndarray, "b r"]

    @classmethod
    def once(cls, cases: int, readers: int) -> "Draws":
        """Return the study itself: every case and every reader once."""
        return cls(np.ones((1, cases)), np.ones((1, readers)))


Statistic = Callable[[Draws], Float[np.ndarray, "b s"]]


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What a bootstrap tells of s statistics of one study.

    Args:
        value: the statistics of the study itself.
        low, high: ends of the intervals; nan where fewer than half of the replicates are
            defined, or where the method has no interval.
        standard_error: of the statistics; see `bootstrap` for cases and readers crossed.
        freedom: degrees of freedom of the standard error.
        replicates: the statistics of the replicates, nan where undefined.
        undefined: number of replicates in which each statistic is undefined; they are left out.
    """

    value: Float[np.ndarray, " s"]
    low: Float[np.ndarray, " s"]
    high: Float[np.ndarray, " s"]
    standard_error: Float[np.ndarray, " s"]
    freedom: Float[np.ndarray, " s"]
    replicates: Float[np.ndarray, "n s"]
    undefined: Int[np.ndarray, " s"]


def over_drawn(readers: int) -> Over:
    """Return what is drawn for an interval that is to hold for other readers, if it can."""
    return "cases and readers" if readers >= FEWEST_READERS_TO_DRAW else "cases"


def bootstrap(
    statistic: Statistic,
    *,
    cases: int,
    readers: int,
    over: Over,
    interval: IntervalMethod = "percentile",
    compares_readers: bool = False,
    strata: Int[np.ndarray, " c"] | None = None,
    replicates: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Return bootstrap intervals of the statistics of a study of readers x cases.

    Over cases and readers, both are drawn with replacement, independently of each other (the
    pigeonhole bootstrap). The spread of its replicates counts the noise of single answers three
    times. Percentile intervals inherit that and are too long, for few readers by a half. The
    standard error is corrected: with V_c, V_r and V_cr the variances of replicates that draw
    cases, readers or both, it is the root of f_c V_c + f_r V_r - f_c f_r (V_cr - V_c - V_r),
    which for a mean of ratings and f = n / (n - 1) is the unbiased estimate of the two-way
    analysis of variance; it is taken as no less than either of its first two terms.

    Args:
        statistic: maps multiplicities to one row of s statistics per replicate, nan where
            undefined. For multiplicities of one it must be the ordinary statistic.
        cases, readers: their numbers in the study.
        over: what is a sample from a population, and so is drawn. Fewer than three readers
            cannot be drawn with any sense.
        interval: "percentile"; "fisher t", Student's t with Satterthwaite's degrees of freedom for
            inverse hyperbolic tangents, for statistics in (-1, 1).
        compares_readers: True for statistics over pairs of readers. Leaving out self-pairs
            already widens the spread over readers, and f_r is 1.
        strata: the stratum of each case, 0 and up; numbers per stratum then stay as designed.
        replicates: number of replicates.
        level: nominal coverage, between 0 and 1.
        seed: of the draws.

    Raises:
        ValueError: for a level outside (0, 1).

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
        Davison and Hinkley, Bootstrap Methods and their Application, 1997, chapter 5.
        Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1 (2007).
        Satterthwaite, Biometrics Bulletin 2 (1946).
    """
    if not 0 < level < 1:
        raise ValueError(f"The level is {level}; expected a number between 0 and 1.")
    strata = np.zeros(cases, int) if strata is None else strata
    once = Draws.once(cases, readers)
    value = statistic(once)[0]

    def replicated(which: Over) -> Float[np.ndarray, "n s"]:
        rng = np.random.default_rng(sequence(seed, which))
        return np.concatenate(
            [statistic(batch) for batch in _batches(rng, once, strata, which, replicates)]
        )

    drawn = replicated(over)
    undefined = np.isnan(drawn).sum(axis=0)
    usable = np.isfinite(value) & (1 - undefined / replicates >= FEWEST_DEFINED)
    f_cases, f_readers = _factor(cases), 1.0 if compares_readers else _factor(readers)
    if over == "cases and readers":
        of_cases, of_readers = _variances(replicated("cases")), _variances(replicated("readers"))
        noise = _variances(drawn) - of_cases - of_readers
        of_cases, of_readers = f_cases * of_cases, f_readers * of_readers
        variance = of_cases + of_readers - f_cases * f_readers * noise
        variance = np.maximum(variance, np.maximum(of_cases, of_readers))
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = variance**2 / (of_cases**2 / (cases - 1) + of_readers**2 / (readers - 1))
    else:
        size, factor = (cases, f_cases) if over == "cases" else (readers, f_readers)
        variance, freedom = factor * _variances(drawn), np.full(len(value), size - 1.0)
    errors = np.sqrt(variance)
    tails = np.array([[(1 - level) / 2], [(1 + level) / 2]])
    if interval == "fisher t":
        ends = fisher_ends(value, errors, freedom, tails)
    else:
        ends = _percentiles(drawn, tails.ravel())
    low, high = np.where(usable & np.isfinite(ends).all(axis=0), ends, np.nan)
    return Bootstrap(value, low, high, np.where(usable, errors, np.nan), freedom, drawn, undefined)


def _factor(size: int) -> float:
    """Return by what the bootstrap understates the variance of a mean."""
    return size / (size - 1) if size > 1 else float("nan")


def _variances(drawn: Float[np.ndarray, "n s"]) -> Float[np.ndarray, " s"]:
    """Return the variances of the defined replicates, nan where there is none."""
    defined = ~np.isnan(drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(defined, drawn, 0).sum(axis=0) / defined.sum(axis=0)
        squares = np.where(defined, (drawn - means) ** 2, 0).sum(axis=0)
        return np.asarray(squares / (defined.sum(axis=0) - 1))


def fisher_ends(
    value: Float[np.ndarray, " s"],
    errors: Float[np.ndarray, " s"],
    freedom: Float[np.ndarray, " s"],
    tails: Float[np.ndarray, "2 1"],
) -> Float[np.ndarray, "2 s"]:
    """Return the ends of Student's intervals of correlations, made on Fisher's z.

    Args:
        value, errors, freedom: each correlation, its standard error and its degrees of freedom.
        tails: probabilities below either end.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = stdtrit(freedom, tails) * errors
        inside = np.where(np.abs(value) < 1, value, np.nan)
        return np.asarray(np.tanh(np.arctanh(inside) + steps / (1 - inside**2)))


def _percentiles(
    drawn: Float[np.ndarray, "n s"], tails: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "2 s"]:
    """Return quantiles of the defined replicates of each statistic."""
    ends = np.full((2, drawn.shape[1]), np.nan)
    for s in range(drawn.shape[1]):
        defined = drawn[~np.isnan(drawn[:, s]), s]
        if defined.size:
            ends[:, s] = np.quantile(defined, tails)
    return ends


def _batches(
    rng: np.random.Generator,
    once: Draws,
    strata: Int[np.ndarray, " c"],
    over: Over,
    replicates: int,
) -> Iterator[Draws]:
    """Yield multiplicities, BATCH replicates at a time; what is not drawn stays one row."""
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    readers = once.readers.shape[1]
    for start in range(0, replicates, BATCH):
        b = min(BATCH, replicates - start)
        cases_drawn, readers_drawn = once
        if over != "readers":
            cases_drawn = np.empty((b, once.cases.shape[1]))
            for group in members:
                shares = np.full(len(group), 1 / len(group))
                cases_drawn[:, group] = rng.multinomial(len(group), shares, size=b)
        if over != "cases":
            shares = np.full(readers, 1 / readers)
            readers_drawn = rng.multinomial(readers, shares, size=b).astype(float)
        yield Draws(cases_drawn, readers_drawn)
