"""Whether readers are shown to guess, within the margin of the design or the smallest that fits."""

import math

from evalsuite.statistics.result import Result
from evalsuite.statistics.roc.guessing import guessing
from evalsuite.statistics.roc.merits import Merits
from reports.document import Table
from reports.readers.claims import ALPHA, correction, intervals
from reports.readers.shown import Column, fixed, shown, told
from reports.sources import StudyData


def guessing_tables(
    study: StudyData, merits: Merits, margin: float | None, name: str, figure: str
) -> list[Table]:
    """Return the table of tests that a figure is near 0.5; none without a figure.

    Args:
        study: knows what the readers were asked.
        merits: of the chapter.
        margin: that the design states; without one the smallest that is shown is told.
        name: of the table.
        figure: heads the column of numbers.
    """
    results = guessing(merits, margin, alpha=ALPHA)
    if not any(result.bounded for result in results):
        return []
    columns: dict[str, Column] = {
        "synthetic cohort": "treatment",
        f"{figure} (90 % interval)": "value",
    }
    if margin is None:
        caption = (
            "That readers guess can only be shown within a margin, and the design states none for "
            "this figure. The smallest margin around 0.5 is the one within which these readings "
            f"would show it at 5 %, by two one-sided tests, with {intervals(results)}."
        )
        columns["smallest margin"] = _smallest
        return [shown(name, caption, results, columns, study, group="")]
    caption = (
        f"Are readers shown to guess, within the margin of {margin:g} that the design stated "
        "before the reading? Equivalence: the figure differs from 0.5 by less. Non-inferiority: "
        "synthetic cases are found out by less than that, or are taken for real. “Not shown” does "
        f"not prove the contrary. The figures have {intervals(results)}.{correction(results)}"
    )
    head = f"{figure} (90 % interval)"
    columns[head] = told
    return [
        shown(
            name,
            caption,
            results,
            columns,
            study,
            group="",
            across="quantity",
            number=shown_or_not,
        )
    ]


def shown_or_not(result: Result) -> str:
    """Return whether the hypothesis that a margin is exceeded was rejected."""
    if math.isnan(result.p):
        return "not known"
    return "shown" if result.p_holm < ALPHA else "not shown"


def _smallest(result: Result) -> str:
    smallest = result.parts["smallest_margin"]
    return "none" if not smallest < 0.5 else fixed(smallest, 2)
