"""Scores of cases -> a summary of each arm and share, and arms compared on the same cases.

Cases and repeats are crossed: every repeat is tested on the same subjects. Both are samples, so
intervals and tests are those of `evalsuite.statistics.ratings.crossed`, with repeats in the place of
readers: the variance of the mean is s2 / r + C, with s2 the variance over r repeats and C the
covariance that common subjects bring to two repeats; Student's t with the degrees of freedom of
both parts after Cochran.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float

from evalsuite.records import Caveat
from evalsuite.statistics.ratings.crossed import Crossed, over_readers
from evalsuite.statistics.result import Result, holm
from evalsuite.utility.config import (
    ARMS,
    REAL_PRETRAINING,
    SCRATCH,
    SYNTHETIC_PRETRAINING,
)

METRICS = ("dice", "hd95")
MEAN = "mean"  # of all structures
CASE_COLUMNS = ["arm", "share", "repeat", "case", "subject", "structure", "dice", "hd95"]
ONE_REPEAT = Caveat(
    "one-training-each",
    "Of one training each: the interval tells of other subjects, not of other trainings.",
)
ONE_SUBJECT = Caveat("one-subject", "There is no interval: it needs 2 subjects.")
UNVARYING = Caveat("unvarying-scores", "There is no interval: the values do not vary.")
UNDEFINED = Caveat("scores-undefined", "{n} of {size} scores are undefined and left out.")


def summarise(cases: pd.DataFrame, *, level: float = 0.95) -> list[Result]:
    """Return the mean score of every arm, share and structure, and of all structures.

    Args:
        cases: one row per arm, share, repeat, case and structure, with `CASE_COLUMNS`; a share
            of 0 is an arm that is not trained on real volumes.
        level: nominal coverage, between 0 and 1.

    Returns:
        One per `arm`, `share`, `structure` and metric. Intervals end where the range of the score
        does. `undefined` counts scores that are nan; they are left out, which for the Hausdorff
        distance flatters an arm that misses a structure altogether.
    """
    return [
        result
        for (arm, _), of_arm in cases.groupby(["arm", "share"], sort=False)
        for result in _results(
            of_arm, {"arm": str(arm), "share": of_arm["share"].iloc[0]}, level, least=0
        )
    ]


def compare(cases: pd.DataFrame, *, level: float = 0.95) -> list[Result]:
    """Return how arms differ at the same share, on the same cases of the same repeats.

    Every arm is compared with training from scratch, and pre-training on synthetic volumes with
    that on real ones. Scores undefined in either arm are left out of both.

    Returns:
        One per `first`, `second`, `share`, `structure` and metric: first less second, with
        intervals that end where a difference of scores must. `p` is two-sided of no difference,
        corrected after Holm within a metric: over all arms and shares for the mean of all
        structures, and over all arms, shares and structures for the single ones.
    """
    present = [name for name in ARMS if name in set(cases["arm"])]
    pairs = [(name, SCRATCH.name) for name in present if name != SCRATCH.name]
    if {SYNTHETIC_PRETRAINING.name, REAL_PRETRAINING.name} <= set(present):
        pairs.append((SYNTHETIC_PRETRAINING.name, REAL_PRETRAINING.name))
    differences = [
        result
        for first, second in pairs
        for share in sorted(set(cases.loc[cases["arm"] == second, "share"]))
        for result in _results(
            _differences(cases, first, second, share),
            {"first": first, "second": second, "share": share},
            level,
            least=-1,
        )
    ]
    return holm(differences, lambda result: (result.quantity, result.where["structure"] == MEAN))


def _results(
    rows: pd.DataFrame, where: dict[str, str | float], level: float, *, least: float
) -> Iterator[Result]:
    """Yield the mean of each structure and metric, in intervals that end where scores do.

    Args:
        least: -1 for differences of scores, which are no less than 0.
    """
    for structure, part in _structures(rows):
        for metric in METRICS:
            mean = _crossed(part, metric)
            low, high = mean.interval(level)
            lowest = least if metric == "dice" or least == 0 else -np.inf
            defined = part[part[metric].notna()]
            counts = {
                "repeats": defined["repeat"].nunique(),
                "subjects": defined["subject"].nunique(),
                "undefined": len(part) - len(defined),
            }
            yield Result(
                where={**where, "structure": structure},
                quantity=metric,
                value=mean.value,
                low=max(low, lowest),
                high=min(high, 1.0) if metric == "dice" else high,
                level=level,
                p=np.nan if least == 0 else mean.p_value(),
                counts=counts,
                warnings=_warnings(mean, counts, len(part), level),
            )


def _structures(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each structure and, where there are several, of all."""
    names = sorted(set(rows["structure"]), key=int)
    parts = [(name, rows[rows["structure"] == name]) for name in names]
    return [*parts, (MEAN, rows)] if len(parts) > 1 else parts


def _differences(cases: pd.DataFrame, first: str, second: str, share: float) -> pd.DataFrame:
    keys = ["repeat", "case", "subject", "structure"]
    sides = []
    for name in (first, second):
        of_arm = cases[cases["arm"] == name]
        # An arm without real volumes is the same beside every share.
        own_share = share if share in set(of_arm["share"]) else 0
        sides.append(of_arm[of_arm["share"] == own_share].set_index(keys)[list(METRICS)])
    return (sides[0] - sides[1]).reset_index()


def _matrix(rows: pd.DataFrame, metric: str) -> Float[np.ndarray, "subjects repeats"]:
    """Return the mean over the volumes and structures of each subject in each repeat."""
    scores = rows[metric].to_numpy(dtype=float)
    subjects, subject = np.unique(rows["subject"].to_numpy(dtype=object), return_inverse=True)
    repeats, repeat = np.unique(rows["repeat"].to_numpy(), return_inverse=True)
    defined = ~np.isnan(scores)
    sums, counts = np.zeros((2, len(subjects), len(repeats)))
    np.add.at(sums, (subject[defined], repeat[defined]), scores[defined])
    np.add.at(counts, (subject[defined], repeat[defined]), 1)
    means: Float[np.ndarray, "subjects repeats"] = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def _crossed(rows: pd.DataFrame, metric: str) -> Crossed:
    matrix = _matrix(rows, metric)
    matrix = matrix[:, ~np.isnan(matrix).all(axis=0)]
    values = np.nanmean(matrix, axis=0) if matrix.size else np.empty(0)
    return over_readers(values, [matrix])


def _warnings(
    mean: Crossed, counts: dict[str, int], scores: int, level: float
) -> tuple[Caveat, ...]:
    warnings: tuple[Caveat, ...] = ()
    if counts["undefined"]:
        warnings += (UNDEFINED(n=counts["undefined"], size=scores),)
    if counts["repeats"] == 1:
        warnings += (ONE_REPEAT,)
    if np.isnan(mean.half_width(level)):
        warnings += (ONE_SUBJECT if counts["subjects"] < 2 else UNVARYING,)
    return warnings
