"""What a command works with; none of it changes a number."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evalsuite.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Resources:
    """What an evaluation runs on; none of it changes a number.

    Args:
        cache: folder of the feature cache.
        device: torch device for networks.
        batch_size: volumes a network sees at once.
        workers: processes for extractors that run on the processor; None: this process's share
            of the cores.
        offline: never ask the network for weights.
        progress: how to show progress.
        tell: what to do with a sentence, such as on something that was named and has no effect.
    """

    cache: Path
    device: str = "auto"
    batch_size: int = 4
    workers: int | None = None
    offline: bool = False
    progress: Progress = silent
    tell: Callable[[str], None] = warnings.warn
