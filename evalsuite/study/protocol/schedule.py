"""Who sees which case when: one order per reader, drawn once and stored at enrolment."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.allocation import Cases, allocated, seats
from evalsuite.study.protocol.design import StudyDesign
from evalsuite.study.truth import CaseTruth, by_phase

Phase = Literal["training", "reading"]
PHASES: tuple[Phase, ...] = ("training", "reading")
T = TypeVar("T")

# A block holds so many cases of the largest cohort, drawn anew for every block.
FEWEST, MOST = 2, 5


@dataclass(frozen=True, slots=True)
class Slot:
    """One showing of a case, or of a pair, to one reader.

    Args:
        position: 1 for the first showing of the study; training comes before reading.
        phase: whether there is feedback.
        cases: one case id, or the left and the right one of a pair.
        repeat_of: position of the first showing of the same cases, None if this is it.
    """

    position: int
    phase: Phase
    cases: Cases
    repeat_of: int | None


def schedule(
    design: StudyDesign,
    cases: Mapping[str, Mapping[str, Sequence[str]]],
    reader: str,
    *,
    seed: int | None = None,
    reads: Collection[Cases] | None = None,
) -> tuple[Slot, ...]:
    """Return everything one reader is shown, in order.

    A pure function of the name of the design, the seed, the ids of the cases and the name of the
    reader, so that nobody's order depends on who else reads. Store it: it changes when a case
    does.

    *Balance.* The reading falls into blocks within which the cohorts appear in proportion to
    their sizes and in random order, so that practice and fatigue weigh on all of them alike.
    Strict balance would tell a reader who counts the end of a block; the lengths of the blocks
    are therefore drawn as well (two to five cases of the largest cohort, the others in
    proportion), as ICH E9, section 2.3.2, advises. A trade-off remains: a reader who knew this
    procedure and the truth about every case so far could guess the next one of two equal cohorts
    in 67 % (simulated; 75 % for fixed blocks of two). The reading gives no feedback, so nobody
    knows that truth.

    *Repeats* are drawn from the first half of the reading, in proportion to the cohorts, and
    mixed into the second: the positions of both showings differ by at least half the number of
    different cases, rounded down. Where there are more repeats than cases in the first half, the
    next ones are repeated as well; the distance holds.

    *Pairs.* In a paired study each real case meets one synthetic case, the same for all readers,
    so that readers and pairs cross. Each reader sees real ones as often left as right (within
    one) among the pairs of each synthetic cohort. In training, cases of the smaller side return
    until each case of the larger one has a partner.

    Args:
        design: the study.
        cases: by phase (`training`, `reading`) and cohort, the ids of the cases, each once, as
            many as the design says.
        reader: the name.
        seed: the same for all readers, so that they meet the same pairs; None for that of the
            design, which is for tests and older studies, as it may be guessed.
        reads: which of the `showings` of the reading this reader is given, see
            `evalsuite.study.protocol.allocation`; None for all.
    """
    of_reader = random.Random(f"{source_of(design, seed)}/{reader}")
    slots: list[Slot] = []
    for phase, of_cohort in showings(design, cases, seed=seed).items():
        given = [
            [one for one in of_one if phase == "training" or reads is None or one in reads]
            for of_one in of_cohort.values()
        ]
        groups = [group for part in given for group in _sides(part, of_reader)]
        order = balanced(groups, of_reader)
        repeats = design.repeats if phase == "reading" else 0
        chosen = _chosen(order, groups, repeats, of_reader)
        first: dict[Cases, int] = {}
        for showing in _mixed(order, chosen, of_reader):
            slots.append(Slot(len(slots) + 1, phase, showing, first.get(showing)))
            first.setdefault(showing, slots[-1].position)
    return tuple(slots)


def balanced(groups: Sequence[Sequence[T]], draw: random.Random) -> list[T]:
    """Return all members of all groups in random order, in proportion within random blocks.

    At the end of every block each group has given its share of its members, within one.

    Args:
        groups: the order of their members does not matter for the distribution.
        draw: the source of chance.
    """
    pools = [draw.sample(list(group), len(group)) for group in groups]
    # A random phase keeps the few members of a small group from always falling on one place.
    phases = [draw.random() for _ in pools]
    largest = max((len(pool) for pool in pools), default=0)
    order: list[T] = []
    done = 0
    while done < largest:
        end = min(largest, done + draw.randint(FEWEST, MOST))
        block: list[T] = []
        for pool, phase in zip(pools, phases, strict=True):
            given, due = (int(len(pool) * t / largest + phase) for t in (done, end))
            block += pool[given:due]
        draw.shuffle(block)
        order += block
        done = end
    return order


def orders(
    design: StudyDesign,
    truths: Iterable[CaseTruth],
    seed: int | None,
    later: Sequence[str] = (),
    stands_in: Mapping[str, str] | None = None,
) -> dict[str, tuple[Slot, ...]]:
    """Return what every reader is shown, in order, with the cases that fall to each.

    Args:
        design: the study.
        truths: of all cases.
        seed: as for `schedule`.
        later: readers who came after the study was made, in the order in which they came.
        stands_in: by reader, the one whose cases they read in an order of their own.

    Raises:
        EvalsuiteError: if the design cannot be kept with these cases and readers.
    """
    of_case = {truth.case: truth for truth in truths}
    cases, source = by_phase(of_case.values()), source_of(design, seed)
    together = showings(design, cases, seed=seed)["reading"]
    places = seats(design.readers, source)
    places |= {name: len(places) + i for i, name in enumerate(later)}
    places |= {name: places[other] for name, other in (stands_in or {}).items()}
    allotted = allocated(
        design.allocation,
        [showing for of_one in together.values() for showing in of_one],
        of_case,
        source,
        readers=len(design.readers),
        taken=max(places.values()) + 1,
    )
    fewest = min(map(len, allotted))
    if design.repeats > fewest:
        raise EvalsuiteError(
            f"repeats is {design.repeats}, but by the allocation a reader has only {fewest} cases "
            "that can be repeated. Ask for fewer repeats."
        )
    return {
        reader: schedule(design, cases, reader, seed=seed, reads=allotted[places[reader]])
        for reader in (*design.readers, *later)
    }


def lone_readings(orders: Mapping[str, Iterable[Slot]]) -> list[str]:
    """Return a sentence where many cases are read by one reader alone.

    Args:
        orders: of every reader.
    """
    read = Counter(
        frozenset(slot.cases)
        for slots in orders.values()
        for slot in slots
        if slot.phase == "reading" and slot.repeat_of is None
    )
    alone = sum(times == 1 for times in read.values())
    if len(orders) == 1 or not alone:
        return []
    sentence = (
        f"{alone} of {len(read)} cases or pairs are read by one reader alone, so they tell nothing "
        "of the agreement between readers. Raise allocation.cap or add readers."
    )
    return [sentence]


def source_of(design: StudyDesign, seed: int | None) -> str:
    """Return the source of all chance of a study, from which generators are made.

    Strings seed Python's generator by SHA-512; its shuffles are the same in every version.
    """
    return f"{design.name}/{design.seed if seed is None else seed}"


def showings(
    design: StudyDesign, cases: Mapping[str, Mapping[str, Sequence[str]]], *, seed: int | None
) -> dict[Phase, dict[str, list[Cases]]]:
    """Return what is shown in each phase, by cohort: cases, or pairs with the real case first.

    Args:
        design, cases, seed: as for `schedule`.
    """
    of_study = random.Random(source_of(design, seed))
    return {phase: _shown(design, cases.get(phase, {}), of_study) for phase in PHASES}


def _shown(
    design: StudyDesign, cases: Mapping[str, Sequence[str]], of_study: random.Random
) -> dict[str, list[Cases]]:
    if not design.paired:
        return {c.name: [(case,) for case in sorted(cases.get(c.name, ()))] for c in design.cohorts}
    sides: dict[str, list[tuple[str, str]]] = {"real": [], "synthetic": []}
    for cohort in design.cohorts:
        sides[cohort.role] += [(case, cohort.name) for case in sorted(cases.get(cohort.name, ()))]
    real, synthetic = (of_study.sample(side, len(side)) for side in sides.values())
    count = max(len(real), len(synthetic)) if real and synthetic else 0
    of_cohort: dict[str, list[Cases]] = {cohort.name: [] for cohort in design.cohorts}
    for i in range(count):
        case, cohort_name = synthetic[i % len(synthetic)]
        of_cohort[cohort_name].append((real[i % len(real)][0], case))
    return of_cohort


def _sides(given: list[Cases], of_reader: random.Random) -> list[list[Cases]]:
    """Return what is to be balanced: a cohort, or its pairs by the side of the real one."""
    if not given or len(given[0]) == 1:
        return [given]
    pairs = of_reader.sample(given, len(given))
    half = (len(pairs) + of_reader.randint(0, 1)) // 2
    return [pairs[:half], [(right, left) for left, right in pairs[half:]]]


def _chosen(
    order: Sequence[Cases], groups: Sequence[Sequence[Cases]], repeats: int, draw: random.Random
) -> set[Cases]:
    """Return what to repeat: a systematic sample of the first half, so in proportion, within one."""
    pool = set(order[: max(len(order) - len(order) // 2, repeats)])
    ordered = [
        cases for group in groups for cases in draw.sample(group, len(group)) if cases in pool
    ]
    start = draw.random()
    return {ordered[int((i + start) * len(ordered) / repeats)] for i in range(repeats)}


def _mixed(order: Sequence[Cases], chosen: set[Cases], draw: random.Random) -> list[Cases]:
    """Return the order with every chosen member a second time, half the order or more later.

    The i-th of n different members stands at i on a line; its repeat falls uniformly between
    i + n // 2 and the end, or, where that lies beyond the end, at i + n // 2. In that case all
    members before i are repeated too, and enough of their repeats fall between both showings.
    """
    n = len(order)
    placed = [(float(i), 0, cases) for i, cases in enumerate(order, start=1)]
    for i, _, cases in placed[:]:
        if cases in chosen:
            earliest = i + n // 2
            placed.append((earliest + draw.random() * max(0.0, n + 1 - earliest), 1, cases))
    return [cases for _, _, cases in sorted(placed)]
