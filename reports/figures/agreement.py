"""Bland-Altman: in each region, how far the mean of each subject's volume is off, and the limits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evalsuite.places import Where, place
from evalsuite.records import Evaluation, Evidence
from evalsuite.statistics.limits import limits_of_agreement
from reports.figures.canvas import GREY, Canvas, Line, in_rows, plain
from reports.figures.cohorts import looks
from reports.figures.drawing import Drawing
from reports.figures.letters import SMALL, TITLE
from reports.figures.panels import ACROSS
from reports.figures.scales import tick

SHOWN = 18  # panels on the page
TALL = 1.3  # inches of a panel
CAPTION = (
    "Agreement of synthetic with real intensities after Bland and Altman: each point is a subject, "
    "across the mean of both volumes in the region, up synthetic less real. The line is the mean "
    "difference, dashed lines the limits of agreement, within which 95 % of subjects are expected; "
    "bands are their 95 % intervals."
)


def agreement(evaluation: Evaluation, evidence: Evidence) -> Figure | None:
    """Draw a panel per region of each cohort of pairs, the whole volume last if there is room.

    None if the metric was not computed.
    """
    kept: dict[str, dict[str, Any]] = {
        d.synthetic: d.values for d in evidence.details if d.name == "agreement"
    }
    if not kept:
        return None
    canvas, cohort_looks = Canvas(), looks(evaluation)
    room = max(1, SHOWN // len(kept))
    for name, values in kept.items():
        regions: Sequence[Where] = values["regions"]
        order = [*range(1, len(regions)), 0]
        colour = cohort_looks[name].colour
        canvas.words(f"{name} and its real volumes", TITLE, colour)
        cells = in_rows(len(order[:room]), ACROSS)
        panels = canvas.panels(cells, ACROSS, [TALL] * len(cells))
        for axes, i in zip(panels, order[:room], strict=True):
            head = place(regions[i]).removeprefix("region ") or "whole volume"
            canvas.head(axes, Line(f"{head[:1].upper()}{head[1:]}", SMALL))
            _panel(axes, values["middle"][i], values["apart"][i], colour)
        if len(order) > room:
            canvas.words(f"{len(order) - room} more regions are in the table.")
    canvas.words(CAPTION)
    return canvas.finish()


def _panel(
    axes: Axes, middle: Float[np.ndarray, " s"], apart: Float[np.ndarray, " s"], colour: str
) -> None:
    known = np.isfinite(apart)
    found = limits_of_agreement(apart[known])
    plain(axes, sides=("bottom", "left"))
    axes.axhline(0, color=GREY, linewidth=0.6)
    for at, half, dashes in (
        (found.bias, found.bias_half, "-"),
        (found.bias - found.reach, found.limit_half, "--"),
        (found.bias + found.reach, found.limit_half, "--"),
    ):
        if np.isfinite(half):
            axes.axhspan(at - half, at + half, color=colour, alpha=0.13, linewidth=0)
            axes.axhline(at, color=colour, linewidth=1.1, linestyle=dashes)
    axes.scatter(middle[known], apart[known], s=9, facecolors="none", edgecolors=colour,
                 linewidths=0.7, clip_on=False)  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(tick)


FIGURE = Drawing(agreement, "pairs", CAPTION)
