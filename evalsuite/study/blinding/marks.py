"""Marks at a fixed place: voxels or layers that stand out from their neighbours in one cohort."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from evalsuite.study.blinding.axes import AXES

GRID = 64  # blocks along an axis, at most
LARGEST = 10.0  # usual steps between neighbours, beyond which a mark counts no more
DEEPEST = 100.0  # the same of layers, whose means differ little


def relief(voxels: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, " v"]:
    """Return how far each place of a case stands out from its neighbours.

    First of voxels: of the differences from the mean of the two neighbours along each axis the
    middle one. A lone voxel, or one of a line, differs along two axes or three, but one at a
    border of tissues only along one. Of each block, at most `GRID` along an axis, what stands out
    most is kept. Then of the mean of every layer across each axis.
    """
    apart = [_apart(voxels, axis) for axis in range(3)]
    a, b, c = apart
    standing = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    for axis, size in enumerate(voxels.shape):
        starts = np.arange(0, size, _side(size))
        high = np.maximum.reduceat(standing, starts, axis=axis)
        low = np.minimum.reduceat(standing, starts, axis=axis)
        standing = np.where(high > -low, high, low)
    layers = [
        apart[axis].mean(axis=tuple(other for other in range(3) if other != axis))
        for axis in range(3)
    ]
    flat: Float[np.ndarray, " v"] = np.concatenate([standing.ravel(), *layers]).astype(np.float32)
    return flat


def in_usual_steps(
    reliefs: Float[np.ndarray, "n v"], shape: Sequence[int]
) -> Float[np.ndarray, "n v"]:
    """Return reliefs in units of what is usual over all cases, cut at `LARGEST` and `DEEPEST`.

    One unit for all, so that a smoother cohort is not made rougher by it.

    Args:
        shape: voxels of a case along each axis.
    """
    of_voxels = math.prod(_blocks(shape))
    scaled = []
    for part, largest in ((reliefs[:, :of_voxels], LARGEST), (reliefs[:, of_voxels:], DEEPEST)):
        sizes = np.abs(part)
        step = float(np.median(sizes[sizes > 0])) if sizes.any() else 1.0
        scaled.append(np.clip(part / step, -largest, largest))
    return np.hstack(scaled)


def place(index: int, shape: Sequence[int]) -> str:
    """Return where in a case the relief of this index lies.

    Args:
        shape: voxels of a case along each axis.
    """
    blocks = _blocks(shape)
    if index < math.prod(blocks):
        at = [
            int(i) * _side(size) + _side(size) // 2
            for i, size in zip(np.unravel_index(index, blocks), shape, strict=True)
        ]
        return f"around voxel {at[0]}, {at[1]}, {at[2]}"
    layer = index - math.prod(blocks)
    for name, size in zip(AXES, shape, strict=True):
        if layer < size:
            return f"in layer {layer} {name}"
        layer -= size
    msg = f"a case of {shape} has no place {index}"
    raise ValueError(msg)


def _apart(voxels: Float[np.ndarray, "x y z"], axis: int) -> Float[np.ndarray, "x y z"]:
    """Return each voxel less the mean of its neighbours along the axis; a rim has one, twice."""
    wide = np.pad(voxels, [(int(other == axis),) * 2 for other in range(3)], mode="reflect")
    lines = np.moveaxis(wide, axis, 0)
    return np.moveaxis(lines[1:-1] - (lines[:-2] + lines[2:]) / 2, 0, axis)


def _side(size: int) -> int:
    return -(-size // GRID)


def _blocks(shape: Sequence[int]) -> list[int]:
    return [-(-size // _side(size)) for size in shape]
