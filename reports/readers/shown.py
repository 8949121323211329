"""How statistics are shown: one cell per number with its interval, footnotes, and the methods."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from evalsuite.caveats import Key, enumerated, joined, keys
from evalsuite.records import Caveat
from evalsuite.statistics.answers import POINTS_UNTOLD
from evalsuite.statistics.cautions import LITTLE_OF_OTHERS, ONE_READER
from evalsuite.statistics.result import ALL, Result, tabulated
from evalsuite.statistics.roc.mrmc import RESULTS_OF_FEW, RESULTS_OF_ONE
from reports.document import Block, Fold, Table
from reports.readers.claims import noted
from reports.sources import StudyData

LARGEST = 10_000  # beyond it the size of an odds ratio says nothing more
MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
UNDEFINED = "not defined"
ABREAST = 4  # columns of numbers that fit beside each other on A4
EMPTY = "An empty cell: this is not computed for that kind of answer."

Column = str | Callable[[Result], object]


def shown(
    name: str,
    caption: str,
    results: Sequence[Result],
    columns: Mapping[str, Column],
    study: StudyData,
    *,
    group: str = "question",
    across: str = "",
    folded: bool = False,
    number: Callable[[Result], str] | None = None,
) -> Table:
    """Return a table of statistics for the page; its CSV file holds all columns.

    Args:
        name, caption, folded: as for a `Table`.
        results: one per row.
        columns: by head, the column of `tabulated` or a function of the result; `value` brings its
            interval.
        study: knows what the readers were asked.
        group: the column whose values head groups of rows; empty for none.
        across: the column of which each value is a column of numbers, with p-values if there are,
            such as `quantity`; empty for none.
        number: what stands for a result; its value with its interval if None.
    """
    marks, notes = footnotes(noted(results), study)
    numbers = [
        " ".join(filter(None, ((number or told)(r), mark)))
        for r, mark in zip(results, marks, strict=True)
    ]
    view: dict[str, list[object]] = {}
    grouped: Mapping[str, Column] = {group: group} if group else {}
    for head, column in {**grouped, **columns}.items():
        cells = numbers if column == "value" else [_cell(r, column, study) for r in results]
        view[head] = list(cells)
    frame = pd.DataFrame(view)
    if across:
        tested = any(math.isfinite(r.p_holm) for r in results)
        cells = [
            f"{cell}, {compared(r.p_holm)}" if tested and math.isfinite(r.p_holm) else cell
            for cell, r in zip(numbers, results, strict=True)
        ]
        counts = [head for head, column in columns.items() if str(column).startswith("n_")]
        frame = _across(frame, [str(_cell(r, across, study)) for r in results], cells, counts)
        if (frame == "").any(axis=None):
            notes = (*notes, EMPTY)
    return Table(name, caption, frame, notes, folded=folded, group=group, data=tabulated(results))


def abreast(results: Sequence[Result], column: str) -> bool:
    """Return whether the values of a column are few enough to head columns of numbers."""
    return len({result.at(column) for result in results}) <= ABREAST


def _cell(result: Result, column: Column, study: StudyData) -> object:
    if callable(column):
        return column(result)
    value = result.columns[column]
    if column == "question":
        return asked(study, result)
    return probability(float(str(value))) if column in ("p", "p_holm") else plain(value)


def _across(
    frame: pd.DataFrame, above: Sequence[str], cells: Sequence[str], last: Sequence[str]
) -> pd.DataFrame:
    """Return one row for each distinct row of a frame, with one more column for each head.

    Args:
        frame, above, cells: of as many rows; what stands above each cell.
        last: columns of the frame that go to the end.
    """
    rows: dict[tuple[object, ...], dict[str, object]] = {}
    counts: dict[tuple[object, ...], dict[str, set[object]]] = {}
    for row, head, cell in zip(frame.to_dict("records"), above, cells, strict=True):
        named = {str(column): value for column, value in row.items() if column not in last}
        key = tuple(named.values())
        column = f"“{head}”" if head in frame.columns else head  # a reader may be called so
        cells_of_row = rows.setdefault(key, named)
        if column in cells_of_row:
            raise ValueError(f"two numbers of {key} stand below {head}")
        cells_of_row[column] = cell
        for counted_by in last:
            counts.setdefault(key, {}).setdefault(counted_by, set()).add(row[counted_by])
    for key, of_row in counts.items():
        rows[key] |= {column: _ends(values) for column, values in of_row.items()}
    wide = pd.DataFrame(list(rows.values())).fillna("")
    return wide[[c for c in wide.columns if c not in last] + list(last)]


def _ends(values: set[object]) -> object:
    """Return the one count, or the least and the largest, of the numbers of a row."""
    known = sorted(value for value in values if isinstance(value, int))
    if len(values) == 1 or not known:
        return next(iter(values))
    return known[0] if known[0] == known[-1] else f"{known[0]} to {known[-1]}"


def told(result: Result) -> str:
    """Return the number of a result with its interval."""
    return interval(result.value, result.low, result.high)


def compared(p: float) -> str:
    """Return a p-value behind its name, such as "p = 0.012"."""
    number = probability(p)
    relation = "" if number.startswith("<") else f"={SPACE}"
    return f"p{SPACE}{relation}{number}"


def footnotes(
    results: Sequence[Result], study: StudyData, *, marked: bool = True
) -> tuple[list[str], tuple[str, ...]]:
    """Return the mark of each row, and the sentences below the table.

    Caveats that differ in numbers alone are one, with the range of each. One on every row has no
    mark, nor has any unless `marked`. What is told of the whole study elsewhere is left out.
    """
    news = [[c for c in r.warnings if not _told_already(c, r, study)] for r in results]
    alike: dict[Key, list[Caveat]] = {}
    for caveats in news:
        for caveat in caveats:
            alike.setdefault(caveat.key, []).append(caveat)
    kinds = [keys(caveats) for caveats in news]
    shared = [one for one in alike if not marked or all(one in caveats for caveats in kinds)]
    letters = {one: _letter(i) for i, one in enumerate(k for k in alike if k not in shared)}
    marks = [[letter for one, letter in letters.items() if one in caveats] for caveats in kinds]
    sentences = [joined(alike[one]) for one in shared]
    sentences += [f"[{letter}] {joined(alike[one])}" for one, letter in letters.items()]
    return [f"[{', '.join(caveats)}]" if caveats else "" for caveats in marks], tuple(sentences)


def reasons(results: Iterable[Result]) -> tuple[str, ...]:
    """Return why there is no number, each reason once."""
    return tuple(dict.fromkeys(str(caveat) for r in results for caveat in r.warnings))


def _told_already(caveat: Caveat, result: Result, study: StudyData) -> bool:
    """Return whether the overview says it of the whole study, or the row by its reader."""
    readers = len(study.readers) if result.where.get("reader", ALL) == ALL else 1
    of_few = [caveat(n=readers) for caveat in (LITTLE_OF_OTHERS, RESULTS_OF_FEW)]
    of_all = (ONE_READER, RESULTS_OF_ONE) if readers == 1 else of_few
    return caveat in of_all or caveat.code == POINTS_UNTOLD.code


def computed(blocks: Iterable[Block]) -> list[Block]:
    """Return a fold that says how the numbers of all tables were computed, each method once."""
    lines: dict[tuple[str, str], list[str]] = {}
    known: set[tuple[str, str]] = set()
    for block in blocks:
        if not isinstance(block, Table) or block.data is None:
            continue
        rows = block.data[["quantity", "method", "reference"]].itertuples(index=False)
        for quantity, method, reference in rows:
            # The same of single readers differs only in whom it speaks of.
            if (quantity, reference) not in known:
                known.add((quantity, reference))
                lines.setdefault((method, reference), []).append(quantity)
    paragraphs = [
        f"{enumerated(quantities)}: {method}{f' ({reference})' if reference else ''}."
        for (method, reference), quantities in lines.items()
    ]
    sentences = tuple(f"{p[:1].upper()}{p[1:]}" for p in paragraphs)
    return [Fold("How these numbers were computed", sentences)] if sentences else []


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


def asked(study: StudyData, result: Result) -> str:
    """Return what the readers were asked."""
    return study.texts.get(result.at("question"), result.at("question"))


def heading(text: str) -> str:
    """Return a question so that a sentence may follow it."""
    return f"“{text}”:"


def counted(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _letter(place: int) -> str:
    """Return a, b, ... z, aa, ab, ..."""
    high, low = divmod(place, 26)
    return (_letter(high - 1) if high else "") + chr(ord("a") + low)
