"""Kinds of volumes that a generator might never make: a cluster, or a value of a covariate."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from evalsuite.certificate import Fault
from evalsuite.certification.faults import DROPPED, Planting
from evalsuite.groups import by_covariate
from evalsuite.measure import standardise
from evalsuite.volumes.cohort import Cohort

CLUSTERS = 3
AXES = 10  # principal components in which clusters are sought
LEAST, MOST = 0.1, 0.5  # share of the volumes that a mode may have
Mode = tuple[Planting, Bool[np.ndarray, " n"]]


def modes(
    real: Cohort, features: Float[np.ndarray, "n d"] | None, by: str | None, seed: int
) -> Iterator[Mode]:
    """Yield what is to be left out: a cluster of features, and each value of a covariate.

    Args:
        real: the cohort.
        features: of its volumes, to seek a cluster in; None where there are none.
        by: the covariate; None for none.
        seed: of the clusters.
    """
    n = len(real.entries)
    if features is not None:
        inside = cluster(features, seed)
        if LEAST * n <= inside.sum() <= MOST * n:
            yield _dropped("dropped_cluster", "Dropped cluster", inside), inside
    for group in by_covariate(real, real, by)[1:] if by else ():
        inside = np.zeros(n, dtype=bool)
        inside[group.chosen[0]] = True
        if LEAST * n <= inside.sum() <= MOST * n:
            yield _dropped(f"dropped_{group.name}", f"Dropped {group.name}", inside), inside


def cluster(features: Float[np.ndarray, "n d"], seed: int) -> Bool[np.ndarray, " n"]:
    """Return which volumes are in the smallest of three clusters of standardised features."""
    from scipy.cluster.vq import kmeans2

    scaled = standardise(features, features.astype(np.float64))
    left, size, _ = np.linalg.svd(scaled, full_matrices=False)
    axes = (left * size)[:, :AXES]
    _, labels = kmeans2(axes, CLUSTERS, minit="++", seed=seed, missing="warn")
    counts = np.bincount(labels, minlength=CLUSTERS)
    chosen: Bool[np.ndarray, " n"] = labels == np.where(counts > 0, counts, len(labels)).argmin()
    return chosen


def _dropped(name: str, title: str, inside: Bool[np.ndarray, " n"]) -> Planting:
    about = f"{inside.sum()} of {len(inside)} volumes"
    return Planting(Fault(name, title, "share of it", DROPPED, about))
