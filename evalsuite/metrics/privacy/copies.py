"""How near volumes are to training volumes, and what is too near, judged by held-out ones."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from evalsuite.records import Interval

LEVEL = 0.95
NEIGHBOURS = 50  # of Carlini et al.
RESAMPLES = 2000


class Threshold(NamedTuple):
    """A distance below which few new real volumes lie.

    Args:
        value: a distance strictly below it is flagged.
        rate: the probability that a new real volume is.
        rank: the threshold is the distance of the rank-th nearest of
        calibration: so many held-out volumes.
    """

    value: float
    rate: float
    rank: int
    calibration: int


def nearest(distances: Float[np.ndarray, "n t"]) -> Float[np.ndarray, "n"]:
    """Return the distance of each volume to the closest training volume (DCR)."""
    closest: Float[np.ndarray, n] = distances.min(axis=1)
    return closest


def nearest_neighbour_ratio(distances: Float[np.ndarray, "n t"]) -> Float[np.ndarray, "n"]:
    """Return the distance to the nearest training volume over that to the second nearest (NNDR).

    In [0, 1]; near 0 for a copy, near 1 for a volume that has no closest model. 0 at a distance
    of 0, even where the training cohort holds a volume twice.

    References:
        Lowe, International Journal of Computer Vision 60 (2004), section 7.1; as a measure of
        privacy: Zhao et al., CTAB-GAN, ACML (2021).
    """
    first, second = np.partition(distances, 1, axis=1)[:, :2].T
    return _ratio(first, second)


def relative_distance(distances: Float[np.ndarray, "n t"]) -> Float[np.ndarray, "n"]:
    """Return the distance to the nearest volume over the mean one to the 50 nearest.

    Unlike the distance itself it is not small for all volumes that lie in the middle of the
    training cohort, as blurred ones do, and unlike NNDR it is small for a copy of a volume of
    which the training cohort has several.

    References:
        Carlini et al., Extracting training data from diffusion models, USENIX Security (2023)
        (there with a constant factor).
    """
    ordered = np.sort(distances, axis=1)
    # A volume is infinitely far from itself and no neighbour of its own.
    others = int(np.isfinite(ordered).all(axis=0).sum())
    return _ratio(ordered[:, 0], ordered[:, : min(NEIGHBOURS, others)].mean(axis=1))


def _ratio(first: Float[np.ndarray, "n"], scale: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    ratio: Float[np.ndarray, n] = np.divide(first, scale, out=np.zeros_like(first), where=first > 0)
    return ratio


def conformal_threshold(calibration: Float[np.ndarray, "m"], rate: float) -> Threshold:
    """Return the distance that at most `rate` of new real volumes fall short of.

    With the k-th smallest of m calibration distances as threshold, a new volume that is
    exchangeable with those is flagged with a probability of k / (m + 1), whatever the
    distribution (exactly, without ties). k is as large as the rate allows, and at least 1.

    References:
        Vovk et al., Algorithmic Learning in a Random World (2005), chapter 2.
    """
    m = len(calibration)
    rank = max(1, math.floor(rate * (m + 1) + 1e-9))
    return Threshold(float(np.sort(calibration)[rank - 1]), rank / (m + 1), rank, m)


def flagged_by_chance(threshold: Threshold, n: int) -> int:
    """Return how many of n new real volumes are flagged at most in 95 of 100 such cohorts.

    A quantile of the beta-binomial distribution: the calibration volumes, too, were drawn.
    """
    odds = (threshold.rank, threshold.calibration + 1 - threshold.rank)
    return int(stats.betabinom.ppf(LEVEL, n, *odds))


def proportion_interval(hits: int, n: int) -> Interval:
    """Return the exact binomial interval of Clopper and Pearson (1934)."""
    exact = stats.binomtest(hits, n).proportion_ci(LEVEL, method="exact")
    return Interval(float(exact.low), float(exact.high), LEVEL, "Clopper-Pearson, exact binomial")


def median_interval(values: Float[np.ndarray, "n"]) -> Interval | None:
    """Return the order statistics that hold the median of the population.

    Covers it at least at the nominal level, whatever the distribution. None below 6 values, where
    no two order statistics do.

    References:
        Conover, Practical Nonparametric Statistics, 3rd edition (1999), section 3.2.
    """
    rank = int(stats.binom.ppf((1 - LEVEL) / 2, len(values), 0.5))
    if rank < 1:
        return None
    ordered = np.sort(values)
    return Interval(
        float(ordered[rank - 1]),
        float(ordered[-rank]),
        LEVEL,
        "order statistics, distribution-free",
    )


def median_ratio_interval(
    first: Float[np.ndarray, "n"], second: Float[np.ndarray, "m"], seed: int
) -> Interval:
    """Return the percentile bootstrap interval of the ratio of two medians, both drawn anew."""
    random = np.random.default_rng(seed)
    medians = [
        np.median(random.choice(values, (RESAMPLES, len(values))), axis=1)
        for values in (first, second)
    ]
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(medians[0] / medians[1], [tail, 100 - tail])
    return Interval(float(low), float(high), LEVEL, f"percentile bootstrap, {RESAMPLES} resamples")


def authentic(
    distances: Float[np.ndarray, "n t"], training: Float[np.ndarray, "t t"]
) -> Bool[np.ndarray, "n"]:
    """Tell which volumes are further from their closest training volume than its closest is.

    A near copy of a volume that the training cohort holds twice counts as authentic.

    Args:
        distances: to the training volumes.
        training: among the training volumes, infinite on the diagonal.

    References:
        Alaa et al., How faithful is your synthetic data?, ICML (2022).
    """
    closest = distances.argmin(axis=1)
    further: Bool[np.ndarray, n] = distances.min(axis=1) > training.min(axis=1)[closest]
    return further
