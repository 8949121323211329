"""From intensities to grey levels: which voxels count, and in which bin each lies."""

import numpy as np
from jaxtyping import Bool, Float, UInt8


def foreground(voxels: Float[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Return the region of interest: every voxel that is not exactly 0.

    Preprocessing pads with exact zeros, and skull stripping and CT windows leave them, for any
    intensity normalisation. A volume of zeros only is all foreground.
    """
    inside: Bool[np.ndarray, "x y z"] = voxels != 0
    return inside if inside.any() else np.ones_like(inside)


def bounding_box(inside: Bool[np.ndarray, "x y z"]) -> tuple[slice, ...]:
    """Return the smallest box around a region that is not empty."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(inside.any(axis=others))
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(box)


def discretise(
    image: Float[np.ndarray, "x y z"], inside: Bool[np.ndarray, "x y z"], n_levels: int
) -> UInt8[np.ndarray, "x y z"]:
    """Return grey levels 1 to `n_levels` inside the region and 0 outside (fixed bin number).

    The bins divide the range of the region itself, so levels do not change with the scale and
    the offset of the intensities, which are arbitrary in MRI. A constant region is all level 1.

    Args:
        n_levels: number of bins, at most 255.

    References: IBSI reference manual, section 2.7, fixed bin number.
    """
    values = image[inside].astype(np.float64)
    low, high = values.min(), values.max()
    levels = np.zeros(image.shape, np.uint8)
    if low == high:
        levels[inside] = 1
    else:
        bins = np.floor(n_levels * ((values - low) / (high - low))) + 1
        levels[inside] = np.minimum(bins, n_levels)
    return levels
