"""The features that run lengths, zone sizes and dependence counts have in common.

IBSI defines the same 16 formulas on three matrices. Their keys here are neutral: `size` is the
length of a run, the volume of a zone, or the dependence count.
"""

import numpy as np
from jaxtyping import Float, Int, Integer

from evalsuite.extractors.radiomics.intensity import entropy


def size_features(
    counts: Int[np.ndarray, "levels sizes"],
    sizes: Int[np.ndarray, " sizes"],
    n_voxels: int,
    levels: Integer[np.ndarray, " levels"] | None = None,
) -> dict[str, float]:
    """Return the 16 features of a matrix of counts of (grey level, size).

    Args:
        counts: runs, zones or voxels of each grey level and size; at least one in all.
        sizes: the size of each column, from 1; sizes that do not occur may be absent.
        n_voxels: voxels in the region, times the number of directions where these were merged.
        levels: the grey level of each row; by default 1, 2, 3, ...

    References: IBSI reference manual, sections 3.7 (run lengths), 3.8 (zones), 3.11 (dependence).
    """
    total = int(counts.sum())
    p = counts / total
    levels = np.arange(1, len(counts) + 1) if levels is None else levels
    level, size = levels.astype(np.float64), sizes.astype(np.float64)
    by_level, by_size = p.sum(axis=1), p.sum(axis=0)
    return {
        "small_emphasis": float(by_size @ size**-2),
        "large_emphasis": float(by_size @ size**2),
        "low_grey_level_emphasis": float(by_level @ level**-2),
        "high_grey_level_emphasis": float(by_level @ level**2),
        "small_low_grey_level_emphasis": float(level**-2 @ p @ size**-2),
        "small_high_grey_level_emphasis": float(level**2 @ p @ size**-2),
        "large_low_grey_level_emphasis": float(level**-2 @ p @ size**2),
        "large_high_grey_level_emphasis": float(level**2 @ p @ size**2),
        "grey_level_non_uniformity": float(total * by_level @ by_level),
        "normalised_grey_level_non_uniformity": float(by_level @ by_level),
        "size_non_uniformity": float(total * by_size @ by_size),
        "normalised_size_non_uniformity": float(by_size @ by_size),
        "percentage": total / n_voxels,
        "grey_level_variance": _variance(level, by_level),
        "size_variance": _variance(size, by_size),
        "entropy": entropy(p),
    }


def _variance(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    return float(weights @ (values - weights @ values) ** 2)
