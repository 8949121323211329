"""How many readers and cases a visual Turing test needs, in closed form.

The two figures of a reader are the area under the ROC curve of their ratings and the share of
pairs in which they choose the real volume; guessing gives 0.5. Ratings vary as in
`evalsuite.study.protocol.power`, so that one reader puts a real volume above a synthetic one with
the same probability p for either figure, and with the variance

    V = 2 (reader_cohort + case + reader_case)

of the difference of two ratings. Two such comparisons are both right with the probability that two
standard normal variables of correlation rho are both below the p-quantile; rho is the part of V
that they have in common. Variances and covariances of the figures follow exactly, and with them
the power of the analysis of Obuchowski and Rockette, which takes readers and cases as samples.

References:
    Hillis, Obuchowski and Berbaum, Academic Radiology 18 (2011) 129-142: power from the variance
    components of that analysis. Obuchowski, AJR 182 (2004) 867-869: the design. Gallas,
    Academic Radiology 13 (2006) 353-362: the variance of a mean AUC from products of comparisons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.power import (
    LEVEL,
    TYPICAL,
    Components,
    check_size,
    few_readers,
)

GUESSING = 0.5
DRAWS = 400  # quantiles of the mean square of the readers over which the power is averaged


@dataclass(frozen=True, slots=True)
class FigurePower:
    """What a study of one size achieves.

    Args:
        figure: `auc` or `choice`.
        readers: how many, each of whom reads all cases.
        cases: how many in each of the two cohorts, which are as many pairs for `choice`.
        difference: of the true figure from guessing that `detected` is about.
        margin: the difference to be ruled out.
        level: of the two-sided test, and of each of the two one-sided ones.
        detected: probability that the study finds the figure to differ from guessing.
        ruled_out: probability that it shows a difference smaller than the margin, where there is
            none.
        half_width: mean half width of the 95 % confidence interval where there is none.
        warnings: reasons not to rely on such a study, each one plain sentence.
    """

    figure: str
    readers: int
    cases: int
    difference: float
    margin: float
    level: float
    detected: float
    ruled_out: float
    half_width: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variances:
    """How the figures of readers vary, in the terms of Obuchowski and Rockette.

    Args:
        reader: variance between readers' true figures.
        error: variance of one reader's figure over cases.
        shared: covariance of two readers' figures, Cov2, from their common cases.
        df_cases: degrees of freedom of the cases.
    """

    reader: float
    error: float
    shared: float
    df_cases: float


def figure_power(
    figure: Literal["auc", "choice"],
    readers: Sequence[int],
    cases: Sequence[int],
    *,
    difference: float,
    margin: float,
    components: Components = TYPICAL,
    questions: int = 1,
) -> list[FigurePower]:
    """Return the power of every combination of a number of readers and of cases.

    As in the analysis of a study, figures are tested on the scale of log odds against guessing,
    with the degrees of freedom of Hillis (two readers: Cochran's quantile), never surer of other
    readers than of these. The chance of the readers' mean square is averaged over; covariances are
    taken as known, so that in simulated studies of 20 to 40 cases analysed by
    `obuchowski_rockette` the power was up to 0.03 less.

    Args:
        figure: `auc` for ratings, `choice` for pairs.
        readers: numbers of readers, each at least 2.
        cases: numbers of cases in each cohort, each at least 2.
        difference: of the true figure from 0.5; 0 gives the rate of false alarms.
        margin: of the figure.
        components: variances of the ratings, of which only the ratios matter.
        questions: how many comparisons are corrected together by Holm's method, whose first
            step, Bonferroni's, every one of them passes at its level.

    Raises:
        EvalsuiteError: for numbers that no study can have.
    """
    check_size(readers, cases, questions)
    if not 0 <= difference < GUESSING or not 0 < margin < GUESSING:
        raise EvalsuiteError(
            f"A figure differs from guessing, 0.5, by less than 0.5; but the difference is "
            f"{difference:g} and the margin {margin:g}."
        )
    if components.reader_cohort + components.case + components.reader_case == 0:
        raise EvalsuiteError("With no variance but that between readers every answer is right.")
    level = LEVEL / questions
    table = []
    for r in readers:
        for n in cases:
            found, none = (
                variances(figure, value, n, components)
                for value in (GUESSING + difference, GUESSING)
            )
            detected, _ = _outcomes(GUESSING + difference, margin, found, r, level)
            _, ruled_out = _outcomes(GUESSING, margin, none, r, level)
            reach = _half_widths(none, r, LEVEL)[0] * _slope(GUESSING)
            width = float((1 / (1 + np.exp(-reach)) - GUESSING).mean())
            row = FigurePower(
                figure, r, n, difference, margin, level, detected, ruled_out, width, few_readers(r)
            )
            table.append(row)
    return table


def variances(figure: str, value: float, n: int, components: Components) -> Variances:
    """Return how figures vary, without approximation.

    Args:
        figure: `auc` or `choice`.
        value: its mean over readers, above 0 and below 1.
        n: cases in each cohort, or pairs.
        components: variances of the ratings.
    """
    of_reader, of_case, of_both = (
        components.reader_cohort, components.case, components.reader_case
    )  # fmt: skip
    whole = 2 * (of_reader + of_case + of_both)
    squared = value**2
    same_reader = both_right(value, 2 * of_reader / whole)
    same_pair = both_right(value, 2 * of_case / whole)
    reader = same_reader - squared
    if figure == "choice":
        return Variances(reader, (value - same_reader) / n, (same_pair - squared) / n, n - 1)
    one_case = both_right(value, (2 * of_reader + of_case + of_both) / whole)
    one_case_two_readers = both_right(value, of_case / whole)
    pairs, once = 1 / n**2, 2 * (n - 1) / n**2  # of two comparisons: same cases, one in common
    error = pairs * (value - same_reader) + once * (one_case - same_reader)
    shared = pairs * (same_pair - squared) + once * (one_case_two_readers - squared)
    return Variances(reader, error, shared, 2 * (n - 1))


def both_right(value: float, correlation: float) -> float:
    """Return the probability that two correlated comparisons, each right with `value`, both are.

    References:
        Owen, Annals of Mathematical Statistics 27 (1956) 1075-1090, equation 2.1.
    """
    from scipy.special import ndtri, owens_t

    slope = ((1 - correlation) / (1 + correlation)) ** 0.5
    return float(value - 2 * owens_t(ndtri(value), slope))


def _outcomes(
    value: float, margin: float, its: Variances, readers: int, level: float
) -> tuple[float, float]:
    """Return the probabilities that a figure is found to differ from guessing, and that it is not."""
    from scipy.special import logit, ndtr

    slope = _slope(value)
    away, room = float(logit(value)), float(logit(GUESSING + margin))
    wide, narrow = (_half_widths(its, readers, level * sides)[0] * slope for sides in (1, 2))
    error = _half_widths(its, readers, level)[1] * slope
    detected = ndtr((away - wide) / error) + ndtr((-away - wide) / error)
    left = np.maximum(room - narrow, 0)
    ruled_out = ndtr((left - away) / error) - ndtr((-left - away) / error)
    return float(detected.mean()), float(ruled_out.mean())


def _half_widths(
    its: Variances, readers: int, level: float
) -> tuple[Float[np.ndarray, " q"], float]:
    """Return half widths of intervals of a mean figure over the chance of the readers' mean square.

    Also its true standard error. As in `evalsuite.statistics.ratings.crossed.over_figures`.
    """
    from scipy.special import stdtrit
    from scipy.stats import chi2

    df = readers - 1
    mean_square = its.reader + its.error - its.shared
    chance = chi2.ppf((np.arange(DRAWS) + 0.5) / DRAWS, df) / df
    from_readers = mean_square / readers * chance
    squared = from_readers + its.shared
    of_cases = float(stdtrit(its.df_cases, 1 - level / 2))
    if readers > 2:
        with np.errstate(divide="ignore"):  # readers who do not differ leave the freedom infinite
            quantile = stdtrit(df * (squared / from_readers) ** 2, 1 - level / 2)
    else:
        quantile = from_readers * stdtrit(df, 1 - level / 2) + its.shared * of_cases
        quantile /= squared
    alone = its.error / readers + its.shared * (readers - 1) / readers
    reach = np.maximum(quantile * np.sqrt(squared), of_cases * alone**0.5)
    return reach, float((mean_square / readers + its.shared) ** 0.5)


def _slope(value: float) -> float:
    """Return what log odds change by for a change of a share."""
    return 1 / (value * (1 - value))
