"""Scores of cases -> a summary of each arm and share, and arms compared on the same cases.

Cases and repeats are crossed: every repeat is tested on the same subjects. Both are samples, so
intervals and tests are those of `evalsuite.statistics.ratings.crossed`, with repeats in the place of
readers: the variance of the mean is s2 / r + C, with s2 the variance over r repeats and C the
covariance that common subjects bring to two repeats; Student's t with the degrees of freedom of
both parts after Cochran.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from evalsuite.statistics.multiplicity import holm
from evalsuite.statistics.ratings.crossed import Crossed, over_readers
from evalsuite.utility.config import (
    ARMS,
    REAL_PRETRAINING,
    SCRATCH,
    SYNTHETIC_PRETRAINING,
)

METRICS = ("dice", "hd95")
MEAN = "mean"  # of all structures
CASE_COLUMNS = ["arm", "share", "repeat", "case", "subject", "structure", "dice", "hd95"]
SUMMARY_COLUMNS = [
    "arm", "share", "structure", "metric", "value", "low", "high", "level",
    "repeats", "subjects", "undefined", "warnings",
]  # fmt: skip
COMPARISON_COLUMNS = [
    "first", "second", "share", "structure", "metric", "difference", "low", "high", "level",
    "p", "p_holm", "repeats", "subjects", "undefined", "warnings",
]  # fmt: skip
ONE_REPEAT = "Of one training each: the interval tells of other subjects, not of other trainings."
ONE_SUBJECT = "There is no interval: it needs 2 subjects."
UNVARYING = "There is no interval: the values do not vary."


def summarise(cases: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return the mean score of every arm, share and structure, and of all structures.

    Args:
        cases: one row per arm, share, repeat, case and structure, with `CASE_COLUMNS`; a share
            of 0 is an arm that is not trained on real volumes.
        level: nominal coverage, between 0 and 1.

    Returns:
        Columns `SUMMARY_COLUMNS`. Intervals end where the range of the score does. `undefined`
        counts scores that are nan; they are left out, which for the Hausdorff distance flatters
        an arm that misses a structure altogether.
    """
    rows = []
    for (arm, share), own in cases.groupby(["arm", "share"], sort=False):
        for structure, part in _structures(own):
            for metric in METRICS:
                estimate = _crossed(part, metric)
                rows.append(
                    {
                        "arm": arm,
                        "share": share,
                        "structure": structure,
                        "metric": metric,
                        "value": estimate.value,
                        **_uncertainty(estimate, part, metric, level),
                    }
                )
    found = pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
    return _within(found, least=0)


def compare(cases: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return how arms differ at the same share, on the same cases of the same repeats.

    Every arm is compared with training from scratch, and pre-training on synthetic volumes with
    that on real ones. Scores undefined in either arm are left out of both.

    Returns:
        Columns `COMPARISON_COLUMNS`; intervals end where a difference of scores must;
        `difference` is first less second, `p` two-sided of no
        difference, `p_holm` corrected after Holm within a metric: over all arms and shares for the
        mean of all structures, and over all arms, shares and structures for the single ones.
    """
    present = [name for name in ARMS if name in set(cases["arm"])]
    pairs = [(name, SCRATCH.name) for name in present if name != SCRATCH.name]
    if {SYNTHETIC_PRETRAINING.name, REAL_PRETRAINING.name} <= set(present):
        pairs.append((SYNTHETIC_PRETRAINING.name, REAL_PRETRAINING.name))
    rows = []
    for first, second in pairs:
        for share in sorted(set(cases.loc[cases["arm"] == second, "share"])):
            differences = _differences(cases, first, second, share)
            for structure, part in _structures(differences):
                for metric in METRICS:
                    estimate = _crossed(part, metric)
                    rows.append(
                        {
                            "first": first,
                            "second": second,
                            "share": share,
                            "structure": structure,
                            "metric": metric,
                            "difference": estimate.value,
                            "p": estimate.p_value(),
                            **_uncertainty(estimate, part, metric, level),
                        }
                    )
    found = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
    found = _within(found, least=-1)
    alone = found["structure"] != MEAN
    return holm(found.assign(alone=alone), ["metric", "alone"])[COMPARISON_COLUMNS]


def _within(found: pd.DataFrame, *, least: float) -> pd.DataFrame:
    """End intervals where scores, which are no less than 0, or their differences do."""
    of_dice = found["metric"] == "dice"
    lowest = np.where(of_dice | (least == 0), least, -np.inf)
    largest = np.where(of_dice, 1.0, np.inf)
    return found.assign(low=found["low"].clip(lower=lowest), high=found["high"].clip(upper=largest))


def _structures(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each structure and, where there are several, of all."""
    names = sorted(set(rows["structure"]), key=int)
    parts = [(name, rows[rows["structure"] == name]) for name in names]
    return [*parts, (MEAN, rows)] if len(parts) > 1 else parts


def _differences(cases: pd.DataFrame, first: str, second: str, share: float) -> pd.DataFrame:
    keys = ["repeat", "case", "subject", "structure"]
    sides = []
    for name in (first, second):
        own = cases[cases["arm"] == name]
        # An arm without real volumes is the same beside every share.
        own_share = share if share in set(own["share"]) else 0
        sides.append(own[own["share"] == own_share].set_index(keys)[list(METRICS)])
    return (sides[0] - sides[1]).reset_index()


def _matrix(rows: pd.DataFrame, metric: str) -> Float[np.ndarray, "subjects repeats"]:
    """Return the mean over the volumes and structures of each subject in each repeat."""
    table = rows.pivot_table(
        index="subject", columns="repeat", values=metric, aggfunc="mean", dropna=False
    )
    return table.to_numpy(dtype=float)


def _crossed(rows: pd.DataFrame, metric: str) -> Crossed:
    matrix = _matrix(rows, metric)
    matrix = matrix[:, ~np.isnan(matrix).all(axis=0)]
    values = np.nanmean(matrix, axis=0) if matrix.size else np.empty(0)
    return over_readers(values, [matrix])


def _uncertainty(
    estimate: Crossed, rows: pd.DataFrame, metric: str, level: float
) -> dict[str, object]:
    low, high = estimate.interval(level)
    defined = rows[rows[metric].notna()]
    repeats, subjects = defined["repeat"].nunique(), defined["subject"].nunique()
    undefined = len(rows) - len(defined)
    return {
        "low": low,
        "high": high,
        "level": level,
        "repeats": repeats,
        "subjects": subjects,
        "undefined": undefined,
        "warnings": " ".join(_warnings(estimate, repeats, subjects, undefined, len(rows))),
    }


def _warnings(
    estimate: Crossed, repeats: int, subjects: int, undefined: int, scores: int
) -> Sequence[str]:
    found = []
    if undefined:
        found.append(f"{undefined} of {scores} scores are undefined and left out.")
    if repeats == 1:
        found.append(ONE_REPEAT)
    if math.isnan(estimate.half_width(0.95)):
        found.append(ONE_SUBJECT if subjects < 2 else UNVARYING)
    return found
