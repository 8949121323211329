"""Whether slices hold together: profiles and spectra across each plane, scores, worst volumes."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from evalsuite.records import Evaluation, Evidence
from reports.figures.canvas import GAP, GREY, INK, INSIDE, Canvas, Line, plain
from reports.figures.cohorts import Look, looks
from reports.figures.drawing import Drawing
from reports.figures.letters import SMALL, TINY, TITLE, shortened
from reports.figures.panels import RED, beside, name_rows, points

PANEL, ROW = 1.5, 0.26  # inches of a panel of curves, and of a row of points
IN_ROW, PICTURES = 6, 12
TILE = INSIDE / IN_ROW - GAP
FEW = 2  # cohorts, up to which the spread of each is drawn
LINEAR = 5.0  # size of scores up to which their axis is linear
ENDS = {
    "sagittal": "left to right",
    "coronal": "back to front",
    "axial": "bottom to top",
}
CAPTION = (
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
    details: dict[str, dict[str, Any]] = {
        c.name: kept[c.name] for c in evaluation.synthetic if c.name in kept
    }
    if not details:
        return None
    each = max(1, PICTURES // max(len(details), 2))
    worst = [(name, w) for name, values in details.items() for w in values["worst"][:each]]
    canvas, cohort_looks = Canvas(), looks(evaluation)
    canvas.legend(_legend(evaluation, cohort_looks, list(details)))
    grid = canvas.panels([3, 3], 3, [PANEL] * 2)
    for axes, (draw, (axis, plane)) in zip(
        grid, product((_similarity, _power), enumerate(ENDS)), strict=True
    ):
        title = f"{plane} slices" if draw is _similarity else f"across / within {plane} slices"
        canvas.head(axes, Line(title))
        draw(axes, axis, details, cohort_looks)
    (axes,) = canvas.panels([1], 1, [ROW * (1 + len(details))])
    canvas.head(axes, Line("consistency of each volume"))
    _scores(axes, evaluation.real.name, details, cohort_looks)
    if worst:
        canvas.words("lowest scores", TITLE, INK)
    for row in (worst[start : start + IN_ROW] for start in range(0, len(worst), IN_ROW)):
        tallest = max(TILE * _shape(volume) for _, volume in row)
        tiles = canvas.tiles([TILE] * len(row), [min(TILE, tallest)], gap=GAP)
        for axes, (name, volume) in zip(tiles, row, strict=True):
            _picture(axes, volume)
            canvas.head(axes, Line(shortened(name, TILE, TINY), TINY, cohort_looks[name].colour))
            colour = RED if volume["score"] < details[name]["threshold"] else "black"
            axes.set_xlabel(_caption(volume), fontsize=TINY, color=colour)
    canvas.words(CAPTION.format(thin=THIN if len(details) <= FEW else ""))
    return canvas.finish()


def _similarity(
    axes: Axes,
    axis: int,
    details: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
) -> None:
    """Draw the correlation of neighbouring slices by relative position."""
    _bands(axes, "similarity", axis, details, cohort_looks, None)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xlabel(f"relative position, {list(ENDS.values())[axis]}")
    if axis == 0:
        axes.set_ylabel("correlation with the next")


def _power(
    axes: Axes,
    axis: int,
    details: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
) -> None:
    """Draw power across over power within slices of a plane by frequency."""
    axes.set_yscale("log")
    axes.axhline(1, color="#999999", linewidth=0.6, linestyle=":", zorder=0)
    frequencies = next(iter(details.values()))["real"]["frequencies"]
    _bands(axes, "power", axis, details, cohort_looks, frequencies)
    axes.set_xlim(0, frequencies[-1])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("cycles/mm")
    if axis == 0:
        axes.set_ylabel("ratio of power")


def _bands(
    axes: Axes,
    key: str,
    axis: int,
    details: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
    x: Float[np.ndarray, " p"] | None,
) -> None:
    """Draw median and central 95 % of the real cohort and of each synthetic one."""
    plain(axes, sides=("left", "bottom"))
    real = next(iter(details.values()))["real"][key][axis]
    curves = {name: values["synthetic"][key][axis] for name, values in details.items()}
    if real is None or all(curve is None for curve in curves.values()):
        text = "too few slices with content"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", fontsize=SMALL)
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
    details: Mapping[str, Mapping[str, Any]],
    cohort_looks: Mapping[str, Look],
) -> None:
    """Draw one row of scores per cohort, the real one on top."""
    plain(axes)
    some = next(iter(details.values()))
    threshold = some["threshold"]
    rows = [(real, some["real_scores"])]
    rows += [(name, values["synthetic_scores"]) for name, values in details.items()]
    rows = [(name, scores[np.isfinite(scores)]) for name, scores in rows]
    if not np.isnan(threshold):
        axes.axvline(threshold, color=RED, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    for y, (name, scores) in enumerate(rows):
        points(axes, y, scores, cohort_looks[name], threshold)
        faulty = int((scores < threshold).sum())
        count = f"{faulty} of {len(scores)}" if y else f"rate {100 * some['rate']:.2g} %"
        beside(axes, y, count, RED if y and faulty else GREY)
    axes.set_xscale("symlog", linthresh=LINEAR)
    least = min((float(scores.min()) for _, scores in rows if len(scores)), default=-LINEAR)
    ticks = [t for t in (-10000, -1000, -100, -30, -10, -5, 0) if t > 1.3 * least]
    axes.set_xticks(ticks, [f"{t:d}" for t in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"score (logarithmic below -{LINEAR:g}); higher is better")
    named = [(f"{shortened(name)} (n = {len(scores)})", name) for name, scores in rows]
    name_rows(axes, [(y, text, cohort_looks[name].colour) for y, (text, name) in enumerate(named)])


def _shape(volume: Mapping[str, Any]) -> float:
    """Return how much taller a picture is than wide."""
    columns, rows = volume["picture"].shape
    across, up = volume["steps"]
    return float(rows * up / (columns * across))


def _picture(axes: Axes, volume: Mapping[str, Any]) -> None:
    """Draw a volume with red marks at the ends of the fault."""
    picture = volume["picture"]
    columns, rows = picture.shape
    across, up = volume["steps"]
    axes.imshow(
        picture[::-1].T,
        cmap="gray",
        origin="lower",
        aspect=up / across,
        extent=(columns, 0, 0, rows),
    )
    if volume["at"] is None:
        return
    mark = axes.axvline if volume["along"] == 0 else axes.axhline
    for low, high in ((0.0, 0.07), (0.93, 1.0)):
        mark(volume["at"] + 0.5, low, high, color="#FF3B30", linewidth=1.6)


def _caption(volume: Mapping[str, Any]) -> str:
    """Say which volume it is, and where and how it differs."""
    name = shortened(volume["volume"], TILE, TINY)
    return f"{name}\nscore {volume['score']:.3g}, {volume['plane']} slices\n{volume['text']}"


def _legend(
    evaluation: Evaluation, cohort_looks: Mapping[str, Look], names: Sequence[str]
) -> list[Line2D]:
    return [
        Line2D([], [], color=cohort_looks[name].colour, linewidth=1.6, label=shortened(name))
        for name in (evaluation.real.name, *names)
    ]


FIGURE = Drawing(
    slices,
    "slices",
    "How slices go together along each axis, the consistency of each volume, and the volumes in "
    "which a slice stands out most.",
)
