"""Indices of copying: how near a volume is to one training volume, against its other neighbours.

Small is suspicious. Each is made of training volumes alone, so that hold-out volumes and others of
new subjects have indices of one law, and a threshold from the first holds for the second.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial.distance import cdist

from evalsuite.metrics.privacy.copies import near, relative_distance
from evalsuite.metrics.privacy.distances import Coarse, standardised_rows

PARTNERS = 20  # nearest training volumes among which the two of a blend are sought
SMALLEST = 1e-4  # of a ratio; below it all are exact copies
RIDGE = 1e-3  # the least shrinkage, for features that follow from others
MOSTLY = 0.5  # of the training volumes; a feature that is the same in more of them tells nothing


class Whitening(NamedTuple):
    """What makes features uncorrelated and of one variance over training volumes.

    Args:
        kept: the features that vary.
        mean: of these.
        matrix: symmetric, so that no sign or order of eigenvectors matters.
    """

    kept: Bool[np.ndarray, " d"]
    mean: Float[np.ndarray, " e"]
    matrix: Float[np.ndarray, "e e"]

    def __call__(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n e"]:
        """Return the features whitened."""
        white: Float[np.ndarray, "n e"] = (rows[:, self.kept] - self.mean) @ self.matrix
        return white


class Scored(NamedTuple):
    """An index of some volumes, and the place of the training volume that it is about."""

    values: Float[np.ndarray, " n"]
    closest: Int[np.ndarray, " n"]


def whitening(training: Float[np.ndarray, "t d"]) -> Whitening:
    """Return the inverse root of the shrunk covariance of training features.

    Each feature is brought to a deviation of 1, the covariance shrunk to a multiple of the identity.
    Left out are features with one value in most volumes: a unit of a network that is mostly silent
    would be scaled up without bounds.

    References:
        Ledoit and Wolf, Journal of Multivariate Analysis 88 (2004), 365-411; Kessy, Lewin and
        Strimmer, The American Statistician 72 (2018), 309-314 (ZCA).
    """
    n = len(training)
    alike = (np.abs(training - np.median(training, axis=0)) == 0).mean(axis=0)
    deviation = training.std(axis=0)
    kept = (alike <= MOSTLY) & (deviation > 1e-6 * np.abs(training.mean(axis=0)))
    mean, scale = training[:, kept].mean(axis=0), deviation[kept]
    rows = (training[:, kept] - mean) / scale
    _, root, directions = np.linalg.svd(rows, full_matrices=False)
    variances = root**2 / n
    shrinkage = max(_shrinkage(rows), RIDGE)
    rest = 1 / np.sqrt(shrinkage)  # of directions without variance; that of all features is 1
    own = 1 / np.sqrt((1 - shrinkage) * variances + shrinkage) - rest
    symmetric = rest * np.eye(len(scale)) + (directions.T * own) @ directions
    return Whitening(kept, mean, symmetric / scale[:, None])


def _shrinkage(rows: Float[np.ndarray, "n p"]) -> float:
    """Return Ledoit and Wolf's weight of the identity, for centred rows of variance 1 each."""
    n, p = rows.shape
    gram = rows @ rows.T
    squared = float((gram**2).sum()) / n**2  # norm of the covariance
    fourth = float((np.diag(gram) ** 2).sum()) / n
    error, distance = (fourth - squared) / n, squared - p
    return min(error / distance, 1.0) if distance > 0 else 1.0


def moved_distances(
    rows: Float[np.ndarray, "n d"], training: Sequence[Float[np.ndarray, "t d"]]
) -> Float[np.ndarray, "n t"]:
    """Return the distance to each training volume, the smallest over the ways it was moved."""
    smallest: Float[np.ndarray, "n t"] = cdist(rows, training[0])
    for moved in training[1:]:
        np.minimum(smallest, cdist(rows, moved), out=smallest)
    return smallest


def nearness(
    distances: Float[np.ndarray, "n t"], training: Int[np.ndarray, " t"], *, within: bool = False
) -> Scored:
    """Return the distance to the nearest training volume over the mean one to the 50 nearest.

    See `relative_distance`.

    Args:
        distances: to training volumes.
        training: subjects of these.
        within: whether these are distances of training volumes to one another; those of one
            subject do not count.
    """
    if within:
        distances = np.where(training[:, None] == training, np.inf, distances)
    found, _ = near([distances], training)
    return Scored(relative_distance(found.distances), found.closest)


def blends(
    rows: Float[np.ndarray, "n k"],
    training: Float[np.ndarray, "t k"],
    subjects: Int[np.ndarray, " t"],
    *,
    within: bool = False,
) -> Scored:
    """Return how well two training volumes make up a volume, against other two of its neighbours.

    The distance sqrt(2 - 2 R), with R the correlation of the voxels with the best non-negative
    combination of two training volumes, over the mean of it over all pairs of its 20 nearest. 0 for
    a weighted mean of two. Volumes are not aligned: what blends does so where it was trained.

    Args:
        rows: voxels of mean 0 and norm 1 a volume, see `voxel_rows`.
        training: of training volumes.
        subjects: of these.
        within: whether `rows` are those of training volumes, too.
    """
    correlations = rows @ training.T
    if within:
        correlations[subjects[:, None] == subjects] = -1
    among = training @ training.T
    order = np.argsort(-correlations, axis=1, kind="stable")[:, : min(PARTNERS, len(training))]
    pairs = np.triu_indices(order.shape[1], 1)
    values, closest = np.empty(len(rows)), np.empty(len(rows), dtype=np.int64)
    for i, nearest in enumerate(order):
        a, b = (correlations[i, nearest[side]] for side in pairs)
        c = among[nearest[pairs[0]], nearest[pairs[1]]]
        free = np.maximum(1 - c**2, 1e-9)
        first, second = (a - b * c) / free, (b - a * c) / free
        both = np.sqrt(np.maximum(first * a + second * b, 0))
        r = np.where((first > 0) & (second > 0), both, np.maximum(a, b))
        distances = np.sqrt(2 - 2 * np.clip(r, 0, 1))
        best = int(distances.argmin())
        values[i] = distances[best] / max(float(distances.mean()), SMALLEST)
        closest[i] = nearest[pairs[0][best]]
    return Scored(values, closest)


def voxel_rows(grid: Coarse) -> Float[np.ndarray, "n k"]:
    """Return coarse voxels as they lie, of mean 0 and norm 1 a volume."""
    seen: torch.Tensor = grid.seen(grid.values, (0, 0, 0))
    return np.asarray(standardised_rows(seen).double().numpy())


def standing_out(
    values: Float[np.ndarray, " n"], training: Float[np.ndarray, " t"]
) -> Float[np.ndarray, " n"]:
    """Return by how many deviations an index, as a logarithm, lies from those of training volumes.

    Median and 1.4826 times the median absolute deviation, of indices of each training volume among
    the others: so that indices of several spaces can be held against each other.
    """
    usual = np.log(np.maximum(training, SMALLEST))
    middle = float(np.median(usual))
    spread = 1.4826 * float(np.median(np.abs(usual - middle)))
    found: Float[np.ndarray, " n"] = (np.log(np.maximum(values, SMALLEST)) - middle) / max(
        spread, SMALLEST
    )
    return found


def of_features(
    training: Float[np.ndarray, "t d"],
    moved: Sequence[Float[np.ndarray, "t d"]],
    subjects: Int[np.ndarray, " t"],
    others: Mapping[str, Float[np.ndarray, "n d"]],
) -> dict[str, Scored]:
    """Return how much volumes stand out by nearness to a training volume in whitened features.

    Args:
        training: features of training volumes.
        moved: of these volumes after they were moved in some ways.
        subjects: of the training volumes.
        others: features of other volumes, by cohort.
    """
    white = whitening(training)
    known = [white(rows) for rows in (training, *moved)]
    within = moved_distances(known[0], known)
    return of_distances(
        within,
        subjects,
        {name: moved_distances(white(rows), known) for name, rows in others.items()},
    )


def of_distances(
    within: Float[np.ndarray, "t t"],
    subjects: Int[np.ndarray, " t"],
    others: Mapping[str, Float[np.ndarray, "n t"]],
) -> dict[str, Scored]:
    """Return how much volumes stand out by nearness to a training volume.

    Args:
        within: distances of training volumes to one another.
        subjects: of the training volumes.
        others: distances of other volumes to training volumes, by cohort.
    """
    usual = nearness(within, subjects, within=True).values
    found = {name: nearness(distances, subjects) for name, distances in others.items()}
    return {n: Scored(standing_out(s.values, usual), s.closest) for n, s in found.items()}


def of_blends(
    training: Float[np.ndarray, "t k"],
    subjects: Int[np.ndarray, " t"],
    others: Mapping[str, Float[np.ndarray, "n k"]],
) -> dict[str, Scored]:
    """Return how much volumes stand out as weighted means of two training volumes; see `blends`."""
    usual = blends(training, training, subjects, within=True).values
    found = {name: blends(rows, training, subjects) for name, rows in others.items()}
    return {n: Scored(standing_out(s.values, usual), s.closest) for n, s in found.items()}
