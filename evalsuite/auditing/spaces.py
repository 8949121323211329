"""Scores of volumes in voxels, as blends and in features, and the least of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.metrics.privacy.distances import Coarse, Pose, coarse, pose, voxel_distances
from evalsuite.metrics.privacy.indices import (
    Scored,
    of_blends,
    of_distances,
    of_features,
    voxel_rows,
)

VOXELS, BLENDS = "voxels", "blends"
Rows = Float[np.ndarray, "n d"]


@dataclass(frozen=True, slots=True)
class Spaces:
    """How much the volumes of several cohorts stand out as copies, space by space.

    Args:
        scores: by space and cohort; small is suspicious.
        grids: coarse voxels by cohort.
        training: those of the training volumes.
    """

    scores: Mapping[str, Mapping[str, Scored]]
    grids: Mapping[str, Coarse]
    training: Coarse

    @property
    def names(self) -> tuple[str, ...]:
        """The spaces."""
        return tuple(self.scores)

    def of(self, space: str, cohort: str) -> Float[np.ndarray, " n"]:
        """Return the scores of a cohort in one space."""
        return self.scores[space][cohort].values

    def least(self, cohort: str) -> Float[np.ndarray, " n"]:
        """Return the least score of each volume over all spaces."""
        return np.asarray(self._all(cohort).min(axis=0))

    def which(self, cohort: str) -> Int[np.ndarray, " n"]:
        """Return the place of the space in which it is least."""
        return np.asarray(self._all(cohort).argmin(axis=0))

    def closest(self, cohort: str) -> Int[np.ndarray, " n"]:
        """Return the place of the training volume that each is like in that space."""
        closest = np.stack([self.scores[space][cohort].closest for space in self.names])
        return np.asarray(closest[self.which(cohort), np.arange(closest.shape[1])])

    def _all(self, cohort: str) -> Float[np.ndarray, "s n"]:
        return np.stack([self.of(space, cohort) for space in self.names])

    def pose(self, cohort: str, i: int, j: int) -> Pose:
        """Return how training volume j has to be moved to lie on volume i of a cohort."""
        return pose(self.grids[cohort], i, self.training, j)


def scored_spaces(
    volumes: Mapping[str, Sequence[Float[Tensor, "x y z"]]],
    training: Sequence[Float[Tensor, "x y z"]],
    subjects: Int[np.ndarray, " t"],
    features: Mapping[str, tuple[Rows, Sequence[Rows], Mapping[str, Rows]]],
    advance: Callable[[], None] = lambda: None,
) -> Spaces:
    """Return the scores of all cohorts in voxels, as blends and in the features of extractors.

    Args:
        volumes: by cohort, of one shape.
        training: volumes.
        subjects: of these.
        features: by extractor those of training volumes, of these moved in some ways, and of the
            others by cohort.
        advance: called for every cohort whose voxels were compared.
    """
    x, y, z = training[0].shape
    known = coarse(training, (x, y, z))
    grids = {name: coarse(some, (x, y, z)) for name, some in volumes.items()}
    distances = {}
    for name, grid in {"": known, **grids}.items():
        distances[name] = voxel_distances(grid, known)
        advance()
    within = distances.pop("")
    rows = {name: voxel_rows(grid) for name, grid in grids.items()}
    scores = {
        VOXELS: of_distances(within, subjects, distances),
        BLENDS: of_blends(voxel_rows(known), subjects, rows),
        **{
            name: of_features(of_training, moved, subjects, others)
            for name, (of_training, moved, others) in features.items()
        },
    }
    return Spaces(scores, grids, known)
