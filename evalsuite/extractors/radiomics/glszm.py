"""Grey level size zones: connected voxels of one level (IBSI section 3.8)."""

import numpy as np
from jaxtyping import Int, Integer
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from evalsuite.extractors.radiomics.directions import padded
from evalsuite.extractors.radiomics.sizes import size_features


def zones(
    levels: Integer[np.ndarray, "x y z"],
) -> tuple[Integer[np.ndarray, " zones"], Int[np.ndarray, " zones"]]:
    """Return level and number of voxels of each 26-connected zone of one level."""
    flat, strides = padded(levels)
    # The nodes of the graph are runs along the last axis, not voxels, and a link between two
    # runs is dropped where the one before it joins the same two: far fewer of both to store.
    goes_on = flat[1:] == flat[:-1]
    run = np.concatenate(([0], np.cumsum(~goes_on, dtype=np.int32)))
    starts, ends = [], []
    for stride in strides[1:]:  # the first one stays within a run
        linked = (flat[:-stride] == flat[stride:]) & (flat[stride:] > 0)
        linked[1:] &= ~(linked[:-1] & goes_on[: linked.size - 1])
        start = np.flatnonzero(linked)
        starts.append(run[start])
        ends.append(run[start + stride])
    links = np.concatenate(starts), np.concatenate(ends)
    n_runs = int(run[-1]) + 1
    graph = csr_array((np.ones(links[0].size, np.int8), links), shape=(n_runs, n_runs))
    n_zones, zone_of_run = connected_components(graph, directed=False)
    zone = zone_of_run[run]
    level = np.zeros(n_zones, flat.dtype)
    level[zone] = flat
    inside = level > 0  # the runs of the padding are zones of level 0
    return level[inside], np.bincount(zone, minlength=n_zones)[inside]


def glszm_matrix(
    levels: Integer[np.ndarray, "x y z"], n_levels: int
) -> tuple[Int[np.ndarray, "levels sizes"], Int[np.ndarray, " sizes"]]:
    """Return the number of zones of each level and size, and the sizes that occur."""
    level, size = zones(levels)
    sizes, column = np.unique(size, return_inverse=True)
    counts = np.zeros((n_levels, sizes.size), np.intp)
    np.add.at(counts, (level.astype(np.intp) - 1, column), 1)
    return counts, sizes


def glszm(levels: Integer[np.ndarray, "x y z"], n_levels: int) -> dict[str, float]:
    """Return the 16 size zone features.

    Args:
        levels: grey levels 1 to `n_levels`, 0 outside the region.

    References: IBSI reference manual, section 3.8, aggregation KOBO (3D).
    """
    return size_features(*glszm_matrix(levels, n_levels), int(np.count_nonzero(levels)))
