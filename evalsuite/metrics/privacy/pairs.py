"""A synthetic volume and the training volume that it is like, as they are shown beside each other."""

import numpy as np
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from evalsuite.metrics.privacy.distances import Pose
from evalsuite.records import MidSlices


def shown_pair(
    names: tuple[str, str],
    synthetic: Float[Tensor, "x y z"],
    training: Float[Tensor, "x y z"],
    move: Pose,
    spacing: tuple[float, float, float],
) -> dict[str, object]:
    """Return the middle slices of both, the training volume moved and its intensities fitted.

    Args:
        names: of the synthetic and of the training volume.
        move: of the training volume onto the synthetic one.
        spacing: millimetres along x, y and z.
    """
    ours = synthetic.detach().cpu().double().numpy()
    theirs = training.detach().cpu().double().numpy()
    theirs = ndimage.shift(theirs, move.shift, order=0, mode="nearest")
    theirs = np.flip(theirs, tuple(axis for axis in range(3) if move.flips[axis]))
    scale = np.cov(theirs.ravel(), ours.ravel())
    slope = scale[0, 1] / scale[0, 0] if scale[0, 0] else 0.0
    theirs = ours.mean() + slope * (theirs - theirs.mean())
    return {
        "flips": move.flips,
        "shift": move.shift,
        "synthetic": _mid_slices(names[0], ours, spacing),
        "training": _mid_slices(names[1], theirs, spacing),
    }


def _mid_slices(
    name: str, voxels: Float[np.ndarray, "x y z"], spacing: tuple[float, float, float]
) -> MidSlices:
    x, y, z = (n // 2 for n in voxels.shape)
    return MidSlices(
        volume=name,
        sagittal=voxels[x].astype(np.float32),
        coronal=voxels[:, y].astype(np.float32),
        axial=voxels[:, :, z].astype(np.float32),
        spacing=spacing,
    )
