"""How well numbers tell two groups of cases apart, with error control over all of them at once.

One permutation test judges every cue, a classifier and every place together (Westfall and Young,
Resampling-Based Multiple Testing, 1993, single-step maxT): the groups are dealt anew many times,
and what is found counts only if it stands out from the best that chance finds anywhere; the
smallest of the p-values of cues, classifier and places is judged in the same way. Two cohorts that do not differ are
therefore called different in at most 5 % of all audits, however many cues there are and however
they correlate.

The classifier adds up what it learnt of each number by itself, and of the directions in which all of
them vary together, weighted so that one that tells all outweighs a hundred that tell nothing. It is
learnt anew for every deal, so that the test is exact.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

CHUNK = 4096  # places at a time
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


@dataclass(frozen=True, slots=True)
class Peak:
    """The place at which the groups differ most.

    Args:
        index: of the column.
        separation: cross-validated: by the place that stands out in the other cases.
    """

    index: int
    separation: Separation


@dataclass(frozen=True, slots=True)
class Separations:
    """What separates the groups.

    Args:
        single: by each cue alone.
        classifier: by all cues together.
        peak: by the value at one of many places; None if there are none, or all are the same.
    """

    single: list[Separation]
    classifier: Separation
    peak: Peak | None


def separations(
    values: Float[np.ndarray, "n k"],
    places: Float[np.ndarray, "n v"],
    synthetic: Bool[np.ndarray, " n"],
    *,
    seed: int,
    folds: int,
    repeats: int,
    permutations: int,
) -> Separations:
    """Return the separation by each cue, by a classifier on all of them, and by one place.

    A single number separates in either direction; for the classifier only an AUC above 0.5
    counts. Its AUC is corrected for the pessimism of cross-validation, so that the mean over all
    permutations is 0.5. Places are judged by the correlation of the values with the groups, which
    tells a few large values from many small ones where ranks of few cases do not.

    Args:
        values: one row of cues per case; -inf is an ordinary, lowest value.
        places: one row per case, values of one kind at the same places.
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

    x = features(values)
    scores = out_of_fold(x, labels, folds=folds, repeats=repeats, random=random)
    learned = _aucs((_ranks(scores.round(9)) * labels).sum(axis=0), n, m)
    chance, width = float(learned.mean()), float(learned.std())
    learned_p = _upper_tail(learned)
    highest = _highest(places, labels)
    # Cues, classifier and places have equal say: the smallest of three p-values decides.
    least = np.minimum(np.minimum(_upper_tail(best), learned_p), _upper_tail(highest))

    def adjusted(p: float) -> float:
        return float((least <= p).mean())

    single = []
    for auc, largest in zip(aucs[:, 0].tolist(), z[:, 0], strict=True):
        low, high = auc_interval(auc, m, n - m)
        single.append(Separation(auc, low, high, adjusted(float((best >= largest).mean()))))
    # Leaving a case out tips the balance of the others against it, so chance is below 0.5.
    # Of a few cases every deal may be learnt equally well, which is chance as well.
    corrected = 1 - (1 - float(learned[0])) * 0.5 / (1 - chance) if width > 0 else 0.5
    auc = max(0.0, corrected)
    # Scores of one cross-validation vary more than independent ones: as if there were fewer cases.
    independent = math.sqrt((n + 1) / (12 * m * (n - m)))
    fewer = min(1.0, (independent / width) ** 2) if width > 0 else 1.0
    low, high = auc_interval(auc, m * fewer, (n - m) * fewer)
    classifier = Separation(auc, low, high, adjusted(float(learned_p[0])))
    if highest[0] <= 0:
        return Separations(single, classifier, None)
    by_place = _place_auc(places, synthetic, folds=folds, random=random)
    low, high = auc_interval(by_place, m, n - m)
    p = adjusted(float((highest >= highest[0]).mean()))
    index = int(np.abs(_correlations(places, labels[:, :1])).argmax())
    return Separations(single, classifier, Peak(index, Separation(by_place, low, high, p)))


def features(values: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n p"]:
    """Return what the classifier sees: ranks, their squares, and their principal components.

    The squares show a group that lies in the middle, or at both ends, of the other; a component
    of little variance shows numbers that agree otherwise in one group than in the other.
    """
    n = len(values)
    ranks = (_ranks(values) - (n + 1) / 2) / n
    kept = ranks[:, ranks.std(axis=0) > 1e-9]
    standard = kept / kept.std(axis=0)
    squares = ranks**2 - (ranks**2).mean(axis=0)
    vectors, sizes, _ = np.linalg.svd(standard, full_matrices=False)
    # As many components as cases would tell nothing but the other cases' balance of roles.
    components = vectors[:, : n // 4][:, sizes[: n // 4] > 1e-6 * max(sizes, default=0.0)]
    columns: Float[np.ndarray, "n p"] = np.hstack([standard, squares, components])
    return columns[:, columns.std(axis=0) > 1e-9]


def out_of_fold(
    x: Float[np.ndarray, "n p"],
    labels: Float[np.ndarray, "n b"],
    *,
    folds: int,
    repeats: int,
    random: np.random.Generator,
) -> Float[np.ndarray, "n b"]:
    """Return for every deal of the groups the scores of cases by models which never saw them.

    The weight of a column is the third power of its correlation with the groups in the other
    cases; the weights of a model have length one. Folds are dealt without looking at labels.
    """
    n = len(x)
    scores = np.zeros(labels.shape)
    for _ in range(repeats):
        for test in np.array_split(random.permutation(n), min(folds, n)):
            train = np.setdiff1d(np.arange(n), test)
            mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
            related = _correlations(x[train], labels[train])
            weights = related * related * related  # `** 3` takes twenty times as long
            length = np.sqrt((weights**2).sum(axis=0))
            seen = (x[test] - mean) / np.where(deviation > 1e-9, deviation, np.inf)
            scores[test] += seen @ (weights / np.where(length > 0, length, np.inf)) / repeats
    return scores


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


def _highest(
    places: Float[np.ndarray, "n v"], labels: Float[np.ndarray, "n b"]
) -> Float[np.ndarray, " b"]:
    """Return for each deal of the groups the largest correlation of any place with it."""
    highest = np.zeros(labels.shape[1], dtype=np.float32)
    for start in range(0, places.shape[1], CHUNK):
        found = np.abs(_correlations(places[:, start : start + CHUNK], labels))
        np.maximum(highest, found.max(axis=0), out=highest)
    # As above: a deal that equals the observed one must not beat it by a rounding error.
    return highest.round(5)


def _correlations(
    places: Float[np.ndarray, "n v"], labels: Float[np.ndarray, "n b"]
) -> Float[np.ndarray, "v b"]:
    """Return Pearson's correlation of each place with each deal; 0 where all cases are the same."""
    unit = []
    for columns in (places, labels):
        centred = columns - columns.mean(axis=0)
        length = np.sqrt((centred**2).sum(axis=0))
        unit.append((centred / np.where(length > 1e-6, length, np.inf)).astype(np.float32))
    found: Float[np.ndarray, "v b"] = unit[0].T @ unit[1]
    return found


def _place_auc(
    places: Float[np.ndarray, "n v"],
    synthetic: Bool[np.ndarray, " n"],
    *,
    folds: int,
    random: np.random.Generator,
) -> float:
    """Return the AUC by the place that separates the other cases best, for each fold of cases."""
    n, m = len(synthetic), int(synthetic.sum())
    scores = np.zeros(n)
    for test in np.array_split(random.permutation(n), min(folds, n)):
        train = np.setdiff1d(np.arange(n), test)
        found = _correlations(places[train], synthetic[train, None].astype(np.float64))[:, 0]
        index = int(np.abs(found).argmax())
        # About the middle of the other cases, since folds may choose different places.
        middle = np.median(places[train, index])
        scores[test] = (places[test, index] - middle) * np.sign(found[index])
    return float(_aucs(_ranks(scores)[synthetic].sum(), n, m))


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
