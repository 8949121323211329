"""Readers who did not all read everything: the one-shot variances of Gallas.

A figure is a mean of comparisons of a positive with a negative case by one reader: 1, 1/2 or 0. Two
comparisons may have the reader, the positive and the negative case in common, or not: eight
kinds, whose mean products are the moments M1 (all in common) to M8 (none). M8 estimates the square
of the expected figure without bias, whichever cells are missing, and the square of the estimate
less M8 is its variance when readers and cases are drawn anew. Within one reader, and for every
two readers, the same with cases alone gives what readers have in common through cases.

Where readers made unequal numbers of comparisons, M8 weighs them otherwise than the estimate does:
its variance is then often negative, and 95 % intervals covered 81 to 97 % in simulations. The
analysis of a study therefore gives readers equal weight and takes from here the unbiased
covariance of every two of them (`evalsuite.statistics.roc.auc.share_covariance`); that with equal
weight of all comparisons stands beside it. Of readers and cases fully crossed the two are one.

References:
    Gallas, Academic Radiology 13 (2006) 353-362. Gallas, Bandos, Samuelson and Wagner,
    Communications in Statistics - Theory and Methods 38 (2009) 2586-2603.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from evalsuite.statistics.ratings.crossed import ROUNDING, Crossed
from evalsuite.statistics.roc.auc import PairSums, share_covariance

ONE_SHOT = "Gallas 2006; Gallas, Bandos, Samuelson and Wagner 2009; Hillis 2007"
U_STATISTIC = "one-shot U-statistic covariance, as not every reader read every case"
MOMENTS = tuple(f"M{k}" for k in range(1, 9))
# From sums over pairs that have at least something in common to those that have just that.
_JUST = np.array([[1, 0], [-1, 1]])
JUST = np.kron(_JUST, np.kron(_JUST, _JUST))


@dataclass(frozen=True, slots=True)
class OneShot:
    """The mean figure under each of t treatments, every comparison with equal weight.

    Args:
        value: the mean figures; nan where nobody compared anything.
        covariance: of them for other readers and other cases; nan where no two comparisons are
            without common reader and case, as with one reader.
        shared: the part of it that two readers have through common cases.
        alone: of the figures for these readers alone, when cases are drawn anew.
        readers: how many readers of equal weight would weigh the same.
        n_readers: how many there are.
        moments: M1 to M8 of every two treatments; 0 for a kind that the design does not have.
        coefficients: of the moments in the covariance, which is the sum of their products.
    """

    value: Float[np.ndarray, " t"]
    covariance: Float[np.ndarray, "t t"]
    shared: Float[np.ndarray, "t t"]
    alone: Float[np.ndarray, "t t"]
    readers: Float[np.ndarray, " t"]
    n_readers: int
    moments: Float[np.ndarray, "t t 8"]
    coefficients: Float[np.ndarray, "t t 8"]

    def contrast(self, weights: Sequence[float], df_cases: float, least_p: float = 0.0) -> Crossed:
        """Return a sum of the figures with the parts of its variance, for intervals and tests.

        The part of the readers is what the one-shot variance leaves to readers who have no case in
        common, with Hillis' degrees of freedom (two readers: Cochran's quantile); negative parts
        count as none.

        Args:
            weights: of each treatment, such as (1, -1).
            df_cases, least_p: as in `Crossed`.
        """
        w = np.array(weights)
        total, shared, alone = (
            float(w @ part @ w) for part in (self.covariance, self.shared, self.alone)
        )
        of_readers = total - shared
        return Crossed(
            float(w @ self.value),
            of_readers if not of_readers < ROUNDING**2 else 0.0,
            shared if shared > ROUNDING**2 else 0.0,
            float(self.readers[w != 0].min()) - 1,
            df_cases,
            alone if alone > ROUNDING**2 else 0.0,
            least_p,
            hillis=self.n_readers > 2,
        )


def one_shot(wins: PairSums, shown: PairSums, treatments: int) -> OneShot:
    """Return the mean figures of readers under treatments with their one-shot covariance.

    Of readers and cases fully crossed it is the analysis of Obuchowski and Rockette with unbiased
    covariances.

    Args:
        wins: sums of what comparisons count, one row per treatment and reader, readers fastest;
            whoever compared nothing has a row of zeros.
        shown: the same sums of 1 for every comparison that was made.
        treatments: their number t.

    Example:
        >>> ratings = np.array([[3.0, 2], [1, 2]]), np.array([[1.0, 2], [1, np.nan]])
        >>> found = one_shot(*area_sums(*ratings), treatments=1)
        >>> round(float(found.value[0]), 6), round(float(found.covariance[0, 0]), 6)
        (0.833333, 0.069444)
    """
    r = len(shown.total) // treatments
    size = shown.total.reshape(treatments, r)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = wins.total.reshape(treatments, r).sum(axis=1) / size.sum(axis=1)
        weights = size / size.sum(axis=1, keepdims=True)
        readers = 1 / (weights**2).sum(axis=1)
    _, between = share_covariance(wins, shown)
    weighted = np.outer(weights, weights)
    # Whoever compared nothing, or shares too little with another, has no covariance with them.
    parts = np.where((weighted > 0) & np.isfinite(between), weighted * between, 0.0)
    parts = parts.reshape(treatments, r, treatments, r)
    alone = parts.sum(axis=(1, 3))
    products, counts = _products(wins, treatments), _products(shown, treatments)
    with np.errstate(invalid="ignore", divide="ignore"):
        moments = np.where(counts > 0, products / counts, 0.0)
        coefficients = counts / counts.sum(axis=2, keepdims=True)
    coefficients[..., -1] -= 1
    covariance = (coefficients * moments).sum(axis=2)
    return OneShot(
        value,
        np.where(counts[..., -1] > 0, covariance, np.nan),
        alone - np.einsum("trur->tu", parts),
        alone,
        readers,
        int((size > 0).any(axis=0).sum()),
        moments,
        coefficients,
    )


def everyone(read: Bool[np.ndarray, "*t r c"]) -> bool:
    """Return whether every reader read each case that any of them read (fully crossed)."""
    return bool((read == read.any(axis=-2, keepdims=True)).all())


def area_sums(
    positive: Float[np.ndarray, "k m"], negative: Float[np.ndarray, "k n"]
) -> tuple[PairSums, PairSums]:
    """Return the sums over pairs of cases of k sets of ratings, as `one_shot` wants them.

    Args:
        positive, negative: ratings, nan where unread.
    """
    k, m = positive.shape
    read = (~np.isnan(negative)).astype(float)
    sums = [
        PairSums(np.zeros((k, m)), np.zeros(negative.shape), np.zeros((k, k))) for _ in range(2)
    ]
    for i, ratings in enumerate(positive.T):
        pairs = read * ~np.isnan(ratings)[:, None]
        with np.errstate(invalid="ignore"):
            won = np.where(pairs > 0, (1 + np.sign(ratings[:, None] - negative)) / 2, 0.0)
        for its, counted in zip(sums, (won, pairs), strict=True):
            its.positive[:, i] = counted.sum(axis=1)
            its.negative[:] += counted
            its.products[:] += counted @ counted.T
    return sums[0], sums[1]


def _products(sums: PairSums, treatments: int) -> Float[np.ndarray, "t t 8"]:
    """Return sums of products of two comparisons of every two treatments, by what they share."""
    total = sums.total
    kinds = (
        sums.products,
        sums.positive @ sums.positive.T,
        sums.negative @ sums.negative.T,
        np.outer(total, total),
    )
    r = len(total) // treatments
    by_reader = [kind.reshape(treatments, r, treatments, r) for kind in kinds]
    of_one = [np.einsum("trur->tu", kind) for kind in by_reader]
    of_any = [kind.sum(axis=(1, 3)) for kind in by_reader]
    return np.stack([*of_one, *of_any], axis=-1) @ JUST.T
