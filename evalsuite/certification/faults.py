"""Faults that are planted in volumes: functions of a volume, a severity and random numbers.

Each severity of a fault is drawn with the same random numbers, so that the volumes of a cohort get
worse together. Intensities stay within the range that the volume had, but for noise and bias.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evalsuite.certificate import Fault
from evalsuite.volumes.population import degrade, smooth_field
from evalsuite.volumes.volume import Volume

# Raised whenever a change of the code below changes a voxel; part of every key of the cache.
VERSION = 1
BEND = 12.0  # voxels over which a deformation is alike
SWAPPED = 0.1  # share of slices that stand elsewhere
Plant = Callable[[Volume, float, np.random.Generator], Volume]


@dataclass(frozen=True, slots=True)
class Planting:
    """A fault and how it comes into a volume.

    Args:
        fault: what is told of it.
        plant: makes the faulty volume; None for what is a fault of the cohort, not of a volume.
        strength: of the fault where its severity is the share of subjects that have it; None
            where all of them have it, at its severity.
    """

    fault: Fault
    plant: Plant | None = None
    strength: float | None = None

    @property
    def strengths(self) -> tuple[float, ...]:
        """What volumes are made with, each once."""
        if self.plant is None:
            return ()
        return self.fault.levels if self.strength is None else (self.strength,)


def blurred(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume after a Gaussian of so many voxels."""
    del random
    return degrade(volume, blur=level, noise=0, seed=0)


def noisy(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume with Gaussian noise, whose deviation is this share of 99 % of the range."""
    low, high = np.percentile(volume.voxels, [0.5, 99.5])
    noise = random.normal(0, level * float(high - low), volume.shape)
    return _with(volume, volume.voxels + noise)


def biased(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume times a smooth field, the logarithm of which has this deviation."""
    low = float(volume.voxels.min())
    field = smooth_field(random, volume.shape, max(volume.shape) / 2)
    return _with(volume, low + (volume.voxels - low) * np.exp(level * (field - field.mean())))


def ghosted(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume under a ghost of itself, half a field of view away along the second axis.

    What k-space lines of two unequal echoes give, the Nyquist ghost.
    """
    del random
    ghost = np.roll(volume.voxels, volume.shape[1] // 2, axis=1)
    return _with(volume, (1 - level) * volume.voxels + level * ghost)


def coarsened(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume as voxels so many times as long show it, interpolated back, linearly."""
    from scipy import ndimage

    del random
    coarse = ndimage.zoom(volume.voxels, 1 / level, order=1, mode="nearest", grid_mode=True)
    back = np.array(volume.shape) / coarse.shape
    return _with(volume, ndimage.zoom(coarse, back, order=1, mode="nearest", grid_mode=True))


def shifted(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume with its intensities, from 0 to 1, raised to a power.

    They shift most where they are middling. A shift of all alike is what preprocessing takes away.
    """
    del random
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    span = high - low or 1.0
    return _with(volume, low + span * ((volume.voxels - low) / span) ** level)


def deformed(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume under smooth displacements of this deviation, in voxels."""
    from scipy import ndimage

    where = np.indices(volume.shape).astype(float)
    for axis in range(3):
        where[axis] += level * smooth_field(random, volume.shape, BEND)
    # Linear interpolation would blur as well.
    voxels = ndimage.map_coordinates(volume.voxels, where, order=3, mode="nearest")
    return _with(volume, np.clip(voxels, volume.voxels.min(), volume.voxels.max()))


def mirrored(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume with left and right exchanged."""
    del level, random
    return _with(volume, np.flip(volume.voxels, _axis_along(volume, 0)))


def swapped(volume: Volume, level: float, random: np.random.Generator) -> Volume:
    """Return the volume with this share of its axial slices, 2 at least, in places of others."""
    axis = _axis_along(volume, 2)
    n = volume.shape[axis]
    chosen = random.permutation(n)[: max(2, round(level * n))]
    order = np.arange(n)
    order[chosen] = order[np.roll(chosen, 1)]
    return _with(volume, np.take(volume.voxels, order, axis=axis))


def _axis_along(volume: Volume, direction: int) -> int:
    """Return the axis that runs most nearly left-right (0), front-back (1) or feet-head (2)."""
    return int(np.abs(volume.affine[direction, :3] / volume.spacing).argmax())


def _with(volume: Volume, voxels: np.ndarray) -> Volume:
    return Volume(np.ascontiguousarray(voxels, dtype=np.float32), volume.affine)


COPIES = Fault("copies", "Memorised copies", "share of volumes", (0.05, 0.1, 0.2, 0.5))
REPEATS = Fault("repeats", "One volume repeated", "share of volumes", (0.05, 0.1, 0.2, 0.5))
DROPPED = (0.25, 0.5, 0.75, 1.0)
SHARES = (0.1, 0.25, 0.5, 1.0)
PLANTINGS = (
    Planting(Fault("blur", "Blur", "voxels", (0.5, 1.0, 2.0)), blurred),
    Planting(Fault("noise", "Noise", "share of the range", (0.02, 0.05, 0.1)), noisy),
    Planting(Fault("bias_field", "Bias field", "share of intensity", (0.1, 0.2, 0.4)), biased),
    Planting(Fault("ghosting", "Ghosting", "share of intensity", (0.05, 0.1, 0.2)), ghosted),
    Planting(Fault("resampling", "Resampling", "times the voxel", (1.5, 2.0, 3.0)), coarsened),
    Planting(Fault("intensity_shift", "Intensity shift", "gamma", (1.1, 1.25, 1.6)), shifted),
    Planting(Fault("deformation", "Deformation", "voxels", (0.5, 1.0, 2.0)), deformed),
    Planting(
        Fault("swapped_slices", "Swapped slices", "share of subjects", SHARES), swapped, SWAPPED
    ),
    Planting(Fault("mirrored", "Mirrored", "share of subjects", SHARES), mirrored, 1.0),
    Planting(COPIES),
    Planting(REPEATS),
)
