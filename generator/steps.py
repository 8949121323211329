"""What the steps of both stages share: batches, random numbers, precision, a player's update."""

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.checkpoint import checkpoint

from evalsuite.seeds import seed_of
from generator import distributed
from generator.config import Optimisation
from generator.data import TrainingData

T = TypeVar("T")
Share = Callable[[int], float]
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class DealtStage(Protocol):
    """A stage that is dealt training volumes."""

    name: str
    settings: Optimisation
    data: TrainingData


class Player:
    """A network with its optimiser and learning rate, in one process or in many.

    Losses of float16 are scaled (Micikevicius et al., ICLR 2018), gradients are averaged over the
    processes by torch's DistributedDataParallel.

    Args:
        module: the network.
        optimiser: of its parameters, with their highest learning rate.
        settings: of the stage.
        device: of this process.
        share: of that rate, by step; None: the warm-up and decay of the settings.
    """

    def __init__(
        self,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        settings: Optimisation,
        device: torch.device,
        share: Share | None = None,
    ) -> None:
        self.module, self.optimiser, self.settings = module, optimiser, settings
        self.share = share or decaying(settings)
        self.schedule = LambdaLR(optimiser, self.share)
        self.scaler = torch.amp.GradScaler(device.type, enabled=settings.precision == "float16")
        self.skipped = False  # whether the last update overflowed and was passed over
        self._averaged = distributed.Averaged(module)

    def start_at(self, step: int) -> None:
        """Take the learning rate of a step."""
        self.schedule = LambdaLR(self.optimiser, self.share, last_epoch=step - 1)

    def learn(self, objective: Callable[[], tuple[Tensor, T]], *, last: bool = True) -> T:
        """Add up the gradient of an objective.

        Args:
            objective: returns the loss and whatever else is wanted of the same pass, detached.
            last: of the batches of an update; with it the processes average their gradients.
        """
        with self._averaged.waiting(not last):
            outcome: tuple[Tensor, T] = self._averaged(objective)
            loss = outcome[0] / self.settings.accumulate
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return outcome[1]

    def step(self) -> float:
        """Clip the gradient, update, and return its norm; 0 where it overflowed.

        A slice of nothing but background has no variance, and what normalises it may overflow.
        """
        self.scaler.unscale_(self.optimiser)
        clip = self.settings.gradient_clip
        largest = math.inf if clip is None else clip
        norm = float(nn.utils.clip_grad_norm_(trained(self.module), largest))
        self.skipped = not math.isfinite(norm)
        if self.scaler.is_enabled() or not self.skipped:
            self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad()
        return 0.0 if self.skipped else norm

    def next_rate(self) -> None:
        """Take the learning rate of the next step."""
        with warnings.catch_warnings():
            # A player who has not begun, or whose first update overflowed, never stepped.
            warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
            self.schedule.step()


def decaying(settings: Optimisation) -> Share:
    """Return a linear warm-up, then a cosine from 1 to the final share."""

    def share(step: int) -> float:
        if step < settings.warmup:
            return (step + 1) / settings.warmup
        past = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
        wave = (1 + math.cos(math.pi * past)) / 2
        return settings.final_rate + (1 - settings.final_rate) * wave

    return share


def constant(step: int) -> float:  # noqa: ARG001
    """Return 1: the rate of a player who neither warms up nor decays."""
    return 1.0


def batches(stage: DealtStage, step: int) -> list[list[int]]:
    """Return which volumes are in this process's accumulation batches of a step."""
    size = stage.settings.batch_size
    indices = stage.data.draw(stage.name, step, size * stage.settings.accumulate)
    return [distributed.share(indices[i : i + size]) for i in range(0, len(indices), size)]


def random_numbers(seed: int, purpose: int, step: int, stream: int = 0) -> torch.Generator:
    """Return the random numbers of a step: the same in all processes that name one stream."""
    return torch.Generator().manual_seed(seed_of(seed, purpose, step, stream))


def trained(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that an optimiser may move."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def recompute(blocks: Sequence[nn.Module]) -> None:
    """Let blocks, each called on what the one before returned, keep only the input of the first.

    The backward pass computes the rest anew (Chen et al., 2016).
    """
    first, *others = blocks
    in_turn = partial(_in_turn, [block.forward for block in blocks])
    first.forward = partial(checkpoint, in_turn, use_reentrant=False)
    for block in others:
        block.forward = _unchanged  # the first has done its work


def _in_turn(forwards: Sequence[Callable[..., Any]], *inputs: Any, **named: Any) -> Any:
    outcome = forwards[0](*inputs, **named)
    for forward in forwards[1:]:
        outcome = forward(outcome)
    return outcome


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor


def autocast(device: torch.device, settings: Optimisation) -> AbstractContextManager[None]:
    """Return where convolutions are computed in the precision of a stage."""
    half = HALF.get(settings.precision)
    return torch.autocast(device.type, half, enabled=half is not None)
