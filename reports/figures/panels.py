"""Numbers and scores of several cohorts in small panels that stay readable on an A4 page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.figures.canvas import GREY, INK, Canvas, Line, plain
from reports.figures.cohorts import Look
from reports.figures.letters import BODY, SMALL, TITLE, shortened
from reports.figures.scales import WIDE, logarithmic, tick

ACROSS = 3
ROW = 0.2  # inches of one cohort in one panel
AROUND, LEGEND = 1.0, 0.3  # inches above and below a panel, and of a legend, to plan pages by
TALLEST = 9.0
GAP = 0.6  # rows between groups
RED = "#B2182B"  # a volume with a fault, or a copy
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Strip:
    """One panel of points.

    Args:
        title: what is measured.
        features: on what.
        good: what a good volume has, a few words, or nothing.
        values: by cohort, one per volume, without nan.
    """

    title: str
    features: str
    good: str
    values: Mapping[str, Float[np.ndarray, " _"]]


def pages(rows: Sequence[Sequence[P]], lines: float) -> list[list[list[P]]]:
    """Return rows of at most `ACROSS` panels in portions that each fit on a page.

    Args:
        rows: of panels; longer ones are broken, and neighbours that fit beside each other joined.
        lines: rows of each panel, such as cohorts.
    """
    cut: list[list[P]] = []
    for piece in (row[i : i + ACROSS] for row in rows for i in range(0, len(row), ACROSS)):
        if cut and len(cut[-1]) + len(piece) <= ACROSS:
            cut[-1].extend(piece)
        else:
            cut.append(list(piece))
    each = max(1, int((TALLEST - LEGEND) // (panel_height(lines) + AROUND)))
    return [cut[i : i + each] for i in range(0, len(cut), each)]


def strips(rows: Sequence[Sequence[Strip]], looks: Mapping[str, Look]) -> Figure:
    """Draw one panel per score: each point a volume, each bar a median, a row per cohort.

    Args:
        rows: of panels, each with at most `ACROSS`.
        looks: of all cohorts, the real one first.
    """
    names = list(looks)
    places = rows_of(("",), names)
    canvas = Canvas()
    for axes, column, strip in placed(canvas, rows, len(names)):
        head(canvas, axes, strip.title, strip.features, strip.good)
        frame(axes, len(names))
        label_rows(axes, places, looks, ("",), labelled=column == 0)
        everything = np.concatenate(list(strip.values.values()))
        if len(everything) and everything.min() > 0 and everything.max() > WIDE * everything.min():
            logarithmic(axes, float(everything.min()) / 1.3, float(everything.max()) * 1.3)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(tick))
        for name, values in strip.values.items():
            points(axes, names.index(name), values, looks[name])
    return canvas.finish()


def panel_height(lines: float) -> float:
    """Return the inches that a panel of so many rows takes, without its head and its axis."""
    return (lines + 0.4) * ROW


def placed(
    canvas: Canvas, rows: Sequence[Sequence[P]], lines: float
) -> Iterator[tuple[Axes, int, P]]:
    """Return the axes of each panel of so many lines, its column and the panel."""
    cells = [len(row) for row in rows]
    grid = canvas.panels(cells, ACROSS, [panel_height(lines)] * len(rows))
    columns = [(column, panel) for row in rows for column, panel in enumerate(row)]
    return ((axes, *place) for axes, place in zip(grid, columns, strict=True))


def rows_of(groups: Sequence[str], cohorts: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return how many rows from the top each group and cohort stands."""
    each = len(cohorts) + GAP * (len(cohorts) > 1)
    return {
        (group, cohort): i * each + j
        for (i, group), (j, cohort) in product(enumerate(groups), enumerate(cohorts))
    }


def head(canvas: Canvas, axes: Axes, title: str, features: str, good: str) -> None:
    """Write what is measured, on what, and what is good, above a panel."""
    about = [Line(text, SMALL, GREY) for text in (features.strip(), good)]
    canvas.head(axes, Line(title, TITLE), *about)


def frame(axes: Axes, lines: float) -> None:
    """Draw what every panel of so many lines has."""
    axes.set_ylim(lines - 0.3, -0.7)
    plain(axes)


def label_rows(
    axes: Axes,
    places: Mapping[tuple[str, str], float],
    looks: Mapping[str, Look],
    groups: Sequence[str],
    *,
    labelled: bool,
) -> None:
    """Write the names of the cohorts, or of the groups in the middle of their rows."""
    if tuple(groups) == ("",):
        rows = {name: (places["", name], look.colour) for name, look in looks.items()}
    else:
        middle = (len(looks) - 1) / 2
        rows = {g: (places[g, next(iter(looks))] + middle, INK) for g in groups}
    name_rows(
        axes,
        [
            (y, shortened(name or "all volumes") if labelled else "", c)
            for name, (y, c) in rows.items()
        ],
    )


def name_rows(axes: Axes, rows: Sequence[tuple[float, str, str]]) -> None:
    """Write names beside an axis: where, the name, its colour."""
    axes.set_yticks([y for y, *_ in rows], [name for _, name, _ in rows], fontsize=BODY)
    for label, (*_, colour) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(colour)


def beside(axes: Axes, y: float, text: str, colour: str) -> None:
    """Write the number of a row to the right of a panel."""
    where = axes.get_yaxis_transform()
    axes.text(1.04, y, text, transform=where, fontsize=SMALL, color=colour, va="center")


def points(
    axes: Axes, y: float, values: Float[np.ndarray, " n"], look: Look, limit: float = -np.inf
) -> None:
    """Draw a row of points and their median; those below a limit are red."""
    if not len(values):
        return
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(values))
    values = np.asarray(values)
    below = values < limit
    for chosen, colour in ((~below, look.colour), (below, RED)):
        if chosen.any():
            axes.scatter(
                values[chosen],
                y + jitter[chosen],
                s=8,
                marker=look.marker,
                facecolors="none" if look.marker == "o" else colour,
                edgecolors=colour,
                linewidths=0.5,
                alpha=0.6,
                clip_on=False,
            )
    axes.plot([np.median(values)] * 2, [y - 0.42, y + 0.42], color=look.colour, linewidth=1.8)
