"""The same figures with readers or cases as fixed, and with every comparison of equal weight."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from evalsuite.records import Caveat
from evalsuite.statistics.multiplicity import COHORTS, TOLD_APART
from evalsuite.statistics.ratings.crossed import Crossed, over_figures, standard_error
from evalsuite.statistics.result import NAN, Result, holm
from evalsuite.statistics.roc.merits import Merits
from evalsuite.statistics.roc.one_shot import ONE_SHOT, everyone, one_shot

NO_VARIANCE = Caveat(
    "no-variance-of-figures",
    "The standard error is undefined: by the estimated covariances the figures do not vary.",
)
TOO_FEW_CASES = Caveat(
    "too-few-cases-for-interval",
    "There is no interval of {level:.0%}: the cases are too few, as no p-value of theirs can be "
    "below {least_p:.2g}.",
)
NESTED_CASES = Caveat(
    "fixed-cases-need-crossing",
    "There is no interval for these cases alone: it needs readers who all read the same cases.",
)
NO_SPREAD = Caveat(
    "readers-without-spread", "There is no interval: the figures of the readers do not vary."
)
NEGATIVE = Caveat(
    "negative-one-shot",
    "The one-shot variance is negative, as where readers made unequal numbers of comparisons; the "
    "interval is that for these readers alone.",
)
UNEVEN = Caveat(
    "uneven-one-shot",
    "Readers made unequal numbers of comparisons: in simulations such 95 % intervals covered 81 "
    "to 97 %.",
)
READERS_FIXED = "readers fixed, cases random"
CASES_FIXED = "cases fixed, readers random"
BOTH_RANDOM = "readers and cases random, every comparison of equal weight"


def mean_figure(merits: Merits) -> Crossed:
    """Return the mean over readers of the figures under the first treatment."""
    df = _freedom(merits)
    least_p = 0.0 if merits.trials is None else float(merits.trials.least_p[0])
    return over_figures(merits.value[0], merits.covariance[0, :, 0], df, least_p)


def no_interval(mean: Crossed, level: float) -> tuple[Caveat, ...]:
    """Say why a figure other than 0 and 1 has no interval; nothing where it has one."""
    if not mean.varies:
        return (NO_VARIANCE,)
    few = np.isnan(mean.half_width(level))
    return (TOO_FEW_CASES(level=level, least_p=mean.least_p),) if few else ()


def variants(merits: Merits, *, level: float = 0.95) -> list[Result]:
    """Return what the analysis would say if readers, or cases, were no samples.

    With readers fixed the result holds for other cases and these readers; with cases fixed for
    other readers and these cases, which is Student's test of the readers' figures. Where not every
    reader read every case there is also the one-shot estimate of Gallas, in which every
    comparison counts alike, as iMRMC gives it. Figures of single treatments are analysed on the
    scale of log odds; there are none of 0 or 1, which have no variance. p-values are corrected over
    treatments, or over their differences, each kind for itself.

    Args:
        merits: see `auc_merits` and `choice_merits`; of two readers or more.
        level: nominal coverage, between 0 and 1.

    Returns:
        One per treatment, and per difference of two of them, and kind; `where` has the treatment,
        such as "a less b", and what varies.

    References:
        Obuchowski and Rockette 1995; Hillis 2007; Gallas 2006; Gallas et al. 2009.
    """
    results: list[Result] = []
    for t, name in enumerate(merits.treatments):
        own = merits.only([t], np.flatnonzero(merits.usable[t]).tolist())
        if len(own.readers) > 1:
            mean = mean_figure(own)
            results += _results(own, name, mean, (1.0,), level)
    for first, second in combinations(range(len(merits.treatments)), 2):
        both = merits.usable[[first, second]].all(axis=0)
        pair = merits.only([first, second], np.flatnonzero(both).tolist())
        if len(pair.readers) > 1:
            signs = np.array([1.0, -1.0])
            covariance = np.einsum("t,trus,u->rs", signs, pair.covariance, signs)
            mean = over_figures(signs @ pair.value, covariance, _freedom(pair))
            name = f"{pair.treatments[0]} less {pair.treatments[1]}"
            results += _results(pair, name, mean, (1.0, -1.0), level)
    return holm(results, lambda result: (result.family, result.at("kind")))


def _results(
    merits: Merits, name: str, mean: Crossed, weights: tuple[float, ...], level: float
) -> list[Result]:
    fixed = replace(mean, from_readers=0.0, from_cases=mean.alone, alone=0.0)
    spread = Crossed(mean.value, mean.from_readers, 0.0, mean.df_readers, NAN)
    kinds: list[tuple[str, str, Crossed, str, str, tuple[Caveat, ...]]] = [
        (READERS_FIXED, "cases", fixed, merits.method, merits.reference, ())
    ]
    notes: tuple[Caveat, ...] = () if spread.varies else (NO_SPREAD,)
    if not everyone(merits.read):
        spread, notes = replace(spread, from_readers=NAN), (NESTED_CASES,)
    kinds.append((CASES_FIXED, "readers", spread, "Student t of the readers", "Hillis 2007", notes))
    if merits.sums is not None:
        shot = one_shot(*merits.sums, len(merits.treatments))
        total = shot.contrast(weights, mean.df_cases, mean.least_p)
        w = np.array(weights)
        warnings: tuple[Caveat, ...] = (
            (UNEVEN,) if (shot.readers < shot.n_readers - 0.01).any() else ()
        )
        if w @ shot.covariance @ w <= 0:
            warnings = (*warnings, NEGATIVE)
        kinds.append((BOTH_RANDOM, "cases and readers", total, "one-shot", ONE_SHOT, warnings))
    single = len(weights) == 1
    results = []
    for kind, random, crossed, method, reference, warnings in kinds:
        if single and not 0 < crossed.value < 1:
            continue
        test = crossed.on_logit() if single else crossed
        low, high = (crossed.probability_interval if single else crossed.interval)(level)
        results.append(
            Result(
                where={"question": merits.question, "treatment": name, "kind": kind},
                quantity=merits.figure,
                value=crossed.value,
                low=low,
                high=high,
                level=level,
                standard_error=standard_error(crossed),
                hypothesis="guessing" if single else "no difference",
                p=test.p_value(),
                family=TOLD_APART if single else COHORTS,
                counts={"readers": len(merits.readers), "cases": merits.n_cases},
                random=random,
                method=f"{kind}{', log odds' if single else ''}; {method}",
                reference=reference,
                warnings=warnings or no_interval(crossed, level),
            )
        )
    return results


def _freedom(merits: Merits) -> float:
    if merits.trials is None:
        return float("inf")
    several = merits.value.shape[1] > 1
    return float(merits.trials.together[0] if several else merits.trials.freedom[0, 0])
