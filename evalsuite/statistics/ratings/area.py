"""The area under the ROC curve, which is the probability of superiority: one estimate, one interval."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest

from evalsuite.statistics.ratings.contrasts import superiority
from evalsuite.statistics.ratings.crossed import NAN, standard_error

METHOD = "empirical, DeLong's covariance, Student t of log odds"
ONE_READER = "Brunner and Munzel 2000; DeLong, DeLong and Clarke-Pearson 1988"
READERS = "Obuchowski and Rockette 1995; Hillis 2007; Cochran 1964"
EXACT = "Clopper and Pearson 1934"


@dataclass(frozen=True, slots=True)
class Area:
    """An area and what is known of it; nan where undefined, and then `warning` says why.

    Args:
        value: in [0, 1]; 0.5 by chance.
        error: standard error, for other readers where there are several.
        low, high: ends of the interval.
        p: two-sided, of 0.5.
        method, reference: how it was made.
        warning: a sentence; empty if there is nothing to say.
    """

    value: float
    error: float
    low: float
    high: float
    p: float
    method: str
    reference: str
    warning: str


def area(
    x: Float[np.ndarray, "m r"],
    y: Float[np.ndarray, "n r"],
    names: tuple[str, str],
    level: float,
) -> Area:
    """Return the mean over readers of the area under the ROC curve of x against y.

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
        scarce = names[int(sizes[0] > 0)]
        told = f"The AUC is undefined: no {scarce} case was read."
        if all(sizes):
            told = "The AUC is undefined: no reader read cases of both kinds."
        return Area(NAN, NAN, NAN, NAN, NAN, METHOD, reference, told)
    x, y = x[:, read], y[:, read]
    found = superiority(x, y)
    if found.value in (0, 1):
        pairs = int(counts[read].min())
        _, low, high, p = exact_share(round(found.value) * pairs, pairs, level)
        told = (
            "The ratings separate the cases without error, so the standard error is undefined and "
            "the interval conservative."
        )
        if read.sum() > 1:
            told += " It speaks of these readers only."
        method = f"empirical, exact interval of {pairs} disjoint pairs"
        return Area(found.value, NAN, low, high, p, method, EXACT, told)
    low, high = found.probability_interval(level)
    p = found.on_logit().p_value()
    told = ""
    if min(sizes) < 2:
        told = (
            "There is no interval: it needs at least 2 cases of either truth, but only 1 "
            f"{names[sizes.index(min(sizes))]} case was read."
        )
    elif not found.varies:
        every = np.concatenate([x, y])
        told = "There is no interval: the ratings do not vary."
        if len(np.unique(every[~np.isnan(every)])) > 1:
            told = "There is no interval: each reader gave all cases the same answer."
    elif np.isnan(low):
        told = too_few(sizes, level, found.least_p)
    return Area(found.value, standard_error(found), low, high, p, METHOD, reference, told)


def with_variance(
    x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]
) -> Bool[np.ndarray, " r"]:
    """Return who read two cases of either kind, of which one has no variance, or else one."""
    counts = _counts(x, y)
    return np.asarray(counts > 1 if (counts > 1).any() else counts > 0)


def _counts(x: Float[np.ndarray, "m r"], y: Float[np.ndarray, "n r"]) -> Int[np.ndarray, " r"]:
    """Return how many cases of the kind of which fewer were read each reader read."""
    return np.asarray(np.minimum(*((~np.isnan(part)).sum(axis=0) for part in (x, y))))


def too_few(sizes: list[int], level: float, least_p: float) -> str:
    """Return why so few cases have no interval."""
    return (
        f"There is no interval of {level:.0%}: {sizes[0]} and {sizes[1]} cases are too few, as no "
        f"p-value of theirs can be below {least_p:.2g}."
    )


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
