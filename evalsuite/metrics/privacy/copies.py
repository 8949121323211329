"""How near volumes are to training volumes, and what is too near, judged by held-out ones."""

import math
from collections.abc import Iterable
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


class Near(NamedTuple):
    """What is nearest to each of n volumes among those of another cohort.

    Args:
        distances: the smallest ones (50), in order; infinite for volumes of the same subject.
        closest: the place of the nearest.
        others: the smallest distance to a volume of another subject than the nearest shows.
    """

    distances: Float[np.ndarray, "n k"]
    closest: Int[np.ndarray, " n"]
    others: Float[np.ndarray, " n"]


def near(
    blocks: Iterable[Float[np.ndarray, "b t"]], subjects: Int[np.ndarray, " t"] | None = None
) -> tuple[Near, Float[np.ndarray, "t k"]]:
    """Return what is nearest to each row, and the smallest distances of each column in order.

    Args:
        blocks: distances to t volumes, some rows at a time.
        subjects: of the t volumes; by default each shows another.
    """
    rows: list[Near] = []
    columns: Float[np.ndarray, "t k"] | None = None
    for block in blocks:
        whose = np.arange(block.shape[1]) if subjects is None else subjects
        closest = block.argmin(axis=1)
        others = np.where(whose[closest, None] == whose, np.inf, block).min(axis=1)
        rows.append(Near(_smallest(block), closest, others))
        known = block.T if columns is None else np.concatenate([columns, block.T], axis=1)
        columns = _smallest(known)
    if columns is None:
        msg = "There are no distances."
        raise ValueError(msg)
    return Near(*(np.concatenate(parts) for parts in zip(*rows, strict=True))), columns


def _smallest(distances: Float[np.ndarray, "n t"]) -> Float[np.ndarray, "n k"]:
    k = min(NEIGHBOURS, distances.shape[1])
    ordered: Float[np.ndarray, "n k"] = np.sort(np.partition(distances, k - 1, axis=1)[:, :k])
    return ordered


def nearest(distances: Float[np.ndarray, "n t"]) -> Float[np.ndarray, " n"]:
    """Return the distance of each volume to the closest training volume (DCR).

    Args:
        distances: all of each, or the smallest.
    """
    closest: Float[np.ndarray, " n"] = distances.min(axis=1)
    return closest


def nearest_neighbour_ratio(found: Near) -> Float[np.ndarray, " n"]:
    """Return the distance to the nearest training volume over that to the second nearest (NNDR).

    In [0, 1]; near 0 for a copy, near 1 for a volume that has no closest model. 0 at a distance
    of 0, even where the training cohort holds a volume twice. The second nearest shows another
    subject than the nearest: two scans of one person would hide a copy of either.

    Args:
        found: of the training volumes.

    References:
        Lowe, International Journal of Computer Vision 60 (2004), section 7.1; as a measure of
        privacy: Zhao et al., CTAB-GAN, ACML (2021).
    """
    return _ratio(found.distances[:, 0], found.others)


def relative_distance(distances: Float[np.ndarray, "n t"]) -> Float[np.ndarray, " n"]:
    """Return the distance to the nearest volume over the mean one to the 50 nearest.

    Unlike the distance itself it is not small for all volumes that lie in the middle of the
    training cohort, as blurred ones do, and unlike NNDR it is small for a copy of a volume of
    which the training cohort has several.

    Args:
        distances: all of each volume, or the 50 smallest.

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


def authentic(found: Near, training: Near) -> Bool[np.ndarray, " n"]:
    """Tell which volumes are further from their closest training volume than its closest is.

    A near copy of a volume that the training cohort holds twice counts as authentic.

    Args:
        found: of the training volumes.
        training: of these for each other, infinitely far within a subject.

    References:
        Alaa et al., How faithful is your synthetic data?, ICML (2022).
    """
    own = training.distances[found.closest, 0]
    further: Bool[np.ndarray, " n"] = found.distances[:, 0] > own
    return further
