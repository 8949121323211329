"""Sheared grids -> orthogonal ones, as after a scan with a tilted gantry."""

import math

import numpy as np
from jaxtyping import Float

from evalsuite.volumes.formats.loaded import Problem
from evalsuite.volumes.volume import Volume

NEGLIGIBLE = 0.5  # voxels by which shear may move the far corner of a volume
MOST = 45.0  # degrees off a right angle beyond which axes are no scan's
GROWTH = 8  # times as many voxels as at most come of covering a sheared volume


def straightened(volume: Volume, *, labels: bool = False) -> tuple[Volume, float]:
    """Return the volume on an orthogonal grid, and the degrees by which its own is sheared.

    The axis with the smallest voxels keeps its direction, the one with the largest is made normal
    to the other two. A stack of slices so keeps its planes and the distance between them: each
    slice moves within its plane, and nothing is mixed across slices. The grid covers the whole
    volume; what it adds is filled with the smallest intensity (labels: with 0).

    Args:
        volume: returned as it is, with 0 degrees, where shear does not matter.
        labels: take the nearest voxel instead of interpolating linearly.

    Raises:
        Problem: where the axes are too far from orthogonal for any scan.
    """
    from scipy import ndimage

    shape = np.array(volume.shape)
    if not _spans_space(volume.affine) or min(shape) < 2:
        return volume, 0.0
    steps = _orthogonal(volume.affine[:3, :3])
    # From the stored grid to the orthogonal one, both in voxels; its diagonal is 1.
    moved = np.linalg.solve(steps, volume.affine[:3, :3])
    shifts = (moved - np.eye(3)) * (shape - 1)
    if np.abs(shifts).sum(axis=1).max() < NEGLIGIBLE:
        return volume, 0.0
    angle = _shear(volume.affine)
    first = np.floor(np.minimum(shifts, 0).sum(axis=1) + 1e-6)
    last = np.ceil(np.maximum(shifts, 0).sum(axis=1) + shape - 1 - 1e-6)
    size = last - first + 1
    if angle > MOST or size.prod() > GROWTH * shape.prod():
        raise Problem(
            f"its axes are {angle:.0f} degrees off right angles; expected those of a scan. "
            "Write it again with its true affine."
        )
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if not math.isfinite(low) or not math.isfinite(high):
        return volume, 0.0
    back = np.linalg.inv(moved)
    voxels = ndimage.affine_transform(
        volume.voxels,
        back,
        back @ first,
        tuple(size.astype(int).tolist()),
        order=0 if labels else 1,
        mode="grid-constant",
        cval=0.0 if labels else low,
    )
    affine = np.eye(4)
    affine[:3, :3] = steps
    affine[:3, 3] = volume.affine[:3, 3] + steps @ first
    return Volume(voxels, affine), angle


def _spans_space(affine: Float[np.ndarray, "4 4"]) -> bool:
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        volume = abs(np.linalg.det(affine[:3, :3] / lengths))
    return bool(np.isfinite(affine).all() and np.isfinite(lengths).all() and volume > 1e-4)


def _orthogonal(steps: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """Return the steps of the orthogonal grid by QR decomposition, finest axis first."""
    order = np.argsort(
        [float(f"{step:.3g}") for step in np.linalg.norm(steps, axis=0)], kind="stable"
    )
    directions, triangle = np.linalg.qr(steps[:, order])
    straight = np.empty((3, 3))
    straight[:, order] = directions * np.diag(triangle)
    return straight


def _shear(affine: Float[np.ndarray, "4 4"]) -> float:
    steps = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(steps.T @ steps - np.eye(3))
    return float(np.degrees(np.arcsin(np.clip(cosines.max(), 0, 1))))
