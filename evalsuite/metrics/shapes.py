"""Size, surface, shape and topology of one structure of a label map."""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

SPHERE = 20_000  # directions by which the weights of the 13 lines are found


@dataclass(frozen=True, slots=True)
class Shape:
    """One structure of one volume.

    Args:
        volume: millilitres.
        surface: square millimetres, by `surface_area`.
        sphericity: surface of the ball of equal volume over the surface; 1 for a ball, less for
            anything else. Small structures, whose surface is rough, have too small a value.
        centroid: millimetres from the corner of the volume.
        components: parts that do not touch, not even at a corner.
        cavities: holes that are closed on all sides.
        tunnels: holes that go through.
    """

    volume: float
    surface: float
    sphericity: float
    centroid: tuple[float, float, float]
    components: int
    cavities: int
    tunnels: int


def shape_of(
    mask: Bool[np.ndarray, "x y z"],
    spacing: tuple[float, float, float],
    corner: tuple[int, int, int] = (0, 0, 0),
) -> Shape:
    """Measure a structure that has at least one voxel.

    Args:
        mask: the structure.
        spacing: millimetres per voxel.
        corner: voxel of the volume at which the mask begins, if it was cut out.
    """
    volume = float(mask.sum()) * float(np.prod(spacing))
    surface = surface_area(mask, spacing)
    middle = (np.array(corner) + ndimage.center_of_mass(mask)) * spacing
    components = int(ndimage.label(mask, np.ones((3, 3, 3)))[1])
    cavities = int(ndimage.label(np.pad(~mask, 1, constant_values=True))[1]) - 1
    tunnels = components + cavities - euler_characteristic(mask)
    return Shape(
        volume=volume / 1000,
        surface=surface,
        sphericity=float(np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / surface),
        centroid=(float(middle[0]), float(middle[1]), float(middle[2])),
        components=components,
        cavities=cavities,
        tunnels=tunnels,
    )


def surface_area(mask: Bool[np.ndarray, "x y z"], spacing: tuple[float, float, float]) -> float:
    """Return the area of the boundary in square millimetres, by counting crossings of lines.

    Lines run in the 13 directions between neighbouring voxels. By Crofton's formula the area is
    twice the mean, over all directions, of the crossings per unit of area across the lines; each
    of the 13 stands for the directions that are nearest to it. Within a few percent for balls and
    ellipsoids of 5 voxels or more in radius; a box along the axes comes out 11 % too small.

    References:
        Legland, Kieu and Devaux, Image Analysis and Stereology 26 (2007) 83-92.
    """
    padded = np.pad(mask, 1)
    total = 0.0
    for step, weight in _directions(spacing):
        ahead = tuple(slice(max(0, s), padded.shape[i] + min(0, s)) for i, s in enumerate(step))
        behind = tuple(slice(max(0, -s), padded.shape[i] + min(0, -s)) for i, s in enumerate(step))
        crossings = int((padded[ahead] != padded[behind]).sum())
        length = float(np.linalg.norm(np.array(step) * spacing))
        total += weight * crossings * float(np.prod(spacing)) / length
    return 2 * total


def euler_characteristic(mask: Bool[np.ndarray, "x y z"]) -> int:
    """Return vertices less edges plus faces less voxels of the structure as a union of cubes.

    It is components less tunnels plus cavities, where voxels that touch at a corner are joined.
    """
    padded = np.pad(mask, 1)
    total = 0
    for axes in product((False, True), repeat=3):
        cells = padded
        for axis in np.flatnonzero(axes):
            cells = cells | np.roll(cells, 1, axis)  # what wraps around is padding
        total += (-1) ** (3 - sum(axes)) * int(cells.sum())
    return total


@cache
def _directions(
    spacing: tuple[float, float, float],
) -> list[tuple[tuple[int, int, int], float]]:
    """Return the 13 steps between neighbours with the share of directions nearest to each."""
    steps = [s for s in product((-1, 0, 1), repeat=3) if s > (0, 0, 0)]
    lines = np.array(steps) * np.array(spacing)
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    nearest = np.abs(_sphere() @ lines.T).argmax(axis=1)
    shares = np.bincount(nearest, minlength=len(steps)) / SPHERE
    return [((x, y, z), float(share)) for (x, y, z), share in zip(steps, shares, strict=True)]


def _sphere() -> Float[np.ndarray, "n 3"]:
    """Return directions spread evenly over the sphere (a Fibonacci lattice)."""
    place = np.arange(SPHERE) + 0.5
    height = 1 - 2 * place / SPHERE
    angle = np.pi * (1 + 5**0.5) * place
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
