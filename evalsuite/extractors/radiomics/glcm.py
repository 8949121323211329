"""Grey level co-occurrence: how often two levels are neighbours (IBSI section 3.6)."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int, Integer

from evalsuite.extractors.radiomics.directions import padded
from evalsuite.extractors.radiomics.intensity import entropy


def glcm_matrix(
    levels: Integer[np.ndarray, "x y z"], n_levels: int
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


def neighbours(
    levels: Integer[np.ndarray, "x y z"],
) -> Iterator[tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Float[np.ndarray, " n"]]]:
    """Yield, for each direction, the unordered pairs of levels and how probable each is.

    Only pairs that occur, so that hundreds of levels take no more than a few do.
    """
    flat, strides = padded(levels)
    codes = flat.astype(np.intp)
    base = int(codes.max()) + 1
    for stride in strides:
        a, b = codes[:-stride], codes[stride:]
        inside = (a > 0) & (b > 0)
        a, b = a[inside], b[inside]
        pairs, counts = _counted(np.minimum(a, b) * base + np.maximum(a, b), base**2)
        yield pairs // base, pairs % base, counts / counts.sum()


def glcm(levels: Integer[np.ndarray, "x y z"], n_levels: int) -> dict[str, float]:
    """Return the 22 co-occurrence features of the pairs merged over all directions.

    Args:
        levels: grey levels 1 to `n_levels`, 0 outside the region.

    References: IBSI reference manual, section 3.6, aggregation IAZD (3D, merged).
    """
    counts = glcm_matrix(levels, n_levels)
    unordered = np.triu(counts) + np.triu(counts, 1)
    lower, upper = np.nonzero(unordered)
    p = unordered[lower, upper] / counts.sum()
    return pair_features(lower + 1, upper + 1, p, n_levels)


def pair_features(
    lower: Int[np.ndarray, " n"],
    upper: Int[np.ndarray, " n"],
    p: Float[np.ndarray, " n"],
    n_levels: int,
) -> dict[str, float]:
    """Return 22 co-occurrence features; dissimilarity, sum average, cluster tendency are left out.

    These three equal the difference average, twice the joint average and the sum variance.
    A region of one level has a correlation of 1 (its neighbours are foretold) and information
    correlations of 0.

    Args:
        lower, upper: levels from 1 of each pair that occurs, lower <= upper.
        p: probability of each, sums to 1; a symmetric matrix has half of it on either side of
            the diagonal.
        n_levels: the highest level.
    """
    marginal = pair_marginal(lower, upper, p, n_levels)
    cells = np.where(lower == upper, p, p / 2)
    i = np.arange(1.0, n_levels + 1)
    mean = float(i @ marginal)
    variance = float((i - mean) ** 2 @ marginal)
    difference = np.bincount(upper - lower, p, n_levels)
    total = np.bincount(upper + lower, p, 2 * n_levels + 1)[2:]
    k = np.arange(float(n_levels))
    difference_average = float(k @ difference)
    around = np.arange(2.0, 2 * n_levels + 1) - 2 * mean
    several = np.count_nonzero(marginal) > 1
    joint_entropy = float(-p @ np.log2(cells)) + 0.0
    first, second = _information_correlations(joint_entropy, entropy(marginal))
    return {
        "joint_maximum": float(cells.max()),
        "joint_average": mean,
        "joint_variance": variance,
        "joint_entropy": joint_entropy,
        "difference_average": difference_average,
        "difference_variance": float((k - difference_average) ** 2 @ difference),
        "difference_entropy": entropy(difference),
        "sum_variance": float(around**2 @ total),
        "sum_entropy": entropy(total),
        "angular_second_moment": float(p @ cells),
        "contrast": float(k**2 @ difference),
        "inverse_difference": float(difference @ (1 / (1 + k))),
        "normalised_inverse_difference": float(difference @ (1 / (1 + k / n_levels))),
        "inverse_difference_moment": float(difference @ (1 / (1 + k**2))),
        "normalised_inverse_difference_moment": float(difference @ (1 / (1 + (k / n_levels) ** 2))),
        "inverse_variance": float(difference[1:] @ k[1:] ** -2),
        "correlation": float(p @ ((lower - mean) * (upper - mean))) / variance if several else 1.0,
        "autocorrelation": float(p @ (lower * upper)),
        "cluster_shade": float(around**3 @ total),
        "cluster_prominence": float(around**4 @ total),
        "information_correlation_1": first,
        "information_correlation_2": second,
    }


def pair_marginal(
    lower: Int[np.ndarray, " n"],
    upper: Int[np.ndarray, " n"],
    p: Float[np.ndarray, " n"],
    n_levels: int,
) -> Float[np.ndarray, " levels"]:
    """Return the probability of each level, from 1; the arguments are those of `pair_features`."""
    both = np.bincount(lower, p, n_levels + 1) + np.bincount(upper, p, n_levels + 1)
    marginal: Float[np.ndarray, " levels"] = both[1:] / 2
    return marginal


def _counted(
    codes: Int[np.ndarray, " n"], n_codes: int
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Return the codes that occur, ascending, and how often; codes are below `n_codes`."""
    if n_codes > 8 * codes.size:
        return np.unique(codes, return_counts=True)
    counts = np.bincount(codes)
    present = np.flatnonzero(counts)
    return present, counts[present]


def _information_correlations(joint: float, marginal: float) -> tuple[float, float]:
    """Return both measures by entropies; for a symmetric matrix HXY1 and HXY2 are twice HX."""
    information = max(2 * marginal - joint, 0.0)
    if information == 0.0:
        return 0.0, 0.0
    return -information / marginal, (1 - float(np.exp(-2 * information))) ** 0.5
