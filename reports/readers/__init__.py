"""The reader-study part of a report: statistics of `evalsuite.statistics`, drawn and told."""

from reports.document import Notice, Section
from reports.readers.agreement import agreement
from reports.readers.choices import forced_choices
from reports.readers.comparison import comparison
from reports.readers.course import course
from reports.readers.findings import findings
from reports.readers.marks import marks
from reports.readers.overview import cautions, overview
from reports.readers.plan import plan_sections
from reports.readers.ratings import ratings
from reports.readers.reading import reading
from reports.readers.strata import strata
from reports.readers.turing import turing
from reports.sources import StudyData

__all__ = ["cautions", "findings", "study_sections"]


def study_sections(study: StudyData, *, replicates: int) -> list[Section]:
    """Return the chapters on a study: design, ratings, comparisons, Turing test, agreement.

    Args:
        study: with its long table.
        replicates: of every bootstrap.
    """
    if not study.readers:
        sentence = "There are no answers yet. Make the report again once readers have answered."
        return [Section("study", "The reader study", (Notice((sentence,)),)), *plan_sections(study)]
    sections = [*plan_sections(study), overview(study), ratings(study)]
    if study.unblinded:
        sections += [comparison(study), *turing(study), *forced_choices(study)]
    sections += [*marks(study), *strata(study), agreement(study, replicates), course(study)]
    return [*sections, reading(study)]
