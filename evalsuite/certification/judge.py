"""Whether a fault shows against the chance differences of real halves, and how many it takes.

Everything is of badness, which grows as a number gets worse.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy import stats

from evalsuite.certificate import ALPHA, POWER, Tried
from evalsuite.records import Direction, Estimate

MOST_NEEDED = 1_000_000  # volumes a side; what needs more may be a matter of rounding
MOVED = 1.645 / math.sqrt(2)  # spreads over splits by which a mean is beyond chance, see `tried`


def badness(estimate: Estimate) -> float:
    """Return a number that grows as the estimate gets worse."""
    if estimate.direction == "nearer the reference is better":
        return abs(
            estimate.value - (math.nan if estimate.reference is None else estimate.reference)
        )
    return sign(estimate.direction) * estimate.value


def sign(direction: Direction) -> int:
    """Return by what a value, or a change of it, is multiplied to be badness."""
    return -1 if direction == "higher is better" else 1


def limits(usual: Float[np.ndarray, " r"]) -> tuple[float, float]:
    """Return what only ALPHA of fresh halves are above, and what only ALPHA are below.

    Of r values and a further one of the same kind the further one is above the k-th smallest with a
    chance of at most 1 - k / (r + 1), whatever their distribution; infinite where r is too small
    for that.

    Example:
        >>> limits(np.arange(1.0, 20.0))
        (19.0, 1.0)
    """
    ordered = np.sort(usual)
    rank = math.ceil((1 - ALPHA) * (len(usual) + 1) - 1e-9)
    if rank > len(usual):
        return math.inf, -math.inf
    return float(ordered[rank - 1]), float(ordered[-rank])


def least(usual: Float[np.ndarray, " r"]) -> float:
    """Return the shift of all values with which a share of POWER of them is above the limit.

    Nan where they vary too little to tell: a fifth of them is as bad as the limit.
    """
    shift = limits(usual)[0] - float(np.quantile(usual, 1 - POWER))
    return shift if shift > 0 else math.nan


def trend(values: Float[np.ndarray, "l p"], levels: tuple[float, ...]) -> float:
    """Return the mean over splits of the rank correlation of severity and badness.

    Args:
        values: by severity, 0 first, and split; nan in the result where a split has one.
        levels: the severities, without 0.
    """
    order = [0.0, *levels]
    found = [
        0.0 if np.ptp(column) == 0 else float(stats.spearmanr(order, column).statistic)
        for column in values.T
    ]
    return float(np.mean(found))


def tried(
    level: float,
    usual: Float[np.ndarray, " r"],
    faulty: Float[np.ndarray, " p"],
    n: int,
    direction: Direction,
) -> Tried:
    """Return what becomes of a fault at one severity.

    A metric sees the fault once its mean is above the limit by the distance from its mean to that
    of its values which all but POWER of its splits are below. Spreads fall at least with the root of n,
    so no more volumes are needed than that law says. Nothing is said where the mean change is within
    chance: of halves of one cohort the mean over splits has about half the variance of one split.

    Args:
        usual: badness between real halves; of these the first are of the same splits as `faulty`.
        faulty: badness with the fault, by split.
        n: volumes a side.
    """
    limit, opposite = limits(usual)
    power, rewarded = (faulty > limit).mean(), (faulty < opposite).mean()
    changes = faulty - usual[: len(faulty)]
    effect, needed = float(changes.mean()), None
    if power < POWER and effect > MOVED * changes.std(ddof=1) and math.isfinite(limit):
        wanted = limit - usual.mean() + faulty.mean() - np.quantile(faulty, 1 - POWER)
        enough = n * (float(wanted) / effect) ** 2
        needed = math.ceil(enough) if enough < MOST_NEEDED else None
    return Tried(level, float(power), float(rewarded), sign(direction) * effect, needed)
