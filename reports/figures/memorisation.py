"""The figure of an audit: every volume against the threshold, and the pairs most like copies."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evalsuite.audited import Audit
from reports.figures.canvas import GREY, INSIDE, Canvas, Line, plain
from reports.figures.cohorts import COLOURS, MARKERS, Look
from reports.figures.letters import NOTE, TITLE, shortened
from reports.figures.panels import RED, beside, name_rows, points
from reports.figures.privacy import draw_pair, pair_title

ROW, NAMES = 0.22, 2.6  # inches of a row of points and of its name
PAIRS = 8  # on the page, six of one cohort
HELD_OUT, PLANTED = Look("#000000", "o"), Look("#777777", "s")
FURTHEST = 1.05  # of the axis, to the left of which scores are drawn at its end
POINTS = (
    "Each point is one volume: how many deviations it stands out, by whatever shows it most, from"
    " training volumes among each other. Red: to the left of the dashed line, which the hold-out sets."
    " Bars are medians; what lies further out than ten times the line is drawn at the end of the axis."
    " Rows of copies are training volumes that were planted, to see what would be found."
)
GALLERY = (
    "Each pair: synthetic volume, training volume moved onto it as the title says and fitted in"
    " intensity by a straight line, and their difference, from blue through white to red, over half of"
    " the grey window. Middle slices, in radiological orientation. p: how likely a new real volume is as"
    " suspicious. Flagged ones in red."
)


def memorisation(audit: Audit, pairs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw the scores of hold-out, cohorts and planted copies, and the most suspicious pairs.

    Args:
        audit: the results.
        pairs: by cohort, in the order of its samples; see
            `evalsuite.metrics.privacy.pairs.shown_pair`.
    """
    canvas = Canvas()
    looks = dict(
        zip(
            (v.cohort for v in audit.verdicts),
            map(Look, cycle(COLOURS), cycle(MARKERS)),
            strict=False,
        )
    )
    rows: list[tuple[str, Sequence[float], Look]] = [("hold-out", audit.held_out, HELD_OUT)]
    rows += [(v.cohort, [s.score for s in v.samples], looks[v.cohort]) for v in audit.verdicts]
    rows += [(f"copies {name}", scores, PLANTED) for name, scores in audit.planted.items()]
    (axes,) = canvas.panels([1], 1, [ROW * len(rows)])
    canvas.head(axes, Line("How much volumes stand out as copies"))
    _strips(axes, rows, audit)
    each = max(1, PAIRS // len(audit.verdicts))
    for verdict in audit.verdicts:
        colour = looks[verdict.cohort].colour
        name = shortened(verdict.cohort, INSIDE / 2)
        canvas.words(f"Most suspicious volumes of {name}", TITLE, colour)
        for place, pair in enumerate(pairs[verdict.cohort][:each]):
            sample = verdict.samples[place]
            title = f"{place + 1}. {pair_title(pair)}: by {sample.space}, p {sample.p:.3g}"
            canvas.words(title, NOTE, RED if sample.flagged else "black")
            draw_pair(canvas, pair, heads=place == 0)
    canvas.words(f"{POINTS} {GALLERY}")
    return canvas.finish()


def _strips(axes: Axes, rows: Sequence[tuple[str, Sequence[float], Look]], audit: Audit) -> None:
    plain(axes)
    threshold = audit.threshold
    end = 10 * min(threshold, -1.0)
    axes.axvline(threshold, color=RED, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    for y, (_, scores, look) in enumerate(rows):
        values = np.maximum(np.asarray(scores, dtype=float), end)
        points(axes, y, values, look, threshold)
        below = int((values < threshold).sum())
        text = f"{below} of {len(values)}" if y else f"rate {audit.rate:.2g}"
        beside(axes, y, text, RED if y and below else GREY)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=end * FURTHEST)
    axes.set_xlabel("deviations from training volumes among each other; suspicious on the left")
    names = [(y, shortened(name, NAMES), look.colour) for y, (name, _, look) in enumerate(rows)]
    name_rows(axes, names)
