"""What the volumes look like: mid-slices of each cohort, and the look of a cohort in figures."""

import textwrap
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from evalsuite.records import Evaluation, Evidence, MidSlices

# Okabe and Ito's colours, which colour-blind readers tell apart, without the pale yellow.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("^", "s", "D", "v", "P", "X", "*")  # one more than colours: 42 pairs before a repeat

Plane = Literal["axial", "coronal", "sagittal"]
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
EDGES: dict[Plane, tuple[str, str]] = {
    "axial": ("R", "A"),
    "coronal": ("R", "S"),
    "sagittal": ("A", "S"),
}
WIDTH, HEIGHT = 8.0, 13.0  # inches that the tiles may take
LARGEST_TILE = 1.6
GAP, COHORT_GAP = 0.03, 0.16
LEFT, TOP, BOTTOM = 0.55, 0.1, 0.6


@dataclass(frozen=True, slots=True)
class Look:
    """How one cohort is drawn in every figure: a colour and, for print in grey, a marker."""

    colour: str
    marker: str


def looks(evaluation: Evaluation) -> dict[str, Look]:
    """Return the look of every cohort of an evaluation by name; the real one is black circles."""
    pairs = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
    synthetic = {c.name: Look(*pair) for c, pair in zip(evaluation.synthetic, pairs, strict=False)}
    return {evaluation.real.name: Look("#000000", "o"), **synthetic}


def cohorts(evaluation: Evaluation, evidence: Evidence) -> Figure:
    """Draw the middle slices of the first volumes of each cohort, one column per volume.

    Radiological orientation: the patient's right is on the left of axial and coronal slices, the
    front on the left of sagittal ones. All tiles share one scale in millimetres and one grey
    window, the 0.5th to 99.5th percentile of the real slices, so that a cohort that is too dark,
    too bright or too small looks it.
    """
    everyone = (evaluation.real, *evaluation.synthetic)
    shown = [c for c in everyone if evidence.slices.get(c.name)]
    if not shown:
        return empty("No slices were kept.")
    all_slices = [s for cohort in shown for s in evidence.slices[cohort.name]]
    window = _window(evidence.slices.get(evaluation.real.name) or all_slices)
    # Millimetres that the widest slice takes, and the tallest slice of each plane.
    width = max(_extent(s, p)[0] for s in all_slices for p in PLANES)
    heights = {p: max(_extent(s, p)[1] for s in all_slices) for p in PLANES}
    columns = max(len(evidence.slices[cohort.name]) for cohort in shown)
    gaps = len(shown) * (3 * GAP + COHORT_GAP)
    scale = min(
        (WIDTH / columns - GAP) / width,
        (HEIGHT - gaps) / (len(shown) * sum(heights.values())),
        LARGEST_TILE / max(width, *heights.values()),
    )
    page_width = max(LEFT + columns * (width * scale + GAP) + TOP, 5.5)
    page_height = TOP + len(shown) * sum(heights.values()) * scale + gaps + BOTTOM
    figure = Figure(figsize=(page_width, page_height))
    figure_looks = looks(evaluation)

    top = page_height - TOP
    for cohort in shown:
        start = top
        for plane in PLANES:
            height = heights[plane] * scale
            top -= height
            for column, slices in enumerate(evidence.slices[cohort.name]):
                left = LEFT + column * (width * scale + GAP)
                box = (left, top, width * scale, height)
                axes = _add_axes(figure, box)
                _draw(axes, slices, plane, (width, heights[plane]), window)
                if column == 0:
                    _letters(axes, plane)
            _vertical_text(figure, LEFT - 0.1, top + height / 2, plane, size=7, colour="#555555")
            top -= GAP
        label = f"{shortened(cohort.name)} (n = {len(cohort.volumes)})"
        _vertical_text(
            figure,
            LEFT - 0.33,
            (start + top) / 2,
            label,
            size=min(9, (start - top) / len(label) / 0.0085),
            colour=figure_looks[cohort.name].colour,
        )
        top -= COHORT_GAP
    _scale_bar(figure, (LEFT, top + COHORT_GAP - 0.1), width, scale)
    note = (
        f"Middle slices of the first {columns} volumes of each cohort, in order, all on one scale."
        " Radiological orientation: R, patient's right; A, front; S, up. One grey window for all:"
        f" {window[0]:.3g} to {window[1]:.3g} (0.5th to 99.5th percentile of the real slices)."
    )
    figure.text(
        LEFT / page_width,
        0.08 / page_height,
        textwrap.fill(note, int(20 * (page_width - LEFT))),
        fontsize=6.5,
        color="#333333",
        va="bottom",
    )
    return figure


def _window(slices: tuple[MidSlices, ...] | list[MidSlices]) -> tuple[float, float]:
    values = np.concatenate([getattr(s, p).ravel() for s in slices for p in PLANES])
    low, high = np.percentile(values, [0.5, 99.5]).tolist()
    return (low, high) if high > low else (low, low + 1.0)


def _extent(slices: MidSlices, plane: Plane) -> tuple[float, float]:
    """Return the width and height of a slice in millimetres."""
    x, y, z = slices.spacing
    spacing = {"axial": (x, y), "coronal": (x, z), "sagittal": (y, z)}[plane]
    columns, rows = getattr(slices, plane).shape
    return columns * spacing[0], rows * spacing[1]


def _draw(
    axes: Axes,
    slices: MidSlices,
    plane: Plane,
    room: tuple[float, float],
    window: tuple[float, float],
) -> None:
    """Show one slice in the middle of a tile of `room` millimetres."""
    width, height = _extent(slices, plane)
    image: Float[np.ndarray, "rows columns"] = np.flip(getattr(slices, plane), axis=0).T
    axes.imshow(
        image,
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        origin="lower",
        extent=(-width / 2, width / 2, -height / 2, height / 2),
        aspect="auto",  # the tile has the right shape already
    )
    axes.set_xlim(-room[0] / 2, room[0] / 2)
    axes.set_ylim(-room[1] / 2, room[1] / 2)


def _add_axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Add a black tile at left, bottom, width, height in inches."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    axes.set_facecolor("black")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def _letters(axes: Axes, plane: Plane) -> None:
    left, top = EDGES[plane]
    style: dict[str, Any] = {
        "color": "white",
        "fontsize": 6,
        "transform": axes.transAxes,
        "path_effects": [withStroke(linewidth=1.5, foreground="black")],
    }
    axes.text(0.03, 0.5, left, va="center", ha="left", **style)
    axes.text(0.5, 0.97, top, va="top", ha="center", **style)


def _scale_bar(figure: Figure, start: tuple[float, float], room: float, scale: float) -> None:
    """Draw a bar of a round length, at most a third of a tile, from `start` in inches."""
    length = max((n for n in (1, 2, 5, 10, 20, 50, 100) if n <= room / 3), default=room / 3)
    width, height = figure.get_size_inches()
    x, y = start
    bar = Line2D(
        [x / width, (x + length * scale) / width],
        [y / height] * 2,
        color="black",
        linewidth=2,
        solid_capstyle="butt",
    )
    figure.add_artist(bar)
    figure.text(
        (x + length * scale + 0.06) / width, y / height, f"{length:g} mm", fontsize=6.5, va="center"
    )


def _vertical_text(
    figure: Figure, x: float, y: float, text: str, *, size: float, colour: str
) -> None:
    width, height = figure.get_size_inches()
    figure.text(
        x / width,
        y / height,
        text,
        rotation=90,
        ha="center",
        va="center",
        fontsize=size,
        color=colour,
    )


def shortened(name: str) -> str:
    """Return the name of a cohort as it fits beside an axis."""
    return name if len(name) <= 24 else f"{name[:23]}…"


def empty(text: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = Figure(figsize=(5.5, 1.5))
    figure.text(0.5, 0.5, text, ha="center", va="center", color="#333333")
    return figure
