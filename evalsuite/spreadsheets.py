"""Text that no spreadsheet takes for a formula, on its way into a CSV file and back.

References:
    OWASP, CSV Injection: a cell that begins with one of `FORMULA` may be run when it is opened.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guarded(value: object) -> object:
    """Return text that a spreadsheet would run behind an apostrophe, and all else as it is.

    Numbers are no text: negative ones stay numbers. Text that looks guarded already gets one more,
    so that `unguarded` always finds what was there.

    Example:
        >>> [guarded(value) for value in ("=1+1", "fine", -3, "'=1+1")]
        ["'=1+1", 'fine', -3, "''=1+1"]
    """
    return f"'{value}" if isinstance(value, str) and _runs(value) else value


def unguarded(value: object) -> object:
    """Return what `guarded` was given."""
    return value[1:] if isinstance(value, str) and value[:1] == "'" and _runs(value) else value


def guarded_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table for a CSV file, its heads and texts guarded."""
    return _mapped(table, guarded)


def unguarded_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the table that was guarded."""
    return _mapped(table, unguarded)


def _mapped(table: "pd.DataFrame", change: Callable[[object], object]) -> "pd.DataFrame":
    texts = table.select_dtypes(exclude="number").columns
    changed = table.assign(**{str(name): table[name].map(change) for name in texts})
    return changed.rename(columns=change)


def _runs(text: str) -> bool:
    return text.lstrip("'").startswith(FORMULA)
