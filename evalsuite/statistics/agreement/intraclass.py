"""The intraclass correlations of all readers as rows, with bootstrap and F intervals."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from evalsuite.records import Caveat
from evalsuite.statistics.agreement.icc import (
    FORMS,
    icc_replicates,
    intraclass_correlations,
    of_mean,
    possible,
)
from evalsuite.statistics.agreement.rows import (
    NO_INTERVAL,
    Resampling,
    explained,
    named,
    transformed,
)
from evalsuite.statistics.agreement.usable import bootstrapped, usable, why_undefined
from evalsuite.statistics.answers import Answers
from evalsuite.statistics.cautions import few_cases
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.resample import Over
from evalsuite.statistics.result import ALL, NAN, Result

ICC_METHODS = (
    "one-way random effects, one reader",
    "two-way random effects, absolute agreement, one reader",
    "two-way mixed effects, consistency, one reader",
    "one-way random effects, mean of {k} readers",
    "two-way random effects, absolute agreement, mean of {k} readers",
    "two-way mixed effects, consistency, mean of {k} readers",
)
INCOMPLETE = Caveat(
    "incomplete-for-icc",
    "An ICC needs at least 2 cases that all {k} readers answered, but {lacking} of {size} cases "
    "lack an answer.",
)
ICC_REFERENCE = "Shrout and Fleiss 1979; McGraw and Wong 1996"
IMPOSSIBLE = Caveat(
    "impossible-icc",
    "The ICC cannot be computed: readers agree so much less than by chance that its estimate is "
    "below the least that is possible.",
)
MEANINGLESS = Caveat(
    "meaningless-icc-of-mean",
    "The ICC of the mean cannot be computed: readers agree so much less than by chance that its "
    "estimate is below -1, where it has no meaning.",
)


def icc_results(answers: Answers, resampling: Resampling) -> Iterator[Result]:
    """Yield the six forms with bootstrap intervals, then with those of the F distribution."""
    rated = usable(answers, shared=False)
    reason = why_undefined(answers.first)
    complete = ~np.isnan(rated.ratings).any(axis=1)
    ratings, strata = rated.ratings[complete], rated.strata[complete]
    n, k = ratings.shape
    notes = rated.notes
    if not reason and n < 2:
        reason = INCOMPLETE(k=k, lacking=len(complete) - n, size=len(complete))
    elif not reason:
        notes += left_out("a reader did not answer them", ~complete, "cases")
    singles = bootstrapped(
        lambda draws: icc_replicates(ratings, draws)[:, :3], ratings, strata, resampling, reason, 3
    )
    singles = [_possible(single, k) for single in singles]
    resampled = singles + [_of_mean(single, k) for single in singles]
    exact = [] if reason else _with_f_intervals(ratings, resampled, resampling.level)
    for form, method, value in zip(FORMS * 2, ICC_METHODS * 2, resampled + exact, strict=False):
        yield named(
            value,
            form,
            answers.question,
            ALL,
            answers=int(ratings.size),
            method=method.format(k=k),
            reference=ICC_REFERENCE,
            warnings=notes,
        )


def _with_f_intervals(
    ratings: Float[np.ndarray, "n k"], resampled: list[Result], level: float
) -> list[Result]:
    """Return the six forms with intervals of the F distribution; without a value, and why."""
    n, k = ratings.shape
    randoms: tuple[Over, ...] = ("cases and readers", "cases and readers", "cases")
    numbers = intraclass_correlations(ratings, level=level).tolist()
    results = [
        explained(
            Result(
                value=value,
                low=low,
                high=high,
                level=level,
                interval="F distribution",
                method="F distribution of normal ratings",
                counts={"readers": k, "cases": n},
                random=random,
                warnings=few_cases(n),
            )
        )
        for (value, low, high), random in zip(numbers, randoms * 2, strict=True)
    ]
    return [
        result if result.defined else replace(result, warnings=other.warnings)
        for result, other in zip(results, resampled, strict=True)
    ]


def _possible(single: Result, k: int) -> Result:
    """Return an ICC of one reader, or why there can be none; see `possible`."""
    value, low, high = possible(np.array([single.value, single.low, single.high]), k).tolist()
    ended = replace(single, value=value, low=low, high=high)
    if single.defined and not ended.defined:
        return replace(ended, standard_error=NAN, warnings=(IMPOSSIBLE,))
    if single.bounded and not ended.bounded:
        return replace(ended, warnings=(NO_INTERVAL, *single.warnings))
    return ended


def _of_mean(single: Result, k: int) -> Result:
    """Return the ICC of the mean of the readers, or why it has no meaning; see `of_mean`."""
    mean = transformed(single, lambda numbers: of_mean(numbers, k))
    meaningless = single.defined and not mean.defined
    return replace(mean, warnings=(MEANINGLESS,)) if meaningless else mean
