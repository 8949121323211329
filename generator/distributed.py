"""torchrun, invisible: the same code runs in one process and in many."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, distributed, nn

from evalsuite.machine import join, rank, usable_device, world


def device(name: str) -> torch.device:
    """Return the device of this process, see `usable_device`.

    Also joins the processes of torchrun into a group.

    Raises:
        EvalsuiteError: if there is no such device, or the processes do not find one another.
    """
    chosen = usable_device(name)
    join("nccl" if chosen.type == "cuda" else "gloo")
    return chosen


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over all processes."""
    if world() == 1:
        return
    for parameter in parameters:
        if parameter.grad is not None:
            distributed.all_reduce(parameter.grad)
            parameter.grad /= world()


def from_first(tensor: Tensor) -> Tensor:
    """Return the first process's tensor in all processes."""
    if world() == 1:
        return tensor
    tensor = tensor.detach().contiguous().clone()
    distributed.broadcast(tensor, 0)
    return tensor


def noise(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Return standard normal noise for this process's part of a batch.

    Args:
        shape: of the part; that of all processes is drawn, so that their number changes nothing.
        generator: on the processor, the same in all processes.
    """
    drawn = torch.randn(world() * shape[0], *shape[1:], generator=generator)
    return drawn[rank() * shape[0] : (rank() + 1) * shape[0]]


def averaged(values: dict[str, float]) -> dict[str, float]:
    """Return the mean over all processes of each value."""
    if world() == 1:
        return values
    tensor = torch.tensor(list(values.values()), dtype=torch.float64)
    if distributed.get_backend() == "nccl":
        tensor = tensor.cuda()
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
