"""Real against synthetic in the answers of readers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evalsuite.statistics.multiplicity import COMPARED, TOLD_APART, holm
from evalsuite.statistics.ratings.averages import ALL, ALONE, BOTH
from evalsuite.statistics.ratings.contrasts import mean_difference, odds_ratio, superiority
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
    SUPERIORITY: "P(first > second) + P(equal) / 2 within a reader, Student t of log odds",
    ODDS_RATIO: (
        "odds of a higher answer to the first, proportional odds model with reader effects, "
        "Student t with variance clustered by readers and by cases"
    ),
}
EXTREME = "the odds ratio learns nothing from only the lowest or only the highest answers"
REFERENCES = {
    DIFFERENCE: "Hillis 2014; Cochran 1964",
    SUPERIORITY: "Brunner and Munzel 2000; Obuchowski and Rockette 1995",
    ODDS_RATIO: "McCullagh 1980; Cameron, Gelbach and Miller 2011",
}


def comparisons(
    table: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return how the answers to two cohorts differ, for every question.

    Quantities: the difference in means (first less second), the probability of superiority of the
    first, and on ordinal scales the cumulative odds ratio. Rows of all readers hold for other
    readers and other cases; `benchmarks/coverage.py` says how well.

    Args:
        table: the long table of one study, with the truth.
        pairs: names of the cohorts to compare; each real with each synthetic one if None.
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
    for pair in paired(table, pairs):
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
    value, low, high, p, note = _found(pair, quantity, level)
    return pair.about | {
        "family": TOLD_APART if pair.told_apart else COMPARED,
        "quantity": quantity,
        "estimate": value,
        "low": low,
        "high": high,
        "level": level,
        "hypothesis": HYPOTHESES[quantity],
        "p": p,
        "method": f"{METHODS[quantity]}; {ALONE if len(pair.readers) == 1 else BOTH}",
        "reference": REFERENCES[quantity],
        "warnings": pair.noted(note),
    }


def _found(pair: Pair, quantity: str, level: float) -> tuple[float, float, float, float, str]:
    """Return estimate, interval, p-value and why one of them is not there."""
    if pair.fault:
        return NAN, NAN, NAN, NAN, ""
    if quantity == DIFFERENCE:
        mean = mean_difference(pair.x, pair.y)
        note = "" if mean.variance > 0 else pair.unvarying()
        return mean.value, *mean.interval(level), mean.p_value(), note
    if quantity == SUPERIORITY:
        share = superiority(pair.x, pair.y)
        note = "" if share.on_logit().variance > 0 else pair.unvarying()
        if share.value in (0, 1):
            note = "There is no interval: every answer to one cohort is above those to the other."
        return share.value, *share.probability_interval(level), share.on_logit().p_value(), note
    ratio = odds_ratio(pair.x, pair.y)
    value, low, high = np.exp((ratio.value, *ratio.interval(level))).tolist()
    note = "" if ratio.variance > 0 else pair.unvarying()
    if np.isnan(value):
        note = (
            "There is no odds ratio: all answers are equal, or those to one cohort are all above "
            "those to the other."
        )
    return value, low, high, ratio.p_value(), note
