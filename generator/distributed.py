"""torchrun and srun, invisible: the same code runs in one process and in many."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from evalsuite.errors import EvalsuiteError
from evalsuite.machine import usable_device
from evalsuite.processes import processes, rank, world

T = TypeVar("T")


def device(name: str) -> torch.device:
    """Return the device of this process, see `usable_device`.

    Also joins the processes into a group.

    Raises:
        EvalsuiteError: if there is no such device, or the processes do not find one another.
    """
    chosen = usable_device(name)
    if world() > 1 and not distributed.is_initialized():
        _join("nccl" if chosen.type == "cuda" else "gloo")
    return chosen


def _join(backend: str) -> None:
    """Bring the processes together, if they find one another."""
    address, port = _meeting_place()
    # torchrun has opened that port; the tasks of srun open it themselves.
    place = f"tcp://{address}:{port}" if processes().by_slurm else "env://"
    try:
        distributed.init_process_group(backend, place, rank=rank(), world_size=world())
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise EvalsuiteError(
            f"The {world()} processes do not find one another at {address}:{port}: {reason}. "
            "Start them with torchrun or srun."
        ) from None


def _meeting_place() -> tuple[str, str]:
    """Return where the processes meet: as torchrun tells, or the first node of `srun`."""
    address, port = (os.environ.get(name, "") for name in ("MASTER_ADDR", "MASTER_PORT"))
    if processes().by_slurm:
        nodes = os.environ.get("SLURM_STEP_NODELIST") or os.environ.get("SLURM_NODELIST", "")
        alone = processes().local_world == world()
        address = address or ("127.0.0.1" if alone else first_node(nodes))
        # Jobs that share a node have other numbers, and so other ports.
        job = os.environ.get("SLURM_JOB_ID", "0")
        port = port or str(20000 + int(job) % 10000)
    missing = [n for n, told in (("MASTER_ADDR", address), ("MASTER_PORT", port)) if not told]
    if missing:
        raise EvalsuiteError(
            f"The environment asks for {world()} processes but lacks {' and '.join(missing)}. "
            "Start them with torchrun or srun, or unset RANK and WORLD_SIZE for a single one."
        )
    return address, port


def first_node(nodes: str) -> str:
    """Return the first host of a list as SLURM writes it, such as `gpu[07-09,12],big1`."""
    found = re.match(r"([^\[,]+)(?:\[(\d+))?", nodes)
    return "".join(part or "" for part in found.groups()) if found else ""


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
