"""Figures of a reader study: what was answered, how sure it is, who agrees with whom."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evalsuite.statistics.result import ALL, Result
from reports.figures.canvas import GREY, INK, Canvas, Line, in_rows, plain
from reports.figures.letters import BODY, shortened, wrapped
from reports.figures.panels import beside, name_rows
from reports.figures.scales import WIDE, logarithmic

# Orange to purple, told apart by colour-blind readers and in grey; ColorBrewer's PuOr.
SCALES = {
    2: ("#e08214", "#8073ac"),
    3: ("#e08214", "#d9d9d9", "#8073ac"),
    4: ("#b35806", "#fdb863", "#b2abd2", "#542788"),
    5: ("#b35806", "#fdb863", "#d9d9d9", "#b2abd2", "#542788"),
    6: ("#b35806", "#e08214", "#fee0b6", "#d8daeb", "#8073ac", "#542788"),
}
# Okabe and Ito's colours, in an order in which neighbours differ most.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#666666")
ROW, SCATTER = 0.22, 2.0  # inches of a row, and of a panel of points
LABEL, LEADING, MOST_LINES = 2.7, 0.13, 2  # of the text beside a row: inches, inches, lines
LUMINANCE = (0.2126, 0.7152, 0.0722)  # Rec. 709


@dataclass(frozen=True, slots=True)
class Bars:
    """The answers to one question.

    Args:
        question: what was asked.
        shares: of `statistics.ratings.distributions`.
        options: labels of the answers, worst first.
    """

    question: str
    shares: Sequence[Result]
    options: Sequence[str]


def rating_bars(questions: Sequence[Bars], *, by_reader: bool) -> Figure:
    """Draw the distributions of answers as diverging stacked bars, a panel for each question.

    Args:
        questions: those with ordered answers.
        by_reader: whether each reader has a bar below that of all, if they are few.
    """
    canvas = Canvas()
    for bars in questions:
        axes = _rating_panel(canvas, bars, by_reader=by_reader)
        if bars is questions[-1]:
            axes.set_xlabel("share of cases; left of the line the lower answers")
        else:
            axes.tick_params(labelbottom=False)
    return canvas.finish()


def _rating_panel(canvas: Canvas, question: Bars, *, by_reader: bool) -> Axes:
    count = len(question.options)
    colours = SCALES.get(count) or [to_hex(c) for c in colormaps["PuOr"](np.linspace(0, 1, count))]
    bars: dict[tuple[str, str], list[float]] = {}
    for share in question.shares:
        bars.setdefault((share.at("cohort"), share.at("reader")), []).append(share.value)
    cohorts, readers = (list(dict.fromkeys(names)) for names in zip(*bars, strict=True))
    single = by_reader and 1 < len(readers) - 1 <= 8
    rows = [(cohort, reader) for cohort, reader in bars if single or reader == ALL]
    gap = 0.6 if single else 0.0
    (axes,) = canvas.panels([1], 1, [ROW * (len(rows) + gap * len(cohorts))])
    canvas.head(axes, Line(question.question, bold=True))
    y, names = 0.0, []
    for place, (cohort, reader) in enumerate(rows):
        if place and reader == ALL:
            y += gap
        _bar(axes, y, np.nan_to_num(bars[cohort, reader]), colours, thick=reader == ALL)
        name = shortened(cohort if reader == ALL else reader)
        names.append((y, name, INK if reader == ALL else GREY))
        y += 1
    plain(axes, grid="x")
    name_rows(axes, names)
    for label, (_, reader) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if single and reader == ALL else "normal")
    axes.set_ylim(y - 0.4, -0.6)
    axes.axvline(0, color=INK, linewidth=0.8)
    limit = 1.02
    axes.set_xlim(-limit, limit)
    ticks = [-1, -0.5, 0, 0.5, 1]
    axes.set_xticks(ticks, [f"{abs(t):.0%}" for t in ticks])
    canvas.legend(
        [
            Line2D([], [], marker="s", linestyle="", color=colour, markersize=8, label=option)
            for colour, option in zip(colours, question.options, strict=True)
        ]
    )
    return axes


def forest(
    results: Sequence[Result],
    *,
    label: Callable[[Result], str],
    group: Callable[[Result], str] = lambda _: "",
    reference: float | None = None,
    axis: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one row per result: a point with its interval, and the numbers beside it.

    Args:
        results: in the order of the rows.
        label: the text of a row.
        group: what heads groups of rows; nothing for no head.
        reference: drawn as a line, such as no difference.
        axis: what is measured.
        limits: of the axis.
    """
    grouped = [(head, list(rows)) for head, rows in groupby(results, group)]
    names = [[wrapped(label(result), LABEL, BODY) for result in rows] for _, rows in grouped]
    lines = max(name.count("\n") + 1 for texts_of in names for name in texts_of)
    each = ROW + LEADING * min(lines - 1, MOST_LINES - 1)
    canvas = Canvas()
    heights = [each * (len(rows) + 0.4) for _, rows in grouped]
    panels = canvas.panels([1] * len(grouped), 1, heights)
    for axes, (head, rows), texts in zip(panels, grouped, names, strict=True):
        if head:
            canvas.head(axes, Line(head, bold=True))
        if axes is not panels[0]:
            axes.sharex(panels[0])
        if reference is not None:
            axes.axvline(reference, color=GREY, linewidth=0.9, linestyle="--")
        plain(axes, grid="x")
        name_rows(axes, [(y, _cut(text), INK) for y, text in enumerate(texts)])
        for y, result in enumerate(rows):
            value, low, high = result.value, result.low, result.high
            if math.isfinite(low) and math.isfinite(high):
                axes.plot([low, high], [y, y], color=COLOURS[0], linewidth=1.8)
            if math.isfinite(value):
                # At the end of a scale the whole point is shown.
                axes.plot([value], [y], "o", color=COLOURS[0], markersize=4.5, clip_on=False)
            ends = f" ({low:.2f} to {high:.2f})" if math.isfinite(low) else ""
            beside(axes, y, f"{value:.2f}{ends}" if math.isfinite(value) else "undefined", INK)
        axes.set_ylim(len(rows) - 0.3, -0.7)
    if limits:
        panels[0].set_xlim(*limits)
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    panels[-1].set_xlabel(axis)
    return canvas.finish()


def roc(curves: pd.DataFrame) -> Figure:
    """Draw the ROC curve of every reader, and the mean, one panel per synthetic cohort.

    Args:
        curves: rows of `statistics.roc.roc_curves` for one question.
    """
    treatments = list(dict.fromkeys(curves["treatment"]))
    canvas = Canvas()
    panels = canvas.panels(in_rows(len(treatments), 3), 3)
    for axes, treatment in zip(panels, treatments, strict=True):
        curve = curves[curves["treatment"] == treatment]
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
        for reader, points in curve.groupby("reader", sort=False):
            mean = reader == "all"
            axes.plot(
                points["false_positive_rate"],
                points["sensitivity"],
                color=COLOURS[0] if mean else "#8fa3b3",
                linewidth=2.4 if mean else 0.9,
                zorder=3 if mean else 2,
            )
        canvas.head(axes, Line(f"real against {shortened(str(treatment))}"))
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("synthetic cases called real")
        axes.set_ylabel("real cases called real")
        plain(axes, grid="both", sides=("left", "bottom"))
    canvas.legend(
        [
            Line2D([], [], color=COLOURS[0], linewidth=2.4, label="mean of readers"),
            Line2D([], [], color="#8fa3b3", linewidth=0.9, label="each reader"),
        ]
    )
    return canvas.finish()


def concordance_points(cases: pd.DataFrame, panels: Sequence[Mapping[str, str]]) -> Figure:
    """Draw the score of each case against the readers' mean rating of it.

    Args:
        cases: columns case, cohort, question, rating, metric, extractor, value.
        panels: which question, metric and extractor each panel shows, its title and that of its axis.
    """
    canvas = Canvas()
    cells = in_rows(len(panels), 3)
    grid = canvas.panels(cells, 3, [SCATTER] * len(cells))
    cohorts = list(dict.fromkeys(cases["cohort"]))
    for axes, panel in zip(grid, panels, strict=True):
        points = cases[
            (cases["question"] == panel["question"])
            & (cases["metric"] == panel["metric"])
            & (cases["extractor"] == panel["extractor"])
        ]
        for place, cohort in enumerate(cohorts):
            some = points[points["cohort"] == cohort]
            axes.plot(
                some["value"],
                some["rating"],
                linestyle="",
                marker="osD^vP*"[place % 7],
                markersize=3.6,
                color=COLOURS[place % len(COLOURS)],
                alpha=0.75,
                markeredgewidth=0,
            )
        canvas.head(axes, Line(panel["title"], BODY))
        values = points["value"]
        plain(axes, grid="both", sides=("left", "bottom"))
        axes.set_xlabel(panel["axis"])
        axes.set_ylabel("mean rating")
        if len(values) and (values > 0).all() and values.max() > WIDE * values.min():
            logarithmic(axes, values.min() / 1.3, values.max() * 1.3)
            axes.set_xlabel(f"{panel['axis']}, logarithmic")
    canvas.legend(
        [
            Line2D(
                [],
                [],
                linestyle="",
                marker="osD^vP*"[i % 7],
                color=COLOURS[i % len(COLOURS)],
                label=shortened(str(cohort)),
            )
            for i, cohort in enumerate(cohorts)
        ]
    )
    return canvas.finish()


def _cut(text: str) -> str:
    """Return the first lines of a text, with a sign where it goes on."""
    lines = text.split("\n")
    more = " …" if len(lines) > MOST_LINES else ""
    return "\n".join(lines[:MOST_LINES]) + more


def _bar(axes: Axes, y: float, shares: np.ndarray, colours: Sequence[str], *, thick: bool) -> None:
    """Draw one stacked bar, the lower half of the answers to the left of zero."""
    count = len(shares)
    half, odd = divmod(count, 2)
    left = -(shares[:half].sum() + (shares[half] / 2 if odd else 0.0))
    for share, colour in zip(shares, colours, strict=False):
        axes.barh(y, share, left=left, color=colour, height=0.86 if thick else 0.6, linewidth=0)
        if share >= 0.08 and thick:
            dark = np.dot(to_rgb(colour), LUMINANCE) < 0.6
            axes.text(
                left + share / 2,
                y,
                f"{share:.0%}",
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if dark else INK,
            )
        left += share
