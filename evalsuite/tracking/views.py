"""What the list of runs of an experiment shows: a view that MLflow keeps, shown by its name."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY, NAME = "evalsuite", "Nearest first"
TAG = f"mlflow.sharedViewState.{KEY}"  # where MLflow's pages keep and seek views
NOTE = "mlflow.note.content"
TAG_LENGTH = 5000


def show_columns(
    client: "MlflowClient", place: str, params: Sequence[str], metrics: Sequence[str]
) -> None:
    """Let the view of an experiment show these columns, sorted by the first metric.

    Those that it shows stay, as others may have chosen them; a view that shows one of the metrics
    is left alone.
    """
    tags = client.get_experiment(place).tags
    now = round(time.time() * 1000)
    view = json.loads(tags.get(TAG) or json.dumps({"name": NAME, "createdAt": now, "state": "{}"}))
    state: dict[str, Any] = json.loads(view["state"])
    shown = state.get("selectedColumns", [])
    wanted = [f"metrics.`{name}`" for name in metrics]
    if not set(wanted) & set(shown):
        columns = dict.fromkeys([*shown, *(f"params.`{name}`" for name in params), *wanted])
        state = {"orderByKey": wanted[0], "orderByAsc": True} | state
        view |= {"state": json.dumps(state | {"selectedColumns": [*columns]}), "updatedAt": now}
        if len(text := json.dumps(view)) <= TAG_LENGTH:
            client.set_experiment_tag(place, TAG, text)
    if NOTE not in tags:
        client.set_experiment_tag(
            place, NOTE, f"[One row per generator, nearest first]({address(place)})"
        )


def address(place: str) -> str:
    """Return where the view stands on whatever server shows it."""
    return f"#/experiments/{place}/runs?viewStateShareKey={KEY}&workflowType=machine_learning"
