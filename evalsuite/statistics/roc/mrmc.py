"""Readers and cases both as samples: the analysis of variance of Obuchowski and Rockette."""

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr

from evalsuite.statistics.multiplicity import COHORTS, TOLD_APART, holm
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.ratings.area import EXACT, exact_share
from evalsuite.statistics.ratings.crossed import Crossed, over_figures, standard_error
from evalsuite.statistics.roc.analysis_of_variance import (
    INFINITE,
    NAN,
    f_tail,
    mean_covariances,
    mean_squares,
    spread,
)
from evalsuite.statistics.roc.auc import Scale, auc_interval, chance_test
from evalsuite.statistics.roc.merits import Merits

FEW_READERS, TOO_FEW_READERS = 6, 3
NO_VARIANCE = (
    "The standard error is undefined: by the estimated covariances the figures do not vary."
)
SAME = "The standard error is undefined: every reader's figure is {value:g}."
COINCIDING = (
    "The figures of the readers lie closer together than in 99 of 100 studies of readers who do "
    "not differ at all, so the interval is that for these readers alone."
)
REFERENCE = "Obuchowski and Rockette 1995; Hillis 2007; Hillis 2014"
ON_LOGIT = "Obuchowski and Rockette 1995; Hillis 2007; Cochran 1964"
COMPONENT_COLUMNS = ["question", "figure", "quantity", "estimate", "correlation"]
TEST_COLUMNS = [
    "question", "figure", "statistic", "df1", "df2", "p", "ms_treatment", "ms_treatment_reader",
    "cov2", "cov3", "denominator", "n_readers", "n_cases", "random", "method", "reference",
    "warnings",
]  # fmt: skip
DIFFERENCE_COLUMNS = [
    "question", "figure", "first", "second", "estimate", "standard_error", "df", "low", "high",
    "level", "statistic", "p", "p_holm", "family", "n_readers", "n_cases", "random", "method",
    "reference", "warnings",
]  # fmt: skip
TREATMENT_COLUMNS = [
    "question", "figure", "treatment", "estimate", "standard_error", "df", "low", "high", "level",
    "statistic", "p", "p_holm", "family", "ms_reader", "cov2", "n_readers", "n_cases", "random",
    "method", "reference", "warnings",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class MultiReader:
    """The whole analysis, as tidy tables.

    Args:
        components: variance components, and correlations of the error.
        test: one row, the F test of equal treatments; none for one treatment.
        differences: one row for each pair of treatments, first less second.
        treatments: one row for each treatment, from its own readings only, with the test against
            chance. `warnings` of every row are sentences, `p_holm` corrects `p` over the rows.
    """

    components: pd.DataFrame
    test: pd.DataFrame
    differences: pd.DataFrame
    treatments: pd.DataFrame


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
        pd.DataFrame(_components(compared), columns=COMPONENT_COLUMNS),
        pd.DataFrame(test, columns=TEST_COLUMNS),
        holm(pd.DataFrame(differences, columns=DIFFERENCE_COLUMNS), ["figure"]),
        holm(pd.DataFrame(alone, columns=TREATMENT_COLUMNS), ["figure"]),
    )


def _components(merits: Merits) -> list[dict[str, object]]:
    """Return what the design allows to estimate; components may come out negative."""
    t, r = merits.value.shape
    if r == 0:
        return []
    ms, cov = mean_squares(merits.value), mean_covariances(merits.covariance)
    found: dict[str, float] = {}
    if r > 1 and t > 1:
        found["reader"] = (ms.reader - ms.treatment_reader) / t - cov.cov1 + cov.cov3
        shared = max(cov.cov2 - cov.cov3, 0)
        found["treatment:reader"] = ms.treatment_reader - cov.error + cov.cov1 + shared
    elif r > 1:
        found["reader"] = ms.reader - cov.error + cov.cov2
    errors = dict(zip(("Error", "Cov1", "Cov2", "Cov3"), cov, strict=True))
    found |= {name: value for name, value in errors.items() if not np.isnan(value)}
    return [
        {
            "question": merits.question,
            "figure": merits.figure,
            "quantity": name,
            "estimate": value,
            "correlation": value / cov.error if name.startswith("Cov") and cov.error else NAN,
        }
        for name, value in found.items()
    ]


def _comparisons(
    merits: Merits, readers: tuple[str, ...], random: bool, level: float
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return the row of the test of equal treatments, and one for each difference."""
    t, r = merits.value.shape
    if t < 2:
        return [], []
    ms, cov = mean_squares(merits.value), mean_covariances(merits.covariance)
    own, shared = cov.error - cov.cov1, cov.cov2 - cov.cov3
    denominator = spread(ms.treatment_reader, (t - 1) * (r - 1), own, shared, r, random)
    told = _about(merits, readers, random and not denominator.coinciding)
    note = "" if denominator.defined or r == 0 else NO_VARIANCE
    if denominator.defined and denominator.coinciding:
        note = COINCIDING
    statistic = ms.treatment / denominator.value if denominator.defined else NAN
    pairs = list(combinations(range(t), 2))
    least_p = {pair: _least_p(merits, *pair) for pair in pairs}
    test = told | {
        "statistic": statistic,
        "df1": t - 1,
        "df2": denominator.df,
        "p": _floored(f_tail(t - 1, denominator.df, statistic), min(least_p.values())),
        "ms_treatment": ms.treatment,
        "ms_treatment_reader": ms.treatment_reader,
        "cov2": cov.cov2,
        "cov3": cov.cov3,
        "denominator": denominator.value,
        "warnings": _joined(told["warnings"], note),
    }
    error = (2 * denominator.value / r) ** 0.5 if denominator.defined else NAN
    mean = merits.value.mean(axis=1) if r else np.full(t, NAN)
    if denominator.defined and random and r > 1 and not denominator.coinciding:
        # As MRMCaov has it; yet of other readers one cannot be surer than of these.
        of_these = spread(ms.treatment_reader, 1, own, max(shared, 0), r, random=False)
        reach, least = (
            auc_interval(0, (2 * d.value / r) ** 0.5, level, df=d.df, scale="identity")[1]
            for d in (denominator, of_these)
        )
        if reach < least:
            note = (
                "The readers' differences lie closer together than their cases alone would make "
                f"them: for these readers alone the {level:.0%} interval is the difference give "
                f"or take {least:.2g}, wider than that for other readers."
            )
    rows = []
    for first, second in pairs:
        difference = float(mean[first] - mean[second])
        low, high = auc_interval(difference, error, level, df=denominator.df, scale="identity")
        p = float(2 * stdtr(denominator.df, -abs(difference) / error))
        rows.append(
            told
            | {
                "family": COHORTS,
                "first": merits.treatments[first],
                "second": merits.treatments[second],
                "estimate": difference,
                "standard_error": error,
                "df": denominator.df,
                "low": max(low, -1.0),
                "high": min(high, 1.0),
                "level": level,
                "statistic": difference / error,
                "p": _floored(p, least_p[first, second]),
                "warnings": _joined(told["warnings"], note),
            }
        )
    return [test], rows


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
) -> dict[str, object]:
    """Return the row of one treatment."""
    r = len(merits.readers)
    ms = mean_squares(merits.value)
    cov = mean_covariances(merits.covariance)
    found = (_on_logit if scale == "logit" and r else _as_published)(merits, random, level)
    told = _about(merits, readers, random and not found.of_these, scale)
    return told | {
        "family": TOLD_APART,
        "treatment": merits.treatments[0],
        "estimate": float(merits.value.mean()) if r else NAN,
        "standard_error": found.error,
        "df": found.df,
        "low": found.low,
        "high": found.high,
        "level": level,
        "statistic": found.statistic,
        "p": found.p,
        "ms_reader": ms.reader,
        "cov2": cov.cov2,
        "method": found.method or told["method"],
        "reference": EXACT if found.method else told["reference"],
        "warnings": _joined(told["warnings"], found.note),
    }


class _Mean(NamedTuple):
    """What is known of a mean over readers.

    Args:
        of_these: whether the interval speaks of these readers only, also where others are meant.
        method: empty where it is that of the analysis, else that of an exact interval.
    """

    error: float
    df: float
    low: float
    high: float
    statistic: float
    p: float
    note: str
    of_these: bool = False
    method: str = ""


def _as_published(merits: Merits, random: bool, level: float) -> _Mean:
    """Return it on the scale of the figure, with Hillis' degrees of freedom."""
    r = len(merits.readers)
    ms, cov = mean_squares(merits.value), mean_covariances(merits.covariance)
    found = spread(ms.reader, r - 1, cov.error, max(cov.cov2, 0), r, random)
    error = (found.value / r) ** 0.5 if found.defined else NAN
    value = float(merits.value.mean()) if r else NAN
    low, high = auc_interval(value, error, level, df=found.df, scale="identity")
    note = COINCIDING if found.coinciding else ""
    if r and not found.defined:
        note = SAME.format(value=value) if value in (0, 1) else NO_VARIANCE
    if low < 0 or high > 1:
        note = "The interval leaves the range from 0 to 1; on the logit scale it does not."
    statistic, p = chance_test(value, error, df=found.df, scale="identity")
    if merits.trials is not None:
        p = _floored(p, float(merits.trials.least_p[0]))
    return _Mean(error, found.df, low, high, statistic, p, note, found.coinciding)


def _on_logit(merits: Merits, random: bool, level: float) -> _Mean:
    """Return it on the scale of log odds; see `over_figures`."""
    trials, values = merits.trials, merits.value[0]
    df = INFINITE
    if trials is not None:
        df = float(trials.together[0] if len(values) > 1 else trials.freedom[0, 0])
    least_p = 0.0 if trials is None else float(trials.least_p[0])
    found = over_figures(values, merits.covariance[0, :, 0], df, least_p)
    if not random and len(values) > 1:
        found = Crossed(found.value, 0.0, found.alone, NAN, df, 0.0, least_p)
    if found.value in (0, 1):
        note = SAME.format(value=found.value)
        if trials is None:
            return _Mean(NAN, NAN, NAN, NAN, NAN, NAN, note)
        n = int(trials.disjoint.min())
        _, low, high, p = exact_share(round(found.value) * n, n, level)
        note += " The interval is the exact one for these readers alone, and conservative."
        method = f"exact interval of {n} trials without a common case; {merits.method}"
        return _Mean(NAN, NAN, low, high, NAN, p, note, True, method)
    odds = found.on_logit()
    low, high = found.probability_interval(level)
    note = ""
    if not found.varies:
        note = NO_VARIANCE
    elif np.isnan(low):
        note = (
            f"There is no interval of {level:.0%}: the cases are too few, as no p-value of theirs "
            f"can be below {least_p:.2g}."
        )
    error = standard_error(found)
    statistic = odds.value / standard_error(odds)
    return _Mean(error, NAN, low, high, statistic, odds.p_value(), note)


def _about(
    merits: Merits, readers: tuple[str, ...], random: bool, scale: Scale = "identity"
) -> dict[str, object]:
    """Return the columns that all rows of an analysis share."""
    r = len(merits.readers)
    lost = np.array([reader not in merits.readers for reader in readers])
    warnings = list(merits.warnings)
    if r == 0:
        warnings.append(f"No reader has a defined {merits.figure} with a variance.")
    else:
        warnings += left_out(f"their {merits.figure} or its variance is undefined", lost, readers)
    if r == 1:
        warnings.append("Only 1 reader: the results are for this reader alone.")
    elif random and 1 < r < FEW_READERS:
        note = f"Only {r} readers: the results say little about other readers."
        if r < TOO_FEW_READERS and scale == "identity":
            note += " In simulations such 95 % intervals covered 90 %."
        warnings.append(note)
    quantile = "Hillis degrees of freedom"
    if scale == "logit":
        quantile = "log odds, " + (quantile if r > 2 else "Cochran's quantile")
    crossed = f"readers and cases random, {quantile}"
    fixed = "cases random, readers fixed, " + ("normal" if scale == "identity" else "log odds")
    return {
        "question": merits.question,
        "figure": merits.figure,
        "n_readers": r,
        "n_cases": merits.n_cases,
        "random": "cases and readers" if random and r > 1 else "cases",
        "method": "Obuchowski-Rockette analysis of variance, "
        f"{crossed if random and r > 1 else fixed}; {merits.method}",
        "reference": f"{REFERENCE if scale == 'identity' else ON_LOGIT}; {merits.reference}",
        "warnings": " ".join(warnings),
    }


def _joined(first: object, second: str) -> str:
    return f"{first} {second}".strip()
