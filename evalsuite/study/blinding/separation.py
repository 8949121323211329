"""How well numbers tell two groups of cases apart, with error control over all of them at once.

One permutation test judges every cue and a classifier together (Westfall and Young, Resampling-
Based Multiple Testing, 1993, single-step maxT): the groups are dealt anew many times, and what is
found counts only if it stands out from the best that chance finds anywhere; the smaller of the
p-values of cues and classifier is judged in the same way. Two cohorts that do not differ are
therefore called different in at most 5 % of all audits, however many cues there are and however
they correlate.

The classifier is regularised least squares on ranks, whose out-of-fold scores are linear in the
labels. One matrix gives the scores of every permutation, so that the test is exact at no cost.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

LEVEL = 0.95
CRITICAL = 1.959963984540054  # of the normal distribution, two-sided at LEVEL


@dataclass(frozen=True, slots=True)
class Separation:
    """How well one number separates the groups.

    Args:
        auc: probability that a synthetic case has the higher value than a real one, ties halved.
        low, high: 95 % interval of `auc`, for this number alone.
        p: permutation p-value adjusted for all numbers looked at.
    """

    auc: float
    low: float
    high: float
    p: float


def separations(
    values: Float[np.ndarray, "n k"],
    synthetic: Bool[np.ndarray, " n"],
    *,
    seed: int,
    folds: int,
    repeats: int,
    permutations: int,
) -> tuple[list[Separation], Separation]:
    """Return the separation by each column, and by a classifier on all of them.

    A single number separates in either direction; for the classifier only an AUC above 0.5
    counts. Its AUC is corrected for the pessimism of cross-validation, so that the mean over all
    permutations is 0.5.

    Args:
        values: one row per case; -inf is an ordinary, lowest value.
        synthetic: one flag per case, some of each.
        folds, repeats: of the cross-validation; scores are averaged over the repeats.
        permutations: how often the groups are dealt anew.
    """
    n, m = len(synthetic), int(synthetic.sum())
    random = np.random.default_rng(seed)
    ranks = _ranks(values)
    dealt = [synthetic, *(random.permutation(synthetic) for _ in range(permutations))]
    labels = np.array(dealt, dtype=np.float64).T  # n x (1 + permutations)
    spread = ((ranks - (n + 1) / 2) ** 2).sum(axis=0)
    # Variance of a sum of m of n ranks drawn without replacement, ties as they are.
    null = np.sqrt(m * (n - m) / (n * (n - 1)) * spread) / (m * (n - m))
    aucs = _aucs(ranks.T @ labels, n, m)
    # Rounding errors must not make a permutation that equals the observed deal beat it.
    z = (np.abs(aucs - 0.5) / np.where(null > 0, null, np.inf)[:, None]).round(9)
    best = z.max(axis=0, initial=0.0)

    scores = out_of_fold(features(values), folds=folds, repeats=repeats, random=random) @ labels
    learned = _aucs((_ranks(scores.round(9)) * labels).sum(axis=0), n, m)
    chance, width = float(learned.mean()), float(learned.std())
    learned_p = _upper_tail(learned)
    # The cues as one family and the classifier have equal say: the smaller p-value decides.
    least = np.minimum(_upper_tail(best), learned_p)

    def adjusted(p: float) -> float:
        return float((least <= p).mean())

    single = []
    for auc, largest in zip(aucs[:, 0].tolist(), z[:, 0], strict=True):
        low, high = auc_interval(auc, m, n - m)
        single.append(Separation(auc, low, high, adjusted(float((best >= largest).mean()))))
    # Leaving a case out tips the balance of the others against it, so chance is below 0.5.
    auc = max(0.0, 1 - (1 - float(learned[0])) * 0.5 / (1 - chance))
    # Scores of one cross-validation vary more than independent ones: as if there were fewer cases.
    independent = math.sqrt((n + 1) / (12 * m * (n - m)))
    fewer = min(1.0, (independent / width) ** 2) if width > 0 else 1.0
    low, high = auc_interval(auc, m * fewer, (n - m) * fewer)
    return single, Separation(auc, low, high, adjusted(float(learned_p[0])))


def features(values: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n p"]:
    """Return what the classifier sees: standardised ranks and their squares.

    The squares show a group that lies in the middle, or at both ends, of the other.
    """
    n = len(values)
    ranks = (_ranks(values) - (n + 1) / 2) / n
    columns = np.hstack([ranks, ranks**2])
    columns = columns - columns.mean(axis=0)
    deviations = columns.std(axis=0)
    kept = deviations > 1e-9
    standardised: Float[np.ndarray, "n p"] = columns[:, kept] / deviations[kept]
    return standardised


def out_of_fold(
    x: Float[np.ndarray, "n p"], *, folds: int, repeats: int, random: np.random.Generator
) -> Float[np.ndarray, "n n"]:
    """Return the matrix that turns labels into scores by models which never saw the case.

    Ridge regression of the centred labels with penalty p (unit penalty on the mean of the
    features' products), on folds that are dealt without looking at labels.
    """
    n, p = x.shape
    matrix = np.zeros((n, n))
    for _ in range(repeats):
        for test in np.array_split(random.permutation(n), min(folds, n)):
            train = np.setdiff1d(np.arange(n), test)
            mean = x[train].mean(axis=0)
            seen = x[train] - mean
            weights = np.linalg.solve(seen.T @ seen + p * np.eye(p), seen.T)
            matrix[np.ix_(test, train)] += (x[test] - mean) @ weights / repeats
    return matrix


def auc_interval(auc: float, m: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of an AUC of m and n cases, also sound at 0 and 1.

    Newcombe, Statistics in Medicine 25 (2006) 559-573, method 5: the AUCs whose distance to the
    estimate is at most 1.96 standard errors, these computed at the AUC in question by Hanley and
    McNeil's formula with (m + n) / 2 - 1 for both group sizes less one.
    """
    from scipy.optimize import brentq

    pairs = max(0.0, (m + n) / 2 - 1)

    def beyond(true: float) -> float:
        spread = 1 + pairs * ((1 - true) / (2 - true) + true / (1 + true))
        return (auc - true) ** 2 - CRITICAL**2 * true * (1 - true) * spread / (m * n)

    # At 0 and 1 the estimate itself is a root, but not the one that bounds the interval.
    low = 0.0 if auc <= 0 else float(brentq(beyond, 0.0, min(auc, 1 - 1e-9)))
    high = 1.0 if auc >= 1 else float(brentq(beyond, max(auc, 1e-9), 1.0))
    return low, high


def _upper_tail(values: Float[np.ndarray, " b"]) -> Float[np.ndarray, " b"]:
    """Return for each value the share of all that are as large or larger."""
    from scipy.stats import rankdata

    shares: Float[np.ndarray, " b"] = rankdata(-values, method="max") / len(values)
    return shares


def _ranks(values: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
    from scipy.stats import rankdata

    ranks: Float[np.ndarray, "n k"] = rankdata(values, axis=0)
    return ranks


def _aucs(rank_sums: np.ndarray, n: int, m: int) -> np.ndarray:
    """Return the AUCs of groups of m cases with these sums of ranks among n."""
    aucs: np.ndarray = (rank_sums - m * (m + 1) / 2) / (m * (n - m))
    return aucs
