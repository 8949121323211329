"""The same statistics of groups of readers and of groups of cases: described, not tested."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from evalsuite.statistics.ratings.averages import averages
from evalsuite.statistics.ratings.comparison import DIFFERENCE, comparisons
from evalsuite.statistics.result import ALL, NAN, Result
from evalsuite.statistics.roc.choice import choice_merits, choices
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import turing_readings

EVERYWHERE = ""  # the stratum of rows that belong to each


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which stratum each row of a long table belongs to.

    Args:
        by: what the strata are of, such as a question that readers were asked of themselves.
        of_row: the stratum, by the index of the table; nan for none, `EVERYWHERE` for each.
        strata: in the order in which they are told.
    """

    by: str
    of_row: "pd.Series[str]"
    strata: tuple[str, ...]


def reader_grouping(
    table: pd.DataFrame, by: str, of_reader: Mapping[str, str], order: Iterable[str]
) -> Grouping:
    """Return the grouping by what is known of readers; whoever told nothing is in no stratum.

    Args:
        table: the long table of one study.
        by: what readers were asked.
        of_reader: their strata, by name.
        order: of all strata there might be.
    """
    of_row = table["reader"].astype(str).map(dict(of_reader))
    return Grouping(by, of_row, tuple(s for s in order if (of_row == s).any()))


def case_grouping(table: pd.DataFrame, by: str) -> Grouping:
    """Return the grouping by the column `stratum` of an unblinded table.

    A pair of cases of different strata is in one of its own. Cases of a cohort that has no strata
    at all stand beside those of each stratum, as synthetic ones do that were made without.

    Args:
        table: the long table of one study.
        by: name of the strata.
    """
    given = table.get("stratum", pd.Series("", table.index)).astype("string").fillna("")
    own = given.map(lambda pair: " / ".join(sorted({part for part in pair.split("|") if part})))
    cohorts = table.get("cohort", pd.Series("", table.index)).astype(str)
    without = (own == "").groupby(cohorts).transform("all")
    of_row = own.where(own != "").mask(without, EVERYWHERE)
    return Grouping(by, of_row, tuple(sorted(set(own) - {""})))


def by_stratum(
    table: pd.DataFrame, groupings: Iterable[Grouping], points: Mapping[str, int] | None = None
) -> list[Result]:
    """Return mean answers, differences and how well real was told from synthetic, by stratum.

    Each is what the whole study would give if there were no other rows. There are no p-values:
    strata are many and small, and that an interval of one lies clear of chance and that of another
    does not is no difference between them (Gelman and Stern 2006).

    Args:
        table: the long table of one study; before unblinding there are mean answers only.
        groupings: those with fewer than two strata are left out.
        points: by question, how many options it offers.

    Returns:
        One per grouping, stratum, question, cohort and quantity, over all its readers.

    Raises:
        EvalsuiteError: as `answers_by_question`.

    References:
        Gelman and Stern, The American Statistician 60 (2006) 328-331.
    """
    return [
        replace(
            result,
            where={"by": grouping.by, "stratum": stratum, **_about(result)},
            hypothesis="",
            p=NAN,
            p_holm=NAN,
            family="",
        )
        for grouping in groupings
        if len(grouping.strata) > 1
        for stratum in grouping.strata
        for result in _results(
            table[(grouping.of_row == stratum) | (grouping.of_row == EVERYWHERE)], points
        )
    ]


def _results(rows: pd.DataFrame, points: Mapping[str, int] | None) -> Iterator[Result]:
    means = averages(rows, points)
    yield from (r for r in means if r.quantity == "mean" and r.at("reader") == ALL)
    if "role" not in rows.columns:
        return
    for result in comparisons(rows, points=points):
        if result.quantity == DIFFERENCE and result.at("reader") == ALL:
            cases = result.counts["first"] + result.counts["second"]
            yield replace(result, counts={**result.counts, "cases": cases})
    for readings in turing_readings(rows, points):
        yield from obuchowski_rockette(auc_merits(readings)).treatments
    for pairs in choices(rows):
        yield from obuchowski_rockette(choice_merits(pairs)).treatments


def _about(result: Result) -> dict[str, str | float]:
    """Return the question and the cohort, or the two that are compared."""
    where = result.where
    if "first" in where:
        cohort: str | float = f"{where['first']} less {where['second']}"
    else:
        cohort = where["treatment"] if "treatment" in where else where["cohort"]
    return {"question": where["question"], "cohort": cohort}
