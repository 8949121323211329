"""What each number of an evaluation and each score of a volume says, as its metric declares it."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evalsuite import plugins
from evalsuite.places import place
from evalsuite.ranking import quantities
from evalsuite.records import Difference, Direction, Estimate, Quantity

if TYPE_CHECKING:
    import pandas as pd


def meaning(estimate: Estimate | Difference) -> Quantity:
    """Return what an estimate says; one that nobody declares explains itself by its method."""
    known = quantities().get(estimate.name)
    other = _undeclared(estimate.name, estimate.method, estimate.direction)
    metric = metrics().get(estimate.name)
    if metric and metric.quantities:  # what it could not compute bears the name of the metric
        other = replace(other, chapter=metric.quantities[0].chapter)
    return known or other


def title(estimate: Estimate | Difference) -> str:
    """Return the name of an estimate for people, with its plane or its structures."""
    where = place(estimate.where)
    name = meaning(estimate).title
    return f"{name}, {where}" if where else name


def score_meaning(name: str, method: str) -> Quantity:
    """Return what a score per volume says; `method` stands in for one that nobody declares."""
    return _scores().get(name) or _undeclared(name, method, "higher is better")


def whole(scores: "pd.DataFrame") -> "pd.DataFrame":
    """Return the scores of whole volumes alone, without numbers that no metric calls a score."""
    unscored = quantities().keys() - _scores().keys()
    return scores[(scores["where"] == "") & ~scores["name"].isin(unscored)]


def features(extractor: str) -> str:
    """Return what a number was computed on, for people."""
    return extractor or "voxels"


def scored_on(name: str, extractor: str) -> str:
    """Return what a score was computed on, for people."""
    return extractor or score_meaning(name, "").on


def measured_on(estimate: Estimate | Difference) -> str:
    """Return what an estimate was computed on, for people."""
    return estimate.extractor or meaning(estimate).on


@functools.cache
def metrics() -> Mapping[str, Any]:
    """Return all installed metrics by name."""
    return {name: plugins.loaded(point) for name, point in plugins.available("metrics").items()}


@functools.cache
def _scores() -> Mapping[str, Quantity]:
    """Return what all installed metrics say of single volumes, by name."""
    return {score.name: score for metric in metrics().values() for score in metric.scores}


def _undeclared(name: str, method: str, direction: Direction) -> Quantity:
    words = name.replace("_", " ")
    return Quantity(name, words[:1].upper() + words[1:], method, direction, "")
