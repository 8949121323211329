"""How volumes are moved: training ones to be recognised so, and copies to be planted in disguise."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from evalsuite.seeds import seed_of
from evalsuite.volumes.changed import unchanged
from evalsuite.volumes.cohort import Entry
from evalsuite.volumes.population import smooth_field
from evalsuite.volumes.resampling import on_grid
from evalsuite.volumes.volume import Volume

# Raised whenever a change of the code below changes a voxel; part of every key of the cache.
VERSION = 1
BEND = 10.0  # voxels over which a deformation is alike


def mirrored(volume: Volume, axes: tuple[int, ...]) -> Volume:
    """Return the volume mirrored along axes of its array."""
    return _with(volume, np.flip(volume.voxels, axes))


def turned(volume: Volume, axis: int, degrees: float) -> Volume:
    """Return the volume turned about its centre and one of its axes, true to millimetres."""
    first, second = (other for other in range(3) if other != axis)
    turn = np.eye(3)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn[first, first] = turn[second, second] = cosine
    turn[first, second], turn[second, first] = -sine, sine
    spacing = np.array(volume.spacing)
    return _resampled(volume, turn * spacing / spacing[:, None])


def scaled(volume: Volume, factor: float) -> Volume:
    """Return what the volume shows so many times as large, on the same grid."""
    return _resampled(volume, np.eye(3) / factor)


def smoothed(volume: Volume, sigma: float) -> Volume:
    """Return the volume after a Gaussian of so many voxels."""
    return _with(volume, ndimage.gaussian_filter(volume.voxels, sigma, mode="nearest"))


def displaced(volume: Volume, share: float) -> Volume:
    """Return the volume displaced by this share of each side."""
    shift = share * np.array(volume.shape)
    return _with(volume, ndimage.shift(volume.voxels, shift, order=1, mode="nearest"))


def cropped(volume: Volume, share: float) -> Volume:
    """Return the volume with this share of each side at either end overwritten by what is next."""
    edges = [round(share * side) for side in volume.shape]
    inner = tuple(slice(e, side - e) for e, side in zip(edges, volume.shape, strict=True))
    return _with(volume, np.pad(volume.voxels[inner], [(e, e) for e in edges], mode="edge"))


def recoloured(volume: Volume, gamma: float) -> Volume:
    """Return the volume with its intensities, from 0 to 1, raised to a power."""
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    span = high - low or 1.0
    return _with(volume, low + span * ((volume.voxels - low) / span) ** gamma)


def noisy(volume: Volume, share: float, seed: int) -> Volume:
    """Return the volume with Gaussian noise, whose deviation is this share of 99 % of the range."""
    low, high = np.percentile(volume.voxels, [0.5, 99.5])
    noise = np.random.default_rng(seed).normal(0, share * float(high - low), volume.shape)
    return _with(volume, volume.voxels + noise)


def deformed(volume: Volume, voxels: float, seed: int) -> Volume:
    """Return the volume under smooth displacements of this deviation."""
    random = np.random.default_rng(seed)
    where = np.indices(volume.shape).astype(float)
    for axis in range(3):
        where[axis] += voxels * smooth_field(random, volume.shape, BEND)
    return _with(volume, ndimage.map_coordinates(volume.voxels, where, order=1, mode="nearest"))


def blended(volume: Volume, weight: float, other: Entry) -> Volume:
    """Return a weighted mean with another volume, brought to the same centre and intensities."""
    second = other.read()
    affine = second.affine.copy()
    centres = [v.affine[:3, :3] @ ((np.array(v.shape) - 1) / 2) for v in (volume, second)]
    affine[:3, 3] = volume.affine[:3, 3] + centres[0] - centres[1]
    lowest = float(second.voxels.min())
    moved = Volume(second.voxels, affine)
    voxels = on_grid(moved, volume.affine, volume.shape, order=1, outside=lowest)
    scale = float(volume.voxels.std()) / (float(voxels.std()) or 1.0)
    alike = float(volume.voxels.mean()) + scale * (voxels - float(voxels.mean()))
    return _with(volume, weight * volume.voxels + (1 - weight) * alike)


def _resampled(volume: Volume, matrix: Float[np.ndarray, "3 3"]) -> Volume:
    """Return the volume seen through a map of voxels that keeps its centre, linearly."""
    centre = (np.array(volume.shape) - 1) / 2
    offset = centre - matrix @ centre
    voxels = ndimage.affine_transform(volume.voxels, matrix, offset, order=1, mode="nearest")
    return _with(volume, voxels)


def _with(volume: Volume, voxels: np.ndarray) -> Volume:
    return Volume(np.ascontiguousarray(voxels, dtype=np.float32), volume.affine)


# Ways in which training volumes are shown to extractors beside the one as they are. Displacements
# and scales of intensity are left out: features hardly see them, and voxels are aligned for them.
MOVES: dict[str, Callable[[Volume], Volume]] = {
    **{
        f"mirrored {''.join('xyz'[axis] for axis in axes)}": partial(mirrored, axes=axes)
        for axes in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
    },
    **{
        f"turned {degrees:+d} {'xyz'[axis]}": partial(turned, axis=axis, degrees=degrees)
        for axis in range(3)
        for degrees in (-6, 6)
    },
    "larger": partial(scaled, factor=1.08),
    "smaller": partial(scaled, factor=0.92),
    "smoothed": partial(smoothed, sigma=1.0),
}


@dataclass(frozen=True, slots=True)
class Disguise:
    """A way in which copies are planted.

    Args:
        name: in sentences, after "copies".
        change: what becomes of a volume; takes random numbers' `seed` and another training volume
            as `other` where its kind says so.
        random: whether it takes a seed.
        blend: whether it takes another volume.
    """

    name: str
    change: Callable[..., Volume]
    random: bool = False
    blend: bool = False

    def of(self, entry: Entry, other: Entry, seed: int) -> Callable[[Volume], Volume]:
        """Return what becomes of a volume; its random numbers follow from seed and name."""
        chosen: dict[str, object] = {}
        if self.random:
            chosen["seed"] = seed_of(seed, self.name, entry.id)
        if self.blend:
            chosen["other"] = other
        return partial(self.change, **chosen)

    def key(self, entry: Entry, other: str, seed: int) -> str:
        """Return what decides the change, by the hash of the other volume."""
        drawn = str(seed_of(seed, self.name, entry.id)) if self.random else ""
        return " ".join([self.name, drawn, other if self.blend else ""])


DISGUISES = (
    Disguise("as they are", unchanged),
    Disguise("mirrored", partial(mirrored, axes=(0,))),
    Disguise("turned by 4 degrees", partial(turned, axis=2, degrees=4)),
    Disguise("enlarged by 5 %", partial(scaled, factor=1.05)),
    Disguise("displaced by 4 % of each side", partial(displaced, share=0.04)),
    Disguise("cropped by 8 % at each end", partial(cropped, share=0.08)),
    Disguise("recoloured (gamma 0.7)", partial(recoloured, gamma=0.7)),
    Disguise("with noise (5 % of the range)", partial(noisy, share=0.05), random=True),
    Disguise("smoothed by 1.5 voxels", partial(smoothed, sigma=1.5)),
    Disguise("deformed by 1 voxel", partial(deformed, voxels=1.0), random=True),
    Disguise("blended 70:30 with another", partial(blended, weight=0.7), blend=True),
    Disguise("blended 50:50 with another", partial(blended, weight=0.5), blend=True),
)
