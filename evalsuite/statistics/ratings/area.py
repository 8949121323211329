"""The area under the ROC curve, which is the probability of superiority: one estimate, one interval."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest

from evalsuite.records import Caveat
from evalsuite.statistics.ratings.contrasts import superiority
from evalsuite.statistics.ratings.crossed import standard_error
from evalsuite.statistics.result import NAN, Result
from evalsuite.statistics.roc.auc import UNBIASED
from evalsuite.statistics.roc.one_shot import U_STATISTIC, everyone

METHOD = "empirical, DeLong's covariance, Student t of log odds"
ONE_READER = "Brunner and Munzel 2000; DeLong, DeLong and Clarke-Pearson 1988"
READERS = "Obuchowski and Rockette 1995; Hillis 2007; Cochran 1964"
EXACT = "Clopper and Pearson 1934"
WITHOUT_ERROR = Caveat(
    "separated-without-error",
    "The ratings separate the cases without error, so the standard error is undefined and the "
    "interval conservative.",
)
NONE_READ = Caveat("no-case-of-a-truth", "The AUC is undefined: no {truth} case was read.")
NONE_OF_BOTH = Caveat(
    "no-reader-of-both-truths", "The AUC is undefined: no reader read cases of both kinds."
)
ONE_READ = Caveat(
    "one-case-of-a-truth",
    "There is no interval: it needs at least 2 cases of either truth, but only 1 {truth} case was "
    "read.",
)
TOO_FEW = Caveat(
    "too-few-of-both",
    "There is no interval of {level:.0%}: {first} and {second} cases are too few, as no p-value of "
    "theirs can be below {least_p:.2g}.",
)
OF_THESE = Caveat("of-these-readers", "It speaks of these readers only.")
UNVARYING_RATINGS = Caveat("unvarying-ratings", "There is no interval: the ratings do not vary.")
EACH_THE_SAME = Caveat(
    "same-rating-of-each", "There is no interval: each reader gave all cases the same answer."
)


def area(
    x: Float[np.ndarray, "m r"],
    y: Float[np.ndarray, "n r"],
    names: tuple[str, str],
    level: float,
) -> Result:
    """Return the mean over readers of the area under the ROC curve of x against y, unnamed.

    One reader's is the probability that a random case of x is rated above a random one of y, ties
    counted half. The interval is Student's on the logit scale; see `over_figures`. Where all readers
    separate the cases without error it is Clopper and Pearson's for as many pairs as can be made
    without using a case twice: if the mean of these readers' true areas were lower, one of them
    would win all these pairs more rarely than that. It cannot speak of other readers, about whom
    readers without an error say nothing.

    Args:
        x, y: answers, higher for more surely of the kind of x; nan where there is none. Readers
            who are not `with_variance` are left out.
        names: what cases of x and of y are called.
        level: nominal coverage, between 0 and 1.

    References:
        DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845. Brunner and Munzel,
        Biometrical Journal 42 (2000) 17-25. Obuchowski and Rockette, Communications in
        Statistics 24 (1995) 285-308. Clopper and Pearson, Biometrika 26 (1934) 404-413; that
        asymptotic intervals fail near 1: Obuchowski and Lieber, Statistics in Medicine 21 (2002).
    """
    counts = _counts(x, y)
    read = with_variance(x, y)
    reference = READERS if read.sum() > 1 else ONE_READER
    sizes = [int((~np.isnan(part)).any(axis=1).sum()) for part in (x, y)]
    if not read.any():
        why = NONE_OF_BOTH if all(sizes) else NONE_READ(truth=names[int(sizes[0] > 0)])
        return Result(value=NAN, level=level, method=METHOD, reference=reference, warnings=(why,))
    x, y = x[:, read], y[:, read]
    mean = superiority(x, y)
    if mean.value in (0, 1):
        pairs = int(counts[read].min())
        _, low, high, p = exact_share(round(mean.value) * pairs, pairs, level)
        return Result(
            value=mean.value,
            low=low,
            high=high,
            level=level,
            p=p,
            method=f"empirical, exact interval of {pairs} disjoint pairs",
            reference=EXACT,
            warnings=(WITHOUT_ERROR, OF_THESE) if read.sum() > 1 else (WITHOUT_ERROR,),
        )
    low, high = mean.probability_interval(level)
    crossed = everyone(~np.isnan(np.concatenate([x, y]).T))
    warnings: tuple[Caveat, ...] = ()
    if min(sizes) < 2:
        warnings = (ONE_READ(truth=names[sizes.index(min(sizes))]),)
    elif not mean.varies:
        every = np.concatenate([x, y])
        several = len(np.unique(every[~np.isnan(every)])) > 1
        warnings = (EACH_THE_SAME if several else UNVARYING_RATINGS,)
    elif np.isnan(low):
        warnings = (TOO_FEW(level=level, first=sizes[0], second=sizes[1], least_p=mean.least_p),)
    return Result(
        value=mean.value,
        low=low,
        high=high,
        level=level,
        standard_error=standard_error(mean),
        p=mean.on_logit().p_value(),
        method=METHOD if crossed else f"empirical, {U_STATISTIC}, Student t of log odds",
        reference=reference if crossed else f"{UNBIASED}; {READERS}",
        warnings=warnings,
    )


def with_variance(
    x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]
) -> Bool[np.ndarray, " r"]:
    """Return who read two cases of either kind, of which one has no variance, or else one."""
    counts = _counts(x, y)
    return np.asarray(counts > 1 if (counts > 1).any() else counts > 0)


def _counts(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> Int[np.ndarray, " r"]:
    """Return how many cases of the kind of which fewer were read each reader read."""
    return np.asarray(np.minimum(*((~np.isnan(part)).sum(axis=0) for part in (x, y))))


def exact_share(k: int, n: int, level: float) -> tuple[float, float, float, float]:
    """Return k / n, the ends of its exact interval and the exact p value of one half; nan for n = 0.

    References:
        Clopper and Pearson, Biometrika 26 (1934) 404-413.
    """
    if n == 0:
        return NAN, NAN, NAN, NAN
    test = binomtest(k, n)
    low, high = test.proportion_ci(level, "exact")
    return k / n, float(low), float(high), float(test.pvalue)
