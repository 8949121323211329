"""What metrics say of one half of a cohort against the other, faulty or not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from evalsuite.certification.design import Drawn
from evalsuite.certification.judge import badness
from evalsuite.extractors.extractor import Extractor
from evalsuite.measure import findings_of, standardise
from evalsuite.metrics.metric import Metric, Views
from evalsuite.places import Where
from evalsuite.ranking import quantities
from evalsuite.records import Direction, Estimate, FeatureTable

Chosen = Sequence[tuple[Metric, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Number:
    """Which number of a metric it is."""

    metric: str
    name: str
    where: Where
    direction: Direction


def numbers(
    metrics: Chosen,
    extractor: Extractor,
    tables: tuple[FeatureTable, FeatureTable],
    real: Int[np.ndarray, " m"],
    drawn: Drawn,
    subjects: Int[np.ndarray, " n"],
    memory: int,
) -> dict[Number, float]:
    """Return how bad every number is that is no test, with its value's sign or distance.

    Args:
        metrics: of features, with all their options.
        extractor: whose features the tables hold.
        tables: of all volumes as they are, and with the fault.
        real: rows of the real half.
        drawn: what stands for the synthetic cohort.
        subjects: of all volumes.
        memory: bytes that a metric may hold.
    """
    names = quantities()
    pair = list(_views(extractor, tables, real, drawn, subjects))
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
    extractor: Extractor,
    tables: tuple[FeatureTable, FeatureTable],
    real: Int[np.ndarray, " m"],
    drawn: Drawn,
    subjects: Int[np.ndarray, " n"],
) -> Iterator[Views]:
    """Yield the views of both sides, standardised by the real half where the extractor asks."""
    import torch

    def mixed(own: np.ndarray, faulty: np.ndarray) -> np.ndarray:
        rows: np.ndarray = own[drawn.rows]
        rows[drawn.faulty] = faulty[drawn.rows[drawn.faulty]]
        return rows

    usual, faulty = tables
    first = usual.values[real].astype(np.float64)
    second = mixed(usual.values, faulty.values).astype(np.float64)
    if extractor.standardise:
        second, first = standardise(first, second), standardise(first, first)
    planes: list[dict[str, Any]] = [{}, {}]
    for plane, values in (usual.slices or {}).items():
        assert faulty.slices is not None  # noqa: S101  (of one extractor)
        planes[0][plane] = torch.from_numpy(values[real])
        planes[1][plane] = torch.from_numpy(mixed(values, faulty.slices[plane]))
    for values, slices, codes in zip(
        (first, second), planes, (subjects[real], drawn.subjects), strict=True
    ):
        yield Views(
            names=list(map(str, range(len(values)))),
            features={extractor.name: torch.from_numpy(values)},
            volumes=(),
            spacing=(1.0, 1.0, 1.0),
            subjects=codes.tolist(),
            slices={extractor.name: slices} if extractor.slices else {},
            standardised=frozenset({extractor.name} if extractor.standardise else ()),
        )
