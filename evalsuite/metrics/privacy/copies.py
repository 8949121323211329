"""How near volumes are to training volumes, and what is too near, judged by held-out ones."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from evalsuite.metrics.subjects import LEVEL, count, resampled
from evalsuite.records import Interval

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


def nearest(distances: Float[np.ndarray, "n t"]) -> Float[np.ndarray, " n"]:
    """Return the distance of each volume to the closest training volume (DCR)."""
    closest: Float[np.ndarray, " n"] = distances.min(axis=1)
    return closest


def nearest_neighbour_ratio(
    distances: Float[np.ndarray, "n t"], subjects: Int[np.ndarray, " t"]
) -> Float[np.ndarray, " n"]:
    """Return the distance to the nearest training volume over that to the second nearest (NNDR).

    In [0, 1]; near 0 for a copy, near 1 for a volume that has no closest model. 0 at a distance
    of 0, even where the training cohort holds a volume twice. The second nearest shows another
    subject than the nearest: two scans of one person would hide a copy of either.

    Args:
        distances: to the training volumes.
        subjects: of those.

    References:
        Lowe, International Journal of Computer Vision 60 (2004), section 7.1; as a measure of
        privacy: Zhao et al., CTAB-GAN, ACML (2021).
    """
    closest = subjects[distances.argmin(axis=1)]
    others = np.where(closest[:, None] == subjects[None, :], np.inf, distances)
    return _ratio(distances.min(axis=1), others.min(axis=1))


def relative_distance(distances: Float[np.ndarray, "n t"]) -> Float[np.ndarray, " n"]:
    """Return the distance to the nearest volume over the mean one to the 50 nearest.

    Unlike the distance itself it is not small for all volumes that lie in the middle of the
    training cohort, as blurred ones do, and unlike NNDR it is small for a copy of a volume of
    which the training cohort has several.

    References:
        Carlini et al., Extracting training data from diffusion models, USENIX Security (2023)
        (there with a constant factor).
    """
    ordered = np.sort(distances, axis=1)
    # A volume is infinitely far from those of its own subject, which are no neighbours.
    others = int(np.isfinite(ordered).all(axis=0).sum())
    return _ratio(ordered[:, 0], ordered[:, : min(NEIGHBOURS, others)].mean(axis=1))


def _ratio(
    first: Float[np.ndarray, " n"], scale: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    ratio: Float[np.ndarray, " n"] = np.divide(
        first, scale, out=np.zeros_like(first), where=first > 0
    )
    return ratio


def conformal_threshold(calibration: Float[np.ndarray, " m"], rate: float) -> Threshold:
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


def flagged_by_chance(
    threshold: Threshold, calibration: Int[np.ndarray, " m"], new: Int[np.ndarray, " n"]
) -> int:
    """Return how many of n new real volumes are flagged at most in 95 of 100 such cohorts.

    A quantile of the beta-binomial distribution: the calibration volumes, too, were drawn. Where
    volumes share subjects it is that of subjects whose volumes are flagged all or none, the most
    that they can vary.

    Args:
        threshold: by the calibration volumes.
        calibration, new: subjects of the calibration and of the new volumes.
    """
    share = count(calibration) / len(calibration)
    odds = (threshold.rank * share, (threshold.calibration + 1 - threshold.rank) * share)
    subjects = count(new)
    from scipy import stats

    return math.ceil(float(stats.betabinom.ppf(LEVEL, subjects, *odds)) * len(new) / subjects)


def median_ratio_interval(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " m"],
    subjects: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]],
    seed: int,
) -> Interval:
    """Return the percentile bootstrap interval of the ratio of two medians, both drawn anew."""
    random = np.random.default_rng(seed)
    medians = [
        np.array([np.median(values[rows]) for rows in resampled(whose, random, RESAMPLES)])
        for values, whose in zip((first, second), subjects, strict=True)
    ]
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(medians[0] / medians[1], [tail, 100 - tail])
    return Interval(float(low), float(high), LEVEL, f"percentile bootstrap, {RESAMPLES} resamples")


def authentic(
    distances: Float[np.ndarray, "n t"], training: Float[np.ndarray, "t t"]
) -> Bool[np.ndarray, " n"]:
    """Tell which volumes are further from their closest training volume than its closest is.

    A near copy of a volume that the training cohort holds twice counts as authentic.

    Args:
        distances: to the training volumes.
        training: among the training volumes, infinite within a subject.

    References:
        Alaa et al., How faithful is your synthetic data?, ICML (2022).
    """
    closest = distances.argmin(axis=1)
    further: Bool[np.ndarray, " n"] = distances.min(axis=1) > training.min(axis=1)[closest]
    return further
