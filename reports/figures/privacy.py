"""What the generator gives away: distances to training volumes, and the closest pairs."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evalsuite.records import Evaluation, Evidence
from reports.figures.canvas import GREY, GROUP_GAP, INSIDE, TILE_GAP, Canvas, Line, plain
from reports.figures.cohorts import Look, looks
from reports.figures.drawing import Drawing
from reports.figures.letters import NOTE, TITLE, shortened
from reports.figures.panels import RED, beside, name_rows, points
from reports.figures.tiles import EDGES, PLANES, extent, show, window, write

ROW, NAMES, TALLEST = 0.26, 2.3, 1.6  # inches of a row of points, its name and a tile at most
PAIRS = 8  # on the page, six of one cohort
UNSEEN = Look("#000000", "o")
QUANTITIES = {
    "dcr": "distance to the closest training volume",
    "relative": "that over the mean one to the 50 nearest",
}
WORDS = ("synthetic", "training", "difference")
TITLES = {"dcr": "closeness", "relative": "copies"}
NOTE_ON_POINTS = (
    "Top: each point is one volume, each bar a median. Red: to the left of the dashed line, where of"
    " new real volumes only the share given lies. On the left that is closeness, which blurring"
    " brings about too; on the right it is closeness to one training volume in particular: a copy."
)
NOTE_ON_PAIRS = (
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
    details: dict[tuple[str, str], dict[str, Any]] = {
        (d.extractor, d.synthetic): d.values for d in evidence.details if d.name == "privacy"
    }
    if not details:
        return None
    spaces = list(dict.fromkeys(space for space, _ in details))
    names = [c.name for c in evaluation.synthetic if any(c.name == name for _, name in details)]
    each = max(1, PAIRS // len(names))
    galleries = {name: details["", name]["pairs"][:each] for name in names if ("", name) in details}
    canvas, cohort_looks = Canvas(), looks(evaluation)
    grid = canvas.panels([2] * len(spaces), 2, [ROW * (1 + len(names))] * len(spaces))
    for axes, (space, quantity) in zip(grid, product(spaces, QUANTITIES), strict=True):
        of_space = {name: details[space, name] for name in names if (space, name) in details}
        canvas.head(axes, Line(f"{space or 'voxels, aligned'}: {TITLES[quantity]}"))
        _strips(axes, quantity, of_space, cohort_looks)
        _labels(axes, of_space if quantity == "dcr" else {}, cohort_looks)
    for name, pairs in galleries.items():
        colour = cohort_looks[name].colour
        canvas.words(f"Closest pairs of {shortened(name, INSIDE / 2)}", TITLE, colour)
        threshold = details["", name]["relative"]["threshold"].value
        for place, pair in enumerate(pairs, 1):
            colour = RED if pair["relative"] < threshold else "black"
            canvas.words(_title(place, pair), NOTE, colour)
            draw_pair(canvas, pair, heads=place == 1)
    canvas.words(f"{NOTE_ON_POINTS} {NOTE_ON_PAIRS}" if galleries else NOTE_ON_POINTS)
    return canvas.finish()


def _strips(
    axes: Axes,
    quantity: str,
    details: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
) -> None:
    """Draw one row of distances per cohort, that of unseen real volumes on top."""
    plain(axes)
    some = next(iter(details.values()))[quantity]
    threshold = some["threshold"].value
    rows = [(some["unseen"], UNSEEN)]
    rows += [
        (values[quantity]["synthetic"], cohort_looks[name]) for name, values in details.items()
    ]
    axes.axvline(threshold, color=RED, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    for y, (distances, look) in enumerate(rows):
        points(axes, y, distances, look, threshold)
        below = int((distances < threshold).sum())
        text = f"{below} of {len(distances)}" if y else f"rate {100 * some['threshold'].rate:.2g} %"
        beside(axes, y, text, RED if y and below else GREY)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel(QUANTITIES[quantity])


def _labels(
    axes: Axes, details: Mapping[str, Mapping[str, Any]], cohort_looks: Mapping[str, Look]
) -> None:
    """Name the rows of the panels on the left, those of unseen volumes on top."""
    rows = [(v["unseen_are"], v["dcr"]["unseen"], "black") for v in list(details.values())[:1]]
    rows += [
        (name, values["dcr"]["synthetic"], cohort_looks[name].colour)
        for name, values in details.items()
    ]
    name_rows(
        axes,
        [
            (y, f"{shortened(name, NAMES)} (n = {len(distances)})", colour)
            for y, (name, distances, colour) in enumerate(rows)
        ],
    )


def _title(place: int, pair: Mapping[str, Any]) -> str:
    return (
        f"{place}. {pair_title(pair)}: distance {pair['dcr']:.3f}, relative {pair['relative']:.3f}"
    )


def pair_title(pair: Mapping[str, Any]) -> str:
    """Return the names of both volumes of a pair, and how the training one was moved."""
    ours, theirs = (_end(pair[key].volume) for key in ("synthetic", "training"))
    axes = [axis for axis, flip in zip("xyz", pair["flips"], strict=True) if flip]
    moves = [f"mirrored in {' and '.join(axes)}"] if axes else []
    if any(pair["shift"]):
        moves.append(f"displaced by {', '.join(f'{s:+d}' for s in pair['shift'])} voxels")
    moved = f" ({', '.join(moves)})" if moves else ""
    return f"{ours} and {theirs}{moved}"


def _end(name: str) -> str:
    """Return the end of an identifier, which tells volumes of one folder apart."""
    return name if len(name) <= 36 else f"…{name[-35:]}"


def draw_pair(canvas: Canvas, pair: Mapping[str, Any], *, heads: bool) -> None:
    """Draw synthetic, training and difference in each plane, in a row.

    Args:
        pair: see `evalsuite.metrics.privacy.pairs.shown_pair`.
        heads: whether planes and directions are written above.
    """
    ours, theirs = pair["synthetic"], pair["training"]
    low, high = window([ours])
    half = (high - low) / 2
    sizes = [extent(ours, plane) for plane in PLANES]
    room = INSIDE - 2 * (GROUP_GAP + 3 * TILE_GAP)
    tallest = max(height for _, height in sizes)
    scale = min(room / sum(3 * width for width, _ in sizes), TALLEST / tallest)
    widths = [width * scale for width, _ in sizes for _ in WORDS]
    tiles = canvas.tiles(widths, [tallest * scale], group=len(WORDS))
    for axes, (plane, word) in zip(tiles, product(PLANES, WORDS), strict=True):
        a, b = getattr(ours, plane), getattr(theirs, plane)
        image = {"synthetic": a, "training": b, "difference": a - b}[word]
        limits, colours = (
            ((-half, half), "RdBu_r") if word == "difference" else ((low, high), "gray")
        )
        width, height = extent(ours, plane)
        show(axes, image, (width, height), limits, colours)
        axes.set_ylim(-tallest / 2, tallest / 2)
        axes.set_facecolor("white")
        if heads:
            left, top = EDGES[plane]
            sides = (left, f"{plane}, {top}") if word == "synthetic" else ("", "")
            write(axes, *sides, word)


FIGURE = Drawing(
    privacy,
    "privacy",
    "How close each synthetic volume is to its closest training volume, and the closest pairs "
    "side by side.",
)
