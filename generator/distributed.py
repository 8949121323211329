"""torchrun, invisible: the same code runs in one process and in many."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from evalsuite.machine import join, rank, usable_device, world

T = TypeVar("T")


def device(name: str) -> torch.device:
    """Return the device of this process, see `usable_device`.

    Also joins the processes of torchrun into a group.

    Raises:
        EvalsuiteError: if there is no such device, or the processes do not find one another.
    """
    chosen = usable_device(name)
    join("nccl" if chosen.type == "cuda" else "gloo")
    return chosen


class Averaged(nn.Module):
    """A network whose gradients are averaged over all processes.

    Args:
        module: the network.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.inner: nn.Module = _Called(module)
        if world() > 1:
            # Networks keep their buffers alike themselves. Looking for unused parameters also
            # keeps the order in which sums are made, so that resumed runs end with equal bits.
            self.inner = DistributedDataParallel(
                self.inner, broadcast_buffers=False, find_unused_parameters=True
            )

    def forward(self, objective: Callable[[], T]) -> T:
        """Return an objective, which is free to call the network in whatever way.

        Args:
            objective: returns losses in tuples or dictionaries; all else in it is detached.
        """
        outcome: T = self.inner(objective)
        return outcome

    def waiting(self, waits: bool) -> AbstractContextManager[None]:
        """Return where gradients add up in each process and are not yet averaged."""
        if waits and isinstance(self.inner, DistributedDataParallel):
            return self.inner.no_sync()
        return nullcontext()


class _Called(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, objective: Callable[[], T]) -> T:
        return objective()


def gathered(tensor: Tensor) -> Tensor:
    """Return the tensors of all processes, one after the other along the first axis."""
    if world() == 1:
        return tensor
    tensor = tensor.detach().contiguous()
    parts = [torch.empty_like(tensor) for _ in range(world())]
    distributed.all_gather(parts, tensor)
    return torch.cat(parts)


def anywhere(condition: bool) -> bool:
    """Return whether it holds in any process."""
    return averaged({"": float(condition)})[""] > 0


def noise(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Return standard normal noise for this process's part of a batch.

    Args:
        shape: of the part; that of all processes is drawn, so that their number changes nothing.
        generator: on the processor, the same in all processes.
    """
    return own(torch.randn(world() * shape[0], *shape[1:], generator=generator))


def own(drawn: Tensor) -> Tensor:
    """Return this process's part of what all have drawn alike, along the first axis."""
    return drawn.chunk(world())[rank()]


def averaged(values: dict[str, float]) -> dict[str, float]:
    """Return the mean over all processes of each value."""
    if world() == 1:
        return values
    # The collectives of nccl take tensors of this process's own GPU, see `usable_device`.
    place = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    tensor = torch.tensor(list(values.values()), dtype=torch.float64, device=place)
    distributed.all_reduce(tensor)
    return dict(zip(values, (tensor / world()).tolist(), strict=True))


def barrier() -> None:
    """Wait for all processes."""
    if world() > 1:
        distributed.barrier()


def share(items: list[int]) -> list[int]:
    """Return this process's part of a batch, of the same size in all of them."""
    each = len(items) // world()
    return items[rank() * each : (rank() + 1) * each]
