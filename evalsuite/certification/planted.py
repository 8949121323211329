"""Real volumes with a fault, made when they are read: none of them is written anywhere."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from evalsuite.certification.faults import PLANTINGS, VERSION
from evalsuite.seeds import sequence
from evalsuite.volumes.changed import changed
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.volume import Volume

PLANTS = {planting.fault.name: planting.plant for planting in PLANTINGS}


def with_fault(cohort: Cohort, fault: str, level: float, seed: int) -> Cohort:
    """Return a checked cohort all volumes of which have a fault; still real ones to the steps.

    Args:
        fault: name of one that volumes can have.
        level: how strongly they have it.
        seed: of random numbers, which are the same at every level.
    """
    ids = [entry.id for entry in cohort.entries]
    return changed(
        cohort,
        f"{fault} {level:g}",
        [partial(planted, fault=fault, level=level, seed=seed, of=name) for name in ids],
        [json.dumps([VERSION, fault, level, seed, name]) for name in ids],
    )


def planted(volume: Volume, *, fault: str, level: float, seed: int, of: str) -> Volume:
    """Return the volume of an id with a fault."""
    plant = PLANTS[fault]
    assert plant is not None  # noqa: S101  (others are faults of cohorts)
    return plant(volume, level, np.random.default_rng(sequence(seed, fault, of)))


def together(cohorts: Sequence[Cohort], name: str) -> Cohort:
    """Return the volumes of several checked cohorts as one, to be extracted in one go."""
    return replace(
        cohorts[0],
        name=name,
        entries=tuple(entry for cohort in cohorts for entry in cohort.entries),
        infos=tuple(info for cohort in cohorts for info in cohort.infos),
        fingerprint="",
    )
