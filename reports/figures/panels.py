"""Numbers and scores of several cohorts in small panels that stay readable on an A4 page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.figures.cohorts import Look, shortened
from reports.figures.scales import GREY, WIDE, logarithmic, tick

ACROSS = 3
# Inches; a row is one cohort in one panel.
WIDTH, ROW, HEAD, FOOT, LEGEND, LINE = 8.2, 0.2, 0.62, 0.32, 0.3, 0.13
BETWEEN, MARGIN = 0.16, 0.1
TALLEST = 9.0
GAP = 0.6  # rows between groups
INK = "#1c2127"
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
    each = max(1, int((TALLEST - LEGEND) // row_height(lines)))
    return [cut[i : i + each] for i in range(0, len(cut), each)]


def strips(rows: Sequence[Sequence[Strip]], looks: Mapping[str, Look]) -> Figure:
    """Draw one panel per score: each point a volume, each bar a median, a row per cohort.

    Args:
        rows: of panels, each with at most `ACROSS`.
        looks: of all cohorts, the real one first.
    """
    names = list(looks)
    places = rows_of(("",), names)
    figure = blank_page(row_height(len(names)) * len(rows))
    for (line, column), strip in placed(rows):
        axes = axes_at(figure, (line, column), names, len(names), 0.0)
        head(axes, strip.title, strip.features, strip.good)
        frame(axes, len(names))
        label_rows(axes, places, looks, ("",), labelled=column == 0)
        everything = np.concatenate(list(strip.values.values()))
        if len(everything) and everything.min() > 0 and everything.max() > WIDE * everything.min():
            logarithmic(axes, float(everything.min()) / 1.3, float(everything.max()) * 1.3)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(tick))
        for name, values in strip.values.items():
            if len(values):
                _points(axes, names.index(name), values, looks[name])
    return figure


def blank_page(height: float) -> Figure:
    """Return a figure that keeps its width, and so its letters their size, when it is cropped."""
    figure = Figure(figsize=(WIDTH, height))
    figure.add_artist(Line2D([0, 1], [0.5, 0.5], linestyle="none"))
    return figure


def row_height(lines: float) -> float:
    """Return the inches that a row of panels of so many lines takes."""
    return HEAD + (lines + 0.4) * ROW + FOOT


def placed(rows: Sequence[Sequence[P]]) -> list[tuple[tuple[int, int], P]]:
    """Return each panel with its line and column."""
    return [((i, j), panel) for i, row in enumerate(rows) for j, panel in enumerate(row)]


def rows_of(groups: Sequence[str], cohorts: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return how many rows from the top each group and cohort stands."""
    each = len(cohorts) + GAP * (len(cohorts) > 1)
    return {
        (group, cohort): i * each + j
        for (i, group), (j, cohort) in product(enumerate(groups), enumerate(cohorts))
    }


def axes_at(
    figure: Figure, place: tuple[int, int], labels: Sequence[str], lines: float, values: float
) -> Axes:
    """Return the axes at line and column, with room for labels to the left of the first.

    Args:
        lines: rows of the panel.
        values: inches to the right of a panel, for its numbers.
    """
    width, height = figure.get_size_inches()
    line, column = place
    each = row_height(lines)
    left = 0.2 + 0.073 * max(len(shortened(label)) for label in labels)
    panel = (width - left - ACROSS * values - (ACROSS - 1) * BETWEEN - MARGIN) / ACROSS
    x = left + column * (panel + values + BETWEEN)
    y = height - each * (line + 1) + FOOT
    return figure.add_axes((x / width, y / height, panel / width, (each - HEAD - FOOT) / height))


def head(axes: Axes, title: str, features: str, good: str) -> None:
    """Write what is measured, on what, and what is good, above a panel."""
    inches = axes.get_position().height * axes.figure.get_size_inches()[1]  # type: ignore[union-attr]
    for text, above, size, colour in (
        (title, 0.37, 8.5, INK),
        (features.strip(), 0.22, 7.5, GREY),
        (good, 0.07, 7.5, GREY),
    ):
        axes.text(
            0, 1 + above / inches, text, transform=axes.transAxes, fontsize=size, color=colour
        )


def frame(axes: Axes, lines: float) -> None:
    """Draw what every panel of so many lines has."""
    axes.set_ylim(lines - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7.5, color="#bbbbbb", labelcolor=GREY, length=2, pad=1.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#bbbbbb")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


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
        told = {name: (places["", name], look.colour) for name, look in looks.items()}
    else:
        middle = (len(looks) - 1) / 2
        told = {g: (places[g, next(iter(looks))] + middle, INK) for g in groups}
    texts = [shortened(name or "all volumes") if labelled else "" for name in told]
    axes.set_yticks([y for y, _ in told.values()], texts, fontsize=8)
    for label, (_, colour) in zip(axes.get_yticklabels(), told.values(), strict=True):
        label.set_color(colour)


def _points(axes: Axes, y: int, values: Float[np.ndarray, " n"], look: Look) -> None:
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(values))
    axes.scatter(
        values,
        y + jitter,
        s=8,
        marker=look.marker,
        facecolors="none" if look.marker == "o" else look.colour,
        edgecolors=look.colour,
        linewidths=0.5,
        alpha=0.6,
        clip_on=False,
    )
    axes.plot([np.median(values)] * 2, [y - 0.42, y + 0.42], color=look.colour, linewidth=1.8)
