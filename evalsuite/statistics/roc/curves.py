"""ROC curves of readers, and the AUC, sensitivity, specificity and accuracy of each."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import binomtest

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.multiplicity import BY_READER, holm
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.roc.auc import (
    REFERENCES,
    Scale,
    auc_covariance,
    auc_interval,
    chance_test,
)
from evalsuite.statistics.roc.readings import Readings

NAN = float("nan")
ALL = "all"
CURVE_COLUMNS = [
    "question", "treatment", "reader", "threshold", "false_positive_rate", "sensitivity",
]  # fmt: skip
COLUMNS = [
    "question", "treatment", "reader", "quantity", "estimate", "standard_error", "low", "high",
    "level", "p", "p_holm", "family", "n_positive", "n_negative", "random", "method", "reference",
    "warnings",
]  # fmt: skip
UNDECIDED = "they are in the middle of the scale"
EXACT = "Clopper and Pearson 1934"

Points = tuple[Float[np.ndarray, "p"], Float[np.ndarray, "p"], Float[np.ndarray, "p"]]
Ratings = tuple[Float[np.ndarray, "m"], Float[np.ndarray, "n"]]


def roc_points(positive: Float[np.ndarray, "m"], negative: Float[np.ndarray, "n"]) -> Points:
    """Return thresholds, false positive rates and sensitivities of one empirical ROC curve.

    A case is called positive if its rating is at least the threshold. The curve starts at (0, 0)
    with an infinite threshold and ends at (1, 1); equal ratings of both truths make a slope.

    Args:
        positive, negative: ratings without gaps, at least one each.

    Example:
        >>> [points.tolist() for points in roc_points(np.array([2.0, 3]), np.array([1.0, 2]))]
        [[inf, 3.0, 2.0, 1.0], [0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0]]
    """
    thresholds = np.append(np.inf, np.unique(np.concatenate([positive, negative]))[::-1])
    false_positive_rate, sensitivity = (
        1 - np.searchsorted(np.sort(cases), thresholds) / len(cases)
        for cases in (negative, positive)
    )
    return thresholds, false_positive_rate, sensitivity


def mean_curve(curves: list[Points]) -> Points:
    """Return the mean of ROC curves along lines of equal sensitivity plus false positive rate.

    The area under it is the mean of the areas. It has no thresholds; they are nan.

    References:
        Chen and Samuelson, British Journal of Radiology 87 (2014) 20140016.
    """
    sums = [across + up for _, across, up in curves]
    grid = np.unique(np.concatenate(sums).round(12))
    height = np.mean(
        [
            np.interp(grid, total, up - across)
            for total, (_, across, up) in zip(sums, curves, strict=True)
        ],
        axis=0,
    )
    return np.full_like(grid, NAN), (grid - height) / 2, (grid + height) / 2


def roc_curves(readings: Readings) -> pd.DataFrame:
    """Return the ROC curve of every reader, and their mean as that of reader `all`.

    Returns:
        One row per point, from (0, 0) to (1, 1), by treatment and reader. A reader who has not
        read cases of both truths has no curve.
    """
    tables = []
    for treatment, ratings in _by_treatment(readings):
        curves = {
            reader: roc_points(positive, negative)
            for reader, (positive, negative) in ratings.items()
            if len(positive) and len(negative)
        }
        if len(curves) > 1:
            curves[ALL] = mean_curve(list(curves.values()))
        for reader, points in curves.items():
            named = {"question": readings.question, "treatment": treatment, "reader": reader}
            tables.append(pd.DataFrame(named | dict(zip(CURVE_COLUMNS[3:], points, strict=True))))
    empty = pd.DataFrame(columns=CURVE_COLUMNS)
    return pd.concat(tables, ignore_index=True) if tables else empty


def reader_aucs(readings: Readings, *, level: float = 0.95, scale: Scale = "logit") -> pd.DataFrame:
    """Return the AUC of every reader under every treatment, with DeLong's standard error.

    It is the probability that the reader rates a random positive case above a random negative
    one, ties counted half: 0.5 by chance, 1 for perfect separation. Intervals and p values
    (against 0.5) are for other cases and this reader only. For an AUC of 0 or 1, where DeLong's
    variance is 0, the interval is Clopper and Pearson's for as many pairs as can be made without
    using a case twice, which is conservative.

    Args:
        level: nominal coverage, between 0 and 1.
        scale: where the interval is symmetric; the logit holds its coverage near 1.

    Returns:
        One row per treatment and reader; `p_holm` corrects `p` over all of them.
    """
    rows = []
    for treatment, ratings in _by_treatment(readings):
        for reader, (positive, negative) in ratings.items():
            found = _reader_auc(positive, negative, readings.truths, level, scale)
            rows.append([
                readings.question, treatment, reader, "AUC", found.value, found.error, found.low,
                found.high, level, found.p, NAN, BY_READER, len(positive), len(negative), "cases",
                f"{found.method}; cases random, this reader only", found.reference,
                " ".join(filter(None, (*readings.warnings, found.warning))),
            ])  # fmt: skip
    return holm(pd.DataFrame(rows, columns=COLUMNS), ["quantity"])


def reader_rates(
    readings: Readings, *, threshold: float | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Return sensitivity, specificity and accuracy of every reader with exact intervals.

    A rating above the threshold calls a case positive, one below it negative; one at the
    threshold does neither and is left out. In a visual Turing test real cases are the positive
    ones: sensitivity is the share of real cases called real, specificity that of synthetic cases
    called synthetic. Accuracy depends on how many cases of either truth there are.

    Args:
        threshold: a rating; the middle of the scale by default.
        level: nominal coverage, between 0 and 1; exact intervals cover at least that.

    Returns:
        Three rows per treatment and reader; `p` tests accuracy against one half, where there
        are as many decided cases of either truth, and is nan otherwise; `p_holm` corrects it over all.

    Raises:
        EvalsuiteError: if the readings know no middle and no threshold is given.
    """
    cut = called(readings, threshold)
    rows = []
    for treatment, ratings in _by_treatment(readings):
        for reader, of_truths in ratings.items():
            decided = [cases[cases != cut] for cases in of_truths]
            undecided = np.concatenate(of_truths) == cut
            right = int((decided[0] > cut).sum()), int((decided[1] < cut).sum())
            counts = len(decided[0]), len(decided[1])
            cautions = readings.warnings + left_out(UNDECIDED, undecided, "ratings")
            for quantity, k, n in (
                ("sensitivity", right[0], counts[0]),
                ("specificity", right[1], counts[1]),
                ("accuracy", sum(right), sum(counts)),
            ):
                share, low, high, p = exact_share(k, n, level)
                fair = quantity == "accuracy" and counts[0] == counts[1]
                warnings = cautions
                if n == 0:
                    warnings += (f"The {quantity} is undefined: no case was decided.",)
                rows.append([
                    readings.question, treatment, reader, quantity, share, NAN, low, high, level,
                    p if fair else NAN, NAN, BY_READER, counts[0], counts[1], "cases",
                    f"ratings above {cut:g} are {readings.truths[0]}; exact interval, cases random",
                    EXACT, " ".join(warnings),
                ])  # fmt: skip
    return holm(pd.DataFrame(rows, columns=COLUMNS), ["quantity"])


class _ReaderAuc(NamedTuple):
    """The AUC of one reader with what is known of it; nan where undefined."""

    value: float
    error: float
    low: float
    high: float
    p: float
    method: str
    reference: str
    warning: str


def _reader_auc(
    positive: Float[np.ndarray, "m"],
    negative: Float[np.ndarray, "n"],
    truths: tuple[str, str],
    level: float,
    scale: Scale,
) -> _ReaderAuc:
    values, covariance = auc_covariance(positive[None], negative[None])
    value, error = float(values[0]), float(covariance[0, 0]) ** 0.5
    method, reference = "empirical, DeLong's variance", REFERENCES["DeLong"]
    pairs = min(len(positive), len(negative))
    scarce = truths[0] if len(positive) == pairs else truths[1]
    if value in {0, 1}:
        _, low, high, p = exact_share(round(value) * pairs, pairs, level)
        method = f"empirical, exact interval of {pairs} disjoint pairs"
        warning = (
            "The ratings separate the cases without error, so the standard error is undefined "
            "and the interval conservative."
        )
        return _ReaderAuc(value, NAN, low, high, p, method, EXACT, warning)
    warning = ""
    if pairs == 0:
        warning = f"The AUC is undefined: no {scarce} case was read."
    elif pairs == 1:
        warning = (
            "There is no interval: it needs at least 2 cases of either truth, but only 1 "
            f"{scarce} case was read."
        )
    elif error == 0:
        error = NAN
        warning = "There is no interval: the ratings do not vary."
    low, high = auc_interval(value, error, level, scale=scale)
    _, p = chance_test(value, error, scale=scale)
    method = f"{method}, normal on the {scale} scale"
    return _ReaderAuc(value, error, low, high, p, method, reference, warning)


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


def called(readings: Readings, threshold: float | None) -> float:
    """Return the rating that divides positive calls from negative ones."""
    cut = readings.midpoint if threshold is None else threshold
    if np.isnan(cut):
        raise EvalsuiteError(
            "The readings do not say where their scale has its middle; pass the threshold above "
            "which a rating calls a case positive."
        )
    return cut


def _by_treatment(readings: Readings) -> Iterator[tuple[str, dict[str, Ratings]]]:
    """Yield the ratings of positive and of negative cases by reader, without gaps."""
    for t, treatment in enumerate(readings.treatments):
        yield (
            treatment,
            {
                reader: (_given(readings.positive[t, r]), _given(readings.negative[t, r]))
                for r, reader in enumerate(readings.readers)
            },
        )


def _given(ratings: Float[np.ndarray, "c"]) -> Float[np.ndarray, "g"]:
    return np.asarray(ratings[~np.isnan(ratings)])
