"""Cells of tables: numbers to a few significant figures, texts as they are."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports.document import Table

UNBROKEN = 12  # characters that stay on one line of a cell
LONGEST = 60  # characters beyond which a cell asks for no wider column
DIGITS = 3  # significant figures in the tables of the page; the CSV files have all of them


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text, numbers to a few significant figures, what is missing as a dash."""
    return frame.astype(object).map(cell)


def cell(value: Any) -> str:
    """Return one cell of a table as a reader wants to see it."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return figures(value)
    return str(value)


def figures(value: float) -> str:
    """Return a number to a few significant figures, without an exponent where it is not tiny."""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{DIGITS}g}")
    if abs(rounded) >= 10**DIGITS:
        return f"{value:,.0f}"
    return f"{value:.{DIGITS}g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def heads(table: Table) -> list[tuple[str, bool]]:
    """Return the heads of the columns and whether all cells below are numbers."""
    columns = table.frame.astype(object).drop(columns=[table.group] if table.group else [])
    return [
        (str(name), len(cells) > 0 and all(isinstance(v, int | float) for v in cells))
        for name, cells in columns.items()
    ]


def rows(table: Table) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the rows of a table for the page.

    Returns:
        The head of the group that starts with the row, empty within a group, and the cells as
        pairs of text and class: `n` for a number, `s` for a text too short to be broken.
    """
    shown_rows: list[tuple[str, list[tuple[str, str]]]] = []
    before = ""
    for row in table.frame.astype(object).to_dict("records"):
        group = cell(row.pop(table.group)) if table.group else ""
        cells = [(cell(value), _class(value)) for value in row.values()]
        shown_rows.append(("" if group == before else group, cells))
        before = group
    return shown_rows


def shares(longest: Sequence[int], room: int) -> list[float]:
    """Return which part of a line each column of a table takes.

    Columns that need no more than an even part have what they need; the others share the rest by
    their lengths, where a very long one counts no more than `LONGEST`.

    Args:
        longest: characters of the longest cell of each column, with the space to the next.
        room: characters of a line.

    Example:
        >>> [round(share, 2) for share in shares([10, 200, 50], 100)]
        [0.1, 0.49, 0.41]
        >>> shares([10, 20], 100)
        [0.1, 0.2]
    """
    free = set(range(len(longest)))
    rest = float(room)
    while fitting := {i for i in free if longest[i] * len(free) <= rest}:
        free -= fitting
        rest -= sum(longest[i] for i in fitting)
    wanted = sum(min(longest[i], LONGEST) for i in free)
    return [
        (rest * min(n, LONGEST) / wanted if i in free else n) / room for i, n in enumerate(longest)
    ]


def _class(value: Any) -> str:
    if isinstance(value, int | float):
        return "n"
    return "s" if len(cell(value)) <= UNBROKEN else ""
