"""The area under the empirical ROC curve, and its covariance between readers and treatments."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit
from scipy.stats import rankdata

DELONG, UNBIASED = "DeLong, DeLong and Clarke-Pearson 1988", "Gallas 2006"
CLUSTERS = "Obuchowski 1997"


class Placements(NamedTuple):
    """Where the cases of one truth lie among those of the other, for k sets of readings.

    Args:
        positive: of each positive case, the share of negative cases with a lower rating (equal
            ones count half); nan where it is unread.
        negative: of each negative case, the share of positive cases with a higher rating.
    """

    positive: Float[np.ndarray, "k m"]
    negative: Float[np.ndarray, "k n"]

    @property
    def auc(self) -> Float[np.ndarray, " k"]:
        """Area under the empirical ROC curve; nan where either truth was not read."""
        read = ~np.isnan(self.positive)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(read, self.positive, 0).sum(axis=1) / read.sum(axis=1))


class PairSums(NamedTuple):
    """Sums over the pairs of a positive and a negative case, for k readers.

    Args:
        positive, negative: sums over the pairs that hold each case.
        products: sums over pairs of the products of two readers.
    """

    positive: Float[np.ndarray, "k m"]
    negative: Float[np.ndarray, "k n"]
    products: Float[np.ndarray, "k k"]

    @property
    def total(self) -> Float[np.ndarray, " k"]:
        """Sums over all pairs."""
        return np.asarray(self.positive.sum(axis=1))

    @property
    def apart(self) -> Float[np.ndarray, "k k"]:
        """Sums of products over a pair of one reader and one of another without a common case."""
        shared = self.positive @ self.positive.T + self.negative @ self.negative.T - self.products
        return np.asarray(np.outer(self.total, self.total) - shared)

    def only(self, rows: Int[np.ndarray, " q"]) -> "PairSums":
        """Return those of some rows."""
        return PairSums(self.positive[rows], self.negative[rows], self.products[np.ix_(rows, rows)])


def placements(
    positive: Float[np.ndarray, "k m"], negative: Float[np.ndarray, "k n"]
) -> Placements:
    """Return the placements of every case, from mid-ranks.

    References:
        Sun and Xu, IEEE Signal Processing Letters 21 (2014) 1389-1393.
    """
    m = positive.shape[1]
    together = _ranks(np.concatenate([positive, negative], axis=1))
    n_positive, n_negative = (
        (~np.isnan(c)).sum(axis=1, keepdims=True) for c in (positive, negative)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return Placements(
            (together[:, :m] - _ranks(positive)) / n_negative,
            1 - (together[:, m:] - _ranks(negative)) / n_positive,
        )


def auc_covariance(
    positive: Float[np.ndarray, "k m"],
    negative: Float[np.ndarray, "k n"],
    subjects: tuple[Int[np.ndarray, " m"], Int[np.ndarray, " n"]] | None = None,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k k"]]:
    """Return k empirical AUCs and their covariance when cases are drawn anew, after DeLong.

    Rows may have read different cases: those that two rows share make their covariance, and rows
    without a common case have none. The variance is somewhat too large on average.

    Args:
        positive, negative: ratings, one row per reader (and treatment), nan where unread.
        subjects: numbers of whom the cases show. Cases of one subject, of either truth, are then
            one observation (Obuchowski).

    Returns:
        The AUCs, 0 to 1, 0.5 by chance, nan where either truth was not read; and their
        covariance, nan where a row has fewer than two cases of either truth.

    References:
        DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845. Obuchowski, Biometrics 53
        (1997) 567-578, for subjects with several cases.

    Example:
        >>> value, covariance = auc_covariance(np.array([[2.0, 3, 3]]), np.array([[1.0, 2]]))
        >>> round(float(value[0]), 6), round(float(covariance[0, 0]), 6)
        (0.916667, 0.013889)
    """
    placed = placements(positive, negative)
    value = placed.auc
    whom = (None, None) if subjects is None else subjects
    sides = [_influence(part, value, own) for part, own in zip(placed, whom, strict=True)]
    influence = np.concatenate(sides, axis=1)
    if subjects is not None:
        _, number = np.unique(np.concatenate(subjects), return_inverse=True)
        influence = influence @ np.eye(number.max(initial=-1) + 1)[number]
    return value, influence @ influence.T


def area_freedom(positive: Float[np.ndarray, "k m"], negative: Float[np.ndarray, "k n"]) -> float:
    """Return the degrees of freedom of DeLong's covariance of k readers.

    Of one reader they are Satterthwaite's of the variances of both kinds of placement, of several
    the number of cases less 2; nan where a variance is not defined.

    References:
        Brunner and Munzel, Biometrical Journal 42 (2000) 17-25.
    """
    if len(positive) > 1:
        sides = positive, negative
        return float(sum((~np.isnan(side)).any(axis=0).sum() for side in sides) - 2)
    variances, freedoms = [], []
    for part in placements(positive, negative):
        given = part[~np.isnan(part)]
        if len(given) < 2:
            return np.nan
        variances.append(float(given.var(ddof=1)) / len(given))
        freedoms.append(len(given) - 1)
    rest = sum(v**2 / df for v, df in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / rest if rest > 0 else np.nan


def share_covariance(
    wins: PairSums, shown: PairSums
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k k"]]:
    """Return the share of pairs won by each of k readers, and its unbiased covariance.

    The product of two shares, less the mean product of two pairs that have no case in common,
    whose expectation is the product of the expected shares. Both kinds of case are samples.

    Args:
        wins: sums of what a pair counts: 1, 1/2 or 0.
        shown: the same sums of 1 for every pair that a reader saw.

    Returns:
        The shares, nan for no pair; the covariance, nan where no two pairs are apart.

    References:
        Gallas, Academic Radiology 13 (2006) 353-362, the one-shot estimate.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        share = wins.total / shown.total
        return share, np.outer(share, share) - wins.apart / shown.apart


def t_interval(
    value: float, error: float, level: float, *, df: float = np.inf
) -> tuple[float, float]:
    """Return the ends of Student's interval of that coverage; normal without `df`."""
    half = float(stdtrit(df, (1 + level) / 2)) * error
    return value - half, value + half


def _ranks(ratings: Float[np.ndarray, "k c"]) -> Float[np.ndarray, "k c"]:
    return np.asarray(rankdata(ratings, axis=1, nan_policy="omit"))


def _influence(
    placed: Float[np.ndarray, "k c"],
    value: Float[np.ndarray, " k"],
    subjects: Int[np.ndarray, " c"] | None,
) -> Float[np.ndarray, "k c"]:
    """Return what each case adds to the error of the AUC; 0 for unread cases."""
    read = ~np.isnan(placed)
    n = read.sum(axis=1, keepdims=True)
    independent = n
    if subjects is not None and len(subjects):
        of_subject = read @ np.eye(subjects.max() + 1)[subjects]
        independent = (of_subject > 0).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(independent / (independent - 1)) / n
        influence = (placed - value[:, None]) * scale
    return np.where(independent < 2, np.nan, np.where(read, influence, 0))
