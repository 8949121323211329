"""What a command computes on: its device, and the arithmetic there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from evalsuite.errors import EvalsuiteError
from evalsuite.processes import processes

if TYPE_CHECKING:
    import torch

MOST, MOST_ON_GPU = 16, 64  # volumes at once
FAST, LARGE = 1 << 19, 1 << 22  # voxels at once on a processor
BYTES = 1 << 10  # that a network takes for each voxel, at the most
LONGEST_REASON = 60  # characters of torch's own words; what is longer lists its backends


def usable_device(name: str) -> "torch.device":
    """Return the torch device of that name; `auto` is this process's own GPU, or the processor.

    A GPU also becomes the one that everything takes which names none, such as nccl.

    Raises:
        EvalsuiteError: if there is none here, or if it is another process's own.
    """
    import torch

    me = processes()
    # SLURM may show each task its own GPU alone, which then is the first.
    alone = me.by_slurm and torch.cuda.device_count() == 1
    own = f"cuda:{0 if alone else me.local_rank}"
    if name == "auto":
        name = own if torch.cuda.is_available() else "cpu"
    elif name == "cuda":
        name = own
    elif name.startswith("cuda:") and name != own and me.world > 1:
        raise EvalsuiteError(
            f'The device "{name}" is that of one of {me.world} processes, each of which needs its '
            'own. Use --device "auto".'
        )
    try:
        device = torch.device(name)
        if device.type == "cuda":
            torch.cuda.set_device(device)
        # Some names, such as meta, are known and hold no numbers.
        torch.ones(1, device=device).item()
    # AssertionError: torch built without CUDA; ImportError: without that backend.
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        why = f" ({reason})" if len(reason) <= LONGEST_REASON else ""
        raise EvalsuiteError(
            f'The device "{name}" cannot be used: torch finds {", ".join(devices())} here{why}.'
        ) from None
    return device


def devices() -> list[str]:
    """Return the names of the devices that torch can compute on here."""
    import torch

    names = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    return [*names, "mps"] if torch.backends.mps.is_available() else names


def at_once(voxels: int, device: "torch.device | None" = None) -> int:
    """Return how many volumes of so many voxels a network best sees at once.

    It depends on the kind of machine alone and not on how busy it is, so that a second run has the
    same batches, and so the same rounding. On a processor a few are up to four times as fast as one,
    and many no faster; of volumes of over 160 voxels a side one fills the memory.

    Args:
        device: of the network; None: a processor.
    """
    if device is not None and device.type == "cuda":
        import torch

        memory = torch.cuda.get_device_properties(device).total_memory
        return max(1, min(MOST_ON_GPU, memory // (BYTES * voxels)))
    return max(1, min(MOST, max(2, FAST // voxels), LARGE // voxels))


@contextmanager
def inference(
    device: "torch.device", precision: Literal["float32", "bfloat16"] = "float32"
) -> Iterator[None]:
    """Let networks run without gradients, the same way every time, and without TensorFloat-32.

    TensorFloat-32, the default of convolutions on a GPU, keeps three digits only.
    """
    import torch

    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    cast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    matrices = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.inference_mode(), exact, cast:
            yield
    finally:
        torch.set_float32_matmul_precision(matrices)
