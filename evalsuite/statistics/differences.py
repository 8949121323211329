"""Synthetic cohorts that stand for the same real volumes, compared on the same subjects."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats
from scipy.special import stdtrit

from evalsuite.places import parsed
from evalsuite.records import ALPHA, Caveat, Difference, Interval
from evalsuite.statistics.multiplicity import holm_adjusted

LEVEL = 0.95
NUMBER = ("extractor", "name", "where")
METHOD = (
    "mean over subjects of first less second, t interval; p of Wilcoxon's signed-rank test, "
    "corrected by Holm's method over all pairs of cohorts, numbers and places on {family}"
)
LEFT_OUT = Caveat(
    "subjects-left-out",
    "{n} of {size} subjects lack the number in one cohort and are left out of both, which flatters "
    "whichever fails there.",
)
OPPOSED = Caveat(
    "mean-against-ranks",
    "Mean and ranks of the differences point to opposite sides: a few subjects rule the mean, and "
    "neither cohort is called better.",
)
UNVARYING = Caveat(
    "unvarying-difference", "The difference is the same in every subject: there is no interval."
)
ONE_SUBJECT = Caveat(
    "one-subject-in-common", "Of fewer than 2 subjects there is no interval and no test."
)
COARSE = Caveat(
    "coarse-test",
    "The test cannot find a difference: of {n} subjects the smallest p-value is {least:.2g}, and "
    "{m} comparisons are corrected together.",
)


@dataclass(frozen=True, slots=True)
class Tested:
    """The mean of paired differences, with what is known of it.

    Args:
        value: mean.
        low, high: ends of its t interval at 95 %; nan for fewer than two or unvarying ones.
        p: two-sided, of Wilcoxon's signed-rank test; nan for fewer than two.
        ranks: the sum of the signed ranks, to whose side the test points.
    """

    value: float
    low: float
    high: float
    p: float
    ranks: float


def differences(table: pd.DataFrame, family_of: Callable[[str], str]) -> list[Difference]:
    """Return how any two cohorts differ in each number of pairs, over the subjects of both.

    The subject is the unit: values are averaged over the samples of a real volume, then over the
    real volumes of a subject. Numbers without a better end, such as a mean difference, are not
    compared.

    Args:
        table: of scores of volumes, see `VolumeScore`; those without a `pair` are left aside.
        family_of: what a number is computed on, by its name, where that is no extractor. Numbers on
            one thing are corrected together.

    References:
        Wilcoxon, Biometrics Bulletin 1 (1945), 80-83; Holm, Scandinavian Journal of Statistics 6
        (1979), 65-70.
    """
    rows = table[(table["pair"] != "") & ~table["direction"].str.startswith("nearer")]
    rows = rows.assign(subject=rows["subject"].where(rows["subject"] != "", rows["pair"]))
    found: dict[str, list[Difference]] = {}
    for _, own in rows.groupby(list(NUMBER), sort=False):
        extractor, name, where = (str(own[column].iloc[0]) for column in NUMBER)
        family = extractor or family_of(name)
        about = Difference(
            "", "", name, math.nan, own["direction"].iloc[0], 0, METHOD.format(family=family),
            extractor=extractor, where=parsed(where),
        )  # fmt: skip
        means = {
            str(cohort): part.groupby(["subject", "pair"])["value"].mean()
            for cohort, part in own.groupby("cohort", sort=False)
        }
        found.setdefault(family, []).extend(_of_number(pd.DataFrame(means), about))
    return [one for family in found.values() for one in _corrected(family)]


def mean_difference(values: Float[np.ndarray, " n"]) -> Tested:
    """Return the mean of paired differences, one a subject, with interval and test.

    The test is exact for at most 50 subjects without ties or zeros, and for at most 13 with some;
    zeros are left out of it.
    """
    n, value = len(values), float(values.mean()) if len(values) else math.nan
    if n < 2:
        return Tested(value, math.nan, math.nan, math.nan, math.nan)
    spread = float(values.std(ddof=1))
    varies = spread > 1e-12 * max(float(np.abs(values).max()), 1e-300)
    half = stdtrit(n - 1, (1 + LEVEL) / 2) * spread / math.sqrt(n) if varies else math.nan
    p = float(stats.wilcoxon(values).pvalue) if values.any() else 1.0
    ranks = float((np.sign(values) * stats.rankdata(np.abs(values))).sum())
    return Tested(value, value - half, value + half, p, ranks)


def _of_number(of_pairs: pd.DataFrame, about: Difference) -> Iterator[Difference]:
    """Yield the differences of one number, not corrected.

    Args:
        of_pairs: a column per cohort, a row per subject and real volume.
    """
    size = of_pairs.index.get_level_values("subject").nunique()
    for first, second in combinations([str(name) for name in of_pairs], 2):
        apart = (of_pairs[first] - of_pairs[second]).dropna().groupby(level="subject").mean()
        tested, n = mean_difference(apart.to_numpy(float)), len(apart)
        told: list[Caveat] = []
        if n < size:
            told.append(LEFT_OUT(n=size - n, size=size))
        if n < 2:
            told.append(ONE_SUBJECT)
        elif math.isnan(tested.low):
            told.append(UNVARYING)
        if tested.value * tested.ranks < 0:
            told.append(OPPOSED)
        interval = Interval(tested.low, tested.high, LEVEL, "t interval over subjects")
        yield replace(
            about,
            first=first,
            second=second,
            value=tested.value,
            subjects=n,
            interval=None if math.isnan(tested.low) else interval,
            p=tested.p,
            warnings=tuple(told),
        )


def _corrected(family: list[Difference]) -> Iterator[Difference]:
    """Yield the differences with p-values corrected together, and what no test can find told."""
    known = [one.p for one in family if not math.isnan(one.p)]
    adjusted = iter(holm_adjusted(np.array(known)).tolist())
    for one in family:
        if math.isnan(one.p):
            yield one
            continue
        least = 2.0 ** (1 - one.subjects)
        coarse = least * len(known) > ALPHA
        told = (COARSE(n=one.subjects, least=least, m=len(known)),) if coarse else ()
        p = next(adjusted)
        better = "" if p >= ALPHA or OPPOSED in one.warnings else _better(one)
        yield replace(one, p_holm=p, better=better, warnings=(*one.warnings, *told))


def _better(one: Difference) -> str:
    return one.first if (one.value > 0) == one.direction.startswith("higher") else one.second
