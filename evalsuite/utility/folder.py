"""Finished trainings on disk, so that an interrupted experiment has lost no more than one."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from evalsuite.errors import EvalsuiteError
from evalsuite.utility.results import write

SIGNATURE = "signature.json"
BEGUN = "begun.txt"
RUNS, PRETRAINED = "runs", "pretrained"


class ExperimentFolder:
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
            kept = _json(path)
            if kept is None:
                raise EvalsuiteError(
                    f"{folder} is not empty and holds no experiment. Name another folder with "
                    "--output DIR."
                )
            if not resume:
                raise EvalsuiteError(
                    f"{folder} holds an experiment already. Go on with --resume, or name another "
                    "folder with --output DIR."
                )
            differing = [key for key in wanted if kept.get(key) != wanted[key]]
            if differing:
                raise EvalsuiteError(
                    f"{folder} holds an experiment with other {', '.join(differing)}. Resume it "
                    "with those it was begun with, or name another folder with --output DIR."
                )
        write(path, _encoded(wanted))

    def begun(self, now: str) -> str:
        """Return when the experiment was begun: what stands there, else what is told."""
        path = self.folder / BEGUN
        if not path.is_file():
            write(path, now.encode())
        return path.read_text(encoding="utf-8")

    def run(self, name: str) -> dict[str, Any] | None:
        """Return the record of a finished training; None if there is none, or it is damaged."""
        return _json(self.folder / RUNS / f"{name}.json")

    def keep_run(self, name: str, record: Mapping[str, Any]) -> None:
        """Write the record of a training, which holds no nan."""
        write(self.folder / RUNS / f"{name}.json", _encoded(record))

    def pretrained(self, name: str) -> dict[str, Tensor] | None:
        """Return the weights of a pre-training; None as for `run`."""
        try:
            with np.load(self._weights(name), allow_pickle=False) as arrays:
                return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        except (OSError, ValueError, EOFError, BadZipFile):
            return None

    def keep_pretrained(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Write the weights of a pre-training."""
        packed = BytesIO()
        arrays: dict[str, Any] = {key: value.cpu().numpy() for key, value in weights.items()}
        np.savez(packed, **arrays)
        write(self._weights(name), packed.getvalue())

    def _weights(self, name: str) -> Path:
        return self.folder / PRETRAINED / f"{name}.npz"


def _encoded(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, indent=1, allow_nan=False) + "\n").encode()


def _json(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
