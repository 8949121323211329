"""What readers answered: the share of each option, means and medians, by cohort and reader."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from evalsuite.statistics.agreement.rows import FEW_READERS, few_cases
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.rated import TICKED, Rated, rated_by_question, ticked_by_question
from evalsuite.statistics.ratings.crossed import NAN, Crossed, over_readers

SHARE_COLUMNS = [
    "question", "cohort", "role", "reader", "option", "count", "estimate", "low", "high", "level",
    "n_readers", "n_cases", "n_answers", "random", "method", "reference", "warnings",
]  # fmt: skip
AVERAGE_COLUMNS = [
    "question", "cohort", "role", "reader", "quantity", "estimate", "low", "high", "level",
    "n_readers", "n_cases", "n_answers", "random", "method", "reference", "warnings",
]  # fmt: skip
ALL = "all"
BOTH = (
    "readers and cases random, crossed, two-way analysis of variance, no surer of other readers "
    "than of these"
)
ALONE = "cases random; speaks of the readers who read them only"
ONE_READER = "There is only one reader: the interval speaks of this reader only."
CROSSED_REFERENCE = "Obuchowski and Rockette 1995; Cochran 1964"


def distributions(
    table: pd.DataFrame, points: Mapping[str, int] | None = None, *, level: float = 0.95
) -> pd.DataFrame:
    """Return how often each option of each question with options was chosen.

    The share of an option is that of the cases to which a reader gave it; over all readers it is
    the mean of their shares, with an interval that holds for other readers and other cases (see
    `Crossed.share_interval`); that of a rare answer of a few readers is rough. Hidden repeats and
    training are left out. Interval scales have no options.

    Args:
        table: the long table of one study, with or without the truth.
        points: by question, how many options it offers; else the largest answer that occurs.
        level: nominal coverage, between 0 and 1.

    Returns:
        One row per question, cohort, reader (and all of them together) and option, also for
        options that nobody chose; `estimate` is the share, in [0, 1], and `count` the answers.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    rows = [
        _share_row(about, columns, option, option, level)
        for rated in rated_by_question(table, points, nominal=True)
        for about, columns in _groups(rated)
        for option in range(1, rated.points + 1)
    ]
    rows += [
        _share_row(about, columns, option, TICKED, level)
        for option, rated in ticked_by_question(table, points)
        for about, columns in _groups(rated)
    ]
    return pd.DataFrame(rows, columns=SHARE_COLUMNS)


def _share_row(
    about: dict[str, object],
    answers: Float[np.ndarray, "c r"],
    option: int,
    chosen: float,
    level: float,
) -> dict[str, object]:
    share = share_of(answers, answers == chosen)
    low, high = share.share_interval(level, int((~np.isnan(answers)).any(axis=1).sum()))
    return about | {
        "random": about["random"] if _crossed(share) else "cases",
        "option": option,
        "count": int((answers == chosen).sum()),
        "estimate": share.value,
        "low": low,
        "high": high,
        "level": level,
        "method": f"{_share_method(share)}; {about['method']}",
        "reference": "Wilson 1927; Obuchowski and Rockette 1995",
    }


def _crossed(share: Crossed) -> bool:
    """Return whether the interval of a share is of the log odds rather than Wilson's."""
    return share.from_readers > 0 and 0 < share.value < 1


def _share_method(share: Crossed) -> str:
    if _crossed(share):
        return "mean of readers' shares, Student t of log odds"
    return "Wilson interval for the number of cases"


def averages(
    table: pd.DataFrame, points: Mapping[str, int] | None = None, *, level: float = 0.95
) -> pd.DataFrame:
    """Return mean and median answer to every question with a scale.

    Over all readers the mean is that of the readers' means, with an interval that holds for other
    readers and other cases, also where answers are missing; it ends where the scale does, which
    costs no coverage, as the true mean lies within. The median is the answer at which the
    share of answers no higher, every reader with equal weight, reaches one half (midway if it
    equals one half up to the next answer); its interval holds the answers at which the interval
    of that share includes one half. On a scale of few options it covers more than its level, and
    where it holds one answer only there is a sentence in its place.

    Args:
        table: the long table of one study, with or without the truth.
        points: by question, how many options it offers; without it the ends are not known.
        level: nominal coverage, between 0 and 1.

    Returns:
        One row per question, cohort, reader (and all of them together) and quantity, in points of
        the answer.

    Raises:
        EvalsuiteError: as `answers_by_question`.

    References:
        Woodruff, JASA 47 (1952) 635-646, for the interval of the median.
    """
    rows: list[dict[str, object]] = []
    for rated in rated_by_question(table, points):
        scale = rated.scale(points)
        for about, columns in _groups(rated):
            mean = mean_rating(columns)
            median, below, above = median_rating(columns, level, scale)
            low, high = mean.interval(level)
            low, high = max(low, scale[0]), min(high, scale[1])
            t = f"Student t; {about['method']}"
            woodruff = f"inverted interval of the share no higher; {about['method']}"
            why = no_median_interval(median, below, above)
            if median == below == above:
                below, above = NAN, NAN
            rows += [
                about | {"quantity": name, "estimate": value, "low": ends[0], "high": ends[1]}
                | {"level": level, "method": method, "reference": reference}
                | {"warnings": f"{note} {about['warnings']}".strip()}
                for name, value, ends, method, reference, note in (
                    ("mean", mean.value, (low, high), t, CROSSED_REFERENCE,
                     no_interval(mean, columns)),
                    ("median", median, (below, above), woodruff, "Woodruff 1952", why),
                )
            ]  # fmt: skip
    return pd.DataFrame(rows, columns=AVERAGE_COLUMNS)


def no_interval(mean: Crossed, answers: Float[np.ndarray, "c r"]) -> str:
    """Return why a mean has no interval; empty where it has one, or where there is no mean."""
    if np.isnan(mean.value) or mean.varies:
        return ""
    if (~np.isnan(answers)).any(axis=1).sum() < 2:
        return "There is no interval: it needs answers to 2 cases."
    if len(np.unique(answers[~np.isnan(answers)])) > 1:
        return "There is no interval of the mean: each reader gave all cases the same answer."
    return "There is no interval of the mean: the answers do not vary."


def no_median_interval(median: float, low: float, high: float) -> str:
    """Return why a median has no interval; empty where it has one, or where there is no median."""
    if median == low == high:
        return "There is no interval of the median: at this level no other answer fits."
    if np.isnan(low) and np.isfinite(median):
        return "There is no interval of the median: it needs answers to 4 cases."
    return ""


def mean_rating(scores: Float[np.ndarray, "c r"]) -> Crossed:
    """Return the mean over readers of their mean answers; readers without any are left out."""
    given = scores[:, ~np.isnan(scores).all(axis=0)]
    return over_readers(np.nanmean(given, axis=0) if given.size else np.empty(0), [given])


def share_of(scores: Float[np.ndarray, "c r"], chosen: Bool[np.ndarray, "c r"]) -> Crossed:
    """Return the mean over readers of the share of their answers that are `chosen`."""
    return mean_rating(np.where(np.isnan(scores), np.nan, chosen))


def median_rating(
    scores: Float[np.ndarray, "c r"], level: float, scale: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[float, float, float]:
    """Return the median answer and the ends of its interval; see `averages`.

    Args:
        scale: its ends. Up to 3 cases leave answers possible that were not given, so that the
            interval ends where the scale does, or is not known.
    """
    given = ~np.isnan(scores)
    offered = np.unique(scores[given])
    if not len(offered):
        return NAN, NAN, NAN
    readers = given.any(axis=0)
    weights = np.where(given, 1 / np.maximum(given.sum(axis=0), 1), 0.0) / readers.sum()
    order = np.searchsorted(offered, scores[given])
    shares = np.cumsum(np.bincount(order, weights=weights[given]))
    reached = int(np.argmax(shares >= 0.5 - 1e-12))
    passed = int(np.argmax(shares > 0.5 + 1e-12))
    median = float(offered[reached] + offered[passed]) / 2
    n_cases = int(given.any(axis=1).sum())
    if n_cases < 2:
        return median, NAN, NAN
    if share_of(scores, scores < offered[0]).share_interval(level, n_cases)[1] >= 0.5:
        low, high = scale if np.isfinite(scale).all() else (NAN, NAN)
        return median, low, high

    def first(end: int) -> float:
        """Return the lowest answer for which that end of the interval reaches one half."""
        return float(offered[min(_first_true(len(offered), reaches(end)), len(offered) - 1)])

    def reaches(end: int) -> Callable[[int], bool]:
        def check(k: int) -> bool:
            no_higher = share_of(scores, scores <= offered[k])
            return no_higher.share_interval(level, n_cases)[end] >= 0.5

        return check

    return median, min(first(1), median), max(first(0), median)


def _first_true(count: int, check: Callable[[int], bool]) -> int:
    return bisect_left(range(count), True, key=check)


def _groups(rated: Rated) -> Iterator[tuple[dict[str, object], Float[np.ndarray, "c r"]]]:
    """Yield the answers of all readers and of each one, and what a row says about them."""
    for cohort, scores in rated.scores.items():
        several = int((~np.isnan(scores)).any(axis=0).sum()) > 1
        columns = {ALL: scores} | {reader: scores[:, [i]] for i, reader in enumerate(rated.readers)}
        for reader, answers in columns.items():
            given = ~np.isnan(answers)
            notes = cautions([answers])
            if reader == ALL and given.any():
                notes = () if several else (ONE_READER,)
                notes += left_out(
                    f"they answered none of {cohort}", ~given.any(axis=0), rated.readers
                )
                notes += cautions([answers])
            yield (
                {
                    "question": rated.question,
                    "cohort": cohort,
                    "role": rated.roles[cohort],
                    "reader": reader,
                    "n_readers": int(given.any(axis=0).sum()),
                    "n_cases": int(given.any(axis=1).sum()),
                    "n_answers": int(given.sum()),
                    "random": "cases and readers" if reader == ALL and several else "cases",
                    "method": BOTH if reader == ALL and several else ALONE,
                    "warnings": " ".join((*notes, *rated.warnings)),
                },
                answers,
            )


def cautions(cohorts: list[Float[np.ndarray, "c r"]]) -> tuple[str, ...]:
    """Return the reasons to doubt figures from the answers of some readers to some cohorts."""
    given = np.concatenate([~np.isnan(scores) for scores in cohorts])
    readers = given.any(axis=0)
    n_readers, n_cases = int(readers.sum()), int(given.any(axis=1).sum())
    if not n_readers:
        return ("There is no answer.",)
    notes: tuple[str, ...] = ()
    missing = int((~given[:, readers]).sum())
    if missing:
        notes = (f"{missing} of {given[:, readers].size} answers are missing.",)
    if n_readers > 1 and given.sum(axis=1).max() == 1:
        notes += (
            "No case was read by two readers, so the interval rests on how far readers differ.",
        )
    if 1 < n_readers < FEW_READERS:
        notes += (f"Only {n_readers} readers: the interval says little about other readers.",)
    return (*notes, *few_cases(n_cases))
