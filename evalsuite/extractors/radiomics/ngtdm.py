"""Neighbourhood grey tone difference: voxels against their surroundings (IBSI section 3.10)."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer

from evalsuite.extractors.radiomics.directions import padded

COARSEST = 1e6  # IBSI's value where no voxel differs from its surroundings


def ngtdm_matrix(
    levels: Integer[np.ndarray, "x y z"], n_levels: int
) -> tuple[Int[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
    """Return, for each level, its voxels with a neighbour and the sum of their differences.

    A difference is the distance of a level from the mean level of the up to 26 neighbours
    inside the region.
    """
    flat, strides = padded(levels)
    inside = (flat > 0).astype(np.uint8)
    neighbours = np.zeros(flat.size, np.uint8)
    exact: type[np.integer[Any]] = np.uint16 if flat.dtype == np.uint8 else np.int32
    total = np.zeros(flat.size, exact)
    for stride in strides:
        neighbours[:-stride] += inside[stride:]
        neighbours[stride:] += inside[:-stride]
        total[:-stride] += flat[stride:]
        total[stride:] += flat[:-stride]
    valid = (flat > 0) & (neighbours > 0)
    level = flat[valid]
    difference = np.abs(level - total[valid] / neighbours[valid])
    return (
        np.bincount(level, minlength=n_levels + 1)[1:],
        np.bincount(level, difference, minlength=n_levels + 1)[1:],
    )


def ngtdm(levels: Integer[np.ndarray, "x y z"], n_levels: int) -> dict[str, float]:
    """Return the five grey tone difference features.

    Coarseness and strength fall as 1 / voxels and busyness grows as voxels. A region in which no
    voxel differs from its surroundings has coarseness 1e6 and 0 for the others. Busyness has a
    pole where level times frequency is the same for all levels; there it is 0.

    Args:
        levels: grey levels 1 to `n_levels`, 0 outside the region.

    References: IBSI reference manual, section 3.10, aggregation KOBO (3D); Amadasun and King,
        IEEE Transactions on Systems, Man, and Cybernetics 19 (1989) 1264.
    """
    counts, differences = ngtdm_matrix(levels, n_levels)
    present = np.flatnonzero(counts)
    s = differences[present]
    if not s.any():
        return {
            "coarseness": COARSEST,
            "contrast": 0.0,
            "busyness": 0.0,
            "complexity": 0.0,
            "strength": 0.0,
        }
    n = int(counts.sum())
    p, i = counts[present] / n, present + 1.0
    apart = np.abs(i[:, None] - i)
    pairs = len(i) * (len(i) - 1)
    ps = p * s
    shares = (present + 1) * counts[present]  # integers, so that equal ones differ by exactly 0
    unequal = np.abs(shares[:, None] - shares).sum() / n
    return {
        "coarseness": min(float(1 / ps.sum()), COARSEST),
        "contrast": float(p @ apart**2 @ p) / pairs * float(s.sum()) / n,
        "busyness": float(ps.sum() / unequal) if unequal else 0.0,
        "complexity": float(np.sum(apart * (ps[:, None] + ps) / (p[:, None] + p))) / n,
        "strength": float(np.sum((p[:, None] + p) * apart**2) / s.sum()),
    }
