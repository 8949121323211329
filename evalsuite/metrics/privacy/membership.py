"""Whether synthetic volumes tell which real ones the generator was trained on."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri

from evalsuite.metrics.privacy.copies import Near
from evalsuite.metrics.subjects import LEVEL, count, effective_size, sums
from evalsuite.records import Interval


class Share(NamedTuple):
    """A share beside its expectation and standard deviation under the null hypothesis."""

    value: float
    expected: float
    deviation: float


def probability_smaller(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"]) -> float:
    """Return the probability that a value of the first is smaller than one of the second.

    Ties count half: Mann and Whitney's statistic over n m, the area under the ROC curve of small
    values as a sign of the first.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([second, first]))[: len(second)]
    m, n = len(second), len(first)
    return float((ranks.sum() - m * (m + 1) / 2) / (m * n))


def probability_interval(value: float, n: float, m: float) -> Interval:
    """Return the interval of a Mann-Whitney probability of n against m independent values.

    The probabilities that lie within 1.96 of their own standard errors of the one observed, by
    Hanley and McNeil's variance with both sample sizes replaced by their mean. It stays within
    [0, 1] and keeps a width where the observed value is 0 or 1, unlike DeLong's.

    References:
        Newcombe, Statistics in Medicine 25 (2006) 559, method 5; Hanley and McNeil, Radiology 143
        (1982) 29.
    """
    from scipy import optimize

    inside = min(max(value, 1e-9), 1 - 1e-9)  # at 0 and 1 themselves there is no variance
    of = (value, n, m)
    low = optimize.brentq(_excess, 0, inside, args=of) if value > 0 else 0.0
    high = optimize.brentq(_excess, inside, 1, args=of) if value < 1 else 1.0
    return Interval(float(low), float(high), LEVEL, "Hanley-McNeil, Newcombe's method 5")


def _excess(p: float, value: float, n: float, m: float) -> float:
    """Return how far p is from a value beyond what its own standard error allows."""
    size = (n + m) / 2 - 1
    variance = p * (1 - p) * (1 + size * ((1 - p) / (2 - p) + p / (1 + p))) / (n * m)
    return abs(value - p) - float(ndtri((1 + LEVEL) / 2)) * math.sqrt(variance)


def placements(
    first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]]:
    """Return for each value the share of the other set on its side of it, ties counted half.

    The mean of either is `probability_smaller`; how alike they are within subjects tells how many
    independent values there are (Obuchowski, Biometrics 53 (1997) 567).
    """
    ours, theirs = np.sort(first), np.sort(second)

    def below(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
        ends = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
        return np.asarray((ends[0] + ends[1]) / 2 / len(ordered))

    return 1 - below(theirs, first), below(ours, second)


def probability_of_subjects(
    first: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " m"],
    subjects: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]],
) -> tuple[float, Interval]:
    """Return the probability that a value of the first is smaller, and its interval over subjects.

    Args:
        subjects: of both.
    """
    value = probability_smaller(first, second)
    sizes = map(effective_size, placements(first, second), subjects)
    return value, probability_interval(value, *sizes)


def nearest_is_training(
    to_training: Near,
    to_holdout: Near,
    training: Int[np.ndarray, " t"],
    holdout: Int[np.ndarray, " m"],
) -> Share:
    """Return the share of synthetic volumes whose nearest real volume is a training one.

    If the generator favours neither, any of the real subjects could as well have been the
    training ones: the expectation is t / (t + m), and the deviation that of the sum over a simple
    random sample of subjects without replacement. It knows, as a binomial one does not, that one
    real volume in a crowded place is the nearest of many synthetic ones.

    Args:
        to_training, to_holdout: what is nearest to synthetic volumes of either.
        training, holdout: subjects of either, none of them in both.

    References:
        Cochran, Sampling Techniques, 3rd edition (1977), theorem 2.2.
    """
    n, t = len(to_training.closest), len(training)
    everyone = t + len(holdout)
    seen = to_training.distances[:, 0] <= to_holdout.distances[:, 0]
    nearest = np.where(seen, to_training.closest, t + to_holdout.closest)
    followers = np.bincount(nearest, minlength=everyone).astype(float)
    apart = sums(followers - followers.mean(), np.concatenate([training, ~holdout]))
    T, S = count(training), len(apart)
    variance = T * (1 - T / S) * float(apart.var(ddof=1)) / n**2
    return Share(float((nearest < t).mean()), t / everyone, math.sqrt(variance))
