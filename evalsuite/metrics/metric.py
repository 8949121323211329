"""What a metric is: the record behind the entry-point group `evalsuite.metrics`."""

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from evalsuite.metrics.subjects import coded
from evalsuite.records import Detail, Estimate, Scores

Finding = Estimate | Scores | Detail

Level = Annotated[float, Field(gt=0, lt=1, description="nominal coverage of the intervals")]
FalsePositiveRate = Annotated[
    float, Field(gt=0, lt=1, description="share of real volumes that may be flagged by mistake")
]


class UndefinedError(ValueError):
    """What a metric cannot compute of these cohorts; the result says so, with the reason."""


@runtime_checkable
class LabelMap(Protocol):
    """The segmentation of one volume, as `evalsuite.volumes.labels` reads it."""

    @property
    def labels(self) -> Int[np.ndarray, "x y z"]:
        """0 is background, each other value one structure; axes run right, anterior, superior."""
        ...

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres per voxel."""
        ...


@dataclass(frozen=True, slots=True)
class Views:
    """All that a metric may look at of one cohort.

    Args:
        names: one identifier per volume.
        features: by extractor, one row of features per volume.
        volumes: preprocessed voxels of each volume, (x, y, z), read when asked for.
        spacing: of those, in millimetres.
        labels: the segmentation of each volume, read when asked for; None where there is none.
        subjects: whom each volume shows; None where each shows another. The same name in the
            real and in the training cohort is the same person.
    """

    names: Sequence[str]
    features: Mapping[str, Float[Tensor, "n _"]]
    volumes: Sequence[Float[Tensor, "x y z"]]
    spacing: tuple[float, float, float]
    labels: Sequence[LabelMap] | None = None
    subjects: Sequence[Hashable] | None = None

    @property
    def codes(self) -> Int[np.ndarray, "n"]:
        """The subject of each volume as a code, see `Subjects`."""
        return coded(range(len(self.names)) if self.subjects is None else self.subjects)


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of estimates that are computed together.

    Args:
        name: what the user types after `--metrics`.
        summary: one line for `evalsuite metrics`.
        input: `features` for one (n, d) tensor per cohort and extractor, `volumes` for one
            sequence of (x, y, z) tensors per cohort, `views` for one `Views` per cohort.
        compute: `compute(real, synthetic, *, seed, **options) -> findings`. Its other keyword
            parameters, each with a default, are the options a configuration may set, annotated
            with their bounds and one sentence (`Annotated[int, Field(ge=1, description=...)]`).
            On features and volumes it takes the keyword `subjects` besides, `Subjects` or None
            where each volume shows another; on views the keyword `training`, the `Views` of what
            the generator was trained on or None. It raises `UndefinedError` for cohorts of which
            it cannot compute anything.
        looks_at_features, looks_at_labels: of a metric on views, what it needs beside volumes.
    """

    name: str
    summary: str
    input: Literal["features", "volumes", "views"]
    compute: Callable[..., Sequence[Finding]]
    looks_at_features: bool = False
    looks_at_labels: bool = False

    def options(self) -> dict[str, object]:
        """Return the options of the metric with their defaults, by name."""
        parameters = inspect.signature(self.compute).parameters.values()
        return {
            p.name: p.default
            for p in parameters
            if p.kind is p.KEYWORD_ONLY
            and p.default is not p.empty
            and p.name not in {"subjects", "training"}
        }
