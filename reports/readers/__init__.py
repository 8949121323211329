"""The reader-study part of a report: statistics of `evalsuite.statistics`, drawn and told."""

from reports.document import Notice, Section
from reports.readers.agreement import agreement
from reports.readers.choices import forced_choices
from reports.readers.comparison import comparison
from reports.readers.course import course
from reports.readers.findings import answers
from reports.readers.marks import marks
from reports.readers.overview import overview
from reports.readers.plan import plan_sections
from reports.readers.ratings import ratings
from reports.readers.reading import reading
from reports.readers.results import StudyResults
from reports.readers.shown import computed
from reports.readers.strata import strata
from reports.readers.turing import turing

__all__ = ["StudyResults", "answers", "study_sections"]


def study_sections(results: StudyResults) -> list[Section]:
    """Return the chapters on a study: design, ratings, comparisons, Turing test, agreement.

    Args:
        results: of the study, computed as they are asked for.
    """
    study = results.study
    if not study.readers:
        sentence = "There are no answers yet. Make the report again once readers have answered."
        return [Section("study", "The reader study", (Notice((sentence,)),)), *plan_sections(study)]
    sections = [*plan_sections(study), overview(results), ratings(study)]
    if study.unblinded:
        sections += [comparison(results), *turing(results), *forced_choices(results)]
    sections += [*marks(study), *strata(study), agreement(results), course(study)]
    sections.append(reading(results))
    blocks = [b for section in sections for b in section.everything]
    how = Section(
        "computed", "How the numbers of the study were computed", (), tuple(computed(blocks))
    )
    return [*sections, how]
