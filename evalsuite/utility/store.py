"""Finished trainings on disk, so that an interrupted experiment has lost no more than one."""

import json
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any
from uuid import uuid4
from zipfile import BadZipFile

import torch
from torch import Tensor

from evalsuite.errors import EvalsuiteError

SIGNATURE = "signature.json"
RUNS, PRETRAINED = "runs", "pretrained"


class Store:
    """The folder of an experiment.

    Args:
        folder: made if there is none.
        signature: all that decides the numbers, JSON-serialisable.
        resume: go on with what was finished there under the same signature.

    Raises:
        EvalsuiteError: if the folder holds something else, or cannot be written.
    """

    def __init__(self, folder: Path, signature: Mapping[str, Any], *, resume: bool) -> None:
        self.folder = folder
        path = folder / SIGNATURE
        wanted = json.loads(json.dumps(signature))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            found = _json(path)
            if found is None:
                raise EvalsuiteError(
                    f"{folder} is not empty and holds no experiment. Name another folder with "
                    "--output DIR."
                )
            if not resume:
                raise EvalsuiteError(
                    f"{folder} holds an experiment already. Go on with --resume, or name another "
                    "folder with --output DIR."
                )
            differing = [key for key in wanted if found.get(key) != wanted[key]]
            if differing:
                raise EvalsuiteError(
                    f"{folder} holds an experiment with other {', '.join(differing)}. Resume it "
                    "with those it was begun with, or name another folder with --output DIR."
                )
        write(path, lambda file: file.write(_encoded(wanted)))

    def run(self, name: str) -> dict[str, Any] | None:
        """Return the record of a finished training; None if there is none, or it is damaged."""
        return _json(self.folder / RUNS / f"{name}.json")

    def keep_run(self, name: str, record: Mapping[str, Any]) -> None:
        """Write the record of a training; nan becomes null."""
        write(self.folder / RUNS / f"{name}.json", lambda file: file.write(_encoded(record)))

    def pretrained(self, name: str) -> dict[str, Tensor] | None:
        """Return the weights of a pre-training; None as for `run`."""
        try:
            found: dict[str, Tensor] = torch.load(self._weights(name), weights_only=True)
        except (OSError, RuntimeError, EOFError, BadZipFile, pickle.UnpicklingError):
            return None
        return found

    def keep_pretrained(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Write the weights of a pre-training."""
        kept = {key: tensor.cpu() for key, tensor in weights.items()}
        write(self._weights(name), lambda file: torch.save(kept, file))

    def _weights(self, name: str) -> Path:
        return self.folder / PRETRAINED / f"{name}.pt"


def write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Write a file so that a reader sees all of it or nothing, even after kill -9.

    Raises:
        EvalsuiteError: if the disk refuses.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise EvalsuiteError(
            f"{path}: it cannot be written: {error.strerror}. Make room, then go on with --resume."
        ) from None


def _encoded(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, indent=1, allow_nan=False) + "\n").encode()


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
