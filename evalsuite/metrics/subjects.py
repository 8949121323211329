"""Whom the volumes of two cohorts show: volumes of one subject are not independent."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import bdtr, betaincinv, stdtrit

from evalsuite.records import Caveat, Interval

LEVEL = 0.95
COARSE_RATE = Caveat(
    "coarse-rate",
    "{n} real volumes cannot calibrate a rate of {rate:.3g}: the least is {least:.3g}.",
)


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subject of every volume of both cohorts, as a code.

    Codes count from 0 in the order of first appearance, so that a cohort without repeated
    subjects has the codes 0, 1, 2, ...; the same code on both sides does not mean one subject.

    Args:
        real: one code per real volume.
        synthetic: one code per synthetic volume.
    """

    real: Int[np.ndarray, " m"]
    synthetic: Int[np.ndarray, " n"]

    @property
    def counts(self) -> tuple[int, int]:
        """Number of real and of synthetic subjects."""
        return count(self.real), count(self.synthetic)

    @property
    def equal_sizes(self) -> bool:
        """Whether every subject of either cohort has equally many volumes."""
        sizes = {*np.bincount(self.real).tolist(), *np.bincount(self.synthetic).tolist()}
        return len(sizes - {0}) == 1

    @property
    def unit(self) -> str:
        """What is independent, for sentences: `subjects` where some have several volumes."""
        one_each = self.counts == (len(self.real), len(self.synthetic))
        return "volumes" if one_each else "subjects"


def coded(subjects: Sequence[Hashable]) -> Int[np.ndarray, " n"]:
    """Return the subjects as codes in the order of first appearance.

    Example:
        >>> coded(["ann", "bea", "ann"]).tolist()
        [0, 1, 0]
    """
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(s, len(places)) for s in subjects], dtype=np.int64)


def rows_of(
    chosen: Int[np.ndarray, " k"], subjects: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " r"]:
    """Return where the volumes of some subjects are, subject by subject in the order given.

    Args:
        chosen: codes of subjects, each once.
        subjects: the code of every volume.

    Example:
        >>> rows_of(np.array([2, 0]), np.array([0, 1, 2, 0])).tolist()
        [2, 0, 3]
    """
    places = np.full(subjects.max() + 1, -1)
    places[chosen] = np.arange(len(chosen))
    place = places[subjects]
    rows = np.flatnonzero(place >= 0)
    order = place[rows].argsort(kind="stable")
    return np.array(rows[order], dtype=np.int64)


def each_its_own(m: int, n: int) -> Subjects:
    """Return subjects for m real and n synthetic volumes that show no one twice."""
    return Subjects(np.arange(m), np.arange(n))


def count(subjects: Int[np.ndarray, " n"]) -> int:
    """Return how many subjects there are."""
    return len(np.unique(subjects))


def sums(
    values: Float[np.ndarray, " n"], subjects: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " s"]:
    """Return the sum over the volumes of each subject, in order of codes."""
    _, places = np.unique(subjects, return_inverse=True)
    totals: Float[np.ndarray, " s"] = np.bincount(places, values)
    return totals


def mean_variance(values: Float[np.ndarray, " n"], subjects: Int[np.ndarray, " n"]) -> float:
    """Return the variance of the mean when subjects are drawn anew; nan for a single subject.

    S / (S - 1) times the sum over the S subjects of the squared sum of their deviations, over n^2:
    the ordinary variance of a mean where each volume shows another subject.

    References:
        Liang and Zeger, Biometrika 73 (1986); the factor as in Cameron and Miller, Journal of
        Human Resources 50 (2015), section II.
    """
    S = count(subjects)
    if S < 2:
        return math.nan
    totals = sums(values - values.mean(), subjects)
    return float(np.square(totals).sum() * S / (S - 1) / len(values) ** 2)


def effective_size(values: Float[np.ndarray, " n"], subjects: Int[np.ndarray, " n"]) -> float:
    """Return the number of independent volumes whose mean has the variance that this one has.

    n over the design effect, which is taken to lie between 1 and the one of volumes that are all
    alike within subjects, times the squared ratio of the t quantiles with n - 1 and S - 1 degrees
    of freedom. n where each volume shows another subject; the number of subjects where the values
    do not vary, since then nothing tells how alike the volumes of one are.

    References:
        Korn and Graubard, Survey Methodology 24 (1998), 193-201.
    """
    n, S = len(values), count(subjects)
    if n == S or S < 2:
        return float(S)
    own = float(values.var(ddof=1)) / n
    if own <= 1e-20 * float(np.square(values).mean()):
        return float(S)
    size = min(max(n * own / mean_variance(values, subjects), S), n)
    ratio = stdtrit(n - 1, (1 + LEVEL) / 2) / stdtrit(S - 1, (1 + LEVEL) / 2)
    return float(size * ratio**2)


def dominated(contributions: Float[np.ndarray, " s"]) -> bool:
    """Return whether a few subjects make most of a variance.

    That is, whether the squared sum of squares over the sum of fourth powers, which is the number of
    subjects if they contribute alike and a third of it if normally, is below 6 and a sixth of them.

    Args:
        contributions: of subjects, with mean zero, whose squares add to the variance.
    """
    squares = np.square(contributions)
    total = float(squares.sum())
    return total > 0 and total**2 / float(np.square(squares).sum()) < min(6, len(squares) / 6)


def proportion_interval(hits: Bool[np.ndarray, " n"], subjects: Int[np.ndarray, " n"]) -> Interval:
    """Return the interval of Clopper and Pearson (1934) at the effective number of volumes.

    Exact where each volume shows another subject.

    References:
        Korn and Graubard, Survey Methodology 24 (1998), 193-201.
    """
    share = float(hits.mean())
    size = effective_size(hits.astype(float), subjects)
    x, tail = share * size, (1 - LEVEL) / 2
    low = float(betaincinv(x, size - x + 1, tail)) if x > 0 else 0.0
    high = float(betaincinv(x + 1, size - x, 1 - tail)) if share < 1 else 1.0
    return Interval(low, high, LEVEL, "Clopper-Pearson, exact binomial" + _at(size, subjects))


def median_interval(
    values: Float[np.ndarray, " n"], subjects: Int[np.ndarray, " n"]
) -> Interval | None:
    """Return the order statistics that hold the median of the population.

    Where each volume shows another subject they do so at least at the nominal level, whatever the
    distribution; otherwise at the effective number of volumes. None below 6, where no two order
    statistics do.

    References:
        Conover, Practical Nonparametric Statistics, 3rd edition (1999), section 3.2; Woodruff,
        Journal of the American Statistical Association 47 (1952), for clusters.
    """
    n = len(values)
    size = effective_size((values <= np.median(values)).astype(float), subjects)
    # The lower quantile of a binomial count; scipy.stats has it too, but takes long to import.
    below = bdtr(np.arange(math.floor(size) + 1), math.floor(size), 0.5)
    rank = int(np.searchsorted(below, (1 - LEVEL) / 2))
    if rank < 1:
        return None
    place = math.floor(rank * n / math.floor(size))
    ordered = np.sort(values)
    method = "order statistics, distribution-free" + _at(size, subjects)
    return Interval(float(ordered[place - 1]), float(ordered[-place]), LEVEL, method)


def mean_interval(
    values: Float[np.ndarray, " n"], subjects: Int[np.ndarray, " n"]
) -> tuple[float, float] | None:
    """Return the ends of the t interval of a mean over subjects; None for fewer than two."""
    S = count(subjects)
    if S < 2:
        return None
    half = stdtrit(S - 1, (1 + LEVEL) / 2) * math.sqrt(mean_variance(values, subjects))
    return float(values.mean() - half), float(values.mean() + half)


def resampled(
    subjects: Int[np.ndarray, " n"], random: np.random.Generator, replicates: int
) -> Sequence[Int[np.ndarray, " _"]]:
    """Return the volumes of as many subjects as there are, drawn with replacement, many times."""
    volumes = members(subjects)
    drawn = random.integers(0, len(volumes), (replicates, len(volumes)))
    if len({len(v) for v in volumes}) == 1:
        rows: Int[np.ndarray, "r n"] = np.stack(volumes)[drawn].reshape(replicates, -1)
        return list(rows)
    return [np.concatenate([volumes[i] for i in row]) for row in drawn]


def halved(
    subjects: Int[np.ndarray, " n"], random: np.random.Generator
) -> tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]:
    """Return the volumes of a random half of the subjects, and those of the others."""
    order = random.permutation(np.unique(subjects))
    half = len(order) // 2
    return rows_of(order[:half], subjects), rows_of(order[half:], subjects)


def members(subjects: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " _"]]:
    """Return the volumes of each subject, in order of codes."""
    order = np.argsort(subjects, kind="stable")
    starts = np.flatnonzero(np.diff(subjects[order])) + 1
    return np.split(order, starts)


def _at(size: float, subjects: Int[np.ndarray, " n"]) -> str:
    """Return the clause that tells of an effective number of volumes, empty where it is theirs."""
    S = count(subjects)
    return "" if len(subjects) == S else f" at {size:.3g} effective volumes of {S} subjects"
