"""The 13 directions of a 26-neighbourhood, each as one stride of a zero-padded flat volume.

Once a volume is surrounded by one layer of zeros and raveled, its neighbours along a direction
lie a fixed stride apart, and no stride leads from one voxel of the volume to another that is not
its neighbour. So every texture matrix is built from shifted views of one flat array.
"""

import itertools

import numpy as np
from jaxtyping import Integer


def padded(
    levels: Integer[np.ndarray, "x y z"],
) -> tuple[Integer[np.ndarray, " n"], tuple[int, ...]]:
    """Return the flat zero-padded levels and the strides of the 13 directions, ascending.

    Opposite directions count once: each stride is positive.
    """
    grid = np.pad(levels, 1)
    _, ny, nz = grid.shape
    steps = itertools.product((-1, 0, 1), repeat=3)
    strides = (x * ny * nz + y * nz + z for x, y, z in steps)
    return grid.ravel(), tuple(sorted(stride for stride in strides if stride > 0))
