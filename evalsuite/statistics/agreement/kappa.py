"""Chance-corrected agreement: quadratic weighted, Fleiss' and Gwet's coefficients.

Everywhere 1 is perfect agreement, 0 what chance would give by the coefficient's own notion of
chance, and less is possible. `ratings` has one row per case and one column per reader, nan where
there is no answer. Every function evaluates its coefficient in all replicates of a bootstrap, of
which `Draws.once` is the study itself; a reader drawn twice is never compared with a copy.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from evalsuite.statistics.resample import Draws

# Sums of squares below this share of their terms are rounding, not spread.
ROUNDING = 1e-12


def column_kappas(
    first: Float[np.ndarray, "c p"],
    second: Float[np.ndarray, "c p"],
    cases: Float[np.ndarray, "b c"],
) -> Float[np.ndarray, "b p"]:
    """Return Cohen's kappa with quadratic weights of p pairs of columns in every replicate.

    One minus the mean squared difference of the two answers to a case over that of answers
    paired at random: no list of categories is needed, for equally spaced scores the largest
    difference cancels. On two categories it is Cohen's unweighted kappa. A constant difference
    between the readers lowers it. nan where no case has both answers, or where all these answers
    are equal (0/0).

    Args:
        first, second: numeric answers to the same cases, equally spaced scores; nan if missing.
        cases: multiplicities of cases, one row per replicate.

    References:
        Cohen, Psychological Bulletin 70 (1968). Fleiss and Cohen, Educational and Psychological
        Measurement 33 (1973): its equivalence with an intraclass correlation.

    Example:
        >>> first, second = np.array([[1.0, 2, 3, 3], [1, 3, 3, 2]])[..., None]
        >>> column_kappas(first, second, np.ones((1, 4))).round(4).tolist()
        [[0.6364]]
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    # Whole numbers stay whole, so that sums of squares of equal answers cancel exactly.
    centre = np.round(first[both].mean()) if both.any() else 0.0
    x, y = np.where(both, first - centre, 0.0), np.where(both, second - centre, 0.0)
    n, x_sum, y_sum = cases @ both.astype(float), cases @ x, cases @ y
    spread, observed = cases @ (x**2 + y**2), cases @ (x - y) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = spread - 2 * x_sum * y_sum / n
        return np.where(expected > ROUNDING * spread, 1 - observed / expected, np.nan)


def kappa_errors(
    first: Float[np.ndarray, "c p"], second: Float[np.ndarray, "c p"]
) -> Float[np.ndarray, " p"]:
    """Return the standard errors of p quadratic weighted kappas by the delta method.

    From each case's influence on the two means of which kappa is the ratio; for quadratic
    weights that is the variance of Fleiss, Cohen and Everitt, here with n - 1. nan where kappa
    is undefined or fewer than two cases have both answers.

    References:
        Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969).
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    n = both.sum(axis=0)
    kappa = column_kappas(first, second, np.ones((1, len(first))))[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = np.where(both, first, 0.0), np.where(both, second, 0.0)
        x, y = (np.where(both, z - z.sum(axis=0) / n, 0.0) for z in (x, y))
        gap = (np.where(both, first - second, 0.0)).sum(axis=0) / n
        observed, expected = (x - y + gap) ** 2, x**2 + y**2 + gap**2 + 2 * gap * (x - y)
        influence = observed - (1 - kappa) * expected
        scale = (np.where(both, expected, 0.0)).sum(axis=0)
        return np.asarray(
            n * np.sqrt((np.where(both, influence, 0.0) ** 2).sum(axis=0) / (n * (n - 1))) / scale
        )


def mean_quadratic_kappas(
    ratings: Float[np.ndarray, "c r"], draws: Draws
) -> Float[np.ndarray, " b"]:
    """Return the mean of quadratic weighted kappa over pairs of readers (Light's kappa).

    Pairs without a kappa are left out of the mean; nan where no pair has one.

    References:
        Light, Psychological Bulletin 76 (1971).
    """
    i, j = np.triu_indices(ratings.shape[1], k=1)
    kappas = column_kappas(ratings[:, i], ratings[:, j], draws.cases)
    weights = draws.readers[:, i] * draws.readers[:, j] * np.isfinite(kappas)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights * np.nan_to_num(kappas)).sum(axis=1) / weights.sum(axis=1))


def quadratic_weights(
    categories: Sequence[float] | Float[np.ndarray, " k"],
) -> Float[np.ndarray, "k k"]:
    """Return the agreement of categories: 1 less the squared difference over the largest one."""
    scores = np.asarray(categories, float)
    squared = (scores[:, None] - scores) ** 2
    return np.asarray(1 - squared / squared.max() if squared.any() else np.ones_like(squared))


def fleiss_kappas(
    ratings: Float[np.ndarray, "c r"],
    draws: Draws,
    categories: Float[np.ndarray, " k"],
    weights: Float[np.ndarray, "k k"] | None = None,
) -> Float[np.ndarray, " b"]:
    """Return Fleiss' kappa of any number of readers, unweighted unless weights are given.

    Chance is two answers drawn from the shares of the categories. Cases may have different
    numbers of answers (Gwet's generalisation); those with one count for the shares only. Few
    used categories make it small even where readers nearly always agree. nan where no case has
    two answers, or where all answers are equal.

    Args:
        ratings: one row per case, one column per reader.
        categories: ascending; those that do not occur change nothing.
        weights: agreement of every two categories; 1 on the diagonal.

    References:
        Fleiss, Psychological Bulletin 76 (1971). Gwet, Handbook of Inter-Rater Reliability, 4th
        edition, 2014, chapter 2.
    """
    weights = np.eye(len(categories)) if weights is None else weights
    observed, shares = _observed(ratings, draws, categories, weights)
    return _corrected(observed, ((shares @ weights) * shares).sum(axis=1))


def gwet_acs(
    ratings: Float[np.ndarray, "c r"],
    draws: Draws,
    categories: Float[np.ndarray, " k"],
    weights: Float[np.ndarray, "k k"] | None = None,
) -> Float[np.ndarray, " b"]:
    """Return Gwet's AC1, or AC2 where weights are given; answers may be missing.

    Chance is a reader who answers at random on the cases that are hard, so that the coefficient
    does not collapse, as kappas do, where nearly all answers fall into one category. It depends
    on how many categories were offered: give all of them, used or not. nan where no case has
    two answers or fewer than two categories are given.

    Args:
        ratings: one row per case, one column per reader.
        categories: all answers that were offered, ascending.
        weights: agreement of every two categories, such as `quadratic_weights(categories)`.

    Raises:
        ValueError: if an answer is none of the categories.

    References:
        Gwet, British Journal of Mathematical and Statistical Psychology 61 (2008) (AC1). Gwet,
        Handbook of Inter-Rater Reliability, 4th edition, 2014, chapters 3 and 4 (AC2).
    """
    k = len(categories)
    weights = np.eye(k) if weights is None else weights
    observed, shares = _observed(ratings, draws, categories, weights)
    if k < 2:
        return np.full_like(observed, np.nan)
    chance = weights.sum() / (k * (k - 1)) * (shares * (1 - shares)).sum(axis=1)
    return _corrected(observed, chance)


def counts(
    ratings: Float[np.ndarray, "c r"],
    readers: Float[np.ndarray, "b r"],
    categories: Float[np.ndarray, " k"],
) -> tuple[Float[np.ndarray, "b c k"], Float[np.ndarray, "b c k"]]:
    """Return how many drawn readers gave each category to each case, and how many self-pairs.

    A reader drawn u times forms u^2 pairs of copies, u of which n^2 counts in any case; all
    are to be taken off the n^2 pairs of one case.

    Raises:
        ValueError: if an answer is none of the categories.
    """
    given = ratings[:, :, None] == categories
    stray = ~np.isnan(ratings) & ~given.any(axis=2)
    if stray.any():
        raise ValueError(
            f"The answer {ratings[stray][0]:g} is none of the categories "
            f"{', '.join(f'{category:g}' for category in categories)}."
        )
    c, r, k = given.shape
    flat = given.transpose(1, 0, 2).reshape(r, c * k).astype(float)
    shape = (len(readers), c, k)
    return (readers @ flat).reshape(shape), (readers**2 @ flat).reshape(shape)


def weighted_sum(
    cases: Float[np.ndarray, "b c"], terms: Float[np.ndarray, "b c q"]
) -> Float[np.ndarray, "b q"]:
    """Return the sums of terms over drawn cases; either side may have one row for all."""
    if len(terms) == 1:
        return np.asarray(cases @ terms[0])
    return np.asarray((cases[:, None, :] @ terms)[:, 0])


def _observed(
    ratings: Float[np.ndarray, "c r"],
    draws: Draws,
    categories: Float[np.ndarray, " k"],
    weights: Float[np.ndarray, "k k"],
) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, "b k"]]:
    """Return the mean agreement within cases and the mean shares of the categories."""
    n, self_pairs = counts(ratings, draws.readers, categories)
    answers = n.sum(axis=2)
    pairs = answers**2 - self_pairs.sum(axis=2)
    agreeing = ((n @ weights) * n - self_pairs * np.diag(weights)).sum(axis=2)
    paired, answered = pairs > 0, answers > 0
    agreement = np.divide(agreeing, pairs, out=np.zeros_like(pairs), where=paired)
    shares = np.divide(n, answers[:, :, None], out=np.zeros_like(n), where=answered[:, :, None])
    sums = weighted_sum(
        draws.cases, np.concatenate([agreement[..., None], paired[..., None], shares], axis=2)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, 0] / sums[:, 1], sums[:, 2:] / sums[:, 2:].sum(axis=1, keepdims=True)


def _corrected(
    observed: Float[np.ndarray, " b"], chance: Float[np.ndarray, " b"]
) -> Float[np.ndarray, " b"]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(1 - chance > ROUNDING, (observed - chance) / (1 - chance), np.nan)
