"""Krippendorff's alpha: one coefficient for any number of readers, scale and gaps."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from evalsuite.statistics.agreement.kappa import ROUNDING, counts, weighted_sum
from evalsuite.statistics.resample import Draws

Scale = Literal["nominal", "ordinal", "interval"]


def krippendorff_alphas(
    ratings: Float[np.ndarray, "c r"], draws: Draws, scale: Scale = "ordinal"
) -> Float[np.ndarray, " b"]:
    """Return Krippendorff's alpha, 1 less observed over expected disagreement, in every replicate.

    1 is perfect agreement, 0 what answers dealt out at random would give, and less is possible.
    It corrects for small samples and takes cases with any number of answers; those with one
    are left out, and a reader drawn twice is not paired with a copy. nan where no case has two
    answers, or where all these answers are equal. The sum of distances over all pairs of answers to a case, or of all answers, has a closed form
    in counts or moments, so no coincidence matrix is held per replicate.

    Args:
        ratings: one row per case, one column per reader, nan where there is no answer.
        draws: the replicates.
        scale: how far apart two answers are. Ordinal: by the answers that lie between them.

    References:
        Krippendorff, Computing Krippendorff's alpha-reliability, University of Pennsylvania
        Scholarly Commons, 2011. Hayes and Krippendorff, Communication Methods and Measures 1
        (2007).

    Example:
        >>> ratings = np.array([[1.0, 1], [2, 3], [3, 3], [np.nan, 2]])
        >>> krippendorff_alphas(ratings, Draws.once(4, 2)).round(4).tolist()
        [0.7778]
    """
    if scale == "interval":
        sums = _sums_of_scores(ratings, draws)
    else:
        sums = _sums_of_categories(ratings, draws, scale)
    # 1/(m - 1) for m answers where nobody is drawn twice.
    weights = np.divide(
        sums.answers, sums.pairs, out=np.zeros_like(sums.pairs), where=sums.pairs > 0
    )
    within = weighted_sum(draws.cases, (weights * sums.within)[..., None])[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        observed, expected = within / sums.n, sums.overall / (sums.n * (sums.n - 1))
        return np.where(sums.overall > ROUNDING * sums.n**2, 1 - observed / expected, np.nan)


class _Sums(NamedTuple):
    """What alpha is made of.

    Args:
        answers, pairs: of each case: answers, and ordered pairs of answers of different readers.
        within: sum of distances over the pairs of each case.
        n: answers to cases with a pair.
        overall: sum of distances over all pairs of these answers.
    """

    answers: Float[np.ndarray, "b c"]
    pairs: Float[np.ndarray, "b c"]
    within: Float[np.ndarray, "b c"]
    n: Float[np.ndarray, " b"]
    overall: Float[np.ndarray, " b"]


def _sums_of_scores(ratings: Float[np.ndarray, "c r"], draws: Draws) -> _Sums:
    """Return the sums for squared differences, which need no list of the answers."""
    answered = ~np.isnan(ratings)
    centre = np.round(ratings[answered].mean()) if answered.any() else 0.0
    scores = np.where(answered, ratings - centre, 0.0)
    scores = scores / (np.abs(scores).max(initial=0) or 1)
    powers = np.stack([answered.astype(float), scores, scores**2], axis=-1).transpose(1, 0, 2)
    moments = (draws.readers @ powers.reshape(len(powers), -1)).reshape(-1, len(ratings), 3)
    pairs = moments[..., 0] ** 2 - draws.readers**2 @ answered.T.astype(float)
    total = weighted_sum(draws.cases, moments * (pairs > 0)[..., None])
    return _Sums(moments[..., 0], pairs, _spread(moments), total[:, 0], _spread(total))


def _sums_of_categories(
    ratings: Float[np.ndarray, "c r"], draws: Draws, scale: Literal["nominal", "ordinal"]
) -> _Sums:
    values = np.unique(ratings[~np.isnan(ratings)])
    n, self_pairs = counts(ratings, draws.readers, values)
    answers = n.sum(axis=2)
    pairs = answers**2 - self_pairs.sum(axis=2)
    total = weighted_sum(draws.cases, n * (pairs > 0)[..., None])
    if scale == "nominal":
        within = answers**2 - (n**2).sum(axis=2)
        overall = total.sum(axis=1) ** 2 - (total**2).sum(axis=1)
    else:
        # Ranks of ties halfway: their differences are Krippendorff's ordinal distances.
        ranks = np.cumsum(total, axis=1) - total / 2
        powers = np.stack([np.ones_like(ranks), ranks, ranks**2], axis=-1)
        within, overall = _spread(n @ powers), _spread((total[:, None, :] @ powers)[:, 0])
    return _Sums(answers, pairs, within, total.sum(axis=1), overall)


def _spread(moments: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any"]:
    """Return the sum of squared differences over all ordered pairs, from sums of powers."""
    return np.asarray(2 * (moments[..., 0] * moments[..., 2] - moments[..., 1] ** 2))
