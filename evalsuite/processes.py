"""The processes that share one piece of work, as torchrun or SLURM's `srun` started them."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from evalsuite.errors import EvalsuiteError

TORCHRUN = ("RANK", "WORLD_SIZE")


@dataclass(frozen=True, slots=True)
class Processes:
    """A process among those that share the work.

    Args:
        rank: its number, from 0.
        world: how many there are.
        local_rank: its number among those on this machine.
        local_world: how many there are on this machine.
        by_slurm: whether `srun` started them, rather than torchrun.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    by_slurm: bool = False


def processes() -> Processes:
    """Return this process among those that share the work; alone if nothing tells of others.

    Raises:
        EvalsuiteError: if the environment tells only part of it, or what cannot be.
    """
    if any(os.environ.get(name) for name in TORCHRUN):
        return _of_torchrun()
    return _of_slurm() if _in_step() else Processes(local_rank=_whole("LOCAL_RANK", 0))


def rank() -> int:
    """Return the number of this process; 0 of one that is alone."""
    return processes().rank


def world() -> int:
    """Return the number of processes; 1 of one that is alone."""
    return processes().world


def cores() -> int:
    """Return how many cores this process may keep busy: its share of its machine's."""
    me, usable = processes(), machine_cores()
    if not me.by_slurm:
        return max(1, usable // me.local_world)
    asked = _whole("SLURM_CPUS_PER_TASK", 0)
    if asked:
        return min(asked, usable)
    # A task that is bound sees its own cores alone; one that is not sees those of all tasks.
    bound = usable * me.local_world <= _whole("SLURM_CPUS_ON_NODE", 0)
    return usable if bound else max(1, usable // me.local_world)


def machine_cores() -> int:
    """Return how many cores of this machine the system lets this process run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many threads if other processes share this machine, else as set up.

    Left alone, torch takes all cores in each process of `srun`, and one in those of torchrun.
    """
    if processes().local_world == 1:
        yield
        return
    torch = sys.modules.get("torch")  # what computes without it need not import it
    before = torch.get_num_threads() if torch else count
    if torch:
        torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)


def _of_torchrun() -> Processes:
    rank, world = _whole("RANK", 0), _whole("WORLD_SIZE", 1)
    told = [f"{name}={os.environ[name]}" for name in TORCHRUN if os.environ.get(name)]
    if max(rank + 1, world) > 1 and len(told) < 2:
        lacking = next(name for name in TORCHRUN if not os.environ.get(name))
        raise EvalsuiteError(_nonsense(told, f"lacks {lacking}"))
    if rank >= world:
        raise EvalsuiteError(_nonsense(told, "makes no sense"))
    local_world = min(world, max(1, _whole("LOCAL_WORLD_SIZE", world)))
    return Processes(rank, world, _whole("LOCAL_RANK", rank % local_world), local_world)


def _nonsense(told: list[str], wrong: str) -> str:
    return (
        f"The environment ({', '.join(told)}) asks for several processes but {wrong}. Start them "
        "with torchrun or srun, or unset RANK and WORLD_SIZE for a single one."
    )


def _in_step() -> bool:
    """Return whether `srun` started this process: a batch script is told of tasks and is none."""
    tasks = bool(os.environ.get("SLURM_PROCID")) and _slurm_tasks() > 1
    in_script = bool(os.environ.get("SLURM_JOB_ID")) and not os.environ.get("SLURM_STEP_ID")
    return tasks and not (in_script and _whole("SLURM_PROCID", 0) == 0)


def _slurm_tasks() -> int:
    return _whole("SLURM_STEP_NUM_TASKS", _whole("SLURM_NTASKS", 1))


def _of_slurm() -> Processes:
    rank, world = _whole("SLURM_PROCID", 0), _slurm_tasks()
    if rank >= world:
        raise EvalsuiteError(
            f"The environment (SLURM_PROCID={rank}, SLURM_NTASKS={world}) makes no sense. Start "
            "the processes with srun, or unset SLURM_PROCID for a single one."
        )
    # Such as 4(x2),3: two machines with four tasks each, and one with three.
    text = os.environ.get("SLURM_STEP_TASKS_PER_NODE") or os.environ.get("SLURM_TASKS_PER_NODE")
    runs = re.findall(r"(\d+)(?:\(x(\d+)\))?", text or str(world))
    tasks = [int(count) for count, times in runs for _ in range(int(times or 1))]
    node = _whole("SLURM_NODEID", 0)
    local_world = min(world, tasks[node] if node < len(tasks) else tasks[-1])
    local_rank = _whole("SLURM_LOCALID", rank % local_world)
    return Processes(rank, world, local_rank, local_world, by_slurm=True)


def _whole(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        launcher = "srun" if name.startswith("SLURM") else "torchrun"
        raise EvalsuiteError(
            f"The environment variable {name} is {text}; expected a whole number, as {launcher} "
            "sets it."
        )
    return int(text)
