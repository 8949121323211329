"""What the course of a session did: order, learning, fatigue, and the time per case."""

from collections.abc import Sequence

from evalsuite.statistics.ratings.course import NO_TIMES, times
from evalsuite.statistics.ratings.course import course as course_effects
from evalsuite.statistics.result import ALL, Result
from reports.document import Block, Notice, Section, Text
from reports.readers.claims import correction, intervals
from reports.readers.shown import reasons, shown
from reports.sources import StudyData

TITLE = "Order, learning, fatigue and time"
READ = (
    "If answers drift during the reading, tired or learning readers are part of the result. The "
    "trend is the change over 10 cases; the first and the last fifth are set against the rest. "
    "Times are ratios: 0.9 is a tenth less time."
)
AFTER = (
    " The answer to a case after a real one is set against that after a synthetic one, as readers "
    "who think that the kinds alternate would show."
)


def course(study: StudyData) -> Section:
    """Return the chapter on order effects and time."""
    changes, seconds = course_effects(study.table, study.points), times(study.table)
    blocks = [*_times(study, seconds), *_changes(study, changes)]
    return Section("course", TITLE, tuple(blocks), tuple(_by_reader(study, changes)))


def _times(study: StudyData, seconds: Sequence[Result]) -> list[Block]:
    overall = [result for result in seconds if result.at("reader") == ALL]
    if not any(result.defined for result in overall):
        return [Notice((str(NO_TIMES),))]
    return [
        shown(
            "times",
            "Active seconds on a case: those in which the page was in view and in use. The "
            "geometric mean is the usual average of times, on which single long pauses weigh "
            f"little. With {intervals(overall)}.",
            overall,
            {"cohort": "cohort", "readers": "n_readers", "cases": "n_cases"},
            study,
            group="",
            across="quantity",
        )
    ]


def _changes(study: StudyData, changes: Sequence[Result]) -> list[Block]:
    overall = [result for result in changes if result.at("reader") == ALL]
    if not any(result.defined for result in overall):
        sentence = "Whether answers or times changed over the reading cannot be said."
        return [Notice((sentence, *reasons(overall)[:1]))]
    after = any(result.quantity == "after a real case" for result in overall)
    return [
        Text((READ + AFTER * after,)),
        shown(
            "course",
            f"Did answers and times change over the reading? With {intervals(overall)}."
            f"{correction(overall)}",
            overall,
            {"of": "question", "in": _unit, "readers": "n_readers"},
            study,
            group="",
            across="quantity",
        ),
    ]


def _by_reader(study: StudyData, changes: Sequence[Result]) -> list[Block]:
    alone = [result for result in changes if result.at("reader") != ALL]
    if not any(result.defined for result in alone):
        return []
    return [
        shown(
            "course-by-reader",
            "Did answers and times change over the reading, for each reader? With "
            f"{intervals(alone)}.",
            alone,
            {"reader": "reader", "in": _unit},
            study,
            across="quantity",
            folded=True,
        )
    ]


def _unit(result: Result) -> str:
    return result.unit.split(" ")[0]
