"""The results of groups of readers and of groups of cases."""

from evalsuite.statistics.ratings.comparison import DIFFERENCE
from evalsuite.statistics.result import Result
from evalsuite.statistics.strata import Grouping, by_stratum, case_grouping, reader_grouping
from reports.document import Block, Section, Table, Text
from reports.readers.claims import intervals
from reports.readers.shown import shown
from reports.sources import StudyData

TITLE = "Groups of readers and of cases"
CASES = "Cases"
READ = (
    "The same numbers for groups of readers, by what they told of themselves, and for groups of "
    "cases. They are described and not tested: groups are small, each number rests on those that "
    "stand beside it alone, and that one interval lies clear of chance and another does not is no "
    "difference between them."
)
COLUMNS = {
    "by": "by",
    "group": "stratum",
    "cohort": "cohort",
    "readers": "n_readers",
    "cases": "n_cases",
}
LONG = 12


def strata(study: StudyData) -> list[Section]:
    """Return the chapter on groups of readers and cases; none where there is one group only."""
    order = {question.name: place for place, question in enumerate(study.questions)}
    results = sorted(
        by_stratum(study.table, groupings(study), study.points),
        key=lambda result: order[result.at("question")],
    )
    if not results:
        return []
    means = [result for result in results if result.quantity == "mean"]
    apart = [result for result in results if result.quantity not in ("mean", DIFFERENCE)]
    differences = [result for result in results if result.quantity == DIFFERENCE]
    tables = [
        _table(study, "strata-apart", "How well real cases were told from synthetic ones", apart),
        _table(study, "strata-differences", "Difference of the mean answers", differences),
        _table(study, "strata-means", "Mean answer", means),
    ]
    blocks: list[Block] = [Text((READ,)), *(table for table in tables if table)]
    return [Section("strata", TITLE, tuple(blocks))]


def groupings(study: StudyData) -> list[Grouping]:
    """Return the groups of readers by each question with options, and those of cases."""
    asked = [question for question in study.profile if question.labels]
    of_readers = [
        reader_grouping(study.table, q.text, study.told_of_readers(q.name), q.labels)
        for q in asked
        if q.scale != "none"
    ]
    columns = [cohort.get("stratify_by") for cohort in study.design.get("cohorts") or ()]
    named = ", ".join(dict.fromkeys(filter(None, columns)))
    return [*of_readers, case_grouping(study.table, f"{CASES}: {named}" if named else CASES)]


def _table(study: StudyData, name: str, what: str, results: list[Result]) -> Table | None:
    if not results:
        return None
    return shown(
        name,
        f"{what} by group, over its readers, with {intervals(results)}.",
        results,
        COLUMNS,
        study,
        across="quantity",
        folded=len(results) > LONG,
    )
