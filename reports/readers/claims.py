"""What captions and verdicts claim: of whom an interval speaks, and which p-value decides."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

ALPHA = 0.05  # of a whole family of tests
TWO = 2
SPEAKS = {
    "cases": "The interval is for other cases and {readers} only.",
    "readers": "The interval is for other readers.",
}
SINGLE = "the intervals are of single comparisons and not corrected"


def samples(rows: pd.DataFrame) -> set[str]:
    """Return what the intervals of a table take as a random sample."""
    return set(rows.loc[rows["low"].notna(), "random"])


def intervals(rows: pd.DataFrame) -> str:
    """Return what the intervals of a table are and of whom they speak, as it was computed.

    Args:
        rows: of `evalsuite.statistics`, with `low`, `level`, `random` and perhaps `n_readers`.
    """
    known = rows[rows["low"].notna()]
    of = samples(rows)
    if not of:
        return "no intervals, for the reasons that are told"
    told = f"{100 * known['level'].iloc[0]:g} % intervals"
    if of == {"cases"}:
        return f"{told} for other cases and {_these(known)} only"
    if of == {"readers"}:
        return f"{told} for other readers"
    if of == {"cases", "readers"}:
        return f"{told} (the notes say for whom)"
    told += " for other readers and other cases"
    if len(of) > 1:
        told += ", but where a note says for whom"
    if "n_readers" in known and known["n_readers"].max() == TWO:
        told += " (two readers tell little of others)"
    return told


def uncorrected(rows: pd.DataFrame) -> str:
    """Return the same for a picture, in which no p-value stands beside the intervals."""
    return intervals(rows) + (", not corrected for their number" if samples(rows) else "")


def noted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose warnings say of whom an interval speaks, where captions do not."""
    if "random" not in rows or len(samples(rows)) < TWO:
        return rows
    told = [
        " ".join(filter(None, (str(row["warnings"] or ""), _speaks(row))))
        for _, row in rows.iterrows()
    ]
    return rows.assign(warnings=told)


def correction(rows: pd.DataFrame) -> str:
    """Return what the p-values of a table are, where more than one was corrected."""
    if not (rows["p_holm"] > rows["p"]).any():
        return ""
    return f" p is corrected for the number of comparisons (Holm); {SINGLE}."


def chance(row: Mapping[str, Any], otherwise: str) -> str:
    """Return the verdict on one comparison by its corrected p-value, in brackets.

    Args:
        row: with `p_holm`.
        otherwise: what it may be where chance is not ruled out.
    """
    from reports.readers.shown import compared

    p = float(row["p_holm"])
    if not math.isfinite(p):
        return ""
    return f" ({compared(p)})" if p < ALPHA else f" (may be {otherwise}, {compared(p)})"


def _speaks(row: "pd.Series[Any]") -> str:
    if not math.isfinite(float(row["low"])):
        return ""
    return SPEAKS.get(row["random"], "").format(readers=_these(row.to_frame().T))


def _these(rows: pd.DataFrame) -> str:
    """Return how the readers of rows without random readers are called."""
    if "reader" in rows or ("n_readers" in rows and rows["n_readers"].max() == 1):
        return "this reader"
    return "these readers"
