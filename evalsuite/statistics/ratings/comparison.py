"""Real against synthetic in the answers of readers."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from evalsuite.records import Caveat
from evalsuite.statistics.multiplicity import COMPARED, TOLD_APART
from evalsuite.statistics.ratings.area import EXACT, READERS, area, with_variance
from evalsuite.statistics.ratings.averages import ALONE
from evalsuite.statistics.ratings.contrasts import mean_difference, odds_ratio
from evalsuite.statistics.ratings.pairs import Pair, paired
from evalsuite.statistics.ratings.proportional_odds import informative
from evalsuite.statistics.result import ALL, NAN, Result, holm

DIFFERENCE = "difference in means"
SUPERIORITY = "probability of superiority"
ODDS_RATIO = "cumulative odds ratio"
HYPOTHESES = {
    DIFFERENCE: "the difference is 0",
    SUPERIORITY: "the probability is 0.5",
    ODDS_RATIO: "the ratio is 1",
}
METHODS = {
    DIFFERENCE: "mean over readers of first less second, Student t",
    SUPERIORITY: "P(first > second) + P(equal) / 2 within a reader",
    ODDS_RATIO: (
        "odds of a higher answer to the first, proportional odds model with reader effects, "
        "Student t with variance clustered by readers and by cases"
    ),
}
EXTREME = "the odds ratio learns nothing from only the lowest or only the highest answers"
NO_ODDS_RATIO = Caveat(
    "no-odds-ratio",
    "There is no odds ratio: all answers are equal, or those to one cohort are all above those to "
    "the other.",
)
REFERENCES = {
    DIFFERENCE: "Hillis 2014; Cochran 1964",
    SUPERIORITY: READERS,
    ODDS_RATIO: "McCullagh 1980; Cameron, Gelbach and Miller 2011",
}


def comparisons(
    table: pd.DataFrame,
    *,
    points: Mapping[str, int] | None = None,
    level: float = 0.95,
) -> list[Result]:
    """Return how the answers to each real and each synthetic cohort differ, for every question.

    Quantities: the difference in means (first less second), the probability of superiority of the
    first, and on ordinal scales the cumulative odds ratio. Rows of all readers hold for other
    readers and other cases; `benchmarks/coverage.py` says how well. Intervals of differences end
    where those of two answers do, which costs no coverage.

    Args:
        table: the long table of one study, with the truth.
        points: by question, how many options it offers.
        level: nominal coverage, between 0 and 1.

    Returns:
        One per question, pair, quantity and reader (and all of them together), without the odds
        ratio of single readers where there are several. `p` is corrected over all pairs of
        cohorts of a quantity, for each question whether a case is real by itself and for all
        others together; that of single readers is not. The odds ratio leaves out who gave only the lowest or highest answer.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    results = []
    for pair in paired(table, points):
        alone = [(name, pair.of_reader(i)) for i, name in enumerate(pair.readers)]
        for reader, compared in [(ALL, pair), *alone]:
            names = [DIFFERENCE, SUPERIORITY]
            names += [ODDS_RATIO] if reader == ALL and pair.ordinal else []
            results += [_result(compared, reader, name, level) for name in names]
    return holm(results, _corrected_with)


def differences(
    table: pd.DataFrame, *, points: Mapping[str, int] | None = None, level: float = 0.95
) -> list[Result]:
    """Return the difference in means of all readers alone, of every question and pair of cohorts.

    Args and errors are those of `comparisons`; p-values are not corrected.
    """
    return [_result(pair, ALL, DIFFERENCE, level) for pair in paired(table, points)]


def _corrected_with(result: Result) -> tuple[str, str] | None:
    if result.where["reader"] != ALL:
        return None
    # A question whether a case is real is a test of its own, the visual Turing test.
    return result.at("question") if result.family == TOLD_APART else "", result.quantity


def _result(pair: Pair, reader: str, quantity: str, level: float) -> Result:
    if quantity == ODDS_RATIO and not pair.fault:
        pair = pair.only(informative(np.concatenate([pair.x, pair.y])), EXTREME)
    if quantity == SUPERIORITY and not pair.fault:
        pair = pair.only(with_variance(pair.x, pair.y), "they read one case of a kind only")
    about = pair.about
    contrast = _contrast(pair, quantity, level)
    # An exact interval says nothing of other readers.
    exact = contrast.reference == EXACT
    return replace(
        contrast,
        where={**about.where, "reader": reader},
        quantity=quantity,
        level=level,
        hypothesis=HYPOTHESES[quantity],
        family=TOLD_APART if pair.told_apart else COMPARED,
        counts=about.counts,
        random="cases" if exact else about.random,
        method=f"{contrast.method}; {ALONE if exact else about.method}",
        warnings=(*contrast.warnings, *about.warnings),
    )


def _contrast(pair: Pair, quantity: str, level: float) -> Result:
    """Return the number with interval and p-value, and why one of them is not there."""
    unknown = Result(value=NAN, method=METHODS[quantity], reference=REFERENCES[quantity])
    if pair.fault:
        return unknown
    if quantity == SUPERIORITY:
        superiority = area(pair.x, pair.y, (pair.first, pair.second), level)
        return replace(superiority, method=f"{METHODS[SUPERIORITY]}, {superiority.method}")
    if quantity == DIFFERENCE:
        crossed = mean_difference(pair.x, pair.y)
        value, (low, high) = crossed.value, pair.within(crossed.interval(level))
    else:
        crossed = odds_ratio(pair.x, pair.y)
        value, low, high = np.exp((crossed.value, *crossed.interval(level))).tolist()
    warnings = (NO_ODDS_RATIO,) if np.isnan(value) else pair.no_interval(crossed, level)
    p = crossed.p_value()
    return replace(unknown, value=value, low=low, high=high, p=p, warnings=warnings)
