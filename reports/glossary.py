"""What each number of an evaluation and each score of a volume says, as its metric declares it."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalsuite import plugins
from evalsuite.places import place
from evalsuite.records import Direction, Estimate, Quantity


def meaning(estimate: Estimate) -> Quantity:
    """Return what an estimate says; one that nobody declares explains itself by its method."""
    known = _declared()[0].get(estimate.name)
    other = _undeclared(estimate.name, estimate.method, estimate.direction)
    metric = metrics().get(estimate.name)
    if metric and metric.quantities:  # what it could not compute bears the name of the metric
        other = replace(other, chapter=metric.quantities[0].chapter)
    return known or other


def title(estimate: Estimate) -> str:
    """Return the name of an estimate for people, with its plane or its structures."""
    where = place(estimate.where)
    name = meaning(estimate).title
    return f"{name}, {where}" if where else name


def score_meaning(name: str, method: str) -> Quantity:
    """Return what a score per volume says; `method` stands in for one that nobody declares."""
    return _declared()[1].get(name) or _undeclared(name, method, "higher is better")


def ranks(estimate: Estimate) -> int:
    """Return how many quantities are preferred to that of an estimate, in order of declaration."""
    known = list(_declared()[0])
    return known.index(estimate.name) if estimate.name in known else len(known)


def features(extractor: str) -> str:
    """Return what a number was computed on, for people."""
    return extractor or "voxels"


def scored_on(name: str, extractor: str) -> str:
    """Return what a score was computed on, for people."""
    return extractor or score_meaning(name, "").on


def measured_on(estimate: Estimate) -> str:
    """Return what an estimate was computed on, for people."""
    return estimate.extractor or meaning(estimate).on


@functools.cache
def metrics() -> Mapping[str, Any]:
    """Return all installed metrics by name."""
    return {name: plugins.loaded(point) for name, point in plugins.available("metrics").items()}


@functools.cache
def _declared() -> tuple[Mapping[str, Quantity], Mapping[str, Quantity]]:
    """Return the quantities of all installed metrics by name: of cohorts, and of volumes."""
    known = metrics().values()
    of_cohorts = {quantity.name: quantity for m in known for quantity in m.quantities}
    return of_cohorts, {score.name: score for m in known for score in m.scores}


def _undeclared(name: str, method: str, direction: Direction) -> Quantity:
    words = name.replace("_", " ")
    return Quantity(name, words[:1].upper() + words[1:], method, direction, "")
