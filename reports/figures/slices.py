"""Whether slices hold together: profiles and spectra across each plane, scores, worst volumes."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from evalsuite.records import Evaluation, Evidence
from reports.figures.cohorts import Look, looks, shortened

# Inches.
WIDTH, MARGIN = 8.0, 0.12
LEFT, PANEL, HEAD, AXIS, BETWEEN = 0.62, 1.5, 0.3, 0.42, 0.5
NAMES, COUNTS, STRIP = 2.05, 0.85, 0.26
IN_ROW, PICTURES = 6, 12
TILE, GAP, CAPTION, SMALL = (WIDTH - 2 * MARGIN) / IN_ROW, 0.1, 0.68, 0.095
LEGEND, LINE = 0.2, 0.125
IN_LEGEND = 4
CHARACTERS = 25  # in a line below a picture
FEW = 2  # cohorts, up to which the spread of each is drawn
LINEAR = 5.0  # size of scores up to which their axis is linear
FAULT = "#B2182B"
GREY = "#555555"
ENDS = {
    "sagittal": "left to right",
    "coronal": "back to front",
    "axial": "bottom to top",
}
NOTE = (
    "Top: correlation of each slice with the next, and power across slices over power within them;"
    " thick lines are medians over volumes, the grey band holds the central 95 % of real ones{thin}."
    " Middle: each point is one volume, each bar a median; the score is minus the largest robust"
    " z-score of any slice by any cue, and left of the dashed line (red) a volume counts as faulty,"
    " as the share given of new real volumes does. Bottom: the volumes with the lowest scores, each"
    " in the middle slice of another plane, where the fault lies between the red marks; slices"
    " count from 0."
)
THIN = ", the thin lines that of the others"


def slices(evaluation: Evaluation, evidence: Evidence) -> Figure | None:
    """Draw what is consistent between slices and what is not, each cohort beside the real one.

    Per plane the similarity of neighbouring slices by relative position and the ratio of power
    by frequency; then the scores of all volumes; then the worst volumes of each synthetic cohort.

    None if the metric was not computed.
    """
    kept = {d.synthetic: d.values for d in evidence.details if d.name == "slices"}
    found: dict[str, dict[str, Any]] = {
        c.name: kept[c.name] for c in evaluation.synthetic if c.name in kept
    }
    if not found:
        return None
    each = max(1, PICTURES // max(len(found), 2))
    worst = [(name, w) for name, values in found.items() for w in values["worst"][:each]]
    rows = [worst[start : start + IN_ROW] for start in range(0, len(worst), IN_ROW)]
    heights = [max(_size(w)[1] for _, w in row) + CAPTION for row in rows]
    note = textwrap.wrap(NOTE.format(thin=THIN if len(found) <= FEW else ""), 165)
    legend = LEGEND * -(-(1 + len(found)) // IN_LEGEND)
    strips = HEAD + STRIP * (1 + len(found)) + AXIS
    height = 2 * MARGIN + legend + 2 * (HEAD + PANEL + AXIS) + strips + sum(heights)
    height += HEAD * bool(rows) + LINE * (len(note) + 1)
    figure = Figure(figsize=(WIDTH, height))
    cohort_looks = looks(evaluation)
    figure.legend(
        handles=_legend(evaluation, cohort_looks, list(found)),
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - MARGIN / 2 / height),
        ncols=IN_LEGEND,
        frameon=False,
        fontsize=7.5,
    )
    top = height - MARGIN - legend
    width = (WIDTH - MARGIN - LEFT - 2 * BETWEEN) / 3
    for draw in (_similarity, _power):
        top -= HEAD + PANEL
        for axis, plane in enumerate(ENDS):
            axes = _add_axes(figure, (LEFT + axis * (width + BETWEEN), top, width, PANEL))
            draw(axes, plane, axis, found, cohort_looks)
        top -= AXIS
    top -= strips
    box = (MARGIN + NAMES, top + AXIS, WIDTH - 2 * MARGIN - NAMES - COUNTS, strips - HEAD - AXIS)
    _scores(_add_axes(figure, box), evaluation.real.name, found, cohort_looks)
    if rows:
        top -= HEAD
        _text(figure, (WIDTH / 2, top + 0.1), "lowest scores", 8.5, "black", va="baseline")
    for row, room in zip(rows, heights, strict=True):
        top -= room
        for place, (name, volume) in enumerate(row):
            left, bottom = MARGIN + place * TILE, top + CAPTION
            _picture(figure, (left, bottom, TILE - GAP), volume)
            below, middle = bottom - 0.04, left + (TILE - GAP) / 2
            _text(figure, (middle, below), shortened(name), 5.8, cohort_looks[name].colour)
            colour = FAULT if volume["score"] < found[name]["threshold"] else "black"
            _text(figure, (middle, below - SMALL), _caption(volume), 5.8, colour)
    figure.text(
        MARGIN / WIDTH, MARGIN / height, "\n".join(note), fontsize=6.5, color="#333333", va="bottom"
    )
    return figure


def _similarity(
    axes: Axes,
    plane: str,
    axis: int,
    found: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
) -> None:
    """Draw the correlation of neighbouring slices by relative position."""
    axes.set_title(f"{plane} slices", fontsize=8.5)
    _bands(axes, "similarity", axis, found, cohort_looks, None)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xlabel(f"relative position, {ENDS[plane]}", fontsize=7)
    if axis == 0:
        axes.set_ylabel("correlation with the next", fontsize=7)


def _power(
    axes: Axes,
    plane: str,
    axis: int,
    found: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
) -> None:
    """Draw power across over power within slices by frequency."""
    axes.set_title(f"across / within {plane} slices", fontsize=8.5)
    axes.set_yscale("log")
    axes.axhline(1, color="#999999", linewidth=0.6, linestyle=":", zorder=0)
    frequencies = next(iter(found.values()))["real"]["frequencies"]
    _bands(axes, "power", axis, found, cohort_looks, frequencies)
    axes.set_xlim(0, frequencies[-1])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("cycles/mm", fontsize=7)
    if axis == 0:
        axes.set_ylabel("ratio of power", fontsize=7)


def _bands(
    axes: Axes,
    key: str,
    axis: int,
    found: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
    x: Float[np.ndarray, " p"] | None,
) -> None:
    """Draw median and central 95 % of the real cohort and of each synthetic one."""
    axes.tick_params(labelsize=6.5, color="#999999", labelcolor=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    real = next(iter(found.values()))["real"][key][axis]
    curves = {name: values["synthetic"][key][axis] for name, values in found.items()}
    if real is None or all(curve is None for curve in curves.values()):
        text = "too few slices with content"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", fontsize=7)
        return
    if x is None:
        x = (np.arange(real.shape[1]) + 0.5) / real.shape[1]
    axes.fill_between(x, real[0], real[2], color="#d9d9d9", linewidth=0, zorder=1)
    axes.plot(x, real[1], color="black", linewidth=1.6, zorder=2)
    for name, curve in curves.items():
        if curve is not None:
            colour = cohort_looks[name].colour
            axes.plot(x, curve[1], color=colour, linewidth=1.4, zorder=3)
            if len(curves) <= FEW:
                axes.plot(x, curve[[0, 2]].T, color=colour, linewidth=0.6, zorder=3)


def _scores(
    axes: Axes,
    real: str,
    found: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
) -> None:
    """Draw one row of scores per cohort, the real one on top."""
    some = next(iter(found.values()))
    threshold = some["threshold"]
    rows = [(real, some["real_scores"])]
    rows += [(name, values["synthetic_scores"]) for name, values in found.items()]
    rows = [(name, scores[np.isfinite(scores)]) for name, scores in rows]
    beside: dict[str, Any] = {
        "transform": axes.get_yaxis_transform(),
        "fontsize": 7,
        "va": "center",
    }
    if not np.isnan(threshold):
        axes.axvline(threshold, color=FAULT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    for y, (name, scores) in enumerate(rows):
        look = cohort_looks[name]
        _row(axes, y, scores, threshold, look)
        text = f"{shortened(name)} (n = {len(scores)})"
        axes.text(-0.02, y, text, color=look.colour, ha="right", **beside)
        faulty = int((scores < threshold).sum())
        count = f"{faulty} of {len(scores)}" if y else f"rate {100 * some['rate']:.2g} %"
        axes.text(1.02, y, count, color=FAULT if y and faulty else GREY, **beside)
    axes.set_xscale("symlog", linthresh=LINEAR)
    least = min((float(scores.min()) for _, scores in rows if len(scores)), default=-LINEAR)
    ticks = [t for t in (-10000, -1000, -100, -30, -10, -5, 0) if t > 1.3 * least]
    axes.set_xticks(ticks, [f"{t:d}" for t in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.tick_params(labelsize=7, color="#999999", labelcolor=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title("consistency of each volume", fontsize=8.5)
    axes.set_xlabel(f"score (logarithmic below -{LINEAR:g}); higher is better", fontsize=7)


def _row(axes: Axes, y: int, scores: Float[np.ndarray, " n"], threshold: float, look: Look) -> None:
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(scores))
    faulty = scores < threshold
    for chosen, colour in ((~faulty, look.colour), (faulty, FAULT)):
        axes.scatter(
            scores[chosen],
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
    if len(scores):
        axes.plot([np.median(scores)] * 2, [y - 0.4, y + 0.4], color=look.colour, linewidth=1.6)


def _size(volume: Mapping[str, Any]) -> tuple[float, float]:
    """Return width and height of a picture in inches, the longer side at most a tile."""
    columns, rows = volume["picture"].shape
    across, up = volume["steps"]
    extent = np.array([columns * across, rows * up])
    width, height = extent / extent.max() * (TILE - GAP)
    return float(width), float(height)


def _picture(figure: Figure, at: tuple[float, float, float], volume: Mapping[str, Any]) -> None:
    """Draw a volume with red marks at the ends of the fault; at left, bottom, width in inches."""
    left, bottom, room = at
    width, height = _size(volume)
    axes = _add_axes(figure, (left + (room - width) / 2, bottom, width, height))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    picture = volume["picture"]
    columns, rows = picture.shape
    axes.imshow(
        picture[::-1].T, cmap="gray", origin="lower", aspect="auto", extent=(columns, 0, 0, rows)
    )
    if volume["at"] is None:
        return
    mark = axes.axvline if volume["along"] == 0 else axes.axhline
    for low, high in ((0.0, 0.07), (0.93, 1.0)):
        mark(volume["at"] + 0.5, low, high, color="#FF3B30", linewidth=1.6)


def _caption(volume: Mapping[str, Any]) -> str:
    """Say which volume it is, and where and how it differs."""
    lines = [
        _end(volume["volume"]),
        f"score {volume['score']:.3g}, {volume['plane']} slices",
        *textwrap.wrap(volume["text"], CHARACTERS),
    ]
    return "\n".join(lines)


def _end(name: str) -> str:
    """Return the end of an identifier, which tells volumes of one folder apart."""
    return name if len(name) <= CHARACTERS else f"…{name[1 - CHARACTERS :]}"


def _legend(
    evaluation: Evaluation, cohort_looks: Mapping[str, Look], names: Sequence[str]
) -> list[Line2D]:
    return [
        Line2D([], [], color=cohort_looks[name].colour, linewidth=1.6, label=shortened(name))
        for name in (evaluation.real.name, *names)
    ]


def _add_axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Add axes at left, bottom, width, height in inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))


def _text(
    figure: Figure,
    at: tuple[float, float],
    text: str,
    size: float,
    colour: str,
    *,
    va: Literal["top", "baseline"] = "top",
) -> None:
    """Write text centred at a place in inches."""
    width, height = figure.get_size_inches()
    x, y = at
    figure.text(x / width, y / height, text, fontsize=size, color=colour, ha="center", va=va)
