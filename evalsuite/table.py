"""The numbers of an evaluation as people read them: all volumes first, then group by group."""

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len

from evalsuite.caveats import Key, Notes, enumerated, keys
from evalsuite.records import CohortRecord, Difference, Estimate, Evaluation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BETTER = {
    "lower is better": "↓",
    "higher is better": "↑",
    "nearer the reference is better": "≈",
}
MEANT = (
    "↓ lower is better, ↑ higher is better, ≈ nearer to the value within the real cohort is better."
)
N = "n = "
SPACE = 2  # between columns
COMPARED = (
    "Compared on the same subjects; p by Wilcoxon's signed-rank test, corrected by Holm's method. "
    "All numbers are in differences.csv."
)
LEAST = 0.001  # p-value that is told
PLAIN = 1e7  # from here on numbers have an exponent


@dataclass(frozen=True, slots=True)
class Row:
    """One number on one kind of features.

    Args:
        features: the extractor, or the voxels.
        label: direction, name, and the notes on every cell.
        cells: one per column, in parts that may stand on lines of their own; () for none.
        reference: the same number within the real cohort, where it is one for the whole row.
    """

    features: str
    label: str
    cells: tuple[tuple[str, ...], ...]
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts.

    Args:
        title: what it is about.
        heads: of the columns, in lines.
        rows: those on the same features stand together.
        reference: head of the column with the references; empty where cells hold their own.
    """

    title: str
    heads: tuple[tuple[str, ...], ...]
    rows: tuple[Row, ...]
    reference: tuple[str, ...] = ()


def grids(evaluation: Evaluation, notes: Notes) -> list[Grid]:
    """Return all numbers: cohorts side by side, then a matrix of groups for each cohort."""
    whole = [e for e in evaluation.estimates if not e.group]
    found = [_side_by_side(evaluation, whole, notes)] if whole else []
    by = evaluation.config.get("by")
    for cohort in evaluation.synthetic:
        columns: dict[str, list[Estimate]] = {}
        for estimate in evaluation.estimates:
            if estimate.group and estimate.synthetic == cohort.name:
                columns.setdefault(estimate.group, []).append(estimate)
        if columns:
            found.append(_by_group(f"{cohort.name} by {by}", columns, str(by), notes))
    return [*found, *_differences(evaluation.differences)]


def legend(evaluation: Evaluation) -> str:
    """Return how the tables are to be read."""
    told = [MEANT]
    found = [e.interval for e in evaluation.estimates if e.interval]
    if levels := sorted({f"{100 * interval.level:g} %" for interval in found}):
        told.append(f"In brackets: {enumerated(levels)} intervals.")
    if any(e.group for e in evaluation.estimates):
        told.append("By group: value | within the real volumes of that group.")
    return " ".join(told)


def number(value: float, digits: int = 4) -> str:
    """Return a number to some significant digits, large ones without an exponent."""
    if math.isnan(value):
        return "undefined"
    return f"{value:.0f}" if 10**digits <= abs(value) < PLAIN else f"{value:.{digits}g}"


def counted(volumes: int, subjects: int | None) -> str:
    """Return how many volumes went in, and of how many subjects where some show the same."""
    return f"{N}{volumes}" if subjects is None else f"{volumes} volumes of {subjects} subjects"


def print_table(evaluation: Evaluation, console: "Console") -> None:
    """Print all numbers, as many columns beside each other as fit, and every warning once."""
    notes = Notes.of(evaluation)
    console.print(evaluation.standing, markup=False, highlight=False)
    for grid in grids(evaluation, notes):
        start, end = 0, len(grid.heads)
        while start < end:
            stop = next(
                (i for i in range(end, start, -1) if _fits(grid, start, i, console.width)),
                start + 1,
            )
            console.print(_drawn(grid, start, stop, console.width))
            start = stop
    for told in (legend(evaluation), *notes.sentences().values()):
        console.print(told, markup=False, highlight=False)
    for cohort in evaluation.cohorts:
        if cohort.skipped:
            count = len(cohort.skipped)
            console.print(f"{cohort.name}: {count} invalid volumes skipped, see results.json.")


def _side_by_side(evaluation: Evaluation, estimates: Sequence[Estimate], notes: Notes) -> Grid:
    """Return value and interval of every cohort, and the yardstick once per row."""
    columns: dict[str, list[Estimate]] = {cohort.name: [] for cohort in evaluation.synthetic}
    for estimate in estimates:
        columns[estimate.synthetic].append(estimate)

    def count(estimate: Estimate) -> tuple[str, ...]:
        return (counted(estimate.n_synthetic, estimate.subjects_synthetic),)

    def count_real(estimate: Estimate) -> tuple[str, ...]:
        return (counted(estimate.n_real, estimate.subjects_real),)

    def cell(estimate: Estimate) -> tuple[str, ...]:
        ends = (estimate.interval.low, estimate.interval.high) if estimate.interval else ()
        if not ends or not all(map(math.isfinite, (estimate.value, *ends))):
            return (number(estimate.value),)
        low, high = (number(end, 3) for end in ends)
        return number(estimate.value), f"({low} to {high})"

    usual = _most_common(map(count_real, estimates))
    heads, rows = _filled(columns, cell, count, notes, evaluation.synthetic)
    by_row = _by_row(columns)
    told = []
    for row, found in zip(rows, by_row.values(), strict=True):
        others = dict.fromkeys(map(count_real, found.values()))
        others.pop(usual, None)
        own = (_reference(found.values()), *(text for count in others for text in count))
        told.append(replace(row, reference=" ".join(own).strip()))
    real = f"within {evaluation.real.name} {notes.marks(keys(evaluation.real.warnings))}".strip()
    return Grid("", heads, tuple(told), (real, *usual))


def _differences(differences: Sequence[Difference]) -> list[Grid]:
    """Return how cohorts of pairs differ, a column for any two; none for one cohort.

    Of numbers that there are of whole volumes, only those.
    """
    if not differences:
        return []
    pairs = list(dict.fromkeys((one.first, one.second) for one in differences))
    whole = {(one.extractor, one.name) for one in differences if not one.where}
    by_row: dict[tuple[str, str], dict[tuple[str, str], Difference]] = {}
    for one in differences:
        if one.where and (one.extractor, one.name) in whole:
            continue
        by_row.setdefault((one.extractor, one.key), {})[one.first, one.second] = one
    rows = []
    for (features, _), found in by_row.items():
        some = next(iter(found.values()))
        cells = tuple(_difference(found[pair]) if pair in found else () for pair in pairs)
        rows.append(Row(features or "voxels", f"{BETTER[some.direction]} {some.key}", cells))
    heads = tuple((f"{first} less", second) for first, second in pairs)
    return [Grid(COMPARED, heads, tuple(rows))]


def _difference(one: Difference) -> tuple[str, ...]:
    ends = one.interval
    between = [f"({number(ends.low, 3)} to {number(ends.high, 3)})"] if ends else []
    test = (
        []
        if math.isnan(one.p_holm)
        else ["p < 0.001" if one.p_holm < LEAST else f"p = {one.p_holm:.3f}"]
    )
    return number(one.value), *between, *test


def _by_group(title: str, columns: Mapping[str, Sequence[Estimate]], by: str, notes: Notes) -> Grid:
    """Return the values of one cohort by group, each beside its own yardstick."""

    def count(estimate: Estimate) -> tuple[str, ...]:
        real = counted(estimate.n_real, estimate.subjects_real)
        own = counted(estimate.n_synthetic, estimate.subjects_synthetic)
        return own, f"real {real.removeprefix(N)}"

    def cell(estimate: Estimate) -> tuple[str, ...]:
        reference = "" if estimate.reference is None else f" | {number(estimate.reference, 3)}"
        return (number(estimate.value, 3) + reference,)

    named = {group.removeprefix(f"{by}="): own for group, own in columns.items()}
    return Grid(title, *_filled(named, cell, count, notes))


def _filled(
    columns: Mapping[str, Sequence[Estimate]],
    cell: Callable[[Estimate], tuple[str, ...]],
    count: Callable[[Estimate], tuple[str, ...]],
    notes: Notes,
    cohorts: Sequence[CohortRecord] = (),
) -> tuple[tuple[tuple[str, ...], ...], tuple[Row, ...]]:
    """Return the heads of the columns and the rows.

    A count or a note that holds for a whole column or row stands at its head, once.
    """
    usual = {name: _most_common(map(count, own)) for name, own in columns.items()}
    in_column = {name: _shared(own) for name, own in columns.items()}
    rows = []
    for (features, _), found in _by_row(columns).items():
        left = {name: keys(e.warnings) - in_column[name] for name, e in found.items()}
        in_row = set.intersection(*left.values())
        cells: list[tuple[str, ...]] = []
        for name in columns:
            if name not in found:
                cells.append(())
                continue
            value, *more = cell(found[name])
            own = count(found[name])
            marked = f"{value} {notes.marks(left[name] - in_row)}".strip()
            cells.append((marked, *more, *(own if own != usual[name] else ())))
        some = next(iter(found.values()))
        label = f"{BETTER[some.direction]} {some.key} {notes.marks(in_row)}".strip()
        rows.append(Row(features or "voxels", label, tuple(cells)))
    about = {cohort.name: keys(cohort.warnings) for cohort in cohorts}
    heads = [
        (f"{name} {notes.marks(in_column[name] | about.get(name, set()))}".strip(), *usual[name])
        for name in columns
    ]
    return tuple(heads), tuple(rows)


def _by_row(
    columns: Mapping[str, Sequence[Estimate]],
) -> dict[tuple[str, str], dict[str, Estimate]]:
    """Return the estimates of each row by column; rows on the same features stand together."""
    found: dict[tuple[str, str], dict[str, Estimate]] = {}
    for column, own in columns.items():
        for estimate in own:
            found.setdefault((estimate.extractor, estimate.key), {})[column] = estimate
    order = list(dict.fromkeys(features for features, _ in found))
    return {key: found[key] for key in sorted(found, key=lambda key: order.index(key[0]))}


def _shared(estimates: Sequence[Estimate]) -> set[Key]:
    return set.intersection(*(keys(e.warnings) for e in estimates)) if estimates else set()


def _most_common(counts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    found = Counter(counts).most_common(1)
    return found[0][0] if found else ()


def _reference(estimates: Iterable[Estimate]) -> str:
    """Return the yardstick, or its range where it is another for another cohort."""
    known = sorted(e.reference for e in estimates if e.reference is not None)
    ends = list(dict.fromkeys(number(value) for value in (*known[:1], *known[-1:])))
    return " to ".join(ends)


def _texts(grid: Grid, start: int, stop: int, between: str) -> list[list[str]]:
    """Return the columns that show some of a grid's: labels, cells, references; heads first."""
    cells = [
        ["\n".join(grid.heads[i]), *(between.join(row.cells[i]) for row in grid.rows)]
        for i in range(start, stop)
    ]
    labels = ["", *(row.label for row in grid.rows)]
    references = ["\n".join(grid.reference), *(row.reference for row in grid.rows)]
    return [labels, *cells, *([references] if grid.reference else [])]


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the width of each column: of its lines if they fit, of its words if they must."""
    widths = [max(cell_len(line) for text in own for line in text.split("\n")) for own in columns]
    least = [
        max(cell_len(word) for text in own for word in text.split() or [""]) for own in columns
    ]
    least[0] = widths[0]
    room -= SPACE * (len(columns) - 1)
    while sum(widths) > room and widths != least:
        wide = max(range(len(columns)), key=lambda i: (widths[i] > least[i], widths[i]))
        widths[wide] -= 1
    return widths


def _fits(grid: Grid, start: int, stop: int, room: int) -> bool:
    """Say whether these columns fit beside each other without a word being broken."""
    columns = _texts(grid, start, stop, "\n")
    return sum(_widths(columns, room)) + SPACE * (len(columns) - 1) <= room


def _drawn(grid: Grid, start: int, stop: int, room: int) -> "Table":
    """Return the columns as a table, each cell on one line where all of them fit."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = _texts(grid, start, stop, " ")
    if _widths(columns, room) != _widths(columns, sys.maxsize):
        columns = _texts(grid, start, stop, "\n")
    table = Table(
        title=grid.title or None, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False,
        pad_edge=False, padding=(0, 0, 0, SPACE - 1),
    )  # fmt: skip
    for place, (own, width) in enumerate(zip(columns, _widths(columns, room), strict=True)):
        justify: Literal["left", "right"] = "right" if place else "left"
        table.add_column(Text(own[0]), justify=justify, width=width, overflow="fold")
    features = ""
    for row, *texts in zip(grid.rows, *(own[1:] for own in columns), strict=True):
        if row.features != features:
            features = row.features
            table.add_section()
            table.add_row(Text(features, style="bold"))
        table.add_row(*map(Text, texts))
    return table
