"""Volumes on other grids: other axes, another spacing, another number of voxels."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float

from evalsuite.volumes.volume import Volume

Interpolation = Literal["smoothed", "linear", "b-spline"]
Affine = Float[np.ndarray, "4 4"]
Size = tuple[int, int, int]
GRIDS = 1 << 15  # kept, some 500 bytes each


def spacing_of(affine: Affine) -> Float[np.ndarray, "3"]:
    """Return the millimetres between neighbouring voxels along each axis."""
    lengths: Float[np.ndarray, 3] = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return lengths


def oriented_grid(shape: Size, affine: Affine, orientation: str = "RAS") -> tuple[Size, Affine]:
    """Return shape and affine of a grid once its axes run along the letters of an orientation."""
    size, turned = _oriented_grid(shape, affine.astype(np.float64).tobytes(), orientation)
    return size, turned.copy()


@lru_cache(maxsize=GRIDS)
def _oriented_grid(shape: Size, affine: bytes, orientation: str) -> tuple[Size, Affine]:
    """Return what `oriented_grid` does; it is asked for the same grids again and again."""
    from nibabel import orientations

    own = np.frombuffer(affine).reshape(4, 4)
    turn = _turn(own, orientation)
    order = np.argsort(turn[:, 0])
    x, y, z = (shape[int(axis)] for axis in order)
    return (x, y, z), own @ orientations.inv_ornt_aff(turn, shape)


def oriented(volume: Volume, orientation: str = "RAS") -> Volume:
    """Return the volume with axes that run along the letters of an orientation."""
    from nibabel import orientations

    turn = _turn(volume.affine, orientation)
    _, affine = oriented_grid(volume.shape, volume.affine, orientation)
    return Volume(orientations.apply_orientation(volume.voxels, turn), affine)


def transposed(volume: Volume) -> Volume:
    """Return the volume with its axes in reverse order."""
    return Volume(volume.voxels.transpose(), volume.affine[:, [2, 1, 0, 3]])


def trimmed(volume: Volume, blank: float) -> Volume:
    """Return the volume without its axial slices in which every voxel has the value `blank`.

    All of them go, within the volume as well, as in batmanlab/HA-GAN, `preprocess.py`; a volume
    with no other slices stays as it is.
    """
    axis = int(np.argsort(_turn(volume.affine, "RAS")[:, 0])[2])
    kept = np.flatnonzero((np.moveaxis(volume.voxels, axis, 0) != blank).any(axis=(1, 2)))
    if not kept.size:
        return volume
    start = [0, 0, 0]
    start[axis] = int(kept[0])
    return Volume(volume.voxels.take(kept, axis), _shifted(volume.affine, start))


def fractional_size(
    shape: Float[np.ndarray, "... 3"],
    old: Float[np.ndarray, "... 3"],
    new: Float[np.ndarray, "3"],
    interpolation: Interpolation,
) -> Float[np.ndarray, "... 3"]:
    """Return the voxels along each axis at another spacing, before they are rounded."""
    size: Float[np.ndarray, "... 3"] = shape * (old / new)
    if interpolation == "linear":
        size = (shape - 1) * (old / new) + 1
    elif interpolation == "b-spline":
        # Spacings of oblique grids carry errors of rounding, which must not make another voxel.
        size = np.ceil(size.round(6))
    return size


def respaced(
    volume: Volume,
    spacing: Sequence[float],
    interpolation: Interpolation,
    outside: float | None = None,
) -> Volume:
    """Return the volume at another spacing.

    Each kind of interpolation has the grid of its source: `smoothed` shares the centre of the
    volume; `linear` shares the first voxel, as `Spacing` of MONAI; `b-spline` shares the first
    edge, as `resampleImage` of pyradiomics.

    Args:
        spacing: millimetres per voxel.
        outside: see `resampled`.
    """
    old, new = np.array(volume.spacing), np.array(spacing)
    shape = np.array(volume.shape)
    if interpolation == "linear":
        size = np.rint(fractional_size(shape, old, new, interpolation))
        offset = np.zeros(3)
    elif interpolation == "b-spline":
        size = fractional_size(shape, old, new, interpolation)
        offset = (new / old - 1) / 2
    else:
        size = np.floor(shape * old / new + 0.5)
        offset = None
    return resampled(
        volume, np.maximum(1, size).astype(int), new / old, interpolation, offset, outside
    )


def resized(
    volume: Volume, shape: Size, interpolation: Interpolation, outside: float | None = None
) -> Volume:
    """Return the same extent in another number of voxels; `outside` as in `resampled`."""
    extent = np.array(volume.shape) * np.array(volume.spacing)
    ratio = extent / np.array(shape) / np.array(volume.spacing)
    return resampled(volume, np.array(shape), ratio, interpolation, None, outside)


def resampled(
    volume: Volume,
    shape: np.ndarray,
    ratio: np.ndarray,
    interpolation: Interpolation,
    offset: np.ndarray | None,
    outside: float | None,
) -> Volume:
    """Interpolate on another grid.

    `smoothed` is linear after a Gaussian (sigma of half the factor less one, in old voxels) where
    the grid is coarser, which keeps frequencies that it cannot hold from folding back; `linear`
    does without; `b-spline` is of third order, its coefficients mirrored at the ends.

    Args:
        shape: voxels of the new grid along each axis.
        ratio: size of a new voxel in old ones.
        offset: place of the first new voxel among the old ones; None for one common centre.
        outside: value beyond the volume; None for that of the nearest voxel.
    """
    from scipy import ndimage

    voxels = volume.voxels.astype(np.float32)
    if offset is None:
        offset = (np.array(volume.shape) - 1) / 2 - (shape - 1) / 2 * ratio
    mode = "nearest" if outside is None else "grid-constant"
    order = 1
    if interpolation == "b-spline":
        order, mode = 3, "mirror"
        voxels = voxels.astype(np.float64)
    elif interpolation == "smoothed" and (sigma := np.maximum(0.0, (ratio - 1) / 2)).any():
        voxels = ndimage.gaussian_filter(
            voxels, sigma, mode="nearest" if outside is None else "constant", cval=outside or 0.0
        )
    voxels = ndimage.affine_transform(
        voxels,
        ratio,
        offset,
        output_shape=tuple(shape.tolist()),
        order=order,
        mode=mode,
        cval=outside or 0.0,
    ).astype(np.float32)
    if interpolation == "b-spline" and outside is not None:
        for axis, n in enumerate(volume.shape):
            place = offset[axis] + ratio[axis] * np.arange(shape[axis])
            # ITK takes the first edge of a volume for inside, the last one for outside.
            beyond = (place < -0.5 - 1e-9) | (place > n - 0.5 - 1e-9)
            np.moveaxis(voxels, axis, 0)[beyond] = outside
    step = np.eye(4)
    step[:3, :3] = np.diag(ratio)
    step[:3, 3] = offset
    return Volume(voxels, volume.affine @ step)


def same_grid(first: tuple[Size, Affine], second: tuple[Size, Affine]) -> bool:
    """Tell whether two grids have their voxels in the same places, to a tenth of a voxel.

    Whatever the order and the direction of their axes.
    """
    (size, affine), (other_size, other) = oriented_grid(*first), oriented_grid(*second)
    if size != other_size:
        return False
    corners = np.array([(*np.multiply(np.array(size) - 1, c), 1) for c in np.ndindex(2, 2, 2)])
    apart = np.linalg.norm((corners @ (affine - other).T)[:, :3], axis=1).max()
    return bool(apart <= 0.1 * spacing_of(affine).min())


def on_grid(
    volume: Volume, affine: Affine, shape: Size, *, order: int, outside: float = 0.0
) -> np.ndarray:
    """Return the values of a volume at the voxels of another grid.

    Args:
        affine, shape: of the other grid.
        order: 0 for the nearest voxel, as labels need; 1 for linear interpolation.
        outside: value beyond the volume.
    """
    from scipy import ndimage

    step = np.linalg.inv(volume.affine) @ affine
    # Any mode but this one drops voxels that rounding has put a hair outside.
    moved: np.ndarray = ndimage.affine_transform(
        volume.voxels, step[:3, :3], step[:3, 3], shape, order=order, mode="grid-constant",
        cval=outside,
    )  # fmt: skip
    return moved


def cropped(volume: Volume, shape: Size, *, as_monai: bool = False) -> Volume:
    """Return the middle of a volume that is larger than `shape` along some axes.

    Args:
        as_monai: of an odd number of voxels to cut leave the last one more often, as
            `CenterSpatialCrop` of MONAI rounds; otherwise the first side always gives more.
    """
    cuts = [(max(0, -a), max(0, -b)) for a, b in _margins(volume.shape, shape)]
    if as_monai:
        starts = [max(0, n // 2 - m // 2) for n, m in zip(volume.shape, shape, strict=True)]
        cuts = [
            (start, max(0, n - m - start))
            for start, n, m in zip(starts, volume.shape, shape, strict=True)
        ]
    index = tuple(slice(a, n - b) for (a, b), n in zip(cuts, volume.shape, strict=True))
    return Volume(volume.voxels[index], _shifted(volume.affine, [a for a, _ in cuts]))


def padded(volume: Volume, shape: Size, value: float) -> Volume:
    """Return the volume in the middle of as many voxels, float32."""
    margins = _margins(volume.shape, shape)
    if not np.any(margins):
        return Volume(volume.voxels.astype(np.float32, copy=False), volume.affine)
    voxels = np.pad(volume.voxels, margins, constant_values=value).astype(np.float32)
    return Volume(voxels, _shifted(volume.affine, [-a for a, _ in margins]))


def pooled(volume: Volume, side: int) -> Volume:
    """Return the means of blocks of `side` voxels along each axis, without what is left over."""
    if side == 1:
        return volume
    x, y, z = (n // side for n in volume.shape)
    blocks = volume.voxels[: x * side, : y * side, : z * side]
    blocks = blocks.reshape(x, side, y, side, z, side)
    affine = volume.affine @ np.diag([side, side, side, 1.0])
    affine[:3, 3] = _shifted(volume.affine, [(side - 1) / 2] * 3)[:3, 3]
    return Volume(blocks.mean(axis=(1, 3, 5), dtype=np.float64).astype(np.float32), affine)


def _turn(affine: Affine, orientation: str) -> Float[np.ndarray, "3 2"]:
    """Return nibabel's transform from the axes of a grid to those of an orientation."""
    return _turned(affine[:3, :3].astype(np.float64).tobytes(), orientation)


@lru_cache(maxsize=GRIDS)
def _turned(axes: bytes, orientation: str) -> Float[np.ndarray, "3 2"]:
    from nibabel import orientations

    affine = np.eye(4)
    affine[:3, :3] = np.frombuffer(axes).reshape(3, 3)
    own = orientations.io_orientation(affine)
    turn: Float[np.ndarray, "3 2"] = orientations.ornt_transform(
        own, orientations.axcodes2ornt(tuple(orientation))
    )
    return turn


def _margins(size: Sequence[int], shape: Sequence[int]) -> list[tuple[int, int]]:
    """Return how many voxels to add before and after each axis; negative ones are cut."""
    missing = [wanted - found for found, wanted in zip(size, shape, strict=True)]
    return [(m // 2, m - m // 2) for m in missing]


def _shifted(affine: Affine, start: Sequence[float]) -> Affine:
    """Return the affine of the grid whose first voxel lies at index `start`."""
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ np.array(start) + affine[:3, 3]
    return moved
