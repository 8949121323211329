"""Grey level co-occurrence: how often two levels are neighbours (IBSI section 3.6)."""

import numpy as np
from jaxtyping import Float, Int, UInt8

from evalsuite.extractors.radiomics.directions import padded
from evalsuite.extractors.radiomics.intensity import entropy


def glcm_matrix(
    levels: UInt8[np.ndarray, "x y z"], n_levels: int
) -> Int[np.ndarray, "levels levels"]:
    """Return the symmetric co-occurrence counts merged over the 13 directions, distance 1.

    A region without a pair of neighbours counts as if each voxel had one of its own level.
    """
    flat, strides = padded(levels)
    rows = flat.astype(np.intp) * (n_levels + 1)
    cells = (n_levels + 1) ** 2
    counts = np.zeros(cells, np.intp)
    for stride in strides:
        counts += np.bincount(rows[:-stride] + flat[stride:], minlength=cells)
    inside: Int[np.ndarray, "levels levels"]
    inside = counts.reshape(n_levels + 1, n_levels + 1)[1:, 1:]
    if not inside.any():
        return np.diag(np.bincount(flat, minlength=n_levels + 1)[1:])
    return inside + inside.T


def glcm(levels: UInt8[np.ndarray, "x y z"], n_levels: int) -> dict[str, float]:
    """Return 22 co-occurrence features; dissimilarity, sum average, cluster tendency are left out.

    These three equal the difference average, twice the joint average and the sum variance.
    A region of one level has a correlation of 1 (its neighbours are foretold) and information
    correlations of 0.

    Args:
        levels: grey levels 1 to `n_levels`, 0 outside the region.

    References: IBSI reference manual, section 3.6, aggregation IAZD (3D, merged).
    """
    counts = glcm_matrix(levels, n_levels)
    p = counts / counts.sum()
    i = np.arange(1.0, n_levels + 1)
    marginal = p.sum(axis=1)
    mean = float(i @ marginal)
    variance = float((i - mean) ** 2 @ marginal)
    row, column = np.indices(p.shape)
    difference = np.bincount(np.abs(row - column).ravel(), p.ravel())
    total = np.bincount((row + column).ravel(), p.ravel())
    k = np.arange(float(n_levels))
    difference_average = float(k @ difference)
    around = np.arange(2.0, 2 * n_levels + 1) - 2 * mean
    autocorrelation = float(i @ p @ i)
    several = np.count_nonzero(marginal) > 1
    first, second = _information_correlations(p, marginal)
    return {
        "joint_maximum": float(p.max()),
        "joint_average": mean,
        "joint_variance": variance,
        "joint_entropy": entropy(p),
        "difference_average": difference_average,
        "difference_variance": float((k - difference_average) ** 2 @ difference),
        "difference_entropy": entropy(difference),
        "sum_variance": float(around**2 @ total),
        "sum_entropy": entropy(total),
        "angular_second_moment": float(np.sum(p**2)),
        "contrast": float(k**2 @ difference),
        "inverse_difference": float(difference @ (1 / (1 + k))),
        "normalised_inverse_difference": float(difference @ (1 / (1 + k / n_levels))),
        "inverse_difference_moment": float(difference @ (1 / (1 + k**2))),
        "normalised_inverse_difference_moment": float(difference @ (1 / (1 + (k / n_levels) ** 2))),
        "inverse_variance": float(difference[1:] @ k[1:] ** -2),
        "correlation": (autocorrelation - mean**2) / variance if several else 1.0,
        "autocorrelation": autocorrelation,
        "cluster_shade": float(around**3 @ total),
        "cluster_prominence": float(around**4 @ total),
        "information_correlation_1": first,
        "information_correlation_2": second,
    }


def _information_correlations(
    p: Float[np.ndarray, "levels levels"], marginal: Float[np.ndarray, " levels"]
) -> tuple[float, float]:
    """Return both measures; for a symmetric matrix HXY1 and HXY2 are twice the entropy HX."""
    information = max(2 * entropy(marginal) - entropy(p), 0.0)
    if information == 0.0:
        return 0.0, 0.0
    return -information / entropy(marginal), (1 - float(np.exp(-2 * information))) ** 0.5
