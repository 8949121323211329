"""How each reader read: time, slices, windows, and what it was read on."""

import pandas as pd

from evalsuite.records import Caveat
from evalsuite.statistics.result import NAN, Result

SHAPE = ("sagittal", "coronal", "axial")  # the order of the column `shape`
PLANES = ("axial", "coronal", "sagittal")
DESCRIBED = Caveat(
    "described", "There is no interval: it tells what was done, not what might have been."
)
UNRECORDED = Caveat("unrecorded", "It was not recorded.")
QUANTITIES = {  # by column of the table
    "active_seconds": "active seconds",
    **{f"{plane}_slices": f"{plane} slices" for plane in PLANES},
    "window_changes": "changes of the window",
}


def first_readings(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each reading of a case, with what was recorded at the first submission.

    Training is left out. Columns of `QUANTITIES` are numbers, nan where nothing was recorded;
    `AXIS_there` is how many slices there were.
    """
    read = table[table["phase"] == "reading"].sort_values("revision", kind="stable")
    first = read.drop_duplicates(["reader", "position"])
    given = {name: first.get(name, pd.Series(NAN, first.index)) for name in QUANTITIES}
    numbers = {name: pd.to_numeric(column).astype(float) for name, column in given.items()}
    shape = first.get("shape", pd.Series(None, first.index)).astype("string")
    there = shape.str.split("x", expand=True).reindex(columns=range(len(SHAPE)))
    slices = {
        f"{plane}_there": pd.to_numeric(there[place]).astype(float)
        for place, plane in enumerate(SHAPE)
    }
    return first.assign(reader=first["reader"].astype(str), **numbers, **slices)


def behaviour(table: pd.DataFrame) -> list[Result]:
    """Return the medians of what was recorded of each reader, over all that they read.

    Args:
        table: the long table of one study; columns on behaviour may be missing.

    Returns:
        One per reader and quantity; nan where nothing was recorded. Its parts are the tenth and
        the ninetieth percentile, and of slices the median share of those that there were.
    """
    return [
        Result(
            where={"reader": str(reader)},
            quantity=quantity,
            value=float(own[column].median()),
            counts={"readings": int(own[column].count())},
            parts={
                "tenth": float(own[column].quantile(0.1)),
                "ninetieth": float(own[column].quantile(0.9)),
                "share": _share(own, column),
            },
            method="median over the readings of a reader",
            warnings=(DESCRIBED if own[column].notna().any() else UNRECORDED,),
        )
        for reader, own in first_readings(table).groupby("reader", sort=False)
        for column, quantity in QUANTITIES.items()
    ]


def used(table: pd.DataFrame, column: str) -> dict[str, str]:
    """Return by reader what stands in a column such as `viewer`, the most frequent first."""
    first = first_readings(table)
    if column not in first:
        return {}
    rows = first[first[column].notna()].groupby("reader", sort=False)
    return {str(name): ", ".join(own[column].value_counts().index) for name, own in rows}


def _share(own: pd.DataFrame, column: str) -> float:
    there = f"{column.removesuffix('_slices')}_there"
    return float((own[column] / own[there]).median()) if there in own else NAN
