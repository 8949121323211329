"""Numbers and scores of several cohorts in small panels that stay readable on an A4 page."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from evalsuite.records import Estimate
from reports.figures.cohorts import Look, shortened
from reports.figures.estimates import GREY, drawn_line, legend, limits

ACROSS = 3
# Inches; a row is one cohort in one panel.
WIDTH, ROW, HEAD, FOOT, LEGEND = 8.2, 0.2, 0.62, 0.32, 0.3
VALUES, BETWEEN, MARGIN = 0.85, 0.16, 0.1
TALLEST = 9.0
WIDE = 30.0  # largest over smallest value from which an axis is logarithmic
INK = "#1c2127"
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Panel:
    """One small panel.

    Args:
        title: what is measured.
        features: on what.
        estimates: one per cohort, at most.
    """

    title: str
    features: str
    estimates: Sequence[Estimate]


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
    values: Mapping[str, Float[np.ndarray, "_"]]


def pages(rows: Sequence[Sequence[P]], cohorts: int) -> list[list[list[P]]]:
    """Return rows of at most `ACROSS` panels in portions that each fit on a page.

    Args:
        rows: of panels; longer ones are broken, and neighbours that fit beside each other joined.
        cohorts: rows of each panel.
    """
    cut: list[list[P]] = []
    for piece in (row[i : i + ACROSS] for row in rows for i in range(0, len(row), ACROSS)):
        if cut and len(cut[-1]) + len(piece) <= ACROSS:
            cut[-1].extend(piece)
        else:
            cut.append(list(piece))
    each = max(1, int((TALLEST - LEGEND) // _row_height(cohorts)))
    return [cut[i : i + each] for i in range(0, len(cut), each)]


def forests(
    rows: Sequence[Sequence[Panel]],
    looks: Mapping[str, Look],
    marks: Callable[[Estimate], str],
) -> Figure:
    """Draw one panel per number: points with intervals, a row per cohort.

    The dashed line is the same number within the real cohort. A hollow point has caveats, whose
    numbers stand behind the value.

    Args:
        rows: of panels, each with at most `ACROSS`.
        looks: of the synthetic cohorts, in their order.
        marks: the numbers of the caveats on an estimate, or nothing.
    """
    names = list(looks)
    figure = _page(_row_height(len(names)) * len(rows) + LEGEND)
    for (line, column), panel in _places(rows):
        axes = _axes(figure, (line, column), names, VALUES)
        _head(axes, panel.title, panel.features, _good(panel.estimates))
        _names(axes, names, looks, labelled=column == 0)
        logarithmic = _limit(axes, panel.estimates)
        for reference in {e.reference for e in panel.estimates if e.reference is not None}:
            if math.isfinite(reference) and (reference > 0 or not logarithmic):
                axes.axvline(
                    reference, color="black", linestyle=(0, (4, 2)), linewidth=0.9, zorder=1
                )
        for estimate in panel.estimates:
            _estimate(axes, names.index(estimate.synthetic), estimate, looks, marks)
    figure.legend(
        handles=legend([e for row in rows for panel in row for e in panel.estimates]),
        loc="lower left",
        bbox_to_anchor=(0, 0),
        ncols=5,
        frameon=False,
        fontsize=8,
    )
    return figure


def strips(rows: Sequence[Sequence[Strip]], looks: Mapping[str, Look]) -> Figure:
    """Draw one panel per score: each point a volume, each bar a median, a row per cohort.

    Args:
        rows: of panels, each with at most `ACROSS`.
        looks: of all cohorts, the real one first.
    """
    names = list(looks)
    figure = _page(_row_height(len(names)) * len(rows))
    for (line, column), strip in _places(rows):
        axes = _axes(figure, (line, column), names, 0.0)
        _head(axes, strip.title, strip.features, strip.good)
        _names(axes, names, looks, labelled=column == 0)
        everything = np.concatenate(list(strip.values.values()))
        if len(everything) and everything.min() > 0 and everything.max() > WIDE * everything.min():
            _logarithmic(axes, float(everything.min()) / 1.3, float(everything.max()) * 1.3)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(_tick))
        for name, values in strip.values.items():
            if len(values):
                _points(axes, names.index(name), values, looks[name])
    return figure


def _page(height: float) -> Figure:
    """Return a figure that keeps its width, and so its letters their size, when it is cropped."""
    figure = Figure(figsize=(WIDTH, height))
    figure.add_artist(Line2D([0, 1], [0.5, 0.5], linestyle="none"))
    return figure


def _row_height(cohorts: int) -> float:
    return HEAD + (cohorts + 0.4) * ROW + FOOT


def _places(rows: Sequence[Sequence[P]]) -> list[tuple[tuple[int, int], P]]:
    return [((i, j), panel) for i, row in enumerate(rows) for j, panel in enumerate(row)]


def _axes(figure: Figure, place: tuple[int, int], names: Sequence[str], values: float) -> Axes:
    """Return the axes at line and column, with room for names to the left of the first.

    Args:
        values: inches to the right of a panel, for its numbers.
    """
    width, height = figure.get_size_inches()
    line, column = place
    each = _row_height(len(names))
    left = 0.2 + 0.066 * max(len(shortened(name)) for name in names)
    panel = (width - left - ACROSS * values - (ACROSS - 1) * BETWEEN - MARGIN) / ACROSS
    x = left + column * (panel + values + BETWEEN)
    y = height - each * (line + 1) + FOOT
    return figure.add_axes((x / width, y / height, panel / width, (each - HEAD - FOOT) / height))


def _head(axes: Axes, title: str, features: str, good: str) -> None:
    inches = axes.get_position().height * axes.figure.get_size_inches()[1]  # type: ignore[union-attr]
    for text, above, size, colour in (
        (title, 0.37, 8.5, INK),
        (features, 0.22, 7.5, GREY),
        (good, 0.07, 7.5, GREY),
    ):
        axes.text(
            0, 1 + above / inches, text, transform=axes.transAxes, fontsize=size, color=colour
        )


def _names(axes: Axes, names: Sequence[str], looks: Mapping[str, Look], *, labelled: bool) -> None:
    axes.set_ylim(len(names) - 0.3, -0.7)
    texts = [shortened(name) if labelled else "" for name in names]
    axes.set_yticks(range(len(names)), texts, fontsize=8)
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_color(looks[name].colour)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7.5, color="#bbbbbb", labelcolor=GREY, length=2, pad=1.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#bbbbbb")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def _good(estimates: Sequence[Estimate]) -> str:
    direction = estimates[0].direction
    if direction.startswith("nearer") and any(e.reference is not None for e in estimates):
        return "nearer the dashed line is better"
    return direction


def _limit(axes: Axes, estimates: Sequence[Estimate]) -> bool:
    """Set the range of an axis and return whether it is logarithmic."""
    ends = [end for e in estimates for end in (e.value, *drawn_line(e), e.reference)]
    finite = [end for end in ends if end is not None and math.isfinite(end)]
    if finite and min(finite) > 0 and max(finite) > WIDE * min(finite):
        _logarithmic(axes, min(finite) / 1.5, max(finite) * 1.5)
        return True
    axes.set_xlim(*limits(estimates))
    axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    return False


def _logarithmic(axes: Axes, low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(numticks=4))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xlabel("logarithmic", fontsize=7, color=GREY, labelpad=0.5)


def _tick(value: float, _: object) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _estimate(
    axes: Axes,
    y: int,
    estimate: Estimate,
    looks: Mapping[str, Look],
    marks: Callable[[Estimate], str],
) -> None:
    look, known = looks[estimate.synthetic], math.isfinite(estimate.value)
    if known:
        axes.plot(
            drawn_line(estimate),
            (y, y),
            color=look.colour,
            linewidth=2.2 if estimate.interval else 0.9,
            solid_capstyle="butt",
        )
        axes.plot(
            estimate.value,
            y,
            marker=look.marker,
            markersize=5.5,
            markerfacecolor="white" if estimate.warnings else look.colour,
            markeredgecolor=look.colour,
            clip_on=False,
            zorder=3,
        )
    number = _tick(estimate.value, None) if known else "undefined"
    axes.text(
        1.04,
        y,
        f"{number} {marks(estimate)}",
        transform=axes.get_yaxis_transform(),
        fontsize=7.5,
        color=INK if known else GREY,
        va="center",
    )


def _points(axes: Axes, y: int, values: Float[np.ndarray, "n"], look: Look) -> None:
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
