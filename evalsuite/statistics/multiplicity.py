"""The correction of p-values for several comparisons."""

import pandas as pd


def holm(rows: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """Return the table with a column `p_holm`, corrected within each family.

    Args:
        rows: with a column `p`; rows where it is nan belong to no family and get nan.
        family: columns; rows equal in all of them are one family.

    References:
        Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    from statsmodels.stats.multitest import multipletests

    corrected = pd.Series(float("nan"), index=rows.index)
    for _, group in rows[rows["p"].notna()].groupby(family):
        corrected[group.index] = multipletests(group["p"].to_numpy(float), method="holm")[1]
    return rows.assign(p_holm=corrected)
