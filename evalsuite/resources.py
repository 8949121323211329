"""What a command works with; none of it changes a number."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evalsuite.progress import Progress, silent
from evalsuite.sharing import Part, own_part
from evalsuite.volumes.index import VolumeIndex


@dataclass(frozen=True, slots=True)
class Resources:
    """What an evaluation runs on; none of it changes a number.

    Args:
        cache: folder of the feature cache.
        device: torch device for networks.
        batch_size: volumes a network sees at once; None: as many as are fast, or as memory holds.
        workers: processes for extractors that run on the processor, threads that read volumes for
            networks; None: this process's share of the cores.
        offline: never ask the network for weights.
        reread: read and check every volume, though its file is unchanged since it was checked.
        part: the volumes that this process looks at; the others are those of other processes.
        progress: how to show progress.
        tell: what to do with a sentence, such as on something that was named and has no effect.
    """

    cache: Path
    device: str = "auto"
    batch_size: int | None = None
    workers: int | None = None
    offline: bool = False
    reread: bool = False
    part: Part = field(default_factory=own_part)
    progress: Progress = silent
    tell: Callable[[str], None] = warnings.warn

    @property
    def index(self) -> VolumeIndex:
        """What is known of volumes that were checked before; it lies in the cache."""
        return VolumeIndex(self.cache / "volumes", trusted=not self.reread)
