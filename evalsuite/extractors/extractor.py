"""What an extractor is, and how one is found: the entry-point group `evalsuite.extractors`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from evalsuite import plugins
from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat

if TYPE_CHECKING:
    from evalsuite.extractors.slices import Slices


@dataclass(frozen=True, slots=True)
class ExtractorOptions:
    """What a user may say about an extractor.

    Args:
        weights: a weight file that takes precedence over the cache and the hub.
        device: a torch device such as `cpu` or `cuda:0`.
        offline: never ask the network for weights.
        precision: arithmetic of networks; bfloat16 is about twice as fast on recent processors
            and moves MedicalNet's features by about 0.3 %.
        layer: of the network whose output is taken, from `NAME@LAYER`; empty for its usual one.
        engine: what runs networks; OpenVINO is faster on a processor.
    """

    weights: Path | None = None
    device: str = "cpu"
    offline: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    layer: str = ""
    engine: Literal["torch", "openvino"] = "torch"

    @property
    def arithmetic(self) -> str:
        """Of networks, for the fingerprint: what moves a feature, if only by rounding."""
        return self.precision if self.engine == "torch" else f"{self.precision} by OpenVINO"


@runtime_checkable
class Extractor(Protocol):
    """Maps preprocessed volumes to feature vectors.

    Attributes:
        name: as the user typed it.
        fingerprint: everything that decides the numbers (weights' SHA-256, architecture,
            version of the algorithm, input normalisation), JSON-serialisable; it goes into the
            key of the feature cache and into the record of the run.
        warnings: reasons not to trust its features, shown beside every result.
        parallel: `batch` if several volumes of one shape are stacked and pushed through at once
            (networks), `process` if volumes go one by one to worker processes (numpy code).
            A `process` extractor must be picklable and cheap to import.
        standardise: whether features are centred and scaled by the real cohort's mean and
            standard deviation before any metric (needed where their units differ); never of
            an extractor of slices.
        wants: the fields of `Preprocessing` that its network was trained with; what it leaves out
            is as for the evaluation.
        slices: which slices of a volume a two-dimensional network sees; None for one that sees
            whole volumes.
    """

    name: str
    fingerprint: dict[str, object]
    warnings: tuple[Caveat, ...]
    parallel: Literal["batch", "process"]
    standardise: bool
    wants: Mapping[str, Any]

    @property
    def slices(self) -> "Slices | None":
        """Of which slices it makes features."""
        ...

    def __call__(self, voxels: Float[np.ndarray, "b x y z"]) -> Float[np.ndarray, "b ..."]:
        """Return float32 features that depend on their own volume alone.

        One row per volume, (b, d); of an extractor of slices one row per slice, (b, s, d), in the
        order of `slices.rows`. One that goes by `process` and takes `affines` besides, (b, 4, 4),
        is handed those of the volumes, to RAS+ millimetres.
        """
        ...


@runtime_checkable
class Staged(Protocol):
    """An extractor of a network whose earlier layers may be extractors, too: one pass gives all."""

    def beneath(self, others: "Sequence[Extractor]") -> "list[Extractor]":
        """Return those of other extractors that are earlier layers of the same network."""
        ...

    def with_layers(
        self, voxels: Float[np.ndarray, "b x y z"], layers: "Sequence[Extractor]"
    ) -> list[Float[np.ndarray, "b _"]]:
        """Return its own features, then those of each of these layers."""
        ...


@runtime_checkable
class Mapped(Extractor, Protocol):
    """An extractor of a network whose features have places: maps of convolutions over volumes."""

    @property
    def has_maps(self) -> bool:
        """Whether this one has some."""
        ...

    def maps(self, voxels: Float[np.ndarray, "x y z"]) -> list[Float[np.ndarray, "c ..."]]:
        """Return those of each layer of one volume, or of the layer that was asked for."""
        ...


class ExtractorFactory(Protocol):
    """An entry point of `evalsuite.extractors` is such a callable; its docstring is its summary."""

    def __call__(self, options: ExtractorOptions) -> Extractor:
        """Load whatever the extractor needs, or raise EvalsuiteError in one sentence."""
        ...


def load_extractor(name: str, options: ExtractorOptions) -> Extractor:
    """Return the extractor of that name, or the module in that file.

    Args:
        name: an entry point of `evalsuite.extractors`, `NAME@LAYER` for one of its other layers,
            or the path of a TorchScript (.pt) or exported (.pt2) module.

    Raises:
        EvalsuiteError: for an unknown name, missing weights or a damaged file.
    """
    if Path(name).suffix in {".pt", ".pt2", ".ts"}:
        from evalsuite.extractors.module_file import load_module

        return load_module(Path(name), options)
    network, _, layer = name.partition("@")
    factory: ExtractorFactory = plugins.load("extractors", network)
    extractor: Extractor = factory(replace(options, layer=layer))
    if extractor.name != name:
        raise EvalsuiteError(f'The extractor {network} has no layer "{layer}" to choose.')
    return extractor
