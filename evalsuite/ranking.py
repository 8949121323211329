"""Which synthetic cohort is nearest to the real one, by the rule that report and MLflow share."""

import functools
from collections.abc import Mapping, Sequence
from typing import Literal

from evalsuite import plugins
from evalsuite.caveats import enumerated
from evalsuite.records import Estimate, Quantity


@functools.cache
def quantities() -> Mapping[str, Quantity]:
    """Return the quantities of all installed metrics by name, in order of declaration."""
    known = [plugins.loaded(point) for point in plugins.available("metrics").values()]
    return {quantity.name: quantity for metric in known for quantity in metric.quantities}


def measured_on(name: str) -> str:
    """Return what a number is computed on where that is no extractor; voxels if nobody says."""
    known = quantities().get(name)
    return known.on if known else "voxels"


def preferred(role: Literal["distance", "test"], estimates: Sequence[Estimate]) -> list[Estimate]:
    """Return those of the first declared quantity with this role, of whole volumes."""
    there = {e.name for e in estimates if not e.where}
    first = next((q.name for q in quantities().values() if q.role == role and q.name in there), "")
    return [e for e in estimates if e.name == first and not e.where]


def nearest(ranked: Sequence[Estimate]) -> str:
    """Say which cohort is nearest, if its interval is apart from all others.

    Args:
        ranked: one distance of each cohort, the smallest first.
    """
    first = ranked[0]
    rivals = [e.synthetic for e in ranked[1:] if not _apart(first, e)]
    if rivals:
        return f"which of {enumerated([first.synthetic, *rivals])} is nearest cannot be said"
    return f"{first.synthetic} is nearest"


def _apart(first: Estimate, second: Estimate) -> bool:
    one, two = first.interval, second.interval
    return bool(one and two and one.high < two.low)
