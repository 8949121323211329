"""How near what a stage makes is to held-out volumes, told by the suite's metrics while it trains."""

import math
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import MetricCollection

from evalsuite.config import DEFAULT_EXTRACTOR
from evalsuite.processes import rank, world
from evalsuite.torchmetrics import FrechetDistance, PrecisionRecall, StructuralSimilarity
from generator.data import TrainingData

AT_ONCE = 4  # volumes that a stage makes together


class Maker(Protocol):
    """A stage of training.

    Attributes:
        makes: what it makes, in the plural.
    """

    makes: str

    def made(self, places: list[int]) -> Float[Tensor, "n c x y z"]:
        """Return as many volumes in [0, 1], each the same for its place whatever the others."""
        ...


class Watch:
    """Compares what a stage makes with the validation volumes, as many as there are.

    Channel by channel, where volumes have several.

    Processes share the work, and all are told the same.

    Args:
        every: steps between two comparisons.
        extractor: of features, see `evalsuite extractors`; None: the command's.
        data: of the training.
        device: of this process.

    Raises:
        EvalsuiteError: for an unknown extractor, or one without its weights.
    """

    def __init__(
        self, every: int, extractor: str | None, data: TrainingData, device: torch.device
    ) -> None:
        self.every, self.data = every, data
        grid: dict[str, Any] = {"spacing": data.spacing, "reset_real_features": False}
        extractor = extractor or DEFAULT_EXTRACTOR
        on = {"device": str(device), **grid}
        self.metrics = [
            MetricCollection(
                [FrechetDistance(extractor, **on), PrecisionRecall(extractor, **on),
                 StructuralSimilarity(**grid)]
            ).to(device)
            for _ in data.channels
        ]  # fmt: skip
        self._mine = list(range(len(data.validation)))[rank() :: world()]
        self._seen = False

    def scores(self, stage: Maker) -> dict[str, float]:
        """Return the values by `WHAT IT MAKES/NAME`, or `…/CHANNEL/NAME`, those that are defined."""
        if not self._seen:
            for chosen in self._batches():
                real = self.data.volumes([self.data.validation[place] for place in chosen])
                self._look_at(self.data.cut(real), real=True)
            self._seen = True
        for chosen in self._batches():
            self._look_at(stage.made(chosen), real=False)
        named: dict[str, float] = {}
        for channel, metrics in zip(self.data.channels, self.metrics, strict=True):
            where = "/".join(filter(None, (stage.makes, channel)))
            named |= {f"{where}/{name}": float(v) for name, v in metrics.compute().items()}
            metrics.reset()
        return {name: value for name, value in named.items() if math.isfinite(value)}

    def _look_at(self, volumes: Float[Tensor, "n c x y z"], *, real: bool) -> None:
        for channel, metrics in zip(volumes.unbind(1), self.metrics, strict=True):
            metrics.update(channel, real=real)

    def _batches(self) -> list[list[int]]:
        return [self._mine[i : i + AT_ONCE] for i in range(0, len(self._mine), AT_ONCE)]
