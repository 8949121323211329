"""A stage of a training as it is tracked: a run that grows with the history on disk."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from evalsuite.errors import EvalsuiteError
from evalsuite.tracking.record import WEIGHTS, ModelRecord, RunRecord, Status, by_weights

HISTORY = "history.jsonl"  # a line of values after every validation
CONFIG = "config.yaml"  # in the folder above, that of all stages
GENERATOR, CARD = "generator", "card.json"  # there, too: what the training came to
LAST = "diffusion"  # the stage that ends with a generator
STATE = "mlflow-run.txt"  # what no other training is tracked by


def run_record(
    folder: Path, run_name: str | None = None, status: Status | None = None
) -> RunRecord:
    """Return what is tracked of one stage of a training, as its folder has it.

    Args:
        folder: of the stage, with its history and figures; the folder above has its settings.
        run_name: None for one made of the names of both folders.
        status: how the training stands; None tells by the history whether it came to its end.

    Raises:
        EvalsuiteError: if the folder holds no training.
    """
    settings, history = _settings(folder), _history(folder)
    if status is None:
        steps = settings.get(folder.name, {}).get("training", {}).get("steps")
        status = "FINISHED" if max(history, default=0) == steps else "KILLED"
    state = folder / STATE
    if not state.exists():
        state.write_text(uuid4().hex)
    card = _card(folder)
    origin = card.get("from") or {}
    step = f"step-{max(history, default=0):07d}"
    return RunRecord(
        name=run_name or " ".join(folder.resolve().parts[-2:]),
        identity={"evalsuite.training": state.read_text().strip()},
        config=settings,
        points=[(name, v, at) for at, values in history.items() for name, v in values.items()],
        files={f"{step}/{figure.name}": figure for figure in sorted(folder.glob("*.png"))},
        tags={WEIGHTS: card["weights_sha256"]} if card else {},
        made_from=by_weights({str(origin.get("name")): str(origin.get("weights_sha256", ""))}),
        model=_model(folder, card) if card and folder.name == LAST else None,
        status=status,
    )


def _model(folder: Path, card: Mapping[str, Any]) -> ModelRecord:
    """Return the generator as a model: a row `n, seed` makes samples 0 to n - 1 of that seed."""
    return ModelRecord(
        name="generator",
        loader="generator.mlflow_model",
        data=folder.parent / GENERATOR,
        digest=card["weights_sha256"],
        columns=("n", "seed"),
        parameters={"class_name": "", "guidance": 1.0},
        shape=card["preprocessing"]["shape"],
        card=card,
    )


def _card(folder: Path) -> dict[str, Any]:
    """Return what is known of the generator that the training has made; empty before its end."""
    path = folder.parent / GENERATOR / CARD
    if not path.is_file():
        return {}
    try:
        card = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise EvalsuiteError(f"{path}: this is no card of a generator.") from None
    return card if "weights_sha256" in card else {}  # those of before had none


def _settings(folder: Path) -> dict[str, Any]:
    path = folder.parent / CONFIG
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError):
        raise EvalsuiteError(f"{path}: this is no configuration of a training.") from None


def _history(folder: Path) -> dict[int, dict[str, float]]:
    """Return the finite values by step; of a step that was done twice the last."""
    history = {}
    try:
        for line in (folder / HISTORY).read_text(encoding="utf-8").splitlines():
            values = json.loads(line)
            step = int(values.pop("step"))
            history[step] = {name: v for name, v in values.items() if math.isfinite(v)}
    except (OSError, ValueError, KeyError, TypeError):
        raise EvalsuiteError(f"{folder / HISTORY}: this is no history of a training.") from None
    return history
