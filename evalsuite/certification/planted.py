"""Real volumes with a fault, made when they are read: none of them is written anywhere."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from evalsuite.certification.faults import PLANTINGS, VERSION
from evalsuite.seeds import sequence
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.volume import Volume

PLANTS = {planting.fault.name: planting.plant for planting in PLANTINGS}


@dataclass(frozen=True, slots=True)
class Planted(Entry):
    """A volume with a fault, which it has once it is read.

    Args:
        fault: name of one that volumes can have.
        level: how strongly it has it.
        seed: of its random numbers, which are the same at every level.
    """

    fault: str = ""
    level: float = 0.0
    seed: int = 0

    def read(self) -> Volume:
        """Return the volume with its fault."""
        plant = PLANTS[self.fault]
        assert plant is not None  # noqa: S101  (others are faults of cohorts)
        random = np.random.default_rng(sequence(self.seed, self.fault, self.id))
        return plant(Entry.read(self), self.level, random)


def with_fault(cohort: Cohort, fault: str, level: float, seed: int) -> Cohort:
    """Return a checked cohort all volumes of which have a fault; still real ones to the steps."""
    entries = [
        Planted(
            **{part.name: getattr(entry, part.name) for part in fields(Entry)},
            fault=fault,
            level=level,
            seed=seed,
        )
        for entry in cohort.entries
    ]
    infos = [
        replace(info, digest=_digest(info.digest, entry))
        for info, entry in zip(cohort.infos, entries, strict=True)
    ]
    return replace(
        cohort,
        name=f"{fault} {level:g}",
        entries=tuple(entries),
        infos=tuple(infos),
        fingerprint="",
    )


def together(cohorts: Sequence[Cohort], name: str) -> Cohort:
    """Return the volumes of several checked cohorts as one, to be extracted in one go."""
    return replace(
        cohorts[0],
        name=name,
        entries=tuple(entry for cohort in cohorts for entry in cohort.entries),
        infos=tuple(info for cohort in cohorts for info in cohort.infos),
        fingerprint="",
    )


def _digest(original: str, entry: Planted) -> str:
    """Return what a volume with a fault is known by in the cache of features."""
    parts = [original, VERSION, entry.fault, entry.level, entry.seed, entry.id]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
