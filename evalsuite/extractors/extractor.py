"""What an extractor is, and how one is found: the entry-point group `evalsuite.extractors`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from evalsuite import plugins


@dataclass(frozen=True, slots=True)
class ExtractorOptions:
    """What a user may say about an extractor.

    Args:
        weights: a weight file that takes precedence over the cache and the hub.
        device: a torch device such as `cpu` or `cuda:0`.
        offline: never ask the network for weights.
        precision: arithmetic of networks; bfloat16 is about twice as fast on recent processors
            and moves MedicalNet's features by about 0.3 %.
    """

    weights: Path | None = None
    device: str = "cpu"
    offline: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"


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
            standard deviation before any metric (needed where their units differ).
    """

    name: str
    fingerprint: dict[str, object]
    warnings: tuple[str, ...]
    parallel: Literal["batch", "process"]
    standardise: bool

    def __call__(self, voxels: Float[np.ndarray, "b x y z"]) -> Float[np.ndarray, "b d"]:
        """Return one float32 row of features per volume; row i depends on volume i alone."""
        ...


class ExtractorFactory(Protocol):
    """An entry point of `evalsuite.extractors` is such a callable; its docstring is its summary."""

    def __call__(self, options: ExtractorOptions) -> Extractor:
        """Load whatever the extractor needs, or raise EvalsuiteError in one sentence."""
        ...


def load_extractor(name: str, options: ExtractorOptions) -> Extractor:
    """Return the extractor of that name, or the module in that file.

    Args:
        name: an entry point of `evalsuite.extractors`, or the path of a TorchScript (.pt) or
            exported (.pt2) module.

    Raises:
        EvalsuiteError: for an unknown name, missing weights or a damaged file.
    """
    if Path(name).suffix in {".pt", ".pt2", ".ts"}:
        from evalsuite.extractors.module_file import load_module

        return load_module(Path(name), options)
    factory: ExtractorFactory = plugins.load("extractors", name)
    extractor: Extractor = factory(options)
    return extractor
