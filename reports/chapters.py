"""Chapters of other packages: functions in the entry-point group `evalsuite.report_chapters`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalsuite.plugins import available, load
from reports.document import Section
from reports.sources import EvaluationData, StudyData


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made from.

    Args:
        study: or None.
        evaluations: perhaps none.
        utilities: folders of results of `evalsuite utility`, perhaps none.
        replicates: of every bootstrap.
    """

    study: StudyData | None
    evaluations: Sequence[EvaluationData]
    utilities: Sequence[Path] = ()
    replicates: int = 2000


def further_chapters(sources: Sources) -> list[Section]:
    """Return the chapters of other packages, in the order of the names of their entry points.

    Each entry point is a function of the sources that returns chapters, or none.
    """
    found = [load("report_chapters", name)(sources) for name in available("report_chapters")]
    return [section for sections in found for section in sections]
