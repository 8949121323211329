"""What a metric is: the record behind the entry-point group `evalsuite.metrics`."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from evalsuite.records import Estimate


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of estimates that are computed together.

    Args:
        name: what the user types after `--metrics`.
        summary: one line for `evalsuite metrics`.
        input: `features` for one (n, d) tensor per cohort, `volumes` for one sequence of
            (x, y, z) tensors per cohort.
        compute: `compute(real, synthetic, *, seed, **options) -> list[Estimate]`. Its other
            keyword parameters, each with a default, are the options a configuration may set.
    """

    name: str
    summary: str
    input: Literal["features", "volumes"]
    compute: Callable[..., list[Estimate]]

    def options(self) -> dict[str, object]:
        """Return the options of the metric with their defaults, by name."""
        parameters = inspect.signature(self.compute).parameters.values()
        return {
            p.name: p.default
            for p in parameters
            if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
        }
