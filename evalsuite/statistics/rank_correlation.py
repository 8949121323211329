"""Rank correlations of many resamples at once, which are weighted rather than written out."""

import numpy as np
from jaxtyping import Float

from evalsuite.statistics.resample import Draws

COEFFICIENTS = ("Spearman rho", "Kendall tau-b")
REFERENCES = ("Spearman 1904; Owen 2007", "Kendall 1945; Owen 2007")


def rank_correlations(
    x: Float[np.ndarray, "m n"],
    ratings: Float[np.ndarray, "n r"],
    draws: Draws,
) -> Float[np.ndarray, "b 2m"]:
    """Return Spearman's rho and Kendall's tau-b of m scores with the mean rating, by replicate.

    With S the signs of all differences and w the multiplicities of cases, centred ranks are
    S w / 2, so that no replicate is ever written out: rho is the correlation of ranks weighted
    by w, and tau-b is w'(Sx Sy)w / sqrt(w'|Sx|w w'|Sy|w). Readers' answers are centred by reader,
    so that a missing answer of a strict reader does not raise a case.

    Args:
        x: finite scores.
        ratings: nan where there is no answer; one or more per case.
        draws: multiplicities; a case none of whose readers is drawn is left out.

    Returns:
        The rho of every score, then the tau-b; nan where either side is constant.
    """
    signs = np.sign(x[:, :, None] - x[:, None, :]).astype(np.float32)
    m, n = x.shape
    flat, untied = signs.reshape(m, n * n), np.abs(signs).reshape(m, n * n)
    means = mean_ratings(ratings, draws.readers)
    b = max(len(draws.cases), len(means))
    weights = np.broadcast_to(draws.cases, (b, n))
    result = np.empty((b, 2 * m))
    for i in range(b):
        y = means[min(i, len(means) - 1)]
        w = np.where(np.isnan(y), 0.0, weights[i]).astype(np.float32)
        of_y = np.sign(np.subtract.outer(np.nan_to_num(y), np.nan_to_num(y))).astype(np.float32)
        rank_x, rank_y = (signs @ w).astype(float), (of_y @ w).astype(float)
        pairs = np.outer(w, w)
        signed, of_pairs = (pairs * of_y).ravel(), pairs.ravel()
        untied_y = float(np.abs(signed).sum(dtype=float))
        with np.errstate(invalid="ignore", divide="ignore"):
            result[i, :m] = (rank_x * rank_y) @ w
            result[i, :m] /= np.sqrt((rank_x**2 @ w) * (rank_y**2 @ w))
            result[i, m:] = (flat @ signed) / np.sqrt((untied @ of_pairs) * untied_y)
    return result


def mean_ratings(
    ratings: Float[np.ndarray, "n r"], readers: Float[np.ndarray, "b r"]
) -> Float[np.ndarray, "b n"]:
    """Return the mean rating of each case by the drawn readers; nan where none of them answered."""
    given = ~np.isnan(ratings)
    centred = np.where(given, ratings, 0.0)
    if not given.all():
        centred = np.where(given, ratings - np.nanmean(ratings, axis=0), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Ties between cases must survive the order of summation.
        return np.round((readers @ centred.T) / (readers @ given.T.astype(float)), 9)


def rank_correlations_of_rows(
    x: Float[np.ndarray, "g"], y: Float[np.ndarray, "b g"]
) -> Float[np.ndarray, "b 2"]:
    """Return rho and tau-b of x with every row of y; nan where either is constant or unknown."""
    of_x = np.sign(x[:, None] - x[None, :])
    of_y = np.sign(y[:, :, None] - y[:, None, :])
    rank_x, rank_y = of_x.sum(axis=1), of_y.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = (rank_y @ rank_x) / np.sqrt((rank_x**2).sum() * (rank_y**2).sum(axis=1))
        ties = np.sqrt(np.abs(of_x).sum() * np.abs(of_y).sum(axis=(1, 2)))
        tau = (of_x * of_y).sum(axis=(1, 2)) / ties
    return np.stack([rho, tau], axis=1)
