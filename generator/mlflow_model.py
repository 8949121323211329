"""What `mlflow.pyfunc.load_model` makes of a generator that a training has logged."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from generator.model import Generator, load


class SamplingModel:
    """A generator behind the interface of MLflow's models.

    Args:
        generator: that samples.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> Float[np.ndarray, "m *c x y z"]:
        """Return, row by row, samples 0 to `n` - 1 of `seed`, with intensities in [0, 1].

        Volumes of several channels have an axis for them before their own.

        Args:
            model_input: columns `n` and `seed`.
            params: `class_name`, empty for none, and `guidance`.

        Raises:
            EvalsuiteError: for an unknown class, or a guidance without one.
        """
        told = {"class_name": "", "guidance": 1.0, **(params or {})}
        recipe = {"class_name": told["class_name"] or None, "guidance": float(told["guidance"])}
        stacked = np.stack([
            [volume.voxels for volume in sample.values()]
            for n, seed in zip(model_input["n"], model_input["seed"], strict=True)
            for sample in self.generator.sample_channels(int(n), seed=int(seed), **recipe)
        ])  # fmt: skip
        return stacked if len(self.generator.channels) > 1 else stacked[:, 0]


def _load_pyfunc(path: str) -> SamplingModel:
    """Return the model in a folder with the weights and the card of a generator."""
    return SamplingModel(load(path))
