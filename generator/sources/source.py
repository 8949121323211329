"""What a source of samples is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from evalsuite.volumes.geometry import CONVENTION, Geometry, Part
from evalsuite.volumes.volume import Volume


@dataclass(frozen=True, slots=True)
class Sample:
    """What a generator makes at once.

    Args:
        images: by name, on one grid. The first is the volume that is evaluated; others are further
            channels, or a label map that came with it.
        unstated: parts of the geometry that the generator does not state.
        columns: of the manifest.
        channels: names of the images that are evaluated each for itself; none: the first alone.
    """

    images: Mapping[str, Volume]
    unstated: Collection[Part] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    channels: Sequence[str] = ()


class Source(Protocol):
    """Makes samples, in blocks that are always the same ones.

    Attributes:
        name: as the user gave it.
        record: all that decides the samples beside seed and index, JSON-serialisable: what it is,
            its version, the SHA-256 of its weights, its settings. It goes into every sidecar.
        files: SHA-256 of each file that was hashed, by path.
        block_size: samples that are computed together. Sample i follows from the seed and the
            block that it is in, so with blocks of one from the seed and i alone.
        span: what lies between black and white, or None if that is not known.
        repeatable: whether its code is known to make the same samples of one seed.
        hint: a sentence on what to do with the samples in the folder `{output}`.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def record(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def files(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def block_size(self) -> int: ...  # noqa: D102

    @property
    def span(self) -> float | None: ...  # noqa: D102

    @property
    def repeatable(self) -> bool: ...  # noqa: D102

    @property
    def hint(self) -> str: ...  # noqa: D102

    def block(self, indices: Sequence[int], seed: int) -> list[Sample]:
        """Return the samples of one block, in the order of its indices."""
        ...


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a user may say about a generator that evalsuite has not trained.

    Args:
        settings: of its own, by name; a key with dots is one within another.
        block: samples that it makes at once; None for what it declares, or one.
        assumed: geometry of volumes that do not state theirs.
        trust: whether code and pickles that a folder brings with it may run.
        device: a torch device.
        log: file for the traceback if its code fails.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    block: int | None = None
    assumed: Geometry = CONVENTION
    trust: bool = False
    device: str = "cpu"
    log: Path = Path("traceback.txt")
