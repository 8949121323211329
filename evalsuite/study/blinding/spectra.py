"""Frequencies along the axes: a picture interpolated or filtered along one of them lacks some."""

import numpy as np
from jaxtyping import Float

from evalsuite.study.blinding.axes import AXES

BANDS = 8  # of equal width, up to half a cycle per voxel; the first is the coarse shape
LINES = 2  # voxels across a line along each other axis


def band_cues(voxels: Float[np.ndarray, "x y z"]) -> dict[str, float]:
    """Return how strong each band of frequencies is along each axis, against the other axes.

    The logarithm of the mean power in a band of all lines along an axis (a Hann window, no mean),
    less its mean over the three axes: a picture sharper or noisier in every direction, which a
    reader may judge, changes none of them much. Lines are `LINES` voxels thick, since what is
    fine across them as well is weakened by a blur in every direction most.
    """
    powers = np.full((3, BANDS), np.nan)
    for axis in range(3):
        lines = voxels
        for other in {0, 1, 2} - {axis}:
            starts = np.arange(0, voxels.shape[other], LINES)
            lines = np.add.reduceat(lines, starts, axis=other)
        lines = np.moveaxis(lines, axis, -1)
        size = lines.shape[-1]
        lines = (lines - lines.mean(axis=-1, keepdims=True)) * np.hanning(size + 2)[1:-1]
        power = (np.abs(np.fft.rfft(lines)) ** 2).mean(axis=(0, 1))
        band = np.minimum(np.fft.rfftfreq(size) * 2 * BANDS, BANDS - 1).astype(int)
        for i in set(band.tolist()):
            powers[axis, i] = power[band == i].mean()
    # A band of which an axis has nothing at all is weak, not undefined.
    logs = np.log(powers + 1e-6 * np.nanmean(powers) + 1e-9)
    against = logs - logs.mean(axis=0)
    return {
        f"strength of details of {2 * BANDS / (i + 1):.3g} to {2 * BANDS / i:.3g} voxels {name}": (
            float(against[axis, i])
        )
        for i in range(1, BANDS)
        if np.isfinite(against[:, i]).all()
        for axis, name in enumerate(AXES)
    }
