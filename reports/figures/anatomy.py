"""The structures of label maps: distributions of every measure, cohort by cohort."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from evalsuite.records import Evaluation, Evidence
from reports.figures.cohorts import looks
from reports.figures.drawing import Drawing
from reports.figures.panels import ACROSS, Strip, strips

AXES = ("right", "anterior", "superior")
UNITS = {"volume": "ml", "surface": "mm²", "sphericity": "1: a ball"} | dict.fromkeys(AXES, "mm")
SHOWN = 21  # panels that fit on a page


def anatomy(evaluation: Evaluation, evidence: Evidence) -> Figure | None:
    """Draw one panel per structure and measure with the values of all volumes of each cohort.

    Of more than `SHOWN` measures those are drawn in which a synthetic cohort lies furthest from
    the real one, by the distance of the medians in interquartile ranges of the real values. None
    if the metric was not computed.
    """
    measures: dict[str, dict[str, Any]] = {
        d.synthetic: d.values for d in evidence.details if d.name == "anatomy"
    }
    if not measures:
        return None
    first = next(iter(measures.values()))
    panels = []
    for place, (measure, structures) in enumerate(first["measures"]):
        columns = {evaluation.real.name: first["real"][:, place]}
        columns |= {
            c.name: measures[c.name]["synthetic"][:, place]
            for c in evaluation.synthetic
            if c.name in measures
        }
        values = {cohort: column[np.isfinite(column)] for cohort, column in columns.items()}
        panels.append(Strip(*_titled(measure, structures), "", values))
    order = sorted(range(len(panels)), key=lambda i: -_apart(panels[i].values))
    shown = [panels[i] for i in sorted(order[:SHOWN])]
    rows = [shown[i : i + ACROSS] for i in range(0, len(shown), ACROSS)]
    drawn = (evaluation.real.name, *measures)
    return strips(rows, {n: look for n, look in looks(evaluation).items() if n in drawn})


def _titled(measure: str, structures: tuple[str, ...]) -> tuple[str, str]:
    """Return the title of a measure of one structure, or of two, and its unit."""
    if len(structures) == 1:
        return f"{measure.capitalize()}, structure {structures[0]}", UNITS[measure]
    first, second = structures
    return f"Structure {second}, how far {measure} of {first}", UNITS[measure]


def _apart(values: Mapping[str, Float[np.ndarray, " _"]]) -> float:
    """Return how far the furthest cohort lies from the first, which is the real one."""
    real, *others = values.values()
    if not len(real) or not any(len(column) for column in others):
        return 0.0
    low, middle, high = np.quantile(real, [0.25, 0.5, 0.75])
    furthest = max(abs(float(np.median(column)) - middle) for column in others if len(column))
    if high > low:
        return float(furthest / (high - low))
    return float("inf") if furthest else 0.0


FIGURE = Drawing(
    anatomy,
    "anatomy",
    "Every measure of every structure, volume by volume: each point is a volume, each bar the "
    "median of a cohort.",
)
