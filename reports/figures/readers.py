"""Figures of a reader study: what was answered, how sure it is, who agrees with whom."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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
INK, FAINT = "#1c2127", "#5b6570"
ROW = 0.21
LONGEST = 30  # characters of the name of a reader or cohort
MORE = " …"
LUMINANCE = (0.2126, 0.7152, 0.0722)  # Rec. 709


def rating_bars(shares: pd.DataFrame, options: Sequence[str]) -> Figure:
    """Draw the distribution of answers to one question as diverging stacked bars.

    Args:
        shares: rows of `statistics.ratings.distributions` for one question.
        options: labels of the answers, worst first.
    """
    count = len(options)
    colours = SCALES.get(count) or [to_hex(c) for c in colormaps["PuOr"](np.linspace(0, 1, count))]
    cohorts = list(dict.fromkeys(shares["cohort"]))
    readers = [r for r in dict.fromkeys(shares["reader"]) if r != "all"]
    shown = readers if 1 < len(readers) <= 8 else []
    rows = [(c, r) for c in cohorts for r in ("all", *shown)]
    legend = [_literal(textwrap.fill(option, 34)) for option in options]
    legend_height = 0.22 + 0.17 * sum(1 + label.count("\n") for label in legend)
    height = 0.75 + ROW * (len(rows) + 0.6 * len(cohorts)) + legend_height
    figure = Figure(figsize=(8.2, height))
    top = 0.15 / height
    bottom = (legend_height + 0.5) / height
    axes = figure.add_axes((0.24, bottom, 0.73, 1 - top - bottom))
    y, places, labels = 0.0, [], []
    for place, (cohort, reader) in enumerate(rows):
        if place and reader == "all":
            y += 0.6
        own = shares[(shares["cohort"] == cohort) & (shares["reader"] == reader)]
        values = own.set_index("option")["estimate"].reindex(range(1, count + 1)).fillna(0)
        _bar(axes, y, values.to_numpy(), colours, thick=reader == "all")
        places.append(y)
        labels.append(_short(str(cohort if reader == "all" else reader)))
        y += 1
    axes.set_yticks(places, labels, fontsize=8.5)
    for label, (_, reader) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(INK if reader == "all" else FAINT)
        label.set_fontweight("bold" if reader == "all" else "normal")
    axes.set_ylim(y - 0.4, -0.6)
    axes.axvline(0, color=INK, linewidth=0.8)
    limit = 1.02
    axes.set_xlim(-limit, limit)
    ticks = [-1, -0.5, 0, 0.5, 1]
    axes.set_xticks(ticks, [f"{abs(t):.0%}" for t in ticks], fontsize=8)
    axes.set_xlabel("share of cases; left of the line the lower answers", fontsize=8, color=FAINT)
    _plain(axes)
    handles = [Line2D([], [], marker="s", linestyle="", color=c, markersize=8) for c in colours]
    figure.legend(
        handles,
        legend,
        loc="lower left",
        bbox_to_anchor=(0.24, 0.0),
        ncols=1,
        fontsize=8,
        frameon=False,
        handletextpad=0.4,
    )
    return figure


def forest(
    table: pd.DataFrame,
    *,
    label: str,
    group: str | None = None,
    reference: float | None = None,
    axis: str = "",
    band: tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one row per estimate: a point with its interval, and the numbers beside it.

    Args:
        table: columns `estimate`, `low`, `high` and those named below, in the order of the rows.
        label: column with the text of a row.
        group: column whose values head groups of rows.
        reference: drawn as a line, such as no difference.
        axis: what is measured.
        band: values that do not matter, drawn as a band.
        limits: of the axis.
    """
    rows = table.reset_index(drop=True)
    heads = list(rows[group]) if group else [""] * len(rows)
    y, places = 0.0, []
    titles: list[tuple[float, str]] = []
    for place in range(len(rows)):
        if group and (place == 0 or heads[place] != heads[place - 1]):
            y += 0.25 if place else 0
            titles.append((y, str(heads[place])))
            y += 1
        places.append(y)
        y += 1
    height = 0.75 + (0.3 if rows[label].astype(str).str.len().max() > 40 else 0.24) * y
    figure = Figure(figsize=(8.2, height))
    axes = figure.add_axes((0.34, 0.52 / height, 0.4, 1 - 0.62 / height))
    if band:
        axes.axvspan(*band, color="#dfe9f1", linewidth=0)
    if reference is not None:
        axes.axvline(reference, color=FAINT, linewidth=0.9, linestyle="--")
    numbers = rows[["low", "high", "estimate"]].to_numpy(dtype=float).tolist()
    for height_at, (low, high, value) in zip(places, numbers, strict=True):
        if np.isfinite([low, high]).all():
            axes.plot([low, high], [height_at, height_at], color=COLOURS[0], linewidth=1.8)
        if np.isfinite(value):
            # At the end of a scale the whole point is shown.
            axes.plot([value], [height_at], "o", color=COLOURS[0], markersize=4.5, clip_on=False)
        text = f"{value:.2f} ({low:.2f} to {high:.2f})" if np.isfinite(low) else f"{value:.2f}"
        text = text if np.isfinite(value) else "undefined"
        axes.annotate(
            text, (1.02, height_at), xycoords=("axes fraction", "data"), va="center", fontsize=8
        )
    for height_at, title in titles:
        axes.annotate(
            _lines(title, 100, 100),
            (-0.82, height_at),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )
    texts = [_lines(str(text), 40, 80) for text in rows[label]]
    axes.set_yticks(places, texts, fontsize=8)
    axes.set_ylim(y - 0.3, -0.7)
    if limits:
        axes.set_xlim(*limits)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel(axis, fontsize=8, color=FAINT)
    _plain(axes)
    return figure


def roc(curves: pd.DataFrame) -> Figure:
    """Draw the ROC curve of every reader, and the mean, one panel per synthetic cohort.

    Args:
        curves: rows of `statistics.roc.roc_curves` for one question.
    """
    treatments = list(dict.fromkeys(curves["treatment"]))
    columns = min(3, len(treatments))
    lines = -(-len(treatments) // columns)
    figure = Figure(figsize=(2.75 * columns + 0.6, 2.95 * lines + 0.2), layout="constrained")
    panels = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
    for axes, treatment in zip(panels, treatments, strict=False):
        own = curves[curves["treatment"] == treatment]
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle="--")
        for reader, points in own.groupby("reader", sort=False):
            mean = reader == "all"
            axes.plot(
                points["false_positive_rate"],
                points["sensitivity"],
                color=COLOURS[0] if mean else "#8fa3b3",
                linewidth=2.4 if mean else 0.9,
                zorder=3 if mean else 2,
            )
        title = f"real against {_short(str(treatment))}"
        axes.set_title(textwrap.fill(title, 32, break_on_hyphens=False), fontsize=9)
        axes.set_aspect("equal")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.tick_params(labelsize=8)
        axes.set_xlabel("synthetic cases called real", fontsize=8, color=FAINT)
        axes.set_ylabel("real cases called real", fontsize=8, color=FAINT)
        _plain(axes, grid=True)
    for axes in panels[len(treatments) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], color=COLOURS[0], linewidth=2.4),
        Line2D([], [], color="#8fa3b3", linewidth=0.9),
    ]
    figure.legend(
        handles,
        ["mean of readers", "each reader"],
        loc="outside lower center",
        ncols=2,
        fontsize=8,
        frameon=False,
    )
    return figure


def concordance_points(cases: pd.DataFrame, panels: Sequence[Mapping[str, str]]) -> Figure:
    """Draw the score of each case against the readers' mean rating of it.

    Args:
        cases: columns case, cohort, question, rating, metric, extractor, value.
        panels: which question, metric and extractor each panel shows, its title and that of its axis.
    """
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(2.75 * columns + 0.6, 2.6 * lines + 0.5), layout="constrained")
    axes_list = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
    cohorts = list(dict.fromkeys(cases["cohort"]))
    for axes, panel in zip(axes_list, panels, strict=False):
        own = cases[
            (cases["question"] == panel["question"])
            & (cases["metric"] == panel["metric"])
            & (cases["extractor"] == panel["extractor"])
        ]
        for place, cohort in enumerate(cohorts):
            some = own[own["cohort"] == cohort]
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
        axes.set_title(_lines(panel["title"], 36, 90), fontsize=8)
        values = own["value"]
        if len(values) and (values > 0).all() and values.max() > 30 * values.min():
            axes.set_xscale("log")
        axes.tick_params(labelsize=7.5)
        axes.set_xlabel(_lines(panel["axis"], 40, 80), fontsize=8, color=FAINT)
        axes.set_ylabel("mean rating", fontsize=8, color=FAINT)
        _plain(axes, grid=True)
    for axes in axes_list[len(panels) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], linestyle="", marker="osD^vP*"[i % 7], color=COLOURS[i % len(COLOURS)])
        for i in range(len(cohorts))
    ]
    names = [_short(str(cohort)) for cohort in cohorts]
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _short(name: str) -> str:
    """Return a name that fits beside an axis, with the end that may tell it from others."""
    return _literal(name if len(name) <= LONGEST else f"{name[: LONGEST - 11]}…{name[-10:]}")


def _lines(text: str, width: int, longest: int) -> str:
    """Return a text in lines, cut where it is too long."""
    return _literal(textwrap.fill(textwrap.shorten(text, longest, placeholder=MORE), width))


def _literal(text: str) -> str:
    """Return a text of which matplotlib takes no part for a formula."""
    return text.replace("$", r"\$")


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


def _plain(axes: Axes, *, grid: bool = False) -> None:
    for side in ("top", "right") if grid else ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0 if not grid else 3)
    axes.grid(visible=True, axis="both" if grid else "x", color="#e6eaed", linewidth=0.7)
    axes.set_axisbelow(True)
