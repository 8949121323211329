"""A training as an MLflow run that grows with the history on disk."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from evalsuite.errors import EvalsuiteError
from evalsuite.tracking.server import (
    answering,
    ending,
    experiment_id,
    log_params,
    log_points,
    user,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

HISTORY = "history.jsonl"  # a line of values after every validation
CONFIG = "config.yaml"  # in the folder above, that of all stages
STATE = "mlflow-run.txt"  # identifier of the run
ALWAYS = "learning_rate"  # a metric that every line of the history has

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


def log_training(
    folder: Path, *, experiment: str, run_name: str | None = None, status: Status | None = None
) -> str:
    """Bring the run of one stage of a training up to date with its folder; return its identifier.

    The call may be repeated at any time: what MLflow has is not sent again, and what it missed
    while it did not answer is made up for.

    Args:
        folder: of the stage, with its history and figures; the folder above has its settings.
        experiment: its name; made if there is none.
        run_name: of a new run; None for one made of the names of both folders.
        status: how the training stands; None tells by the history whether it came to its end.

    Raises:
        EvalsuiteError: if the folder holds no training.
        TrackingError: if MLflow cannot be reached or refuses.
    """
    settings, history = _settings(folder), _history(folder)
    if status is None:
        steps = settings.get(folder.name, {}).get("training", {}).get("steps")
        status = "FINISHED" if max(history, default=0) == steps else "KILLED"
    state = folder / STATE
    with answering(folder) as (client, uri):
        run_id = _continued(client, state)
        if run_id is None:
            name = run_name or " ".join(folder.resolve().parts[-2:])
            tags = {"mlflow.runName": name, "mlflow.user": user()}
            place = experiment_id(client, experiment, uri)
            run_id = str(client.create_run(place, tags=tags).info.run_id)
            state.write_text(run_id)
        with ending(client, run_id, status):
            if not client.get_run(run_id).data.params:
                log_params(client, run_id, settings)
            known = {point.step for point in client.get_metric_history(run_id, ALWAYS)}
            missing = {step: own for step, own in history.items() if step not in known}
            log_points(
                client,
                run_id,
                [(n, v, s) for s, own in missing.items() for n, v in own.items()],
            )
            if missing:
                for figure in sorted(folder.glob("*.png")):
                    client.log_artifact(run_id, str(figure), f"step-{max(history):07d}")
    return run_id


def _continued(client: "MlflowClient", state: Path) -> str | None:
    """Return the run of an earlier call, None where this server has none."""
    from mlflow import MlflowException

    run_id = state.read_text().strip() if state.exists() else ""
    try:
        return str(client.get_run(run_id).info.run_id) if run_id else None
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


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
