"""A table of the report as LaTeX, for a paper that uses the packages booktabs and longtable."""

from collections.abc import Iterator, Sequence

import pandas as pd

LONG = 35  # rows that fit on a page
WIDE = 40  # characters of a cell that fit on a line beside others
SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after a line break it would open an optional argument
    "]": "{]}",
    "\N{MINUS SIGN}": "$-$",
    "\N{EN DASH}": "--",
    "\N{INFINITY}": r"$\infty$",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
}


def escaped(text: str) -> str:
    """Return the text as LaTeX prints it: on one line, without characters it would obey."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return "".join(SPECIAL.get(c, c) for c in " ".join(printable.split()))


def latex(rows: pd.DataFrame, caption: str, notes: Sequence[str] = (), group: str = "") -> str:
    """Return a table environment, one that may fill several pages where there are many rows.

    Args:
        rows: cells as text; the columns are the head.
        caption: above the table.
        notes: below it.
        group: column whose values head groups of rows instead of standing in each of them.
    """
    columns = [column for column in rows.columns if column != group]
    kinds = "".join(_kind(rows[column]) for column in columns)
    title = rf"\caption{{{escaped(caption)}}}"
    below = [rf"\par\footnotesize {escaped(note)}" for note in notes]
    head = [r"\toprule", _line(columns), r"\midrule"]
    body = [*_body(rows, columns, group), r"\bottomrule"]
    if len(rows) > LONG:
        start = [rf"\begin{{longtable}}{{{kinds}}}", rf"{title} \\", *head, r"\endhead"]
        lines = [*start, *body, r"\end{longtable}", *below]
    else:
        start = [r"\begin{table}", title, rf"\begin{{tabular}}{{{kinds}}}", *head]
        lines = [*start, *body, r"\end{tabular}", *below, r"\end{table}"]
    return "\n".join([*lines, ""])


def _body(rows: pd.DataFrame, columns: Sequence[str], group: str) -> Iterator[str]:
    before = None
    for row in rows.to_dict("records"):
        if group and row[group] != before:
            before = row[group]
            yield rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{escaped(before)}}}}} \\"
        yield _line([row[column] for column in columns])


def _kind(cells: pd.Series) -> str:
    """Return how LaTeX sets a column: in lines of its own width where a cell is long."""
    return r"p{0.3\linewidth}" if cells.str.len().max() > WIDE else "l"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"
