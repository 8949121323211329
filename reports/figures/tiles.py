"""Slices of volumes as tiles: to scale, in radiological orientation, with letters on them."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from evalsuite.records import MidSlices

Plane = Literal["axial", "coronal", "sagittal"]
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
AXES: dict[Plane, tuple[int, int, int]] = {  # across, up and through a plane
    "axial": (0, 1, 2),
    "coronal": (0, 2, 1),
    "sagittal": (1, 2, 0),
}
EDGES: dict[Plane, tuple[str, str]] = {
    "axial": ("R", "A"),
    "coronal": ("R", "S"),
    "sagittal": ("A", "S"),
}


def extent(slices: MidSlices, plane: Plane) -> tuple[float, float]:
    """Return the width and height of a slice in millimetres."""
    across, up, _ = AXES[plane]
    columns, rows = getattr(slices, plane).shape
    return columns * slices.spacing[across], rows * slices.spacing[up]


def window(slices: Sequence[MidSlices]) -> tuple[float, float]:
    """Return the 0.5th and 99.5th percentile of all slices."""
    values = np.concatenate([getattr(s, plane).ravel() for s in slices for plane in PLANES])
    low, high = np.percentile(values, [0.5, 99.5]).tolist()
    return (low, high) if high > low else (low, low + 1.0)


def show(
    axes: Axes,
    image: Float[np.ndarray, "columns rows"],
    size: tuple[float, float],
    limits: tuple[float, float],
    colours: str = "gray",
) -> None:
    """Draw a slice in RAS+ with the patient's right, or front, on the left.

    Args:
        size: its width and height in millimetres, in the middle of the tile.
        limits: values of the first and the last colour.
    """
    width, height = size
    axes.imshow(
        np.flip(image, axis=0).T,
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        origin="lower",
        extent=(-width / 2, width / 2, -height / 2, height / 2),
        aspect="auto",  # the tile has the right shape already
    )


def write(axes: Axes, left: str = "", top: str = "", bottom: str = "") -> None:
    """Write onto a tile, such as the sides of the patient at its edges."""
    style: dict[str, Any] = {
        "color": "white",
        "fontsize": 5.5,
        "transform": axes.transAxes,
        "path_effects": [withStroke(linewidth=1.5, foreground="black")],
    }
    axes.text(0.03, 0.5, left, va="center", ha="left", **style)
    axes.text(0.5, 0.98, top, va="top", ha="center", **style)
    axes.text(0.5, 0.02, bottom, va="bottom", ha="center", **style)
