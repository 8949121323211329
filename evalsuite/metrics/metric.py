"""What a metric is: the record behind the entry-point group `evalsuite.metrics`."""

import functools
import inspect
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, ParamSpec, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from torch import Tensor

from evalsuite.declared import allowed, faults, properties
from evalsuite.errors import EvalsuiteError
from evalsuite.metrics.subjects import Subjects, coded
from evalsuite.records import Caveat, Detail, Estimate, Quantity, Scores

Finding = Estimate | Scores | Detail
UNDEFINED = Caveat("undefined", "{why}")

P = ParamSpec("P")
R = TypeVar("R")

Need = Literal[
    "features",
    "maps",
    "slices",
    "volumes",
    "labels",
    "regions",
    "pairs",
    "subjects",
    "training",
]

HANDED = {
    "intervals",
    "memory",
    "seed",
    "slices",
    "standardised",
    "subjects",
    "training",
}  # what the evaluation fills in, not the user

Level = Annotated[float, Field(gt=0, lt=1, description="nominal coverage of the intervals")]
FalsePositiveRate = Annotated[
    float, Field(gt=0, lt=1, description="share of real volumes that may be flagged by mistake")
]


class UndefinedError(ValueError):
    """What a metric cannot compute of these cohorts; the result says so, with the reason.

    Args:
        reason: best a caveat, which knows its values; otherwise a sentence.
    """

    def __init__(self, reason: Caveat | str) -> None:
        super().__init__(reason)
        self.caveat = reason if isinstance(reason, Caveat) else UNDEFINED(why=reason)


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


class Some(Sequence[Any]):
    """Some of a sequence, read when asked for."""

    def __init__(self, all_of_them: Sequence[Any], chosen: Sequence[int]) -> None:
        self._all, self._chosen = all_of_them, chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._all[i] for i in self._chosen[index]]
        return self._all[self._chosen[index]]


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
        standardised: extractors whose features are in standard deviations of these real volumes.
        pairs: of synthetic volumes, the place of the real one that each stands for; None where
            none does. Both are on one grid then.
        matched: of synthetic volumes with pairs, their segmentations on the grids of the real ones;
            None where there is none.
        masks: of real volumes, what is not 0 in them is a region that pairs are compared in; None
            where there is none.
        apart: by extractor with feature maps, how far those of each volume are, layer by layer, from
            the maps of the real one that it stands for; of real volumes, from those of another
            subject, nan where there is none.
        moved: the names of those that lay on another grid than the real one.
    """

    names: Sequence[str]
    features: Mapping[str, Float[Tensor, "n _"]]
    volumes: Sequence[Float[Tensor, "x y z"]]
    spacing: tuple[float, float, float]
    labels: Sequence[LabelMap] | None = None
    subjects: Sequence[Hashable] | None = None
    slices: Mapping[str, Mapping[str, Float[Tensor, "n s _"]]] = field(default_factory=dict)
    standardised: frozenset[str] = frozenset()
    pairs: Sequence[int] | None = None
    matched: Sequence[LabelMap] | None = None
    masks: Sequence[LabelMap] | None = None
    apart: Mapping[str, Float[np.ndarray, "n _"]] = field(default_factory=dict)
    moved: frozenset[str] = frozenset()

    def through(self, extractor: str) -> "Views":
        """Return the same with the features of one extractor alone."""
        return replace(
            self,
            features={extractor: self.features[extractor]},
            slices={name: s for name, s in self.slices.items() if name == extractor},
            apart={name: rows for name, rows in self.apart.items() if name == extractor},
        )

    def of(self, chosen: Sequence[int]) -> "Views":
        """Return those of some of the volumes."""
        if list(chosen) == list(range(len(self.names))):
            return self  # features of slices are large
        return replace(
            self,
            names=[self.names[i] for i in chosen],
            features={name: values[chosen] for name, values in self.features.items()},
            volumes=Some(self.volumes, chosen),
            labels=None if self.labels is None else Some(self.labels, chosen),
            matched=None if self.matched is None else Some(self.matched, chosen),
            masks=None if self.masks is None else Some(self.masks, chosen),
            apart={name: rows[chosen] for name, rows in self.apart.items()},
            subjects=None if self.subjects is None else [self.subjects[i] for i in chosen],
            slices={
                name: {plane: values[chosen] for plane, values in planes.items()}
                for name, planes in self.slices.items()
            },
            standardised=frozenset(),  # by the others as well
        )

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
        needs: what it looks at; `maps` are feature maps of pairs,
            see `Views.apart`; `regions` are the label maps and masks of the real cohort, if it has any. One
            of `features` and no `volumes` is computed for every
            extractor, and sees the cohorts through it alone. One that does not know `subjects`
            takes all volumes for independent, which is told with its intervals; one that does not
            know `slices` takes their mean, which is told as well.
        compute: `compute(real, synthetic, *, seed, **options) -> findings` of the `Views` of both
            cohorts; `on_features` and `on_volumes` make one of a function of tensors. Its other
            keyword parameters, each with a default, are the options a configuration may set,
            annotated with their bounds and one sentence (`Annotated[int, Field(ge=1,
            description=...)]`). One that needs `training` is handed that keyword: the `Views` of
            what the generator was trained on, or None. One that knows `memory` is handed that: the
            bytes it may hold beside its input, which must not change its numbers. One that knows
            `intervals` is handed False where values alone are looked at, a thousand times over:
            it may leave out intervals, tests and references. It raises
            `UndefinedError` for cohorts of which it cannot compute anything.
        compute_stored: of a metric that needs but mean and covariance of real features,
            `compute_stored(real, synthetic, *, volumes, subjects, level) -> estimates`, see
            `evalsuite.metrics.frechet_stored.compute`; None for one that needs rows.
        extractors: those whose features alone it is of; all if empty.
        quantities: what its estimates mean, those that a summary prefers first.
        scores: what its scores of volumes mean.
        methods: the sentence of a methods section, without its full stop; the name of a quantity
            in braces is where its works are cited.
    """

    name: str
    summary: str
    needs: tuple[Need, ...]
    compute: Callable[..., Sequence[Finding]]
    compute_stored: Callable[..., Sequence[Estimate]] | None = None
    extractors: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    scores: tuple[Quantity, ...] = ()
    methods: str = ""

    @property
    def by_extractor(self) -> bool:
        """Whether it is computed for every extractor alone."""
        return "features" in self.needs and "volumes" not in self.needs

    @property
    def in_blocks(self) -> bool:
        """Whether it is told how many bytes its blocks may take, as the keyword `memory`."""
        return "memory" in inspect.signature(self.compute).parameters

    @property
    def values_alone(self) -> bool:
        """Whether it can be told, as the keyword `intervals`, that values alone are wanted."""
        return "intervals" in inspect.signature(self.compute).parameters

    def takes(self, extractor: str) -> bool:
        """Tell whether it is of the features of an extractor."""
        return not self.extractors or extractor in self.extractors

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


def on_features(compute: Callable[..., R]) -> Callable[..., R]:
    """Return a `compute` of views from a function of two tensors of features, one row per volume.

    The function may take three keywords besides its options: `subjects`, the `Subjects` of the
    volumes; `slices`, of an extractor of slices a pair (real, synthetic) of features by plane,
    (n, s, d) each, else None; its metric has to need these. And `standardised`, whether features
    are in standard deviations of the real volumes.
    """
    return _on(compute, lambda views: next(iter(views.features.values())))


def on_volumes(compute: Callable[..., R]) -> Callable[..., R]:
    """Return a `compute` of views from a function of two sequences of volumes.

    The function may take `subjects` as well, which its metric has to need.
    """
    return _on(compute, lambda views: views.volumes)


def _on(compute: Callable[..., R], part: Callable[[Views], Any]) -> Callable[..., R]:
    parameters = inspect.signature(compute).parameters

    @functools.wraps(compute)
    def see(real: Views, synthetic: Views, **keywords: Any) -> R:
        handed: dict[str, Any] = {}
        if "subjects" in parameters:
            handed["subjects"] = Subjects(real.codes, synthetic.codes)
        if "slices" in parameters and real.slices:
            handed["slices"] = tuple(next(iter(v.slices.values())) for v in (real, synthetic))
        if "standardised" in parameters:
            handed["standardised"] = not real.standardised.isdisjoint(real.features)
        return compute(part(real), part(synthetic), **handed, **keywords)

    return see


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
