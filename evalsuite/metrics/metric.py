"""What a metric is: the record behind the entry-point group `evalsuite.metrics`."""

import functools
import inspect
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, ParamSpec, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from torch import Tensor

from evalsuite.declared import allowed, faults, properties
from evalsuite.errors import EvalsuiteError
from evalsuite.metrics.subjects import coded
from evalsuite.records import Detail, Estimate, Quantity, Scores

Finding = Estimate | Scores | Detail

P = ParamSpec("P")
R = TypeVar("R")

HANDED = {
    "seed",
    "subjects",
    "slices",
    "training",
}  # keywords that the evaluation fills in, not the user

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
        slices: by extractor of slices and by plane, one row of features per volume and slice.
    """

    names: Sequence[str]
    features: Mapping[str, Float[Tensor, "n _"]]
    volumes: Sequence[Float[Tensor, "x y z"]]
    spacing: tuple[float, float, float]
    labels: Sequence[LabelMap] | None = None
    subjects: Sequence[Hashable] | None = None
    slices: Mapping[str, Mapping[str, Float[Tensor, "n s _"]]] = field(default_factory=dict)

    @property
    def codes(self) -> Int[np.ndarray, " n"]:
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
            It may take three keywords besides: `subjects`, the `Subjects` of the volumes, which
            `Views` know themselves; `slices`, of an extractor of slices a pair (real, synthetic)
            of features by plane, (n, s, d) each, else None; and `training`, the `Views` of what
            the generator was trained on or None. What it does not take is not passed. It raises `UndefinedError` for cohorts of which
            it cannot compute anything.
        looks_at_features, looks_at_labels: of a metric on views, what it needs beside volumes.
        quantities: what its estimates mean, those that a summary prefers first.
        scores: what its scores of volumes mean.
        methods: the sentence of a methods section, without its full stop; the name of a quantity
            in braces is where its works are cited.
    """

    name: str
    summary: str
    input: Literal["features", "volumes", "views"]
    compute: Callable[..., Sequence[Finding]]
    looks_at_features: bool = False
    looks_at_labels: bool = False
    quantities: tuple[Quantity, ...] = ()
    scores: tuple[Quantity, ...] = ()
    methods: str = ""

    def options(self) -> dict[str, object]:
        """Return the options of the metric with their defaults, by name."""
        return {p.name: p.default for p in _options(self.compute)}

    def judged(self, chosen: Mapping[str, object]) -> dict[str, object]:
        """Return all options, the chosen ones as the types that the metric declares.

        Raises:
            EvalsuiteError: for unknown options and values out of their type or bounds.
        """
        try:
            model = _judged(self.compute, chosen)
        except ValidationError as error:
            told = faults(error, options_model(self.compute), f"metrics.{self.name}")
            raise EvalsuiteError(f"{'; '.join(told)}.") from None
        return {name: getattr(model, name) for name in type(model).model_fields}

    def told_options(self) -> list[dict[str, object]]:
        """Return name, what is allowed, default and meaning of each option."""
        declared = properties(options_model(self.compute))
        return [
            {
                "name": name,
                "allowed": allowed(declared[name]),
                "default": default,
                "meaning": declared[name].get("description", ""),
            }
            for name, default in self.options().items()
        ]

    def takes(self, keyword: str) -> bool:
        """Tell whether `compute` takes the keyword."""
        parameters = inspect.signature(self.compute).parameters
        return keyword in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def judging_options(compute: Callable[P, R]) -> Callable[P, R]:
    """Let a `compute` refuse options out of their declared type or bounds with a ValueError."""

    @functools.wraps(compute)
    def judge(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            _judged(compute, {k: v for k, v in kwargs.items() if k not in HANDED})
        except ValidationError as error:
            told = "; ".join(faults(error, options_model(compute)))
            raise ValueError(f"{told}.") from None
        return compute(*args, **kwargs)

    return judge


@functools.cache
def options_model(compute: Callable[..., object]) -> type[BaseModel]:
    """Return the options of a `compute` as a model that is as strict as JSON."""
    config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, frozen=True, protected_namespaces=()
    )
    fields: dict[str, Any] = {
        p.name: (Any if p.annotation is p.empty else p.annotation, p.default)
        for p in _options(compute)
    }
    # Annotations that are text are looked up where the function was written.
    module = inspect.unwrap(compute).__module__
    return create_model("Options", __config__=config, __module__=module, **fields)


def _options(compute: Callable[..., object]) -> list[inspect.Parameter]:
    return [
        p
        for p in inspect.signature(compute).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty and p.name not in HANDED
    ]


def _judged(compute: Callable[..., object], chosen: Mapping[str, object]) -> BaseModel:
    """Return the options validated as JSON, in which true is no number and a list may be a tuple."""
    text = json.dumps(dict(chosen), default=lambda v: v.item() if hasattr(v, "item") else str(v))
    return options_model(compute).model_validate_json(text)
