"""A trained generator as a model of MLflow, which `mlflow.pyfunc.load_model` loads and samples."""

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.tracking.record import WEIGHTS, ModelRecord

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature


def log_model(client: "MlflowClient", place: str, run_id: str, model: ModelRecord) -> None:
    """Log the model of a run, unless the run has one of these weights."""
    import pandas as pd
    from mlflow import pyfunc
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    outputs = client.get_run(run_id).outputs
    there = [client.get_logged_model(o.model_id) for o in outputs.model_outputs] if outputs else []
    if any(one.tags.get(WEIGHTS) == model.digest and str(one.status) == "READY" for one in there):
        return
    made = client.create_logged_model(
        place, model.name, source_run_id=run_id, tags={WEIGHTS: model.digest}
    )
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            pyfunc.save_model(
                str(folder),
                loader_module=model.loader,
                data_path=str(model.data),
                mlflow_model=Model(
                    artifact_path=made.artifact_location, run_id=run_id, model_id=made.model_id
                ),
                signature=_signature(model),
                input_example=pd.DataFrame({name: [1] for name in model.columns}),
                pip_requirements=[f"evalsuite[generator]=={version('evalsuite')}"],
                metadata=dict(model.card),
            )
            client.log_model_artifacts(made.model_id, str(folder))
    except BaseException:
        client.finalize_logged_model(made.model_id, "FAILED")
        raise
    client.finalize_logged_model(made.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])


def _signature(model: ModelRecord) -> "ModelSignature":
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    return ModelSignature(
        Schema([ColSpec("long", name) for name in model.columns]),
        Schema([TensorSpec(np.dtype("float32"), (-1, *model.shape))]),
        ParamSchema([
            ParamSpec(name, "double" if isinstance(value, float) else "string", value)
            for name, value in model.parameters.items()
        ]),
    )  # fmt: skip
