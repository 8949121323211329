"""Which reader reads which cases: drawn once, balanced over cohorts and strata."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Literal

from pydantic import Field, model_validator

from evalsuite.declared import Declared
from evalsuite.errors import EvalsuiteError
from evalsuite.study.truth import CaseTruth

Cases = tuple[str, ...]
Unit = tuple[Cases, ...]  # what is kept together: all that shows one subject
Cell = list[Unit]  # units alike in cohorts and strata


class Allocation(Declared):
    """Which reader reads which cases.

    Args:
        scheme: `full`: everyone reads everything. `split-plot`: groups of readers, each with
            cases of its own that all of the group read. `partially-crossed`: every reader has
            another selection; cases are read equally often, and every two readers have about as
            many in common. `anchor-and-rotate`: everyone reads the anchors, the rest is partially
            crossed.
        cap: the most different cases, or pairs, that a reader reads; all but `full` need it.
        anchors: how many of these everyone reads, for `anchor-and-rotate`.
    """

    scheme: Literal["full", "split-plot", "partially-crossed", "anchor-and-rotate"] = "full"
    cap: int | None = Field(default=None, ge=1)
    anchors: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> "Allocation":
        if (self.scheme == "full") != (self.cap is None):
            msg = (
                "the scheme full has no cap; name another scheme"
                if self.cap
                else f"the scheme {self.scheme} needs a cap, the most cases that a reader reads"
            )
            raise ValueError(msg)
        anchored = self.scheme == "anchor-and-rotate"
        if anchored != bool(self.anchors) or self.anchors >= (self.cap or 1):
            msg = (
                f"anchors is {self.anchors}; expected a whole number from 1 to below the cap"
                if anchored
                else f"the scheme {self.scheme} has no anchors"
            )
            raise ValueError(msg)
        return self

    def fault(self, cases: int, readers: int) -> str:
        """Return why so many readers cannot read so many cases, or pairs, so; empty if they can."""
        if self.cap is not None and self.cap >= cases:
            return (
                f"allocation.cap is {self.cap}, but there are only {cases} cases or pairs; "
                "leave the allocation out, or lower the cap"
            )
        if self.cap and readers * (self.cap - self.anchors) < cases - self.anchors:
            return (
                f"{readers} readers of at most {self.cap} cases each cannot read all {cases}; "
                "raise allocation.cap or add readers"
            )
        return ""


def seats(readers: Sequence[str], source: str) -> dict[str, int]:
    """Return the seat of each reader, whatever the order in which they are named.

    Args:
        readers: those for whom the study is made; who comes later takes the next free seat.
        source: of chance, the same for the whole study.
    """
    drawn = sorted(readers)
    random.Random(f"{source}/seats").shuffle(drawn)
    return {reader: seat for seat, reader in enumerate(drawn)}


def allocated(
    rule: Allocation,
    showings: Sequence[Cases],
    truths: Mapping[str, CaseTruth],
    source: str,
    *,
    readers: int,
    taken: int | None = None,
) -> list[frozenset[Cases]]:
    """Return what is read in each seat; the same however many seats there come to be.

    *Balance.* Cases of one cohort and stratum are a cell, and every seat has each cell in
    proportion to its size, within one. Over the seats of the design every case is read equally
    often, within one, and every two seats have about as much in common. All that shows one subject is read by the same readers, and a subject with cases of
    several cohorts is balanced with its likes; proportions then hold for subjects.

    Args:
        rule: of the design.
        showings: cases, or pairs of cases, each once.
        truths: of every case: its cohort, stratum and, where it is told, subject.
        source: of chance, the same for the whole study.
        readers: for how many the study is made.
        taken: how many seats to return, by default `readers`.

    Raises:
        EvalsuiteError: if subjects are too large for the cap, or there are too few readers.

    References:
        Obuchowski, Gallas and Hillis, Academic Radiology 19 (2012) 1508-1517: split-plot designs.
    """
    taken = readers if taken is None else taken
    if rule.cap is None:
        return [frozenset(showings)] * taken
    draw = random.Random(f"{source}/allocation")
    cells = _cells(showings, truths, draw)
    if rule.scheme == "split-plot":
        blocks = _blocks(cells, rule.cap, readers)
        return [blocks[seat % len(blocks)] for seat in range(taken)]
    anchors: frozenset[Cases] = frozenset()
    if rule.anchors:
        quotas = _quotas(cells, rule.anchors, [draw.random()])[0]
        anchors = _showings(u for cell, n in zip(cells, quotas, strict=True) for u in cell[:n])
        cells = [cell[n:] for cell, n in zip(cells, quotas, strict=True) if n < len(cell)]
    start = draw.random()
    phases = [(start + seat / readers) % 1 for seat in range(readers)]
    quotas_of = _quotas(cells, rule.cap - len(anchors), phases)
    _refuse_unread(cells, quotas_of)
    rows: list[frozenset[Cases]] = []
    while len(rows) < taken:  # who comes later begins another round of as many seats
        rows += [anchors | own for own in _dealt(cells, quotas_of, draw)]
    return rows[:taken]


def _cells(
    showings: Sequence[Cases], truths: Mapping[str, CaseTruth], draw: random.Random
) -> list[Cell]:
    """Return all subjects, those alike in the cohorts and strata of their cases together."""
    units: list[tuple[set[tuple[str, str]], list[Cases]]] = []
    for showing in sorted(showings):
        whom = {("subject", s) if (s := truths[c].subject) else ("case", c) for c in showing}
        joined = [unit for unit in units if unit[0] & whom]
        units = [unit for unit in units if not unit[0] & whom]
        units.append((
            whom.union(*(unit[0] for unit in joined)),
            [showing, *(one for unit in joined for one in unit[1])],
        ))  # fmt: skip
    cells: dict[tuple[tuple[str, str], ...], Cell] = {}
    for _, together in units:
        places = [truths[case] for showing in together for case in showing]
        alike = tuple(sorted((place.cohort, place.stratum) for place in places))
        cells.setdefault(alike, []).append(tuple(sorted(together)))
    return [draw.sample(sorted(cell), len(cell)) for _, cell in sorted(cells.items())]


def _blocks(cells: Sequence[Cell], cap: int, readers: int) -> list[frozenset[Cases]]:
    """Return the fewest blocks of at most `cap` cases; each has its share of each cell, within one.

    Subjects with most cases are dealt first, what is over to the block with fewest cases.
    """
    for count in range(2, readers + 1):
        sizes = [0] * count
        blocks: list[list[Unit]] = [[] for _ in sizes]
        for cell in sorted(cells, key=lambda cell: -len(cell[0])):
            given = [0] * count
            for unit in cell:
                block = min(range(count), key=lambda b: (given[b], sizes[b]))
                blocks[block].append(unit)
                given[block] += 1
                sizes[block] += len(unit)
        if max(sizes) <= cap:
            return [_showings(block) for block in blocks]
    raise EvalsuiteError(
        f"allocation: {readers} readers are too few for groups that read at most {cap} cases "
        "each. Raise the cap or add readers."
    )


def _quotas(cells: Sequence[Cell], cap: int, phases: Sequence[float]) -> list[list[int]]:
    """Return how many units of each cell are read, by phase: the most that `cap` allows.

    A systematic sample: each number is its share, within one, as is the sum of neighbours, such as
    the strata of a cohort. Over equidistant phases each cell has its share in all, within one.
    """
    ends = [0, *accumulate(map(len, cells))]
    sizes = [len(_showings(cell[:1])) for cell in cells]
    for units in range(min(cap, ends[-1]), 0, -1):
        table = []
        for phase in phases:
            bounds = [int(units * end / ends[-1] + phase) for end in ends]
            table.append([high - low for low, high in pairwise(bounds)])
        most = max(sum(n * s for n, s in zip(row, sizes, strict=True)) for row in table)
        if most <= cap:
            return table
    raise EvalsuiteError(
        f"allocation: a subject has up to {max(sizes)} cases, more than the {cap} that a reader "
        "may read of those that are not anchors. Raise the cap."
    )


def _refuse_unread(cells: Sequence[Cell], quotas: Sequence[Sequence[int]]) -> None:
    """Refuse an allocation in which some unit falls to nobody."""
    read = [sum(of_cell) for of_cell in zip(*quotas, strict=True)]
    if any(n < len(cell) for n, cell in zip(read, cells, strict=True)):
        raise EvalsuiteError(
            f"allocation: {len(quotas)} readers cannot read all cases under the cap while those of "
            "one subject are kept together. Raise the cap or add readers."
        )


def _dealt(
    cells: Sequence[Cell], quotas: Sequence[Sequence[int]], draw: random.Random
) -> list[frozenset[Cases]]:
    """Return a selection for each seat.

    Unit by unit, to the seats that lack most of its cell, and of these to those that have least in
    common; so no seat is left with more to read than there is (Gale, Pacific Journal of
    Mathematics 7 (1957) 1073-1082).
    """
    common: Counter[frozenset[int]] = Counter()
    rows: list[list[Unit]] = [[] for _ in quotas]
    for cell, of_cell in zip(cells, zip(*quotas, strict=True), strict=True):
        lacking = list(of_cell)
        times, more = divmod(sum(lacking), len(cell))
        for place, unit in enumerate(draw.sample(cell, len(cell))):
            readers: list[int] = []
            for _ in range(times + (place < more)):
                order = [
                    (-lacking[s], sum(common[frozenset((s, r))] for r in readers), draw.random(), s)
                    for s in range(len(rows))
                    if s not in readers
                ]
                seat = min(order)[-1]
                common.update(frozenset((seat, r)) for r in readers)
                readers.append(seat)
                lacking[seat] -= 1
                rows[seat].append(unit)
    return [_showings(row) for row in rows]


def _showings(units: Iterable[Unit]) -> frozenset[Cases]:
    return frozenset(showing for unit in units for showing in unit)
