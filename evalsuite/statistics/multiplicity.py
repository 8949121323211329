"""The correction of p-values for several comparisons."""

import numpy as np
import pandas as pd
from jaxtyping import Float


def holm(rows: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """Return the table with a column `p_holm`, corrected within each family.

    Args:
        rows: with a column `p`; rows where it is nan belong to no family and get nan.
        family: columns; rows equal in all of them are one family.
    """
    corrected = pd.Series(float("nan"), index=rows.index)
    for _, group in rows[rows["p"].notna()].groupby(family):
        corrected[group.index] = holm_adjusted(group["p"].to_numpy(float))
    return rows.assign(p_holm=corrected)


def holm_adjusted(p: Float[np.ndarray, "m"]) -> Float[np.ndarray, "m"]:
    """Return p-values that may each be held against the level of the whole family.

    With the p-values in rising order, the largest of (m - j + 1) p_j over j = 1 ... i. It is the
    Holm of statsmodels, whose function takes 0.15 s to collect garbage at every call.

    References:
        Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
