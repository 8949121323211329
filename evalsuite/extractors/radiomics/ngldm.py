"""Neighbouring grey level dependence: neighbours of one's own level (IBSI section 3.11)."""

import numpy as np
from jaxtyping import Int, Integer

from evalsuite.extractors.radiomics.directions import padded
from evalsuite.extractors.radiomics.sizes import size_features


def ngldm_matrix(
    levels: Integer[np.ndarray, "x y z"], n_levels: int
) -> Int[np.ndarray, "levels dependence"]:
    """Return the number of voxels of each level and dependence count, 1 to 27.

    The dependence count of a voxel is one more than its neighbours of the same level
    (distance 1, coarseness 0).
    """
    flat, strides = padded(levels)
    dependence = np.ones(flat.size, np.uint8)
    for stride in strides:
        same = flat[:-stride] == flat[stride:]
        dependence[:-stride] += same
        dependence[stride:] += same
    cell = flat.astype(np.intp) * 28 + dependence
    return np.bincount(cell, minlength=(n_levels + 1) * 28).reshape(n_levels + 1, 28)[1:, 1:]


def ngldm(levels: Integer[np.ndarray, "x y z"], n_levels: int) -> dict[str, float]:
    """Return the 17 dependence features.

    Args:
        levels: grey levels 1 to `n_levels`, 0 outside the region.

    References: IBSI reference manual, section 3.11, aggregation KOBO (3D).
    """
    counts = ngldm_matrix(levels, n_levels)
    energy = float(np.sum((counts / counts.sum()) ** 2))
    features = size_features(counts, np.arange(1, 28), int(np.count_nonzero(levels)))
    return features | {"energy": energy}
