"""The structures of label maps: distributions of every measure, cohort by cohort."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evalsuite.records import Evaluation, Evidence
from reports.figures.cohorts import looks, shortened

COLUMNS = 3
UNITS = {"volume": "ml", "surface": "mm²", "sphericity": "", "distance": "mm"}


def anatomy(evaluation: Evaluation, evidence: Evidence) -> Figure | None:
    """Draw one panel per structure and measure with the values of all volumes of each cohort.

    None if the metric was not computed.
    """
    found: dict[str, dict[str, Any]] = {
        d.synthetic: d.values for d in evidence.details if d.name == "anatomy"
    }
    if not found:
        return None
    names = next(iter(found.values()))["names"]
    cohorts = [c.name for c in evaluation.synthetic if c.name in found]
    look = looks(evaluation)
    lines = -(-len(names) // COLUMNS)
    height = (0.8 + 0.3 * (1 + len(cohorts))) * lines + 0.2
    figure = Figure(figsize=(8.0, height), layout="constrained")
    panels = np.atleast_1d(figure.subplots(lines, COLUMNS, squeeze=False)).ravel()
    random = np.random.default_rng(0)
    for place, (axes, name) in enumerate(zip(panels, names, strict=False)):
        rows = [(evaluation.real.name, next(iter(found.values()))["real"][:, place])]
        rows += [(cohort, found[cohort]["synthetic"][:, place]) for cohort in cohorts]
        for y, (cohort, values) in enumerate(rows):
            kept = values[np.isfinite(values)]
            jitter = random.uniform(-0.22, 0.22, len(kept))
            axes.plot(kept, y + jitter, ".", markersize=2.5, alpha=0.6, color=look[cohort].colour)
            if len(kept):
                axes.plot([np.median(kept)] * 2, [y - 0.35, y + 0.35], color=look[cohort].colour)
        labels = [shortened(cohort) for cohort, _ in rows] if place % COLUMNS == 0 else []
        axes.set_yticks(range(len(rows)), labels or [""] * len(rows), fontsize=7.5)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        *structure, measure = name.split("_")
        unit = UNITS[measure]
        title = f"{measure}, structure{'s' if len(structure) > 1 else ''} {' to '.join(structure)}"
        axes.set_title(f"{title}{f' ({unit})' if unit else ''}", fontsize=8)
        axes.tick_params(labelsize=7)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return figure
