"""How many of n samples are copies: counts above a threshold that hold-out subjects calibrate.

A volume is flagged where its score is below the k-th smallest of m hold-out subjects. Given these,
any other volume that is no copy is flagged with one probability, whose distribution over hold-outs
is beta(k, m + 1 - k) whatever that of the scores (exactly, without ties): false alarms among n such
volumes are beta-binomial. All intervals follow from that, hence hold over hold-outs as well.

References:
    Vovk et al., Algorithmic Learning in a Random World (2005), chapter 2; Vovk, Conditional
    validity of inductive conformal predictors, Machine Learning 92 (2013); Clopper and Pearson,
    Biometrika 26 (1934) 404-413; Rogan and Gladen, American Journal of Epidemiology 107 (1978).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import betaincinv

LEVEL = 0.95
POWER = 0.8
TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True, slots=True)
class Alarm:
    """A threshold on scores, of which small ones are suspicious.

    Args:
        threshold: a score strictly below it is flagged.
        rank: it is the rank-th smallest of
        subjects: so many of the hold-out, each with the smallest score of its volumes.
    """

    threshold: float
    rank: int
    subjects: int

    @property
    def rate(self) -> float:
        """The probability that a volume of another subject is flagged; at most, if subjects have several."""
        return self.rank / (self.subjects + 1)

    def chance(self, n: int) -> Float[np.ndarray, " n+1"]:
        """Return the probabilities of 0 to n false alarms among n volumes that are no copies."""
        from scipy import stats

        law = stats.betabinom(n, self.rank, self.subjects + 1 - self.rank)
        masses: Float[np.ndarray, " n+1"] = law.pmf(np.arange(n + 1))
        return masses

    def flagged(self, n: int, copies: int, sensitivity: float = 1.0) -> Float[np.ndarray, " n+1"]:
        """Return the probabilities that 0 to n of n volumes are flagged, so many of them copies.

        Args:
            n: volumes.
            copies: how many of them are copies.
            sensitivity: the probability that a copy is flagged.
        """
        from scipy import stats

        found = stats.binom(copies, sensitivity).pmf(np.arange(copies + 1))
        masses: Float[np.ndarray, " n+1"] = np.convolve(found, self.chance(n - copies))
        return masses


def by_subject(
    scores: Float[np.ndarray, " m"], subjects: Int[np.ndarray, " m"]
) -> Float[np.ndarray, " s"]:
    """Return the smallest score of each subject, which makes every p-value of a volume an upper bound."""
    smallest = np.full(int(subjects.max()) + 1, np.inf)
    np.minimum.at(smallest, subjects, scores)
    each: Float[np.ndarray, " s"] = smallest[np.unique(subjects)]
    return each


def conformal_p(
    scores: Float[np.ndarray, " n"], calibration: Float[np.ndarray, " s"]
) -> Float[np.ndarray, " n"]:
    """Return for each score how likely one as small is of a volume of another subject.

    (1 + how many of s calibration scores are as small) / (s + 1): never below 1 / (s + 1).
    """
    below = np.searchsorted(np.sort(calibration), scores, side="right")
    p: Float[np.ndarray, " n"] = (1 + below) / (len(calibration) + 1)
    return p


def alarm(calibration: Float[np.ndarray, " s"], rate: float) -> Alarm:
    """Return the threshold that flags at most that share of new subjects, and at least 1 / (s + 1).

    Args:
        calibration: one score per hold-out subject.
        rate: of false alarms.
    """
    s = len(calibration)
    rank = max(1, math.floor(rate * (s + 1) + 1e-9))
    return Alarm(float(np.sort(calibration)[rank - 1]), rank, s)


def copies(flagged: int, n: int, alarm: Alarm) -> tuple[float, int, int]:
    """Return how many of n volumes are copies that are always flagged, with the ends of 95 %.

    Those flagged less the false alarms that are expected of the others; the interval holds every
    number of copies with which as many flagged volumes, or as few, are no rarer than 2.5 %.
    """
    value = max((flagged - n * alarm.rate) / (1 - alarm.rate), 0.0)
    low = _first(lambda c: bool(alarm.flagged(n, c)[flagged:].sum() > TAIL), 0, flagged)
    return value, low, most_copies(flagged, n, alarm, 1.0)


def most_copies(flagged: int, n: int, alarm: Alarm, sensitivity: float) -> int:
    """Return the largest number of copies with which as few flagged volumes are no rarer than 2.5 %.

    Args:
        sensitivity: the probability that a copy is flagged; where it is not above that of a false
            alarm nothing is excluded.
    """
    if sensitivity <= alarm.rate:
        return n
    rarer = _first(
        lambda c: bool(alarm.flagged(n, c, sensitivity)[: flagged + 1].sum() <= TAIL), 0, n + 1
    )
    return rarer - 1


def least_flagged(n: int, alarm: Alarm) -> int:
    """Return how many flagged volumes of n prove a leak: by chance they are rarer than 2.5 %.

    n + 1 if no number does.
    """
    beyond = np.cumsum(alarm.chance(n)[::-1])[::-1]
    rare = np.flatnonzero(beyond <= TAIL)
    return int(rare[0]) if rare.size else n + 1


def least_leak(n: int, alarm: Alarm, sensitivity: float, power: float = POWER) -> int | None:
    """Return the fewest copies among n volumes that are found with a power; None if none are.

    Args:
        sensitivity: the probability that a copy is flagged.
    """
    needed = least_flagged(n, alarm)

    def found(c: int) -> bool:
        return bool(alarm.flagged(n, c, sensitivity)[needed:].sum() >= power)

    fewest = _first(found, 1, n + 1)
    return fewest if fewest <= n else None


def proportion_limits(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of Clopper and Pearson of a proportion."""
    low = float(betaincinv(hits, n - hits + 1, TAIL)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - TAIL)) if hits < n else 1.0
    return low, high


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first number from low on at which a condition holds that stays so; else high."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
