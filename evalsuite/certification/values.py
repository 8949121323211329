"""What metrics say of one half of a cohort against the other, faulty or not."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from evalsuite import plugins
from evalsuite.certification.design import Drawn, Split, drawn
from evalsuite.certification.faults import Planting
from evalsuite.certification.judge import badness
from evalsuite.measure import findings_of, standardise
from evalsuite.metrics.metric import Metric, Views
from evalsuite.places import Where
from evalsuite.ranking import quantities
from evalsuite.records import Direction, Estimate, FeatureTable

Chosen = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Number:
    """Which number of a metric it is."""

    metric: str
    name: str
    where: Where
    direction: Direction


Key = tuple[str, Number]  # extractor and number
Values = Float[np.ndarray, " r"]


@dataclass(frozen=True, slots=True)
class Seen:
    """The volumes through one extractor.

    Args:
        extractor: its name.
        standardise: whether in units of the real half.
        usual, faulty: features of all volumes as they are, and with the fault.
    """

    extractor: str
    standardise: bool
    usual: FeatureTable
    faulty: FeatureTable


@dataclass(frozen=True, slots=True)
class Task:
    """One fault at one severity; all that a process needs to find its numbers.

    Args:
        planting, level: the fault and its severity.
        mode: what is left out, of a fault that leaves out a mode.
        halves: of the volumes.
        subjects: of all volumes.
        seen: by extractor.
        metrics: names with all their options.
        seed: of random choices.
        memory: bytes that a metric may hold.
    """

    planting: Planting
    level: float
    mode: Bool[np.ndarray, " n"] | None
    halves: Sequence[Split]
    subjects: Int[np.ndarray, " n"]
    seen: Sequence[Seen]
    metrics: Chosen
    seed: int
    memory: int

    def values(self) -> tuple[dict[Key, Values], float]:
        """Return how bad every number is by split, nan where undefined, and the mean faulty size."""
        metrics: list[tuple[Metric, Mapping[str, Any]]] = [
            (plugins.load("metrics", name), options) for name, options in self.metrics
        ]
        found: list[dict[Key, float]] = []
        sizes = []
        for of in self.halves:
            own = drawn(self.planting, self.level, of, self.subjects, self.seed, self.mode)
            sizes.append(len(own.rows))
            here: dict[Key, float] = {}
            for seen in self.seen:
                taken = [(m, o) for m, o in metrics if m.takes(seen.extractor)]
                rows = numbers(taken, seen, of.real, own, self.subjects, self.memory)
                here |= {(seen.extractor, number): value for number, value in rows.items()}
            found.append(here)
        keys = dict.fromkeys(key for one in found for key in one)
        by_key = {key: np.array([one.get(key, math.nan) for one in found]) for key in keys}
        return by_key, float(np.mean(sizes))


def numbers(
    metrics: Sequence[tuple[Metric, Mapping[str, Any]]],
    seen: Seen,
    real: Int[np.ndarray, " m"],
    own: Drawn,
    subjects: Int[np.ndarray, " n"],
    memory: int,
) -> dict[Number, float]:
    """Return how bad every number is that is no test, with its value's sign or distance.

    Args:
        metrics: of features, with all their options.
        seen: features of all volumes.
        real: rows of the real half.
        own: what stands for the synthetic cohort.
        subjects: of all volumes.
        memory: bytes that a metric may hold.
    """
    names = quantities()
    pair = list(_views(seen, real, own, subjects))
    found = {}
    for metric, options in metrics:
        handed: dict[str, Any] = {"memory": memory} if metric.in_blocks else {}
        if metric.values_alone:
            handed["intervals"] = False
        for estimate in findings_of(metric, pair, {**options, **handed}):
            if not isinstance(estimate, Estimate):
                continue
            if estimate.name not in names or names[estimate.name].role != "test":
                key = Number(metric.name, estimate.name, estimate.where, estimate.direction)
                found[key] = badness(estimate)
    return found


def _views(
    seen: Seen,
    real: Int[np.ndarray, " m"],
    own: Drawn,
    subjects: Int[np.ndarray, " n"],
) -> Iterator[Views]:
    """Yield the views of both sides, standardised by the real half where the extractor asks."""
    import torch

    def mixed(usual: np.ndarray, faulty: np.ndarray) -> np.ndarray:
        rows: np.ndarray = usual[own.rows]
        rows[own.faulty] = faulty[own.rows[own.faulty]]
        return rows

    usual, faulty, name = seen.usual, seen.faulty, seen.extractor
    first = usual.values[real].astype(np.float64)
    second = mixed(usual.values, faulty.values).astype(np.float64)
    if seen.standardise:
        second, first = standardise(first, second), standardise(first, first)
    planes: list[dict[str, Any]] = [{}, {}]
    for plane, values in (usual.slices or {}).items():
        assert faulty.slices is not None  # noqa: S101  (of one extractor)
        planes[0][plane] = torch.from_numpy(values[real])
        planes[1][plane] = torch.from_numpy(mixed(values, faulty.slices[plane]))
    for values, slices, codes in zip(
        (first, second), planes, (subjects[real], own.subjects), strict=True
    ):
        yield Views(
            names=list(map(str, range(len(values)))),
            features={name: torch.from_numpy(values)},
            volumes=(),
            spacing=(1.0, 1.0, 1.0),
            subjects=codes.tolist(),
            slices={name: slices} if slices else {},
            standardised=frozenset({name} if seen.standardise else ()),
        )
