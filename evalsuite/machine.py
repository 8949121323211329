"""What a command runs on: its device, and the processes of torchrun that share its work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from evalsuite.errors import EvalsuiteError

if TYPE_CHECKING:
    import torch

LONGEST_REASON = 60  # characters of torch's own words; what is longer lists its backends
TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def usable_device(name: str) -> "torch.device":
    """Return the torch device of that name; `auto` is this process's own GPU, or the processor.

    A GPU also becomes the one that everything takes which names none, such as nccl.

    Raises:
        EvalsuiteError: if there is none here, or if it is another process's own.
    """
    import torch

    own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if name == "auto":
        name = own if torch.cuda.is_available() else "cpu"
    elif name == "cuda":
        name = own
    elif name.startswith("cuda:") and name != own and world() > 1:
        raise EvalsuiteError(
            f'The device "{name}" is that of one of {world()} processes, each of which needs its '
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


def processes() -> tuple[int, int]:
    """Return the number of this process and how many share the work, as torchrun tells: 0 of 1.

    Raises:
        EvalsuiteError: if the environment tells only part of it.
    """
    told = {name: os.environ[name] for name in TORCHRUN if os.environ.get(name)}
    rank, world = (
        _whole(told, name, default) for name, default in (("RANK", 0), ("WORLD_SIZE", 1))
    )
    missing = [name for name in TORCHRUN if name not in told] if max(rank + 1, world) > 1 else []
    if missing or not 0 <= rank < world:
        found = ", ".join(f"{name}={value}" for name, value in told.items())
        wrong = f"lacks {', '.join(missing)}" if missing else "makes no sense"
        raise EvalsuiteError(
            f"The environment ({found}) asks for several processes but {wrong}. Start them with "
            "torchrun, or unset RANK and WORLD_SIZE for a single one."
        )
    return rank, world


def rank() -> int:
    """Return the number of this process; 0 without torchrun."""
    return processes()[0]


def world() -> int:
    """Return the number of processes; 1 without torchrun."""
    return processes()[1]


def join(backend: str) -> None:
    """Bring the processes of torchrun together, if there are several and they are not yet.

    Args:
        backend: of torch.distributed: `gloo` or `nccl`.

    Raises:
        EvalsuiteError: if they do not find one another.
    """
    if world() == 1:
        return
    from torch import distributed

    if distributed.is_initialized():
        return
    try:
        distributed.init_process_group(backend)
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise EvalsuiteError(
            f"The {world()} processes do not find one another at {where}: "
            f"{_first_sentence(error)} Start them with torchrun."
        ) from None


def _whole(told: dict[str, str], name: str, default: int) -> int:
    text = told.get(name, str(default))
    if not text.isdecimal():
        raise EvalsuiteError(
            f"The environment variable {name} is {text}; expected a whole number, as torchrun "
            "sets it."
        )
    return int(text)


def _first_sentence(error: Exception) -> str:
    """Return the first line of what torch said, as a sentence."""
    text = str(error).strip().partition("\n")[0]
    return text if text.endswith(".") else f"{text}."
