"""Readers and cases both as samples: the analysis of variance of Obuchowski and Rockette."""

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
from scipy.special import stdtr

from evalsuite.records import Caveat
from evalsuite.statistics.cautions import FEW_READERS, FOR_THESE
from evalsuite.statistics.multiplicity import COHORTS, TOLD_APART
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.ratings.area import EXACT, exact_share
from evalsuite.statistics.ratings.crossed import standard_error
from evalsuite.statistics.result import NAN, Result, holm
from evalsuite.statistics.roc.analysis_of_variance import (
    mean_covariances,
    mean_squares,
    spread,
)
from evalsuite.statistics.roc.auc import t_interval
from evalsuite.statistics.roc.merits import Merits
from evalsuite.statistics.roc.variants import NO_VARIANCE, mean_figure, no_interval, variants

TOO_FEW_READERS = 3
SAME = Caveat(
    "same-figures", "The standard error is undefined: every reader's figure is {value:g}."
)
CLOSER = Caveat(
    "closer-than-cases-make",
    "The readers' differences lie closer together than their cases alone would make them: for these "
    "readers alone the {level:.0%} interval is the difference give or take {least:.2g}, wider than "
    "that for other readers.",
)
NO_FIGURE = Caveat("no-defined-figure", "No reader has a defined {figure} with a variance.")
COINCIDING = Caveat(
    "coinciding-readers",
    "The figures of the readers lie closer together than in 99 of 100 studies of readers who do "
    "not differ at all, so the interval is that for these readers alone.",
)
RESULTS_OF_ONE = Caveat(
    "results-of-one-reader", "Only 1 reader: the results are for this reader alone."
)
RESULTS_OF_FEW = Caveat(
    "results-of-few-readers", "Only {n} readers: the results say little about other readers."
)
COVERED = Caveat("coverage-of-two-readers", "In simulations such 95 % intervals covered 90 %.")
REFERENCE = "Obuchowski and Rockette 1995; Hillis 2007; Hillis 2014"
ON_LOGIT = "Obuchowski and Rockette 1995; Hillis 2007; Cochran 1964"


@dataclass(frozen=True, slots=True)
class MultiReader:
    """The whole analysis.

    Args:
        components: variance components, and the covariances of the error with its correlations.
        differences: of each pair of treatments, first less second.
        treatments: the figure of each treatment, from its own readings only, with the test against
            chance. p-values are corrected over all of them.
        variants: both with readers or cases as fixed; see `variants`.
    """

    components: list[Result]
    differences: list[Result]
    treatments: list[Result]
    variants: list[Result]


def obuchowski_rockette(merits: Merits, *, level: float = 0.95) -> MultiReader:
    """Return the analysis of readers under treatments, fully crossed with cases or not.

    The figures are modelled as treatment + reader + treatment x reader + an error that is
    correlated through common cases. Cases may be shared by treatments and readers, or nested
    within them, as in split-plot designs: the covariance knows. One treatment alone is analysed as well, as a visual Turing
    test gives it: is the mean figure different from 0.5? A reader whose figure or its variance is
    undefined is left out, and named.

    Components and differences agree with MRMCaov, but where the figures of the readers coincide
    (see `spread`). Means are on the scale of log odds, as those of `area`: never surer of other
    readers than of these alone, with Cochran's quantile for two readers, and with an exact
    interval at 0 and 1.

    In simulations (1,000 studies each; 25 to 75 cases of either truth; AUC 0.5 to 0.95) 95 %
    intervals of single treatments with 5 or 10 readers covered 93 to 97 %, with 3 readers 92 to
    95 %, with 2 about 90 %. The test of two equal treatments rejected 4 to 6 % with 5 or 10
    readers, 4 to 8 % with 3, and 10 % with 2.

    Args:
        merits: see `auc_merits` and `choice_merits`.
        level: nominal coverage, between 0 and 1.

    References:
        Obuchowski and Rockette, Communications in Statistics 24 (1995) 285-308.
        Hillis, Statistics in Medicine 26 (2007) 596-619 and 33 (2014) 330-360.
    """
    usable = merits.usable
    treatments = range(len(merits.treatments))
    compared = merits.only(treatments, np.flatnonzero(usable.all(axis=0)).tolist())
    differences = _comparisons(compared, merits.readers, level)
    alone = [
        _alone(merits.only([t], np.flatnonzero(usable[t]).tolist()), merits.readers, level)
        for t in treatments
    ]
    return MultiReader(
        _components(compared),
        holm(differences, lambda result: result.quantity),
        holm(alone, lambda result: result.quantity),
        variants(merits, level=level),
    )


def _components(merits: Merits) -> list[Result]:
    """Return what the design allows to estimate; components may come out negative."""
    t, r = merits.value.shape
    if r == 0:
        return []
    ms, cov = mean_squares(merits.value), mean_covariances(merits.covariance)
    components: dict[str, float] = {}
    if r > 1 and t > 1:
        components["reader"] = (ms.reader - ms.treatment_reader) / t - cov.cov1 + cov.cov3
        shared = max(cov.cov2 - cov.cov3, 0)
        components["treatment:reader"] = ms.treatment_reader - cov.error + cov.cov1 + shared
    elif r > 1:
        components["reader"] = ms.reader - cov.error + cov.cov2
    errors = dict(zip(("Error", "Cov1", "Cov2", "Cov3"), cov, strict=True))
    components |= {name: value for name, value in errors.items() if not np.isnan(value)}
    return [
        Result(
            where={"question": merits.question, "figure": merits.figure},
            quantity=name,
            value=value,
            parts={
                "correlation": value / cov.error if name.startswith("Cov") and cov.error else NAN
            },
        )
        for name, value in components.items()
    ]


def _comparisons(merits: Merits, readers: tuple[str, ...], level: float) -> list[Result]:
    """Return the difference of every two treatments."""
    t, r = merits.value.shape
    if t < 2:
        return []
    ms, cov = mean_squares(merits.value), mean_covariances(merits.covariance)
    error_within, shared = cov.error - cov.cov1, cov.cov2 - cov.cov3
    denominator = spread(
        ms.treatment_reader, (t - 1) * (r - 1), error_within, shared, r, random=True
    )
    about = _about(merits, readers, of_these=denominator.coinciding, odds=False)
    notes = () if denominator.defined or r == 0 else (NO_VARIANCE,)
    if denominator.defined and denominator.coinciding:
        notes = (COINCIDING,)
    error = (2 * denominator.value / r) ** 0.5 if denominator.defined else NAN
    mean = merits.value.mean(axis=1) if r else np.full(t, NAN)
    if denominator.defined and r > 1 and not denominator.coinciding:
        # As MRMCaov has it; yet of other readers one cannot be surer than of these.
        of_these = spread(ms.treatment_reader, 1, error_within, max(shared, 0), r, random=False)
        reach, least = (
            t_interval(0, (2 * d.value / r) ** 0.5, level, df=d.df)[1]
            for d in (denominator, of_these)
        )
        if reach < least:
            notes = (CLOSER(level=level, least=least),)
    differences = []
    for first, second in combinations(range(t), 2):
        value = float(mean[first] - mean[second])
        low, high = t_interval(value, error, level, df=denominator.df)
        p = float(2 * stdtr(denominator.df, -abs(value) / error))
        one, other = merits.treatments[first], merits.treatments[second]
        difference = replace(
            about,
            where={"question": merits.question, "first": one, "second": other},
            quantity=merits.figure,
            value=value,
            low=max(low, -1.0),
            high=min(high, 1.0),
            level=level,
            standard_error=error,
            p=max(p, _least_p(merits, first, second)),
            family=COHORTS,
            parts={"statistic": value / error, "df": denominator.df},
            warnings=(*about.warnings, *notes),
        )
        differences.append(difference)
    return differences


def _least_p(merits: Merits, first: int, second: int) -> float:
    """Return the smallest p-value of any test whether it matters under which treatment a case was.

    Cases read under both may change places, one by one; cases of either are two samples.
    """
    one, other = (merits.read[k].any(axis=0) for k in (first, second))
    apart = int((one & ~other).sum()), int((other & ~one).sum())
    ways = comb(sum(apart), apart[0]) * 2 ** int((one & other).sum())
    return min(1.0, 2.0 / float(ways)) if ways < 2**1000 else 0.0


def _alone(merits: Merits, readers: tuple[str, ...], level: float) -> Result:
    """Return the figure of one treatment."""
    none = Result(value=NAN, parts={"statistic": NAN})
    mean = _mean(merits, level) if merits.readers else none
    about = _about(merits, readers, of_these=mean.random == "cases", odds=True)
    return replace(
        mean,
        where={"question": merits.question, "treatment": merits.treatments[0]},
        quantity=merits.figure,
        level=level,
        family=TOLD_APART,
        counts=about.counts,
        parts={
            **mean.parts,
            "ms_reader": mean_squares(merits.value).reader,
            "cov2": mean_covariances(merits.covariance).cov2,
        },
        random=about.random,
        method=mean.method or about.method,
        reference=mean.reference or about.reference,
        warnings=(*about.warnings, *mean.warnings),
    )


def _mean(merits: Merits, level: float) -> Result:
    """Return the mean over readers on the scale of log odds; see `over_figures`.

    `random` says `cases` where the interval speaks of these readers only.
    """
    trials, mean = merits.trials, mean_figure(merits)
    if mean.value in (0, 1):
        same = SAME(value=mean.value)
        if trials is None:
            return Result(value=mean.value, parts={"statistic": NAN}, warnings=(same,))
        n = int(trials.disjoint.min())
        _, low, high, p = exact_share(round(mean.value) * n, n, level)
        return Result(
            value=mean.value,
            low=low,
            high=high,
            p=p,
            parts={"statistic": NAN},
            random="cases",
            method=f"exact interval of {n} trials without a common case; {merits.method}",
            reference=EXACT,
            warnings=(same, FOR_THESE),
        )
    odds = mean.on_logit()
    low, high = mean.probability_interval(level)
    return Result(
        value=mean.value,
        low=low,
        high=high,
        standard_error=standard_error(mean),
        p=odds.p_value(),
        parts={"statistic": odds.value / standard_error(odds)},
        warnings=no_interval(mean, level),
    )


def _about(merits: Merits, readers: tuple[str, ...], *, of_these: bool, odds: bool) -> Result:
    """Return what all results of an analysis share.

    Args:
        of_these: whether intervals speak of these readers only, also where there are several.
        odds: whether they are on the scale of log odds.
    """
    r = len(merits.readers)
    lost = np.array([reader not in merits.readers for reader in readers])
    warnings = merits.warnings
    if r == 0:
        warnings += (NO_FIGURE(figure=merits.figure),)
    else:
        warnings += left_out(f"their {merits.figure} or its variance is undefined", lost, readers)
    several = r > 1 and not of_these
    if r == 1:
        warnings += (RESULTS_OF_ONE,)
    elif several and r < FEW_READERS:
        warnings += (RESULTS_OF_FEW(n=r),)
        warnings += (COVERED,) if r < TOO_FEW_READERS and not odds else ()
    quantile = "Hillis degrees of freedom"
    if odds:
        quantile = "log odds, " + (quantile if r > 2 else "Cochran's quantile")
    fixed = "cases random, readers fixed, " + ("log odds" if odds else "normal")
    crossed = f"readers and cases random, {quantile}"
    return Result(
        where={"question": merits.question},
        value=NAN,
        counts={"readers": r, "cases": merits.n_cases},
        random="cases and readers" if several else "cases",
        method="Obuchowski-Rockette analysis of variance, "
        f"{crossed if several else fixed}; {merits.method}",
        reference=f"{ON_LOGIT if odds else REFERENCE}; {merits.reference}",
        warnings=warnings,
    )
