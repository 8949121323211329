"""ROC curves of readers, and the AUC, sensitivity, specificity and accuracy of each."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from evalsuite.records import Caveat
from evalsuite.statistics.multiplicity import BY_READER
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.ratings.area import EXACT, area, exact_share
from evalsuite.statistics.result import ALL, NAN, Result, holm
from evalsuite.statistics.roc.readings import Readings

CURVE_COLUMNS = [
    "question", "treatment", "reader", "threshold", "false_positive_rate", "sensitivity",
]  # fmt: skip
NONE_DECIDED = Caveat("none-decided", "The {rate} is undefined: no case was decided.")
UNDECIDED = "they are in the middle of the scale"

Points = tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"], Float[np.ndarray, " p"]]
Ratings = tuple[Float[np.ndarray, " m"], Float[np.ndarray, " n"]]


def roc_points(positive: Float[np.ndarray, " m"], negative: Float[np.ndarray, " n"]) -> Points:
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


def reader_aucs(readings: Readings, *, level: float = 0.95) -> list[Result]:
    """Return the AUC of every reader under every treatment, with DeLong's standard error.

    It is the probability that the reader rates a random positive case above a random negative
    one, ties counted half: 0.5 by chance, 1 for perfect separation. Intervals and p values
    (against 0.5) are for other cases and this reader only; see `area`.

    Args:
        level: nominal coverage, between 0 and 1.

    Returns:
        One per treatment and reader; p-values are corrected over all of them.
    """
    results = []
    for t, treatment in enumerate(readings.treatments):
        for r, reader in enumerate(readings.readers):
            positive, negative = readings.positive[t, [r]].T, readings.negative[t, [r]].T
            auc = area(positive, negative, readings.truths, level)
            named = replace(
                auc,
                where={"question": readings.question, "treatment": treatment, "reader": reader},
                quantity="AUC",
                family=BY_READER,
                counts=_counted(positive, negative),
                random="cases",
                method=f"{auc.method}; cases random, this reader only",
                warnings=(*readings.warnings, *auc.warnings),
            )
            results.append(named)
    return holm(results, lambda result: result.quantity)


def reader_rates(readings: Readings, *, level: float = 0.95) -> list[Result]:
    """Return sensitivity, specificity and accuracy of every reader with exact intervals.

    A rating above the middle of the scale calls a case positive, one below it negative; one in the
    middle does neither and is left out. In a visual Turing test real cases are the positive
    ones: sensitivity is the share of real cases called real, specificity that of synthetic cases
    called synthetic. Accuracy depends on how many cases of either truth there are.

    Args:
        level: nominal coverage, between 0 and 1; exact intervals cover at least that.

    Returns:
        Three per treatment and reader; `p` tests accuracy against one half, where there are as
        many decided cases of either truth, and is nan otherwise; it is corrected over all.
    """
    cut = readings.midpoint
    results = []
    for treatment, ratings in _by_treatment(readings):
        for reader, of_truths in ratings.items():
            decided = [cases[cases != cut] for cases in of_truths]
            undecided = np.concatenate(of_truths) == cut
            right = int((decided[0] > cut).sum()), int((decided[1] < cut).sum())
            counts = len(decided[0]), len(decided[1])
            cautions = (*readings.warnings, *left_out(UNDECIDED, undecided, "ratings"))
            for quantity, k, n in (
                ("sensitivity", right[0], counts[0]),
                ("specificity", right[1], counts[1]),
                ("accuracy", sum(right), sum(counts)),
            ):
                share, low, high, p = exact_share(k, n, level)
                fair = quantity == "accuracy" and counts[0] == counts[1]
                none = NONE_DECIDED(rate=quantity)
                rate = Result(
                    where={"question": readings.question, "treatment": treatment, "reader": reader},
                    quantity=quantity,
                    value=share,
                    low=low,
                    high=high,
                    level=level,
                    p=p if fair else NAN,
                    family=BY_READER,
                    counts=_counted(*decided),
                    random="cases",
                    method=f"ratings above {cut:g} are {readings.truths[0]}; exact interval, cases "
                    "random",
                    reference=EXACT,
                    warnings=cautions if n else (*cautions, none),
                )
                results.append(rate)
    return holm(results, lambda result: result.quantity)


def _counted(
    positive: Float[np.ndarray, "..."], negative: Float[np.ndarray, "..."]
) -> dict[str, int]:
    sides = {"positive": positive, "negative": negative}
    return {truth: int((~np.isnan(ratings)).sum()) for truth, ratings in sides.items()}


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


def _given(ratings: Float[np.ndarray, " c"]) -> Float[np.ndarray, " g"]:
    return np.asarray(ratings[~np.isnan(ratings)])
