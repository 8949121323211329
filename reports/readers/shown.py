"""How statistics are shown: one cell per estimate with its interval, footnotes, and the methods."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports.document import Block, Fold, Table
from reports.readers.claims import noted
from reports.sources import StudyData

ESTIMATE = "estimate"  # the column that is shown with its interval and its footnotes
LARGEST = 10_000  # beyond it the size of an odds ratio says nothing more
MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
UNDEFINED = "not defined"
EMPTY = "An empty cell: this is not computed for that kind of answer."
# What the overview says of the whole study already.
TOLD_OF_READERS = (
    r"Only {n} readers?: the (interval|results) says? little about other readers\.",
    r"Only {n} reader: the results are for this reader alone\.",
    r"There is only one reader: the interval speaks of this reader only\.",
)
TOLD_BY_DESIGN = r"How many answers the question offers was not told .*"


def shown(
    name: str,
    caption: str,
    table: pd.DataFrame,
    columns: Mapping[str, str],
    study: StudyData,
    *,
    group: str = "question",
    across: str = "",
    folded: bool = False,
) -> Table:
    """Return a table of statistics for the page; its CSV file holds all columns.

    Args:
        name, caption, folded: as for a `Table`.
        table: of `evalsuite.statistics`, with `estimate`, `low`, `high` and `warnings`.
        columns: those to show, with their heads; `estimate` brings its interval.
        study: knows what the readers were asked.
        group: the column whose values head groups of rows; empty for none.
        across: the column whose values become columns of estimates, with p-values if there are.
    """
    marks, notes = footnotes(noted(table), study)
    texts = study.texts
    view: dict[str, list[object]] = {}
    if group:
        view[group] = [texts.get(str(value), str(value)) for value in table[group]]
    for column, head in columns.items():
        if column == ESTIMATE:
            view[head] = list(estimates(table, marks))
        elif column in ("p", "p_holm"):
            view[head] = [probability(value) for value in table[column]]
        elif column == "question":
            view[head] = [texts.get(str(value), str(value)) for value in table[column]]
        else:
            view[head] = [plain(value) for value in table[column]]
    frame = pd.DataFrame(view)
    if across:
        told = estimates(table, marks)
        if "p_holm" in table and table["p_holm"].notna().any():
            told = [
                f"{cell}, {compared(p)}" if math.isfinite(p) else cell
                for cell, p in zip(told, table["p_holm"], strict=True)
            ]
        counts = [head for column, head in columns.items() if column.startswith("n_")]
        frame = _across(frame, [str(value) for value in table[across]], told, counts)
        if (frame == "").any(axis=None):
            notes = (*notes, EMPTY)
    return Table(
        name, caption, frame, notes, folded=folded, group=group, data=table.reset_index(drop=True)
    )


def estimates(table: pd.DataFrame, marks: Sequence[str]) -> list[str]:
    """Return each estimate with its interval and its marks."""
    rows = zip(table[ESTIMATE], table["low"], table["high"], marks, strict=True)
    return [" ".join(filter(None, (interval(*ends), mark))) for *ends, mark in rows]


def _across(
    frame: pd.DataFrame, kinds: Sequence[str], cells: Sequence[str], last: Sequence[str]
) -> pd.DataFrame:
    """Return one row for each distinct row of a frame, with one more column for each kind.

    Args:
        frame, kinds, cells: of as many rows.
        last: columns of the frame that go to the end.
    """
    rows: dict[tuple[object, ...], dict[str, object]] = {}
    for row, kind, cell in zip(rows_of(frame), kinds, cells, strict=True):
        rows.setdefault(tuple(row.values()), dict(row))[kind] = cell
    wide = pd.DataFrame(list(rows.values())).fillna("")
    return wide[[c for c in wide.columns if c not in last] + list(last)]


def compared(p: float) -> str:
    """Return a p-value behind its name, such as "p = 0.012"."""
    told = probability(p)
    relation = "" if told.startswith("<") else f"={SPACE}"
    return f"p{SPACE}{relation}{told}"


def footnotes(table: pd.DataFrame, study: StudyData) -> tuple[list[str], tuple[str, ...]]:
    """Return the mark of each row, and the sentences below the table.

    A sentence on every row has no mark. What is told of the whole study elsewhere is left out.
    """
    readers = study.readers
    told = [sentences(str(text or ""), readers) for text in table["warnings"]]
    every = list(dict.fromkeys(sentence for own in told for sentence in own))
    shared = [s for s in every if all(s in own for own in told)]
    marked = {s: _letter(i) for i, s in enumerate(s for s in every if s not in shared)}
    letters = [[letter for s, letter in marked.items() if s in own] for own in told]
    marks = [f"[{', '.join(own)}]" if own else "" for own in letters]
    return marks, (*shared, *(f"[{letter}] {sentence}" for sentence, letter in marked.items()))


def sentences(text: str, readers: Sequence[str]) -> list[str]:
    """Return the sentences of a warning that are news to who has read the overview.

    Args:
        text: sentences, joined by a space.
        readers: all readers of the study.
    """
    # A point within a name ends no sentence.
    names = [name for name in readers if ". " in name]
    for place, name in enumerate(names):
        text = text.replace(name, f"\0{place}\0")
    found = re.split(r"(?<=[.!?]) (?=[A-Z0-9\0])", text.strip()) if text.strip() else []
    for place, name in enumerate(names):
        found = [s.replace(f"\0{place}\0", name) for s in found]
    old = [pattern.replace("{n}", str(len(readers))) for pattern in TOLD_OF_READERS]
    old.append(TOLD_BY_DESIGN)
    return [s for s in found if not any(re.fullmatch(pattern, s) for pattern in old)]


def computed(blocks: Iterable[Block]) -> list[Block]:
    """Return a fold that says how the numbers of all tables were computed, each method once."""
    lines: dict[tuple[str, str], list[str]] = {}
    told: set[tuple[str, str]] = set()
    for block in blocks:
        if not isinstance(block, Table) or block.data is None or "method" not in block.data:
            continue
        data = block.data
        named = next((c for c in ("quantity", "coefficient", "test", "figure") if c in data), "")
        for row in rows_of(data):
            key = str(row["method"]), str(row.get("reference", ""))
            owner = str(row[named]) if named else ""
            # The same of single readers differs only in whom it speaks of.
            if (owner, key[1]) not in told:
                told.add((owner, key[1]))
                lines.setdefault(key, []).append(owner)
    paragraphs = [
        f"{listed(owners)}: {method} ({reference})." if owners[0] else f"{method} ({reference})."
        for (method, reference), owners in lines.items()
    ]
    sentences_ = tuple(f"{p[:1].upper()}{p[1:]}".replace(" ().", ".") for p in paragraphs)
    return [Fold("How these numbers were computed", sentences_)] if sentences_ else []


def interval(estimate: float, low: float, high: float) -> str:
    """Return an estimate with its interval, or a word that there is none."""
    if not math.isfinite(estimate):
        return UNDEFINED if math.isnan(estimate) else f"over {LARGEST:,}"
    ends = [end for end in (low, high) if math.isfinite(end)]
    places = decimals([estimate, *ends])
    if len(ends) < 2:
        return f"{fixed(estimate, places)} (no interval)"
    return f"{fixed(estimate, places)} ({fixed(low, places)} to {fixed(high, places)})"


def decimals(values: Sequence[float]) -> int:
    """Return how many decimals tell numbers of this size apart."""
    largest = max((abs(v) for v in values), default=0.0)
    steps = ((100, 0), (10, 1), (0.1, 2), (0.01, 3))
    return next((places for limit, places in steps if largest >= limit), 2 if largest == 0 else 4)


def fixed(value: float, places: int) -> str:
    """Return a number with that many decimals and a true minus sign, never a negative zero."""
    if abs(value) > LARGEST:
        return f"over {LARGEST:,}" if value > 0 else f"below {MINUS}{LARGEST:,}"
    text = f"{value:,.{places}f}"
    return text.replace("-", MINUS) if float(text.replace(",", "")) != 0 else text.lstrip("-")


def probability(p: float) -> str:
    """Return a p-value as papers print it; a dash where there is no test."""
    if not math.isfinite(p):
        return "\N{EN DASH}"
    return f"<{SPACE}0.001" if p < 0.001 else f"{p:.3f}"


def plain(value: object) -> object:
    """Return a cell: counts as whole numbers, measures as text, what is missing as a dash."""
    if isinstance(value, float | np.floating):
        number = float(value)
        if not math.isfinite(number):
            return "\N{EN DASH}"
        return int(number) if number.is_integer() else f"{number:g}"
    if isinstance(value, np.generic):
        return value.item()
    return value


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def asked(study: StudyData, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with what the readers were asked in the column `asked`."""
    texts = study.texts
    return rows.assign(asked=[texts.get(str(name), str(name)) for name in rows["question"]])


def heading(text: str) -> str:
    """Return a question so that a sentence may follow it."""
    return f"“{text}”:"


def listed(parts: Sequence[str]) -> str:
    """Return parts as a list within a sentence."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _letter(place: int) -> str:
    """Return a, b, ... z, aa, ab, ..."""
    high, low = divmod(place, 26)
    return (_letter(high - 1) if high else "") + chr(ord("a") + low)
