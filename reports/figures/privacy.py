"""What the generator gives away: distances to training volumes, and the closest pairs."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from evalsuite.records import Evaluation, Evidence, MidSlices
from reports.figures.cohorts import EDGES, PLANES, Look, Plane, looks, shortened

# Inches.
WIDTH, MARGIN = 8.0, 0.12
NAMES, COUNTS, STRIP = 1.75, 0.75, 0.26
HEAD, AXIS, GAP, TITLE, LINE = 0.3, 0.45, 0.03, 0.21, 0.125
TALLEST = 1.6
PAIRS = 8  # on the page, six of one cohort
COPY = "#B2182B"
GREY = "#555555"
UNSEEN = Look("#000000", "o")
QUANTITIES = {
    "dcr": "distance to the closest training volume",
    "relative": "that over the mean one to the 50 nearest",
}
TITLES = {"dcr": "closeness", "relative": "copies"}
NOTE = (
    "Top: each point is one volume, each bar a median. Red: to the left of the dashed line, where of"
    " new real volumes only the share given lies. On the left that is closeness, which blurring"
    " brings about too; on the right it is closeness to one training volume in particular: a copy."
)
GALLERY_NOTE = (
    "Below: the pairs most like copies by voxels, copies in red. Each training volume is moved onto its synthetic one as the"
    " title says and its intensities are fitted to it by a straight line. Middle slices, in"
    " radiological orientation; difference: synthetic less training, from blue through white to"
    " red, over half of the grey window."
)


def privacy(evaluation: Evaluation, evidence: Evidence) -> Figure | None:
    """Draw distances to the closest training volume, and the closest pairs in three planes.

    For each space of distances one panel with the distance itself and one with that over the mean
    one to the 50 nearest, by which copies are told; in it one row of points per synthetic cohort,
    below that of the real volumes that the generator did not see. In the gallery each pair is one
    row: synthetic volume, training volume and difference, plane by plane.

    None if the metric was not computed.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {
        (d.extractor, d.synthetic): d.values for d in evidence.details if d.name == "privacy"
    }
    if not found:
        return None
    spaces = list(dict.fromkeys(space for space, _ in found))
    names = [c.name for c in evaluation.synthetic if any(c.name == name for _, name in found)]
    each = max(1, PAIRS // len(names))
    galleries = {name: found["", name]["pairs"][:each] for name in names if ("", name) in found}
    scale, room = _gallery_scale([pair for pairs in galleries.values() for pair in pairs])
    note = textwrap.wrap(f"{NOTE} {GALLERY_NOTE}" if galleries else NOTE, 165)

    strips = HEAD + STRIP * (1 + len(names)) + AXIS
    panels = len(spaces) * strips
    gallery = sum(1.3 * TITLE + len(pairs) * (room + TITLE + GAP) for pairs in galleries.values())
    height = 2 * MARGIN + panels + gallery + LINE * (len(note) + 2)
    figure = Figure(figsize=(WIDTH, height))
    cohort_looks = looks(evaluation)

    width = (WIDTH - 2 * MARGIN - NAMES) / 2
    for row, space in enumerate(spaces):
        bottom = height - MARGIN - (row + 1) * strips + AXIS
        own = {name: found[space, name] for name in names if (space, name) in found}
        for column, quantity in enumerate(QUANTITIES):
            left = MARGIN + NAMES + column * width
            box = (left, bottom, width - COUNTS, STRIP * (1 + len(names)))
            axes = _add_axes(figure, box)
            _strips(axes, quantity, own, cohort_looks)
            axes.set_title(f"{space or 'voxels, aligned'}: {TITLES[quantity]}", fontsize=8)
            if column == 0:
                _labels(axes, own, cohort_looks)

    top = height - MARGIN - panels
    for name, pairs in galleries.items():
        title = f"Closest pairs of {shortened(name)}"
        _text(figure, top - TITLE + 0.05, title, size=9, colour=cohort_looks[name].colour)
        top -= 1.3 * TITLE
        threshold = found["", name]["relative"]["threshold"].value
        for place, pair in enumerate(pairs, 1):
            colour = COPY if pair["relative"] < threshold else "black"
            _text(figure, top - TITLE + 0.06, _title(place, pair), size=6.5, colour=colour)
            top -= TITLE + room
            _draw_pair(figure, pair, top, scale, heads=place == 1)
            top -= GAP
    for i, line in enumerate(reversed(note)):
        _text(figure, MARGIN + i * LINE, line, size=6.5, colour="#333333")
    return figure


def _strips(
    axes: Axes,
    quantity: str,
    found: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
) -> None:
    """Draw one row of distances per cohort, that of unseen real volumes on top."""
    some = next(iter(found.values()))[quantity]
    threshold = some["threshold"].value
    rows = [(some["unseen"], UNSEEN)]
    rows += [(values[quantity]["synthetic"], cohort_looks[name]) for name, values in found.items()]
    axes.axvline(threshold, color=COPY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    for y, (distances, look) in enumerate(rows):
        _row(axes, y, distances, threshold, look)
        below = int((distances < threshold).sum())
        text = f"{below} of {len(distances)}" if y else f"rate {100 * some['threshold'].rate:.2g} %"
        axes.text(1.04, y, text, color=COPY if y and below else GREY, **_beside(axes))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_yticks([])
    axes.tick_params(labelsize=7, color="#999999", labelcolor=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel(QUANTITIES[quantity], fontsize=7)


def _labels(
    axes: Axes, found: Mapping[str, Mapping[str, Any]], cohort_looks: Mapping[str, Look]
) -> None:
    some = next(iter(found.values()))
    rows = [(some["unseen_are"], some["dcr"]["unseen"], UNSEEN)]
    rows += [
        (shortened(name), values["dcr"]["synthetic"], cohort_looks[name])
        for name, values in found.items()
    ]
    for y, (name, distances, look) in enumerate(rows):
        text = "\n".join(textwrap.wrap(f"{name} (n = {len(distances)})", 30))
        axes.text(-0.04, y, text, color=look.colour, ha="right", **_beside(axes))


def _row(
    axes: Axes, y: int, distances: Float[np.ndarray, " n"], threshold: float, look: Look
) -> None:
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(distances))
    flagged = distances < threshold
    for chosen, colour in ((~flagged, look.colour), (flagged, COPY)):
        axes.scatter(
            distances[chosen],
            y + jitter[chosen],
            s=9,
            marker=look.marker,
            facecolors=colour if look.marker != "o" else "none",
            edgecolors=colour,
            linewidths=0.5,
            alpha=0.7,
            clip_on=False,
            zorder=2,
        )
    axes.plot([np.median(distances)] * 2, [y - 0.4, y + 0.4], color=look.colour, linewidth=1.6)


def _beside(axes: Axes) -> dict[str, Any]:
    return {"transform": axes.get_yaxis_transform(), "fontsize": 7, "va": "center"}


def _title(place: int, pair: Mapping[str, Any]) -> str:
    ours, theirs = (_end(pair[key].volume) for key in ("synthetic", "training"))
    axes = [axis for axis, flip in zip("xyz", pair["flips"], strict=True) if flip]
    moves = [f"mirrored in {' and '.join(axes)}"] if axes else []
    if any(pair["shift"]):
        moves.append(f"displaced by {', '.join(f'{s:+d}' for s in pair['shift'])} voxels")
    moved = f" ({', '.join(moves)})" if moves else ""
    return f"{place}. {ours} and {theirs}{moved}: distance {pair['dcr']:.3f}, relative {pair['relative']:.3f}"


def _end(name: str) -> str:
    """Return the end of an identifier, which tells volumes of one folder apart."""
    return name if len(name) <= 36 else f"…{name[-35:]}"


def _extent(slices: MidSlices, plane: Plane) -> tuple[float, float]:
    """Return the width and height of a slice in millimetres."""
    x, y, z = slices.spacing
    columns, rows = getattr(slices, plane).shape
    across, up = {"axial": (x, y), "coronal": (x, z), "sagittal": (y, z)}[plane]
    return columns * across, rows * up


def _gallery_scale(pairs: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return inches per millimetre and the height of a row of the gallery in inches."""
    if not pairs:
        return 0.0, 0.0
    extents = [_extent(pairs[0]["synthetic"], plane) for plane in PLANES]
    across, tallest = sum(3 * width for width, _ in extents), max(height for _, height in extents)
    scale = min((WIDTH - 2 * MARGIN - 14 * GAP) / across, TALLEST / tallest)
    return scale, tallest * scale


def _draw_pair(
    figure: Figure, pair: Mapping[str, Any], bottom: float, scale: float, *, heads: bool
) -> None:
    """Draw synthetic, training and difference in each plane, in a row from `bottom` in inches."""
    ours, theirs = pair["synthetic"], pair["training"]
    low, high = np.percentile(
        np.concatenate([getattr(ours, plane).ravel() for plane in PLANES]), [0.5, 99.5]
    )
    high = high if high > low else low + 1.0
    half = (high - low) / 2
    left = MARGIN
    for plane in PLANES:
        width, height = (side * scale for side in _extent(ours, plane))
        a, b = getattr(ours, plane), getattr(theirs, plane)
        for word, image, colours, window in (
            ("synthetic", a, "gray", (low, high)),
            ("training", b, "gray", (low, high)),
            ("difference", a - b, "RdBu_r", (-half, half)),
        ):
            axes = _add_axes(figure, (left, bottom, width, height))
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            axes.imshow(
                np.flip(image, axis=0).T,
                cmap=colours,
                vmin=window[0],
                vmax=window[1],
                origin="lower",
                aspect="auto",  # the tile has the right shape already
            )
            if heads:
                _head(axes, plane, word)
            left += width + GAP
        left += 2 * GAP


def _head(axes: Axes, plane: Plane, word: str) -> None:
    """Write what a tile shows into it, and on the first of a plane which sides are which."""
    style: dict[str, Any] = {
        "transform": axes.transAxes,
        "fontsize": 5.5,
        "color": "white",
        "path_effects": [withStroke(linewidth=1.5, foreground="black")],
    }
    axes.text(0.5, 0.02, word, ha="center", va="bottom", **style)
    if word == "synthetic":
        left, top = EDGES[plane]
        axes.text(0.03, 0.5, left, ha="left", va="center", **style)
        axes.text(0.5, 0.98, f"{plane}, {top}", ha="center", va="top", **style)


def _add_axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Add axes at left, bottom, width, height in inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))


def _text(figure: Figure, y: float, text: str, *, size: float, colour: str) -> None:
    """Write text from the left margin, its first line at `y` in inches."""
    width, height = figure.get_size_inches()
    figure.text(MARGIN / width, y / height, text, fontsize=size, color=colour, va="baseline")
