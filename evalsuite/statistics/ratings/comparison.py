"""Real against synthetic in the answers of readers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalsuite.statistics.multiplicity import COMPARED, TOLD_APART, holm
from evalsuite.statistics.ratings.area import EXACT, READERS, area, with_variance
from evalsuite.statistics.ratings.averages import ALL, ALONE, BOTH
from evalsuite.statistics.ratings.contrasts import mean_difference, odds_ratio
from evalsuite.statistics.ratings.crossed import NAN
from evalsuite.statistics.ratings.pairs import Pair, paired
from evalsuite.statistics.ratings.proportional_odds import informative

COLUMNS = [
    "question", "first", "second", "reader", "quantity", "estimate", "low", "high", "level",
    "hypothesis", "p", "p_holm", "family", "n_readers", "n_first", "n_second", "n_answers",
    "random", "method", "reference", "warnings",
]  # fmt: skip
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
REFERENCES = {
    DIFFERENCE: "Hillis 2014; Cochran 1964",
    SUPERIORITY: READERS,
    ODDS_RATIO: "McCullagh 1980; Cameron, Gelbach and Miller 2011",
}


def comparisons(
    table: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    points: Mapping[str, int] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return how the answers to two cohorts differ, for every question.

    Quantities: the difference in means (first less second), the probability of superiority of the
    first, and on ordinal scales the cumulative odds ratio. Rows of all readers hold for other
    readers and other cases; `benchmarks/coverage.py` says how well. Intervals of differences end
    where those of two answers do, which costs no coverage.

    Args:
        table: the long table of one study, with the truth.
        pairs: names of the cohorts to compare; each real with each synthetic one if None.
        points: by question, how many options it offers.
        level: nominal coverage, between 0 and 1.

    Returns:
        One row per question, pair, quantity and reader (and all of them together), without the
        odds ratio of single readers where there are several. `p` is two-sided, of `hypothesis`;
        `p_holm` corrects it by Holm's method over all pairs of cohorts of a quantity, for each
        question whether a case is real by itself and for all others together; it is nan in rows of
        single readers. The odds ratio leaves out who gave only the lowest or highest answer.

    Raises:
        EvalsuiteError: as `answers_by_question`; for a name of no cohort.
    """
    rows: list[dict[str, object]] = []
    for pair in paired(table, pairs, points):
        alone = [(name, pair.of_reader(i)) for i, name in enumerate(pair.readers)]
        for reader, own in [(ALL, pair), *alone]:
            names = [DIFFERENCE, SUPERIORITY]
            names += [ODDS_RATIO] if reader == ALL and pair.ordinal else []
            rows += [{"reader": reader, **_row(own, name, level)} for name in names]
    result = pd.DataFrame(rows, columns=COLUMNS)
    # A question whether a case is real is a test of its own, the visual Turing test.
    turing = result["question"].where(result["family"] == TOLD_APART, "")
    together = result["reader"] == ALL
    corrected = holm(result[together].assign(turing=turing), ["family", "turing", "quantity"])
    return result.assign(p_holm=corrected["p_holm"].reindex(result.index))


def _row(pair: Pair, quantity: str, level: float) -> dict[str, object]:
    if quantity == ODDS_RATIO and not pair.fault:
        pair = pair.only(informative(np.concatenate([pair.x, pair.y])), EXTREME)
    if quantity == SUPERIORITY and not pair.fault:
        pair = pair.only(with_variance(pair.x, pair.y), "they read one case of a kind only")
    found = _found(pair, quantity, level)
    # An exact interval says nothing of other readers.
    several = len(pair.readers) > 1 and found.reference != EXACT
    return pair.about | {
        "family": TOLD_APART if pair.told_apart else COMPARED,
        "quantity": quantity,
        "estimate": found.value,
        "low": found.low,
        "high": found.high,
        "level": level,
        "hypothesis": HYPOTHESES[quantity],
        "p": found.p,
        "random": "cases and readers" if several else "cases",
        "method": f"{found.method}; {BOTH if several else ALONE}",
        "reference": found.reference,
        "warnings": pair.noted(found.warning),
    }


class _Found(NamedTuple):
    """Estimate, interval, p-value, and why one of them is not there."""

    value: float
    low: float
    high: float
    p: float
    method: str
    reference: str
    warning: str


def _found(pair: Pair, quantity: str, level: float) -> _Found:
    told = METHODS[quantity], REFERENCES[quantity]
    if pair.fault:
        return _Found(NAN, NAN, NAN, NAN, *told, "")
    if quantity == SUPERIORITY:
        own = area(pair.x, pair.y, (pair.first, pair.second), level)
        method = f"{METHODS[SUPERIORITY]}, {own.method}"
        return _Found(own.value, own.low, own.high, own.p, method, own.reference, own.warning)
    if quantity == DIFFERENCE:
        mean = mean_difference(pair.x, pair.y)
        ends = pair.within(mean.interval(level))
        return _Found(mean.value, *ends, mean.p_value(), *told, pair.no_interval(mean, level))
    ratio = odds_ratio(pair.x, pair.y)
    value, low, high = np.exp((ratio.value, *ratio.interval(level))).tolist()
    note = pair.no_interval(ratio, level)
    if np.isnan(value):
        note = (
            "There is no odds ratio: all answers are equal, or those to one cohort are all above "
            "those to the other."
        )
    return _Found(value, low, high, ratio.p_value(), *told, note)
