"""What the steps of both stages share: batches, random numbers, precision, a clipped update."""

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
import torch
from torch import nn

from evalsuite.seeds import seed_of
from generator import distributed
from generator.config import Optimisation
from generator.data import TrainingData


class DealtStage(Protocol):
    """A stage that is dealt training volumes."""

    name: str
    settings: Optimisation
    data: TrainingData


def batches(stage: DealtStage, step: int) -> list[list[int]]:
    """Return which volumes are in this process's accumulation batches of a step."""
    settings = stage.settings
    count = settings.batch_size * settings.accumulate
    indices = distributed.share(stage.data.draw(stage.name, step, count))
    each = len(indices) // settings.accumulate
    return [indices[i * each : (i + 1) * each] for i in range(settings.accumulate)]


def random_numbers(seed: int, purpose: int, step: int, stream: int = 0) -> torch.Generator:
    """Return the random numbers of a step: the same in all processes that name one stream."""
    return torch.Generator().manual_seed(seed_of(seed, purpose, step, stream))


def trained(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that an optimiser may move."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def clipped_step(
    parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer, settings: Optimisation
) -> float:
    """Clip the gradient, update, and return its norm; 0 where it overflowed and is passed over.

    A slice of nothing but background has no variance, and what normalises it may overflow.
    """
    largest = float("inf") if settings.gradient_clip is None else settings.gradient_clip
    norm = float(nn.utils.clip_grad_norm_(parameters, largest))
    if not np.isfinite(norm):
        return 0.0
    optimiser.step()
    return norm


def autocast(device: torch.device, settings: Optimisation) -> AbstractContextManager[None]:
    """Return where convolutions are computed in the precision of a stage."""
    enabled = settings.precision == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)
