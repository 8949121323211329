"""Whether synthetic volumes are useful: learning curves of every arm, and what it gains."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from evalsuite.utility.analysis import MEAN
from evalsuite.utility.config import ARMS, SCRATCH
from evalsuite.utility.results import UtilityResults
from reports.figures.canvas import Canvas, Line, plain
from reports.figures.cohorts import COLOURS, MARKERS, Look

HEIGHT, GAIN = 1.9, 1.15  # inches of a panel of scores and of one of gains
MOST = 4  # structures with a panel of their own
DODGE = 0.075  # of the width of the axis, between arms
TITLES = {"dice": "Dice (higher is better)", "hd95": "95 % Hausdorff, mm (lower is better)"}
DIFFERENCES = {
    "dice": "difference\n(above 0 is better)",
    "hd95": "difference, mm\n(below 0 is better)",
}
LOOKS = {
    SCRATCH.name: Look("#000000", "o"),
    **{
        name: Look(colour, marker)
        for name, colour, marker in zip(list(ARMS)[1:], COLOURS, MARKERS, strict=False)
    },
}


def learning_curves(results: UtilityResults) -> Figure:
    """Draw score against the share of labelled subjects, and the gain over no pre-training.

    One column per structure and, where there are several, one for their mean; of each metric a
    row of scores and a row of paired differences from training from scratch. Points are means over
    repeats and held-out subjects, bars their 95 % intervals, small dots single repeats. Arms are
    moved sideways a little so that bars do not hide one another. Arms without real volumes are a
    horizontal line in the band of its interval.
    """
    structures = list(dict.fromkeys(results.summary["structure"]))
    structures = [*structures[: MOST - 1], structures[-1]] if len(structures) > MOST else structures
    titles = {name: f"structure {name}" for name in structures} | {MEAN: "mean of all structures"}
    arms = [name for name in ARMS if name in set(results.summary["arm"])]
    shares = sorted(share for share in set(results.summary["share"]) if share > 0)
    canvas = Canvas()
    canvas.legend(_legend(arms))
    columns = len(structures)
    for metric, title in TITLES.items():
        grid = canvas.panels([columns] * 2, columns, [HEIGHT, GAIN])
        panels = list(zip(grid[:columns], grid[columns:], strict=True))
        for (scores, gains), structure in zip(panels, structures, strict=True):
            canvas.head(scores, Line(titles[structure]))
            _scores(scores, results, metric, structure, arms, shares)
            _gains(gains, results, metric, structure, arms, shares)
            scores.tick_params(labelbottom=False)
            gains.set_xlabel("labelled training subjects")
        panels[0][0].set_ylabel(title)
        panels[0][1].set_ylabel(DIFFERENCES[metric])
        for same in zip(*panels, strict=True):
            _share_scale(same)
    canvas.words(_note(results, structures))
    return canvas.finish()


def _scores(
    axes: Axes,
    results: UtilityResults,
    metric: str,
    structure: str,
    arms: Sequence[str],
    shares: Sequence[float],
) -> None:
    table = results.summary
    table = table[(table["quantity"] == metric) & (table["structure"] == structure)]
    repeats = _by_repeat(results.cases, metric, structure)
    for place, arm in enumerate(arms):
        of_arm = table[table["arm"] == arm]
        if set(of_arm["share"]) == {0.0}:
            value, low, high = of_arm[["value", "low", "high"]].to_numpy(dtype=float)[0]
            if math.isfinite(low):
                axes.axhspan(low, high, color=LOOKS[arm].colour, alpha=0.1, linewidth=0, zorder=0)
            axes.axhline(value, color=LOOKS[arm].colour, linewidth=1.2, linestyle=(0, (4, 2)))
            continue
        x = _positions(of_arm["share"].tolist(), shares, place, len(arms))
        _points(axes, x, of_arm, "value", LOOKS[arm])
        axes.plot(x, of_arm["value"], color=LOOKS[arm].colour, linewidth=1.1, zorder=2)
        aside = 0.3 * DODGE * _reach(shares)
        for at, share in zip(x, of_arm["share"], strict=True):
            singles = repeats.get((arm, share), [])
            axes.plot(
                [at - aside] * len(singles),
                singles,
                linestyle="",
                marker=".",
                markersize=2.5,
                color=LOOKS[arm].colour,
                alpha=0.6,
                zorder=4,
            )
    _frame(axes, results, shares)


def _gains(
    axes: Axes,
    results: UtilityResults,
    metric: str,
    structure: str,
    arms: Sequence[str],
    shares: Sequence[float],
) -> None:
    table = results.comparisons
    table = table[
        (table["quantity"] == metric)
        & (table["structure"] == structure)
        & (table["second"] == SCRATCH.name)
    ]
    axes.axhline(0, color=LOOKS[SCRATCH.name].colour, linewidth=0.8, zorder=1)
    for place, arm in enumerate(arms):
        of_arm = table[table["first"] == arm]
        if len(of_arm):
            x = _positions(of_arm["share"].tolist(), shares, place, len(arms))
            _points(axes, x, of_arm, "value", LOOKS[arm])
    _frame(axes, results, shares)


def _points(axes: Axes, x: Sequence[float], rows: pd.DataFrame, column: str, look: Look) -> None:
    """Draw values with their intervals; a hollow point has none."""
    for at, value, low, high in zip(x, rows[column], rows["low"], rows["high"], strict=True):
        if not math.isfinite(value):
            continue
        bounded = math.isfinite(low)
        if bounded:
            axes.plot([at, at], [low, high], color=look.colour, linewidth=1.1, zorder=2)
        axes.plot(
            at,
            value,
            marker=look.marker,
            markersize=4.5,
            markerfacecolor=look.colour if bounded else "white",
            markeredgecolor=look.colour,
            zorder=3,
        )


def _positions(
    counts: Sequence[float], shares: Sequence[float], place: int, arms: int
) -> list[float]:
    """Return where an arm stands: on a scale of logarithms, aside from the other arms."""
    shift = DODGE * _reach(shares) * (place - (arms - 1) / 2) / max(arms - 1, 1) * 2
    return [math.log10(share) + shift for share in counts]


def _reach(shares: Sequence[float]) -> float:
    return max(math.log10(max(shares) / min(shares)), 0.5)


def _frame(axes: Axes, results: UtilityResults, shares: Sequence[float]) -> None:
    counts = results.splits["counts"]
    ticks = [math.log10(share) for share in shares]
    reach = _reach(shares)
    axes.set_xlim(ticks[0] - 0.14 * reach, ticks[-1] + 0.14 * reach)
    labels = [f"{counts[f'{share:g}']}\n{share:g} %" for share in shares]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter(labels))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(MaxNLocator(5))
    plain(axes, sides=("left", "bottom"))


def _share_scale(panels: Sequence[Axes]) -> None:
    """Give the panels of all structures one scale, so that they can be compared."""
    low = min(axes.get_ylim()[0] for axes in panels)
    high = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(low, high)


def _by_repeat(
    cases: pd.DataFrame, metric: str, structure: str
) -> dict[tuple[str, float], list[float]]:
    """Return the mean over subjects of each repeat, by arm and share."""
    rows = cases if structure == MEAN else cases[cases["structure"] == structure]
    subjects = rows.groupby(["arm", "share", "repeat", "subject"])[metric].mean()
    means = subjects.groupby(["arm", "share", "repeat"]).mean()
    scores: dict[tuple[str, float], list[float]] = {}
    for row in means.reset_index().to_dict("records"):
        if np.isfinite(row[metric]):
            scores.setdefault((str(row["arm"]), float(row["share"])), []).append(float(row[metric]))
    return scores


def _legend(arms: Sequence[str]) -> list[Line2D]:
    return [
        Line2D(
            [],
            [],
            color=LOOKS[arm].colour,
            marker=LOOKS[arm].marker,
            linestyle="-" if "real" in ARMS[arm].trained_on else (0, (4, 2)),
            linewidth=1.2,
            markersize=4.5,
            label=ARMS[arm].label,
        )
        for arm in arms
    ]


def _note(results: UtilityResults, structures: Sequence[str]) -> str:
    repeats = int(results.config["repeats"])
    over = f"{repeats} repeats" if repeats > 1 else "one repeat"
    others = "other repeats and other subjects" if repeats > 1 else "other subjects"
    tested = len(results.splits["test"])
    undefined = int(
        results.summary.loc[results.summary["quantity"] == "hd95"]
        .loc[lambda rows: rows["structure"] == structures[-1], "n_undefined"]
        .sum()
    )
    left = f" {undefined} undefined distances are left out." if undefined else ""
    return (
        f"Means over {over} (own weights and order of subjects) and {tested} held-out subjects,"
        f" with 95 % intervals for {others}; small dots are single repeats. Below: differences"
        f" from no pre-training on the same cases. Shares nest within a repeat.{left}"
    )
