"""Whether readers mark the same places: how many marks have one of another reader near."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from evalsuite.records import Caveat
from evalsuite.statistics.result import ALL, NAN, Result

NEAR = "share of marks near another reader's"
CHANCE = "the same against marks in other cases"
DESCRIPTIVE = Caveat(
    "places-descriptive",
    "There is no interval: marks of one case and reader hang together.",
)
NO_MARKS = Caveat("no-marks", "There is no mark in a case that another reader read as well.")
METHODS = {
    NEAR: (
        "share of marks with a mark of another reader of the same case within {distance:g} mm, "
        "middles of boxes; where the others marked nothing, none is near"
    ),
    CHANCE: (
        "mean share of marks with a mark within {distance:g} mm when the marks of the others are "
        "those of another case of the cohort, over all such cases: what places that are marked in "
        "every case alike would give"
    ),
}


def agreement_of_places(
    marks: pd.DataFrame, read: pd.DataFrame, *, distance: float
) -> list[Result]:
    """Return, by question and cohort, how many marks have one of another reader near.

    Only cases that two readers or more have read count. The second number is the same where the
    marks of the other readers are taken from other cases.

    Args:
        marks: one row each: question, reader, case, cohort, and a place `x_mm`, `y_mm`, `z_mm`.
        read: one row for each reader and case that was answered: question, reader, case, cohort.
        distance: in millimetres, up to which a mark is near.
    """
    results = []
    for (question, cohort), answered in read.groupby(["question", "cohort"], sort=False):
        of_cohort = marks[(marks["question"] == question) & (marks["cohort"] == cohort)]
        readers = answered.groupby("case")["reader"].nunique()
        cases = list(readers.index[readers > 1])
        near: list[float] = []
        chance: list[float] = []
        for case in cases:
            for reader in answered.loc[answered["case"] == case, "reader"].unique():
                own = _places(of_cohort, case, reader, same=True)
                if not len(own):
                    continue
                near += _near(own, _places(of_cohort, case, reader, same=False), distance)
                elsewhere = [
                    _near(own, _places(of_cohort, other, reader, same=False), distance)
                    for other in cases
                    if other != case
                ]
                chance += np.mean(elsewhere, axis=0).tolist() if elsewhere else []
        for quantity, shares in ((NEAR, near), (CHANCE, chance)):
            results.append(
                Result(
                    where={"question": str(question), "cohort": str(cohort), "reader": ALL},
                    quantity=quantity,
                    value=float(np.mean(shares)) if shares else NAN,
                    counts={"marks": len(shares), "cases": len(cases)},
                    method=METHODS[quantity].format(distance=distance),
                    warnings=(DESCRIPTIVE,) if shares else (NO_MARKS,),
                )
            )
    return results


def _places(marks: pd.DataFrame, case: str, reader: str, *, same: bool) -> Float[np.ndarray, "m 3"]:
    """Return the marks of a case by a reader, or those by all others."""
    rows = marks[(marks["case"] == case) & ((marks["reader"] == reader) == same)]
    return rows[["x_mm", "y_mm", "z_mm"]].to_numpy(float)


def _near(
    own: Float[np.ndarray, "m 3"], others: Float[np.ndarray, "n 3"], distance: float
) -> list[float]:
    if not len(others):
        return [0.0] * len(own)
    apart = np.linalg.norm(own[:, None] - others[None], axis=2)
    near: list[float] = (apart.min(axis=1) <= distance).astype(float).tolist()
    return near
