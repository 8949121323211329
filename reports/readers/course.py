"""What the course of a session did: order, learning, fatigue, and the time per case."""

import pandas as pd

from evalsuite.statistics.ratings.course import course as course_effects
from evalsuite.statistics.ratings.course import times
from reports.document import Block, Notice, Section, Text
from reports.readers.claims import correction, intervals
from reports.readers.shown import computed, shown
from reports.sources import StudyData

TITLE = "Order, learning, fatigue and time"
ALL = "all"
READ = (
    "If answers drift during the reading, tired or learning readers are part of the result. The "
    "trend is the change over 10 cases; the first and the last fifth are set against the rest. "
    "Times are ratios: 0.9 is a tenth less time."
)
AFTER = (
    " The answer to a case after a real one is set against that after a synthetic one, as readers "
    "who think that the kinds alternate would show."
)
EFFECTS = {
    "quantity": "change",
    "unit": "unit",
    "estimate": "estimate (95 % interval)",
    "p_holm": "p, corrected",
    "n_readers": "readers",
}


def course(study: StudyData) -> Section:
    """Return the chapter on order effects and time."""
    found, seconds = course_effects(study.table, study.points), times(study.table)
    blocks: list[Block] = [*_times(study, seconds), *_effects(study, found)]
    return Section("course", TITLE, (*blocks, *computed(blocks)))


def _times(study: StudyData, seconds: pd.DataFrame) -> list[Block]:
    overall = seconds[seconds["reader"] == ALL]
    if not overall["estimate"].notna().any():
        return [Notice(("No active time was recorded with the answers.",))]
    return [
        shown(
            "times",
            "Active seconds on a case: those in which the page was in view and in use. The "
            "geometric mean is the usual average of times, on which single long pauses weigh "
            f"little. With {intervals(overall)}.",
            overall,
            {
                "cohort": "cohort",
                "n_readers": "readers",
                "n_cases": "cases",
            },
            study,
            group="",
            across="quantity",
        )
    ]


def _effects(study: StudyData, found: pd.DataFrame) -> list[Block]:
    overall, alone = found[found["reader"] == ALL], found[found["reader"] != ALL]
    if not overall["estimate"].notna().any():
        told = "Whether answers or times changed over the reading cannot be said."
        reasons = [str(text) for text in overall["warnings"] if text]
        return [Notice((told, *reasons[:1]))]
    return [
        Text((READ + (AFTER if "after a real case" in set(overall["quantity"]) else ""),)),
        shown(
            "course",
            f"Did answers and times change over the reading? With {intervals(overall)}."
            f"{correction(overall)}",
            overall,
            EFFECTS,
            study,
        ),
        shown(
            "course-by-reader",
            f"The same for each reader, with {intervals(alone)}.",
            alone,
            {"reader": "reader", **{k: EFFECTS[k] for k in ("quantity", "unit", "estimate")}},
            study,
            folded=True,
        ),
    ]
