"""Points with intervals in small panels: a row per synthetic cohort, or per group and cohort."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evalsuite.caveats import Key, keys
from evalsuite.records import Estimate
from reports.figures.canvas import GREY, INK, Canvas
from reports.figures.cohorts import Look
from reports.figures.letters import shortened
from reports.figures.panels import beside, frame, head, label_rows, pages, placed, rows_of
from reports.figures.scales import drawn_line, scale, tick
from reports.glossary import meaning

MOST_ROWS = 36  # of a panel; groups beyond them are drawn in further panels
CHANCE = 0.05  # the p-value that is dotted


@dataclass(frozen=True, slots=True)
class Panel:
    """One small panel.

    Args:
        title: what is measured.
        features: on what.
        estimates: one per cohort and group, at most.
    """

    title: str
    features: str
    estimates: Sequence[Estimate]


def forest_pages(
    rows: Sequence[Sequence[Panel]], cohorts: Sequence[str]
) -> list[tuple[list[list[Panel]], tuple[str, ...]]]:
    """Return panels in portions that each fit on a page, with the groups that are drawn there.

    Panels without a finite number are left out. Of many groups some are drawn at a time.

    Args:
        rows: of panels.
        cohorts: the synthetic ones.
    """
    groups = list(dict.fromkeys(e.group for row in rows for panel in row for e in panel.estimates))
    each = max(1, MOST_ROWS // len(cohorts))
    portions = []
    for some in (tuple(groups[i : i + each]) for i in range(0, len(groups), each)):
        drawn_rows = [
            [
                Panel(panel.title, panel.features, drawn)
                for panel in row
                if any(math.isfinite(e.value) for e in panel.estimates if e.group in some)
                and (drawn := [e for e in panel.estimates if e.group in some])
            ]
            for row in rows
        ]
        lines = max(rows_of(some, cohorts).values()) + 1
        portions += [
            (portion, some) for portion in pages([row for row in drawn_rows if row], lines)
        ]
    return portions


def forests(
    rows: Sequence[Sequence[Panel]],
    looks: Mapping[str, Look],
    marks: Callable[[Iterable[Key]], str],
    groups: Sequence[str] = ("",),
    foot: Sequence[str] = (),
) -> Figure:
    """Draw one panel per number: points with intervals, a row per cohort, or per group and cohort.

    The dashed line is the same number within the real cohort, in each group its own. A hollow
    point has caveats: their numbers stand behind the value, those of a whole panel at its head.
    p-values are on a scale from 0 to 1 with 0.05 dotted.

    Args:
        rows: of panels, each with at most `ACROSS`.
        looks: of the synthetic cohorts, in their order.
        marks: the numbers of some caveats, or nothing.
        groups: in their order; the empty one is all volumes.
        foot: paragraphs below the figure.
    """
    places = rows_of(groups, list(looks))
    lines = max(places.values()) + 1
    canvas = Canvas()
    for axes, column, panel in placed(canvas, rows, lines):
        shared = set.intersection(*(keys(e.warnings) for e in panel.estimates))
        about = f"{panel.features} {marks(shared)}"
        head(canvas, axes, panel.title, about, _good(panel.estimates))
        frame(axes, lines)
        label_rows(axes, places, looks, groups, labelled=column == 0)
        if _is_p_value(panel):
            axes.set(xlim=(-0.04, 1.04), xticks=[0, 0.5, 1])
            axes.axvline(CHANCE, color=GREY, linestyle=":", linewidth=0.9, zorder=1)
        else:
            scale(axes, panel.estimates)
        for group in groups:
            ends = [y for (at_group, _), y in places.items() if at_group == group]
            span = (min(ends) - 0.5, max(ends) + 0.5)
            known = {
                e.reference for e in panel.estimates if e.group == group and e.reference is not None
            }
            axes.vlines(
                sorted(r for r in known if math.isfinite(r)),
                *span,
                color="black",
                linestyle=(0, (4, 2)),
                linewidth=0.9,
                zorder=1,
            )
        for estimate in panel.estimates:
            y = places[estimate.group, estimate.synthetic]
            _estimate(
                axes,
                y,
                estimate,
                looks[estimate.synthetic],
                marks(keys(estimate.warnings) - shared),
            )
    drawn = [e for row in rows for panel in row for e in panel.estimates]
    named = {} if groups == ("",) or len(looks) == 1 else looks
    canvas.legend([*_of_cohorts(named), *legend(drawn)])
    if foot:
        canvas.words("\n".join(foot))
    return canvas.finish()


def _is_p_value(panel: Panel) -> bool:
    return meaning(panel.estimates[0]).role == "test"


def _good(estimates: Sequence[Estimate]) -> str:
    direction = estimates[0].direction
    if meaning(estimates[0]).role == "test":
        return "small: a difference beyond chance"
    if direction.startswith("nearer") and any(e.reference is not None for e in estimates):
        return "nearer the dashed line is better"
    return direction


def legend(estimates: Sequence[Estimate]) -> list[Line2D]:
    """Return an entry for each kind of mark that occurs."""
    levels = sorted({round(100 * e.interval.level, 1) for e in estimates if e.interval})
    level = " or ".join(f"{level:g} %" for level in levels)
    point: dict[str, Any] = {"color": GREY, "marker": "o", "markersize": 5, "linestyle": ""}
    handles = [Line2D([], [], **point, label="estimate")]
    if any(e.warnings for e in estimates):
        handles.append(Line2D([], [], **point, markerfacecolor="white", label="with a warning"))
    if levels:
        handles.append(Line2D([], [], color=GREY, linewidth=2.2, label=f"{level} interval"))
    if any(e.standard_error and not e.interval for e in estimates):
        handles.append(Line2D([], [], color=GREY, linewidth=0.9, label="± standard error"))
    if any(e.reference is not None for e in estimates):
        dashes = (0, (4, 2))
        handles.append(
            Line2D([], [], color="black", linewidth=0.9, linestyle=dashes, label="within real")
        )
    return handles


def _of_cohorts(looks: Mapping[str, Look]) -> list[Line2D]:
    return [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=shortened(name))
        for name, look in looks.items()
    ]


def _estimate(axes: Axes, y: float, estimate: Estimate, look: Look, marks: str) -> None:
    known = math.isfinite(estimate.value)
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
    number = tick(estimate.value) if known else "undefined"
    beside(axes, y, f"{number} {marks}".strip(), INK if known else GREY)
