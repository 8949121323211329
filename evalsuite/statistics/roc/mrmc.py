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
from evalsuite.statistics.ratings.crossed import Crossed, over_figures, standard_error
from evalsuite.statistics.result import NAN, Result, holm
from evalsuite.statistics.roc.analysis_of_variance import (
    INFINITE,
    f_tail,
    mean_covariances,
    mean_squares,
    spread,
)
from evalsuite.statistics.roc.auc import Scale, auc_interval, chance_test
from evalsuite.statistics.roc.merits import Merits

TOO_FEW_READERS = 3
NO_VARIANCE = Caveat(
    "The standard error is undefined: by the estimated covariances the figures do not vary."
)
SAME = "The standard error is undefined: every reader's figure is {value:g}."
COINCIDING = Caveat(
    "The figures of the readers lie closer together than in 99 of 100 studies of readers who do "
    "not differ at all, so the interval is that for these readers alone."
)
BEYOND = Caveat("The interval leaves the range from 0 to 1; on the logit scale it does not.")
RESULTS_OF_ONE = Caveat("Only 1 reader: the results are for this reader alone.")
RESULTS_OF_FEW = "Only {n} readers: the results say little about other readers."
COVERED = Caveat("In simulations such 95 % intervals covered 90 %.")
REFERENCE = "Obuchowski and Rockette 1995; Hillis 2007; Hillis 2014"
ON_LOGIT = "Obuchowski and Rockette 1995; Hillis 2007; Cochran 1964"


@dataclass(frozen=True, slots=True)
class MultiReader:
    """The whole analysis.

    Args:
        components: variance components, and the covariances of the error with its correlations.
        test: the F test of equal treatments; None for one treatment.
        differences: of each pair of treatments, first less second.
        treatments: the figure of each treatment, from its own readings only, with the test against
            chance. p-values are corrected over all of them.
    """

    components: list[Result]
    test: Result | None
    differences: list[Result]
    treatments: list[Result]


def obuchowski_rockette(
    merits: Merits, *, random_readers: bool = True, level: float = 0.95, scale: Scale = "identity"
) -> MultiReader:
    """Return the analysis of a factorial design: every reader under every treatment.

    The figures are modelled as treatment + reader + treatment x reader + an error that is
    correlated through common cases. Cases may be shared by treatments and readers, or nested
    within them: the covariance knows. One treatment alone is analysed as well, as a visual Turing
    test gives it: is the mean figure different from 0.5? A reader whose figure or its variance is
    undefined is left out, and named.

    Everything on the identity scale agrees with MRMCaov, with the sign of the covariances in the
    contrasts of fixed readers, but where the figures of the readers coincide (see `spread`). Means
    on the logit scale are those of `area`: never surer of other readers than of these alone, with
    Cochran's quantile for two readers, and with an exact interval at 0 and 1.

    In simulations (1,000 studies each; 25 to 75 cases of either truth; AUC 0.5 to 0.95) 95 %
    intervals of single treatments with 5 or 10 readers covered 93 to 97 % on the logit scale and
    90 to 96 % on the identity scale that publications use; with 3 readers 92 to 95 % and 90 to
    94 %, with 2 about 90 %. The test of two equal treatments rejected 4 to 6 % with 5 or 10
    readers, 4 to 8 % with 3, and 10 % with 2.

    Args:
        merits: see `auc_merits` and `choice_merits`.
        random_readers: whether results are to hold for other readers (Student's t, Hillis'
            degrees of freedom) or for these alone (normal). One reader says nothing of others.
        level: nominal coverage, between 0 and 1.
        scale: where the intervals of single treatments are symmetric; "identity" is that of
            publications.

    References:
        Obuchowski and Rockette, Communications in Statistics 24 (1995) 285-308.
        Hillis, Statistics in Medicine 26 (2007) 596-619 and 33 (2014) 330-360.
    """
    usable = merits.usable
    treatments = range(len(merits.treatments))
    compared = merits.only(treatments, np.flatnonzero(usable.all(axis=0)).tolist())
    test, differences = _comparisons(compared, merits.readers, random_readers, level)
    alone = [
        _alone(merits.only([t], np.flatnonzero(usable[t]).tolist()), merits.readers,
               random_readers, level, scale)
        for t in treatments
    ]  # fmt: skip
    return MultiReader(
        _components(compared),
        test,
        holm(differences, lambda result: result.quantity),
        holm(alone, lambda result: result.quantity),
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


def _comparisons(
    merits: Merits, readers: tuple[str, ...], random: bool, level: float
) -> tuple[Result | None, list[Result]]:
    """Return the test of equal treatments, and each difference."""
    t, r = merits.value.shape
    if t < 2:
        return None, []
    ms, cov = mean_squares(merits.value), mean_covariances(merits.covariance)
    error_within, shared = cov.error - cov.cov1, cov.cov2 - cov.cov3
    denominator = spread(ms.treatment_reader, (t - 1) * (r - 1), error_within, shared, r, random)
    about = _about(merits, readers, random and not denominator.coinciding)
    notes = () if denominator.defined or r == 0 else (NO_VARIANCE,)
    if denominator.defined and denominator.coinciding:
        notes = (COINCIDING,)
    statistic = ms.treatment / denominator.value if denominator.defined else NAN
    pairs = list(combinations(range(t), 2))
    least_p = {pair: _least_p(merits, *pair) for pair in pairs}
    test = replace(
        about,
        quantity=f"F of equal {merits.figure}",
        value=statistic,
        p=_floored(f_tail(t - 1, denominator.df, statistic), min(least_p.values())),
        parts={
            "df1": t - 1,
            "df2": denominator.df,
            "ms_treatment": ms.treatment,
            "ms_treatment_reader": ms.treatment_reader,
            "cov2": cov.cov2,
            "cov3": cov.cov3,
            "denominator": denominator.value,
        },
        warnings=(*about.warnings, *notes),
    )
    error = (2 * denominator.value / r) ** 0.5 if denominator.defined else NAN
    mean = merits.value.mean(axis=1) if r else np.full(t, NAN)
    if denominator.defined and random and r > 1 and not denominator.coinciding:
        # As MRMCaov has it; yet of other readers one cannot be surer than of these.
        of_these = spread(ms.treatment_reader, 1, error_within, max(shared, 0), r, random=False)
        reach, least = (
            auc_interval(0, (2 * d.value / r) ** 0.5, level, df=d.df, scale="identity")[1]
            for d in (denominator, of_these)
        )
        if reach < least:
            sentence = (
                "The readers' differences lie closer together than their cases alone would make "
                "them: for these readers alone the {level:.0%} interval is the difference give or "
                "take {least:.2g}, wider than that for other readers."
            )
            notes = (Caveat(sentence, level=level, least=least),)
    differences = []
    for first, second in pairs:
        value = float(mean[first] - mean[second])
        low, high = auc_interval(value, error, level, df=denominator.df, scale="identity")
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
            p=_floored(p, least_p[first, second]),
            family=COHORTS,
            parts={"statistic": value / error, "df": denominator.df},
            warnings=(*about.warnings, *notes),
        )
        differences.append(difference)
    return test, differences


def _least_p(merits: Merits, first: int, second: int) -> float:
    """Return the smallest p-value of any test whether it matters under which treatment a case was.

    Cases read under both may change places, one by one; cases of either are two samples.
    """
    one, other = (merits.read[k].any(axis=0) for k in (first, second))
    apart = int((one & ~other).sum()), int((other & ~one).sum())
    ways = comb(sum(apart), apart[0]) * 2 ** int((one & other).sum())
    return min(1.0, 2.0 / float(ways)) if ways < 2**1000 else 0.0


def _floored(p: float, least_p: float) -> float:
    return p if np.isnan(p) else max(p, least_p)


def _alone(
    merits: Merits, readers: tuple[str, ...], random: bool, level: float, scale: Scale
) -> Result:
    """Return the figure of one treatment."""
    r = len(merits.readers)
    ms, cov = mean_squares(merits.value), mean_covariances(merits.covariance)
    mean = (_on_logit if scale == "logit" and r else _as_published)(merits, random, level)
    about = _about(merits, readers, random and mean.random != "cases", scale)
    return replace(
        mean,
        where={"question": merits.question, "treatment": merits.treatments[0]},
        quantity=merits.figure,
        value=float(merits.value.mean()) if r else NAN,
        level=level,
        family=TOLD_APART,
        counts=about.counts,
        parts={**mean.parts, "ms_reader": ms.reader, "cov2": cov.cov2},
        random=about.random,
        method=mean.method or about.method,
        reference=mean.reference or about.reference,
        warnings=(*about.warnings, *mean.warnings),
    )


def _as_published(merits: Merits, random: bool, level: float) -> Result:
    """Return a mean over readers on the scale of the figure, with Hillis' degrees of freedom.

    `random` says `cases` where the interval speaks of these readers only though others are meant.
    """
    r = len(merits.readers)
    ms, cov = mean_squares(merits.value), mean_covariances(merits.covariance)
    variance = spread(ms.reader, r - 1, cov.error, max(cov.cov2, 0), r, random)
    error = (variance.value / r) ** 0.5 if variance.defined else NAN
    value = float(merits.value.mean()) if r else NAN
    low, high = auc_interval(value, error, level, df=variance.df, scale="identity")
    notes = (COINCIDING,) if variance.coinciding else ()
    if r and not variance.defined:
        notes = (Caveat(SAME, value=value) if value in (0, 1) else NO_VARIANCE,)
    if low < 0 or high > 1:
        notes = (BEYOND,)
    statistic, p = chance_test(value, error, df=variance.df, scale="identity")
    if merits.trials is not None:
        p = _floored(p, float(merits.trials.least_p[0]))
    return Result(
        value=value,
        low=low,
        high=high,
        standard_error=error,
        p=p,
        parts={"statistic": statistic, "df": variance.df},
        random="cases" if variance.coinciding else "",
        warnings=notes,
    )


def _on_logit(merits: Merits, random: bool, level: float) -> Result:
    """Return the same on the scale of log odds; see `over_figures`."""
    trials, values = merits.trials, merits.value[0]
    df = INFINITE
    if trials is not None:
        df = float(trials.together[0] if len(values) > 1 else trials.freedom[0, 0])
    least_p = 0.0 if trials is None else float(trials.least_p[0])
    mean = over_figures(values, merits.covariance[0, :, 0], df, least_p)
    if not random and len(values) > 1:
        mean = Crossed(mean.value, 0.0, mean.alone, NAN, df, 0.0, least_p)
    undefined = {"statistic": NAN, "df": NAN}
    if mean.value in (0, 1):
        same = Caveat(SAME, value=mean.value)
        if trials is None:
            return Result(value=mean.value, parts=undefined, warnings=(same,))
        n = int(trials.disjoint.min())
        _, low, high, p = exact_share(round(mean.value) * n, n, level)
        return Result(
            value=mean.value,
            low=low,
            high=high,
            p=p,
            parts=undefined,
            random="cases",
            method=f"exact interval of {n} trials without a common case; {merits.method}",
            reference=EXACT,
            warnings=(same, FOR_THESE),
        )
    odds = mean.on_logit()
    low, high = mean.probability_interval(level)
    notes = () if mean.varies else (NO_VARIANCE,)
    if mean.varies and np.isnan(low):
        sentence = (
            "There is no interval of {level:.0%}: the cases are too few, as no p-value of theirs "
            "can be below {least_p:.2g}."
        )
        notes = (Caveat(sentence, level=level, least_p=least_p),)
    return Result(
        value=mean.value,
        low=low,
        high=high,
        standard_error=standard_error(mean),
        p=odds.p_value(),
        parts={"statistic": odds.value / standard_error(odds), "df": NAN},
        warnings=notes,
    )


def _about(
    merits: Merits, readers: tuple[str, ...], random: bool, scale: Scale = "identity"
) -> Result:
    """Return what all results of an analysis share."""
    r = len(merits.readers)
    lost = np.array([reader not in merits.readers for reader in readers])
    warnings = merits.warnings
    if r == 0:
        sentence = "No reader has a defined {figure} with a variance."
        warnings += (Caveat(sentence, figure=merits.figure),)
    else:
        warnings += left_out(f"their {merits.figure} or its variance is undefined", lost, readers)
    if r == 1:
        warnings += (RESULTS_OF_ONE,)
    elif random and 1 < r < FEW_READERS:
        warnings += (Caveat(RESULTS_OF_FEW, n=r),)
        if r < TOO_FEW_READERS and scale == "identity":
            warnings += (COVERED,)
    quantile = "Hillis degrees of freedom"
    if scale == "logit":
        quantile = "log odds, " + (quantile if r > 2 else "Cochran's quantile")
    crossed = f"readers and cases random, {quantile}"
    fixed = "cases random, readers fixed, " + ("normal" if scale == "identity" else "log odds")
    several = random and r > 1
    return Result(
        where={"question": merits.question},
        value=NAN,
        counts={"readers": r, "cases": merits.n_cases},
        random="cases and readers" if several else "cases",
        method="Obuchowski-Rockette analysis of variance, "
        f"{crossed if several else fixed}; {merits.method}",
        reference=f"{REFERENCE if scale == 'identity' else ON_LOGIT}; {merits.reference}",
        warnings=warnings,
    )
