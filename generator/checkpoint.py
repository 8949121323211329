"""Checkpoints: tensors as safetensors, the rest as a JSON card, whole or not at all."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError

TENSORS = "tensors.safetensors"
CARD = "card.json"
KEPT = 2  # last checkpoints of a stage; one more lies beside them while it is written
BEST = "best"


def save(folder: Path, tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Write a checkpoint folder so that it is there entirely or not at all, even after kill -9.

    Args:
        tensors: as `pack` returns them.

    Raises:
        EvalsuiteError: if the disk is full or the folder cannot be written; what stood there
            before still stands.
    """
    draft = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        save_file(tensors, draft / TENSORS)
        (draft / CARD).write_text(json.dumps(card, indent=1, allow_nan=False) + "\n")
        for file in draft.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise EvalsuiteError(
            f"{folder}: the checkpoint cannot be written: {reason}. Make room, then go on with "
            "--resume from the last checkpoint."
        ) from None


def load(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the card of a checkpoint.

    Raises:
        EvalsuiteError: if it is not there or damaged.
    """
    with _told(folder):
        return load_file(folder / TENSORS), json.loads((folder / CARD).read_text())


def card(folder: Path) -> dict[str, Any]:
    """Return the card of a checkpoint alone.

    Raises:
        EvalsuiteError: if it is not there or damaged.
    """
    with _told(folder):
        found: dict[str, Any] = json.loads((folder / CARD).read_text())
    return found


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise EvalsuiteError(
            f"{folder}: it holds no {Path(error.filename or TENSORS).name}. Name a folder that "
            "`evalsuite generator train` has written."
        ) from None
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise EvalsuiteError(f"{folder}: the checkpoint is damaged: {error}.") from None


def step_folder(folder: Path, step: int) -> Path:
    """Return where the checkpoint of a step lies."""
    return folder / f"step-{step:07d}"


def steps(folder: Path) -> list[int]:
    """Return the steps of which there is a checkpoint, in order."""
    found = (re.fullmatch(r"step-(\d+)", path.name) for path in folder.glob("step-*"))
    return sorted(int(match[1]) for match in found if match)


def forget_old(folder: Path) -> None:
    """Delete all but the last few checkpoints."""
    for step in steps(folder)[:-KEPT]:
        shutil.rmtree(step_folder(folder, step), ignore_errors=True)


def pack(
    modules: dict[str, nn.Module], optimisers: dict[str, torch.optim.Optimizer]
) -> dict[str, Tensor]:
    """Return the state of modules and optimisers as one flat table of tensors on the processor."""

    def copied(tensor: Tensor) -> Tensor:
        return tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)

    tensors = {}
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            tensors[f"{name}/{key}"] = copied(tensor)
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            for key, tensor in state.items():
                tensors[f"optimiser {name}/{index}/{key}"] = copied(tensor)
    return tensors


def unpack(
    tensors: dict[str, Tensor],
    modules: dict[str, nn.Module],
    optimisers: dict[str, torch.optim.Optimizer],
    origin: Path,
) -> None:
    """Fill modules and optimisers from such a table.

    Raises:
        EvalsuiteError: if the table is of other networks.
    """
    for name, module in modules.items():
        part = _below(tensors, f"{name}/")
        try:
            module.load_state_dict(part)
        except RuntimeError:
            raise EvalsuiteError(
                f"{origin}: the checkpoint is of other networks than the configuration says "
                f"({name}). Use the configuration beside it, or start anew in another folder."
            ) from None
    for name, optimiser in optimisers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in _below(tensors, f"optimiser {name}/").items():
            index, _, slot = key.partition("/")
            state.setdefault(int(index), {})[slot] = tensor
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": state, "param_groups": groups})


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }
