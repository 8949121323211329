"""What readers answered: the share of each option, means and medians, by cohort and reader."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from evalsuite.records import Caveat
from evalsuite.statistics.cautions import ONE_READER, few_cases, few_readers
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.rated import TICKED, Rated, rated_by_question, ticked_by_question
from evalsuite.statistics.ratings.crossed import Crossed, over_readers
from evalsuite.statistics.result import ALL, NAN, Result

BOTH = (
    "readers and cases random, crossed, two-way analysis of variance, no surer of other readers "
    "than of these"
)
ALONE = "cases random; speaks of the readers who read them only"
MISSING = Caveat("answers-missing", "{n} of {size} pairs of a reader and a case have an answer.")
NO_ANSWER = Caveat("no-answer", "There is no answer.")
NO_COMMON_CASE = Caveat(
    "no-common-case",
    "No case was read by two readers, so the interval rests on how far readers differ.",
)
TOO_FEW_FOR_MEAN = Caveat("too-few-for-mean", "There is no interval: it needs answers to 2 cases.")
SAME_OF_EACH = Caveat(
    "same-answer-of-each",
    "There is no interval of the mean: each reader gave all cases the same answer.",
)
UNVARYING = Caveat(
    "unvarying-answers-of-mean", "There is no interval of the mean: the answers do not vary."
)
NO_OTHER_FITS = Caveat(
    "no-other-answer-fits",
    "There is no interval of the median: at this level no other answer fits.",
)
TOO_FEW_FOR_MEDIAN = Caveat(
    "too-few-for-median", "There is no interval of the median: it needs answers to 4 cases."
)
CROSSED_REFERENCE = "Obuchowski and Rockette 1995; Cochran 1964"


def distributions(
    table: pd.DataFrame, points: Mapping[str, int] | None = None, *, level: float = 0.95
) -> list[Result]:
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
        One per question, cohort, reader (and all of them together) and option, also for options
        that nobody chose: its share, in [0, 1], and among the counts how often it was chosen.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    shares = [
        _share(about, answers, option, option, level)
        for rated in rated_by_question(table, points, nominal=True)
        for about, answers in _groups(rated)
        for option in range(1, rated.points + 1)
    ]
    shares += [
        _share(about, answers, option, TICKED, level)
        for option, rated in ticked_by_question(table, points)
        for about, answers in _groups(rated)
    ]
    return shares


def _share(
    about: Result, answers: Float[np.ndarray, "c r"], option: int, chosen: float, level: float
) -> Result:
    share = share_of(answers, answers == chosen)
    low, high = share.share_interval(level, about.counts["cases"])
    return replace(
        about,
        where={**about.where, "option": option},
        quantity="share",
        value=share.value,
        low=low,
        high=high,
        level=level,
        counts={**about.counts, "chosen": int((answers == chosen).sum())},
        random=about.random if _crossed(share) else "cases",
        method=f"{_share_method(share)}; {about.method}",
        reference="Wilson 1927; Obuchowski and Rockette 1995",
    )


def _crossed(share: Crossed) -> bool:
    """Return whether the interval of a share is of the log odds rather than Wilson's."""
    return share.from_readers > 0 and 0 < share.value < 1


def _share_method(share: Crossed) -> str:
    if _crossed(share):
        return "mean of readers' shares, Student t of log odds"
    return "Wilson interval for the number of cases"


def averages(
    table: pd.DataFrame, points: Mapping[str, int] | None = None, *, level: float = 0.95
) -> list[Result]:
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
        One per question, cohort, reader (and all of them together) and quantity, in points of the
        answer.

    Raises:
        EvalsuiteError: as `answers_by_question`.

    References:
        Woodruff, JASA 47 (1952) 635-646, for the interval of the median.
    """
    results = []
    for rated in rated_by_question(table, points):
        scale = rated.scale(points)
        for about, answers in _groups(rated):
            mean = mean_rating(answers)
            low, high = mean.interval(level)
            median, below, above = median_rating(answers, level, scale)
            why = no_median_interval(median, below, above)
            if median == below == above:
                below, above = NAN, NAN
            results += [
                replace(
                    about,
                    quantity="mean",
                    value=mean.value,
                    low=max(low, scale[0]),
                    high=min(high, scale[1]),
                    level=level,
                    method=f"Student t; {about.method}",
                    reference=CROSSED_REFERENCE,
                    warnings=(*no_interval(mean, answers), *about.warnings),
                ),
                replace(
                    about,
                    quantity="median",
                    value=median,
                    low=below,
                    high=above,
                    level=level,
                    method=f"inverted interval of the share no higher; {about.method}",
                    reference="Woodruff 1952",
                    warnings=(*why, *about.warnings),
                ),
            ]
    return results


def no_interval(mean: Crossed, answers: Float[np.ndarray, "c r"]) -> tuple[Caveat, ...]:
    """Return why a mean has no interval; nothing where it has one, or where there is no mean."""
    if np.isnan(mean.value) or mean.varies:
        return ()
    if (~np.isnan(answers)).any(axis=1).sum() < 2:
        return (TOO_FEW_FOR_MEAN,)
    several = len(np.unique(answers[~np.isnan(answers)])) > 1
    return (SAME_OF_EACH if several else UNVARYING,)


def no_median_interval(median: float, low: float, high: float) -> tuple[Caveat, ...]:
    """Return why a median has no interval; nothing where it has one, or where there is none."""
    if median == low == high:
        return (NO_OTHER_FITS,)
    return (TOO_FEW_FOR_MEDIAN,) if np.isnan(low) and np.isfinite(median) else ()


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


def _groups(rated: Rated) -> Iterator[tuple[Result, Float[np.ndarray, "c r"]]]:
    """Yield the answers of all readers and of each one, behind what every number of them says."""
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
            place = {"question": rated.question, "cohort": cohort, "role": rated.roles[cohort]}
            about = Result(
                value=NAN,
                where={**place, "reader": reader},
                counts={
                    "readers": int(given.any(axis=0).sum()),
                    "cases": int(given.any(axis=1).sum()),
                    "answers": int(given.sum()),
                },
                random="cases and readers" if reader == ALL and several else "cases",
                method=BOTH if reader == ALL and several else ALONE,
                warnings=(*notes, *rated.warnings),
            )
            yield about, answers


def cautions(cohorts: list[Float[np.ndarray, "c r"]]) -> tuple[Caveat, ...]:
    """Return the reasons to doubt figures from the answers of some readers to some cohorts."""
    given = np.concatenate([~np.isnan(scores) for scores in cohorts])
    readers = given.any(axis=0)
    n_readers, n_cases = int(readers.sum()), int(given.any(axis=1).sum())
    if not n_readers:
        return (NO_ANSWER,)
    notes: tuple[Caveat, ...] = ()
    answered, asked = int(given[:, readers].sum()), given[:, readers].size
    if answered < asked:
        notes = (MISSING(n=answered, size=asked),)
    if n_readers > 1:
        notes += (NO_COMMON_CASE,) if given.sum(axis=1).max() == 1 else ()
        notes += few_readers(n_readers)
    return (*notes, *few_cases(n_cases))
