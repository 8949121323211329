"""Ways from noise to latents. Each takes `predict(latents, time)`, what a denoiser says then."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from evalsuite.errors import EvalsuiteError, unknown
from generator.config import SAMPLERS, DiffusionConfig, Sampler
from generator.diffusion import noise_schedule

Latents = Float[Tensor, "b c u v w"]
Predict = Callable[[Latents, float], Latents]
OF_FLOWS: tuple[Sampler, ...] = ("euler", "heun")


def refuse_impossible(config: DiffusionConfig, sampler: str, steps: int, start: float) -> Sampler:
    """Return the sampler, if it can take so many steps from there.

    Raises:
        EvalsuiteError: for an unknown sampler, one of another objective, or steps or a start that
            are not possible.
    """
    known = [s for s in SAMPLERS if (s in OF_FLOWS) == (config.prediction == "rectified_flow")]
    if sampler not in SAMPLERS:
        raise EvalsuiteError(unknown("sampler", sampler, known))
    if sampler not in known:
        raise EvalsuiteError(
            f'The sampler "{sampler}" cannot sample a generator whose objective is '
            f"{config.prediction}; expected one of: {', '.join(known)}."
        )
    if not 0 < start <= 1:
        raise EvalsuiteError(f"A start of {start:g} is not possible; expected 0 < start <= 1.")
    most = math.floor(start * (config.timesteps - 1))
    if sampler != "ddpm" and not 1 <= steps <= most:
        raise EvalsuiteError(
            f"{steps} steps are not possible: this generator has a process of "
            f"{config.timesteps}, of which a start of {start:g} leaves {most}."
        )
    return next(s for s in known if s == sampler)
