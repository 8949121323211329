"""Tables of the report as LaTeX, for a paper that uses array, booktabs and longtable, and a whole one."""

from collections.abc import Iterator, Sequence

import pandas as pd

from reports.document import Block, Notice, Picture, Report, Table
from reports.formats.cells import shares

LONG = 35  # rows that fit on a page
ROOM, BETWEEN = 110, 3  # characters on a line of A4, and those that two columns lie apart
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
    kinds = _kinds(rows[columns])
    title = rf"\caption{{{escaped(caption)}}}"
    below = [rf"\par {escaped(note)}" for note in notes]
    head = [r"\toprule", _line(columns), r"\midrule"]
    body = [*_body(rows, columns, group), r"\bottomrule"]
    if len(rows) > LONG:
        start = [
            r"{\footnotesize", rf"\begin{{longtable}}{{{kinds}}}", rf"{title} \\", *head, r"\endhead"
        ]  # fmt: skip
        lines = [*start, *body, r"\end{longtable}", *below, r"\par}"]
    else:
        start = [r"\begin{table}", r"\footnotesize", title, rf"\begin{{tabular}}{{{kinds}}}", *head]
        lines = [*start, *body, r"\end{tabular}", *below, r"\end{table}"]
    return "\n".join([*lines, ""])


def _body(rows: pd.DataFrame, columns: Sequence[str], group: str) -> Iterator[str]:
    before = None
    for row in rows.to_dict("records"):
        if group and row[group] != before:
            before = row[group]
            yield rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{escaped(before)}}}}} \\"
        yield _line([row[column] for column in columns])


def _kinds(cells: pd.DataFrame) -> str:
    """Return how LaTeX sets the columns: in lines of their own where they do not all fit."""
    longest = [max([len(str(name)), *column.str.len()]) + BETWEEN for name, column in cells.items()]
    return "".join(
        "l"
        if share * ROOM >= needed
        else rf">{{\raggedright\arraybackslash}}p{{\dimexpr {share:.3f}\linewidth-2\tabcolsep}}"
        for share, needed in zip(shares(longest, ROOM), longest, strict=True)
    )


def _line(cells: Sequence[str]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"


PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\usepackage[margin=18mm]{geometry}
\usepackage{array,booktabs,float,graphicx,iftex,longtable}
\floatplacement{table}{H} % where they are told of
\iftutex
  \usepackage{fontspec} % XeLaTeX or LuaLaTeX: names in any script; choose a font that has it
\else
  \usepackage[T1]{fontenc}
  \usepackage{textcomp}
\fi
\setlength{\parindent}{0pt}\setlength{\parskip}{4pt}
\begin{document}
"""


def latex_document(report: Report) -> str:
    """Return a document that takes in the tables and figures beside it, in order.

    Args:
        report: whose tables lie in `tables` and whose figures in `figures`.
    """
    lines = [rf"\section*{{{escaped(report.title)}}}"]
    for answer in report.answers:
        lines += [rf"\subsection*{{{escaped(answer.head)}}}", *_blocks(answer.blocks)]
    lines.append(r"\clearpage")
    for section in report.sections:
        if section.blocks:
            lines += [rf"\section{{{escaped(section.title)}}}", *_blocks(section.blocks)]
    lines.append(r"\appendix")
    lines.append(r"\renewcommand{\thetable}{A\arabic{table}}\setcounter{table}{0}")
    for section in report.sections:
        if section.appendix:
            lines += [rf"\section{{{escaped(section.title)}}}", *_blocks(section.appendix)]
    lines.append(r"\section*{What this report was made from}")
    lines += [f"{escaped(f'{name}: {value}')}\n" for name, value in report.record.items()]
    return PREAMBLE + "\n".join([*lines, r"\end{document}", ""])


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Table):
            yield rf"\input{{tables/{block.name}.tex}}"
        elif isinstance(block, Picture):
            yield r"\begin{figure}[H]\centering"
            yield rf"\includegraphics[width=\linewidth]{{figures/{block.name}}}"
            yield rf"\caption{{{escaped(block.caption)}}}"
            yield r"\end{figure}"
        elif isinstance(block, Notice):
            yield from (rf"\textbf{{Note:}} {escaped(s)}" + "\n" for s in block.sentences)
        else:
            yield from (f"{escaped(paragraph)}\n" for paragraph in block.paragraphs)
