"""Pairs: the volumes furthest from their real ones, in the slice where they differ most."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evalsuite.records import Evaluation, Evidence
from reports.figures.canvas import GAP, INK, INSIDE, Canvas, Line
from reports.figures.cohorts import looks
from reports.figures.drawing import Drawing
from reports.figures.letters import TINY, TITLE, shortened
from reports.figures.scales import tick

PARTS, LESS = 3, "synthetic less real"
CASES = 2  # side by side
CAPTION = (
    "The pairs with the largest mean absolute errors (“error”), each in the axial slice where it is largest; "
    "both in the greys of the real slice, and their difference from blue (less) over white to red "
    "(more), to the largest difference of the slice."
)


def paired(evaluation: Evaluation, evidence: Evidence) -> Figure | None:
    """Draw the worst pairs of each cohort: real, synthetic, and their difference.

    None if the metric was not computed.
    """
    kept: dict[str, dict[str, Any]] = {
        d.synthetic: d.values for d in evidence.details if d.name == "paired"
    }
    if not kept:
        return None
    canvas, cohort_looks = Canvas(), looks(evaluation)
    for name, values in kept.items():
        canvas.words(f"{name}: furthest from their real volumes", TITLE, cohort_looks[name].colour)
        cases = list(zip(values["names"], values["slices"], values["errors"], strict=True))
        side = INSIDE / (CASES * PARTS) - GAP
        for line in (cases[i : i + CASES] for i in range(0, len(cases), CASES)):
            tallest = max(pair.shape[2] / pair.shape[1] for _, pair, _ in line)
            widths = [side] * (PARTS * len(line))
            tiles = iter(canvas.tiles(widths, [side * min(1.5, tallest)], gap=GAP))
            for title, pair, error in line:
                for part, what in enumerate((title, f"synthetic, error {tick(error)}", LESS)):
                    axes = next(tiles)
                    _picture(axes, pair, part)
                    canvas.head(axes, Line(shortened(what, side, TINY), TINY, INK))
    canvas.words(CAPTION)
    return canvas.finish()


def _picture(axes: Axes, pair: Float[np.ndarray, "2 x y"], part: int) -> None:
    apart = pair[1] - pair[0]
    most = float(np.abs(apart).max()) or 1.0
    shown, low, high, colours = (
        (pair[part], pair[0].min(), pair[0].max(), "gray")
        if part < len(pair)
        else (apart, -most, most, "RdBu_r")
    )
    axes.imshow(shown.T, origin="lower", cmap=colours, vmin=low, vmax=high)
    axes.set_xticks([])
    axes.set_yticks([])


FIGURE = Drawing(paired, "pairs", CAPTION)
