"""Where readers marked: slices of the most marked places, and maps of all marks of a cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from reports.figures.canvas import GAP, INK, INSIDE, Canvas
from reports.figures.letters import SMALL, TINY, TITLE
from reports.figures.tiles import AXES, EDGES, PLANES, Plane, show, write

YELLOW = "#ffd166"
TALLEST = 2.3  # inches of a tile
COLOURS = "inferno"
FAINT = 0.02  # of the largest, below which a map shows the anatomy alone


@dataclass(frozen=True, slots=True)
class Place:
    """One of the places that were marked most.

    Args:
        title: what stands above its slices.
        image: voxels of the case, along the patient's right, anterior and superior.
        voxel: the middle of the place.
        marks: near it, each one place or two opposite corners in voxels.
    """

    title: str
    image: Float[np.ndarray, "x y z"]
    voxel: Sequence[float]
    marks: Sequence[Sequence[Sequence[float]]]


def gallery(places: Sequence[Place], spacing: Sequence[float]) -> Figure:
    """Draw each place in three slices through it, with the marks that these slices meet."""
    canvas = Canvas()
    for place in places:
        widths, height = _sizes(place.image.shape, spacing)
        canvas.words(place.title)
        tiles = canvas.tiles(widths, [height])
        for axes, plane in zip(tiles, PLANES, strict=True):
            through = AXES[plane][2]
            index = int(np.clip(round(place.voxel[through]), 0, place.image.shape[through] - 1))
            cut = place.image.take(index, axis=through)
            _slice(axes, plane, cut, spacing, (0.0, 1.0))
            _to_scale(axes, place.image.shape, spacing)
            for mark in place.marks:
                depths = [round(end[through]) for end in mark]
                if min(depths) - 1 <= index <= max(depths) + 1:
                    _mark(axes, plane, mark, place.image.shape, spacing)
            write(axes, *EDGES[plane])
    return canvas.finish()


def heat_maps(
    density: Mapping[str, Float[np.ndarray, "x y z"]],
    means: Mapping[str, Float[np.ndarray, "x y z"]],
    spacing: Sequence[float],
) -> Figure:
    """Draw, for each cohort, its marks summed through each plane over the mean of its cases.

    Args:
        density: marks of one reading in one cubic centimetre, by cohort.
        means: the mean case by cohort, from 0 to 1.
        spacing: millimetres of a voxel.
    """
    canvas = Canvas()
    sums = {
        name: {p: values.sum(axis=AXES[p][2]) * spacing[AXES[p][2]] / 10 for p in PLANES}
        for name, values in density.items()
    }
    highest = max((float(m.max()) for maps in sums.values() for m in maps.values()), default=0.0)
    limits = (0.0, highest or 1.0)
    for name, maps in sums.items():
        widths, height = _sizes(means[name].shape, spacing)
        canvas.words(name, TITLE, INK)
        tiles = canvas.tiles(widths, [height])
        for axes, plane in zip(tiles, PLANES, strict=True):
            _slice(axes, plane, means[name].mean(axis=AXES[plane][2]), spacing, None)
            shown = np.where(maps[plane] > FAINT * limits[1], maps[plane], np.nan)
            _slice(axes, plane, shown, spacing, limits, COLOURS)
            axes.get_images()[-1].set_alpha(0.75)
            _to_scale(axes, means[name].shape, spacing)
            write(axes, *EDGES[plane])
    (bar,) = canvas.panels([1], 1, [0.12])
    bar.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=COLOURS, extent=(*limits, 0, 1))
    bar.set(yticks=[])
    bar.tick_params(labelsize=TINY)
    bar.set_xlabel("marks in a reading and square centimetre of the projection", fontsize=SMALL)
    return canvas.finish()


def _sizes(shape: Sequence[int], spacing: Sequence[float]) -> tuple[list[float], float]:
    """Return inches of three tiles beside each other, to one scale."""
    size = [n * step for n, step in zip(shape, spacing, strict=True)]
    across = [size[AXES[p][0]] for p in PLANES]
    scale = min(TALLEST / max(size[1:]), (INSIDE - 2 * GAP) / sum(across))
    return [width * scale for width in across], max(size[1:]) * scale


def _slice(
    axes: Axes,
    plane: Plane,
    image: Float[np.ndarray, "columns rows"],
    spacing: Sequence[float],
    limits: tuple[float, float] | None,
    colours: str = "gray",
) -> None:
    """Show a slice, axial and coronal ones with the patient's right on the left."""
    across, up, _ = AXES[plane]
    size = (image.shape[0] * spacing[across], image.shape[1] * spacing[up])
    ends = limits or (float(np.nanmin(image)), float(np.nanmax(image)))
    show(axes, image, size, ends, colours)


def _to_scale(axes: Axes, shape: Sequence[int], spacing: Sequence[float]) -> None:
    half = max(shape[1] * spacing[1], shape[2] * spacing[2]) / 2
    axes.set_ylim(-half, half)


def _mark(
    axes: Axes,
    plane: Plane,
    mark: Sequence[Sequence[float]],
    shape: Sequence[int],
    spacing: Sequence[float],
) -> None:
    """Draw a point as a ring and a box as its outline, mirrored as the slice is."""
    across, up, _ = AXES[plane]
    at = [
        (
            -(end[across] - (shape[across] - 1) / 2) * spacing[across],
            (end[up] - (shape[up] - 1) / 2) * spacing[up],
        )
        for end in mark
    ]
    (x, y), (right, top) = at[0], at[-1]
    radius = 0.02 * max(n * step for n, step in zip(shape, spacing, strict=True))
    for colour, width in (("black", 2.2), (YELLOW, 1.0)):
        style: dict[str, Any] = {"edgecolor": colour, "facecolor": "none", "linewidth": width}
        axes.add_patch(
            Rectangle((x, y), right - x, top - y, **style)
            if len(at) == 2
            else Circle((x, y), radius, **style)
        )
