"""Rank correlations of many resamples at once, which are weighted rather than written out."""

from itertools import permutations

import numpy as np
from jaxtyping import Float, Int

from evalsuite.statistics.resample import Draws, Statistic

COEFFICIENTS = ("Spearman rho", "Kendall tau-b")
AT_ONCE = 16  # replicates whose pairs are held at once, few enough to stay in the cache
ENUMERATED = 8  # things, up to which all their orders are gone through
SHUFFLES = 9_999
REFERENCES = ("Spearman 1904; Owen 2007", "Kendall 1945; Owen 2007")


def rank_correlations(x: Float[np.ndarray, "m n"], ratings: Float[np.ndarray, "n r"]) -> Statistic:
    """Return the statistic: Spearman's rho and Kendall's tau-b of m scores with the mean rating.

    With w the multiplicities of cases in a replicate, rho is the correlation of midranks weighted
    by w, and tau-b is sum_ij w_i w_j sign(x_i - x_j) sign(y_i - y_j) over the root of the weights
    of the pairs untied in x and of those untied in y; a case and its own copy are tied in both. A
    case none of whose readers is drawn is left out.

    Args:
        x: finite scores.
        ratings: nan where there is no answer; one or more per case.

    Returns:
        A function of the draws that returns the rho of every score, then the tau-b; nan where
        either side is constant.
    """
    signs = np.sign(x[:, :, None] - x[:, None, :]).astype(np.float32)
    levels_x = [_levels(score[None]) for score in x]

    def replicated(draws: Draws) -> Float[np.ndarray, "b 2m"]:
        means = mean_ratings(ratings, draws.readers)
        weights = np.where(np.isnan(means), 0.0, draws.cases)
        levels_y = _levels(np.nan_to_num(means))
        of_y, untied_y = _midranks(levels_y, weights)
        squares_y = (weights * of_y**2).sum(axis=1)
        weighted_y = weights * of_y
        signed = _signed_pairs(signs, levels_y, weights)
        rho, tau = np.empty((2, len(weights), len(x)))
        for k, levels in enumerate(levels_x):
            of_x, untied_x = _midranks(levels, weights)
            squares_x = (weights * of_x**2).sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                rho[:, k] = (weighted_y * of_x).sum(axis=1) / np.sqrt(squares_x * squares_y)
                tau[:, k] = signed[:, k] / np.sqrt(untied_x * untied_y)
        return np.hstack([rho, tau])

    return replicated


def _levels(values: Float[np.ndarray, "b n"]) -> Int[np.ndarray, "b n"]:
    """Return the dense ranks of every row, from 0."""
    order = np.argsort(values, axis=1)
    rises = np.diff(np.take_along_axis(values, order, axis=1), axis=1) > 0
    levels = np.zeros(values.shape, int)
    np.put_along_axis(levels, order[:, 1:], np.cumsum(rises, axis=1), axis=1)
    return levels


def _midranks(
    levels: Int[np.ndarray, "b n"], weights: Float[np.ndarray, "b n"]
) -> tuple[Float[np.ndarray, "b n"], Float[np.ndarray, " b"]]:
    """Return twice the weighted midranks less their mean, and the weight of the untied pairs."""
    b, n = weights.shape
    levels = np.broadcast_to(levels, (b, n))
    cells = (np.arange(b)[:, None] * n + levels).ravel()
    tally = np.bincount(cells, weights=weights.ravel(), minlength=b * n).reshape(b, n)
    total = weights.sum(axis=1)
    ranks = 2 * np.cumsum(tally, axis=1) - tally - total[:, None]
    return np.take_along_axis(ranks, levels, axis=1), total**2 - (tally**2).sum(axis=1)


def _signed_pairs(
    signs: Float[np.ndarray, "m n n"],
    levels: Int[np.ndarray, "k n"],
    weights: Float[np.ndarray, "b n"],
) -> Float[np.ndarray, "b m"]:
    """Return the weight of the concordant less that of the discordant ordered pairs.

    Sums of whole numbers below 2^24 are exact in float32.
    """
    m, n, _ = signs.shape
    w = weights.astype(np.float32)
    if len(levels) == 1:
        alike = signs * np.sign(np.subtract.outer(levels[0], levels[0])).astype(np.float32)
        return np.stack(
            [((w @ products) * w).sum(axis=1, dtype=float) for products in alike], axis=1
        )
    result = np.empty((len(w), m))
    for start in range(0, len(w), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        y = levels[rows].astype(np.float32)
        pairs = y[:, :, None] - y[:, None, :]
        np.clip(pairs, -1, 1, out=pairs)
        pairs *= w[rows, :, None] * w[rows, None, :]
        result[rows] = pairs.reshape(-1, n * n) @ signs.reshape(m, n * n).T
    return result


def mean_ratings(
    ratings: Float[np.ndarray, "n r"], readers: Float[np.ndarray, "b r"]
) -> Float[np.ndarray, "b n"]:
    """Return the mean rating of each case by the drawn readers; nan where none of them answered."""
    given = ~np.isnan(ratings)
    centred = np.where(given, ratings, 0.0)
    if not given.all():
        of_readers = centred.sum(axis=0) / np.maximum(given.sum(axis=0), 1)
        centred = np.where(given, ratings - of_readers, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (readers @ centred.T) / (readers @ given.T.astype(float))
    # Ties between cases must survive the order of summation.
    return np.asarray(np.round(means, 9))


def rank_correlations_of_rows(
    x: Float[np.ndarray, " g"], y: Float[np.ndarray, "b g"]
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


def orders(n: int, seed: int) -> Int[np.ndarray, "b n"]:
    """Return all orders of n things, the given one first; beyond eight 9,999 random ones and it."""
    if n <= ENUMERATED:
        return np.array(list(permutations(range(n))), int).reshape(-1, n)
    shuffled = np.tile(np.arange(n), (SHUFFLES + 1, 1))
    np.random.default_rng(seed).permuted(shuffled[1:], axis=1, out=shuffled[1:])
    return shuffled


def independence(
    x: Float[np.ndarray, "m n"], y: Float[np.ndarray, " n"], seed: int
) -> Float[np.ndarray, "m 2"]:
    """Return the two-sided p-values of rho and tau-b of every score with y if they are independent.

    The share of the orders of y, all equally likely then, with a correlation as far from 0 or
    further (see `orders`): exact up to eight cases, and never below one in the number of orders.
    Nothing is asked of distributions, and ties are as they are.

    References:
        Fisher, The Design of Experiments, 1935. Phipson and Smyth, Statistical Applications in
        Genetics and Molecular Biology 9 (2010) 39: why the given order counts among the random.
    """
    tried = orders(len(y), seed)
    signs = np.sign(x[:, :, None] - x[:, None, :]).astype(np.float32)
    levels = _levels(y[None])[0][tried]
    ranks = np.sign(y[:, None] - y[None, :]).sum(axis=1)[tried]
    sums = (
        ranks @ signs.sum(axis=2, dtype=float).T,
        _signed_pairs(signs, levels, np.ones(tried.shape)),
    )
    far = [np.abs(of_orders) >= np.abs(of_orders[:1]) - 1e-9 for of_orders in sums]
    return np.stack([of_orders.mean(axis=0) for of_orders in far], axis=1)
