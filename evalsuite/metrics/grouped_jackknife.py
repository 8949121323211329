"""The variance of a statistic of two cohorts, by leaving out a tenth of the subjects at a time.

For statistics without a formula of what each subject contributes: twenty computations anew instead
of one for each subject. Of neighbours it is too large rather than too small, as every jackknife.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

from evalsuite.metrics.subjects import Subjects, count, members

GROUPS = 10
METHOD = f"t interval, jackknife leaving out each of {GROUPS} groups of subjects of either cohort"
Rows = Int[np.ndarray, " _"]


def variances(
    statistics: Callable[[Rows, Rows], Float[np.ndarray, " v"]], subjects: Subjects, seed: int
) -> Float[np.ndarray, " v"] | None:
    """Return the variance of each statistic when both cohorts are drawn anew.

    (G - 1) / G times the sum of squared deviations over the G groups of either cohort, summed over
    both. None for fewer subjects than groups in either.

    Args:
        statistics: of some rows of either cohort.
        subjects: of all rows.
        seed: of the groups.

    References:
        Shao and Tu, The Jackknife and Bootstrap (1995), section 2.3, for groups.
    """
    if min(subjects.counts) < GROUPS:
        return None
    random, everyone = np.random.default_rng(seed), _all(subjects)
    total: Float[np.ndarray, " v"] | None = None
    for side, own in enumerate((subjects.real, subjects.synthetic)):
        volumes = members(own)
        groups = np.array_split(random.permutation(count(own)), GROUPS)
        without = []
        for group in groups:
            kept = np.delete(everyone[side], np.concatenate([volumes[i] for i in group]))
            rows = (kept, everyone[1]) if side == 0 else (everyone[0], kept)
            without.append(statistics(*rows))
        found = np.stack(without)
        spread = (GROUPS - 1) / GROUPS * np.square(found - found.mean(axis=0)).sum(axis=0)
        total = spread if total is None else total + spread
    return total


def half_width(variance: float, level: float) -> float:
    """Return half of an interval by Student's t with one degree of freedom less than groups."""
    return float(stdtrit(GROUPS - 1, (1 + level) / 2) * np.sqrt(variance))


def _all(subjects: Subjects) -> tuple[Rows, Rows]:
    return np.arange(len(subjects.real)), np.arange(len(subjects.synthetic))
