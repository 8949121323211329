"""Halves of a real cohort by subject, and what is put in the place of the held-out half."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from evalsuite.certification.faults import COPIES, REPEATS, Planting
from evalsuite.metrics.subjects import coded, halved, rows_of
from evalsuite.seeds import sequence

Rows = Int[np.ndarray, " _"]


@dataclass(frozen=True, slots=True)
class Split:
    """Two halves of a cohort that share no subject.

    Args:
        number: from 0.
        real: rows of the half that stands for the real cohort.
        held_out: rows of the other one, in which faults are planted.
    """

    number: int
    real: Rows
    held_out: Rows


@dataclass(frozen=True, slots=True)
class Drawn:
    """What stands for the synthetic cohort.

    Args:
        rows: of the cohort that was split.
        faulty: which of these volumes have the fault.
        subjects: whom each stands for, as codes.
    """

    rows: Rows
    faulty: Bool[np.ndarray, " _"]
    subjects: Rows


def split(subjects: Rows, count: int, seed: int) -> list[Split]:
    """Return so many random halvings by subject."""
    found = []
    for number in range(count):
        halves = halved(subjects, np.random.default_rng(sequence(seed, "halves", number)))
        found.append(Split(number, *halves))
    return found


def drawn(
    planting: Planting,
    level: float,
    of: Split,
    subjects: Rows,
    seed: int,
    mode: Bool[np.ndarray, " n"] | None = None,
) -> Drawn:
    """Return what a fault makes of the held-out half; a level of 0 is without it.

    What a severity changes, a greater one changes as well.

    Args:
        planting: the fault.
        level: its severity.
        of: the halves.
        subjects: of all volumes.
        seed: of random choices.
        mode: which volumes are left out, of a fault that leaves out some.
    """
    random = np.random.default_rng(sequence(seed, planting.fault.name, of.number))
    if mode is not None:
        return _without(of.held_out, mode, level, subjects, random)
    rows = of.held_out.copy()
    whose = coded(subjects[rows].tolist())
    faulty = np.zeros(len(rows), dtype=bool)
    if planting.plant is not None and planting.strength is None:
        faulty[:] = level > 0
    elif planting.plant is not None:
        order = random.permutation(whose.max() + 1)
        faulty[rows_of(order[: share(level, len(order))], whose)] = True
    else:
        places = random.permutation(len(rows))[: share(level, len(rows))]
        if planting.fault.name == COPIES.name:
            rows[places] = random.permutation(of.real)[np.arange(len(places)) % len(of.real)]
        elif planting.fault.name == REPEATS.name:
            rows[places] = rows[random.integers(len(rows))]
    return Drawn(rows, faulty, whose)


def share(level: float, count: int) -> int:
    """Return how many of so many a share is: at least one unless it is 0."""
    return max(math.ceil(level), round(level * count))


def _without(
    held_out: Rows,
    mode: Bool[np.ndarray, " n"],
    level: float,
    subjects: Rows,
    random: np.random.Generator,
) -> Drawn:
    """Return as many volumes as the half has beside a mode, fewer of which are of the mode.

    So every severity, and none, is of equally many volumes, and none is repeated.
    """
    order = random.permutation(held_out)
    inside, outside = order[mode[order]], order[~mode[order]]
    # What the half would give at random, and of it what the severity leaves.
    usual = round(len(outside) * len(inside) / len(order))
    kept = usual - round(level * usual)
    rows = np.concatenate([inside[:kept], outside[: len(outside) - kept]])
    return Drawn(rows, np.zeros(len(rows), dtype=bool), coded(subjects[rows].tolist()))
