"""Ways from noise to latents. Each takes `predict(latents, time)`, what a denoiser says then."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from monai.networks.schedulers import DDPMScheduler
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


def solve(
    config: DiffusionConfig,
    sampler: Sampler,
    steps: int,
    start: float,
    bound: float,
    predict: Predict,
    latents: Latents,
    streams: Sequence[torch.Generator],
) -> Latents:
    """Return the latents that noise leads to; for the arguments see `draw`.

    Args:
        streams: of fresh noise, one for each sample.
    """
    if sampler in OF_FLOWS:
        shares = np.linspace(start, 0, _intervals(sampler, steps) + 1).tolist()
        return _along_the_flow(sampler, shares, config.timesteps, predict, latents)
    last = start * (config.timesteps - 1)
    if sampler == "ddpm":
        return _ancestral(noise_schedule(config, bound), last, predict, latents, streams)
    times = np.linspace(0, last, steps + 1).round().astype(int)[:0:-1]
    return _multistep(config, sampler, times.tolist(), bound, predict, latents, streams)


def _along_the_flow(
    sampler: Sampler, times: Sequence[float], unit: int, predict: Predict, latents: Latents
) -> Latents:
    """Follow the velocity by Euler's or Heun's method; the last step of Heun's is Euler's."""
    for time, then in pairwise(times):
        velocity = predict(latents, time * unit)
        moved = latents + (time - then) * velocity
        if sampler == "heun" and then > 0:
            velocity = (velocity + predict(moved, then * unit)) / 2
            moved = latents + (time - then) * velocity
        latents = moved
    return latents


def _ancestral(
    process: DDPMScheduler,
    last: float,
    predict: Predict,
    latents: Latents,
    streams: Sequence[torch.Generator],
) -> Latents:
    """Take every moment of the process, each with fresh noise."""
    process.set_timesteps(process.num_train_timesteps)
    for time in process.timesteps[process.timesteps <= last].tolist():
        prediction = predict(latents, time).cpu()[:, None]
        parts = zip(prediction, latents.cpu()[:, None], streams, strict=True)
        moved = [process.step(p, time, x, generator=stream)[0] for p, x, stream in parts]
        latents = torch.cat(moved).to(latents)
    return latents


def _multistep(
    config: DiffusionConfig,
    sampler: Sampler,
    times: list[int],
    bound: float,
    predict: Predict,
    latents: Latents,
    streams: Sequence[torch.Generator],
) -> Latents:
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    # A threshold that never exceeds 1 clips the predicted clean latent, as DDPM does. The steps
    # are linear, so in units of the bound it clips to the bound.
    solver = DPMSolverMultistepScheduler(
        num_train_timesteps=config.timesteps,
        trained_betas=noise_schedule(config).betas.numpy(),
        prediction_type=config.prediction,
        solver_order=1 if sampler == "ddim" else 2,
        thresholding=True,
        dynamic_thresholding_ratio=1.0,
        sample_max_value=1.0,
        algorithm_type="sde-dpmsolver++" if sampler == "dpm++sde" else "dpmsolver++",
    )
    solver.set_timesteps(timesteps=times)
    for time in solver.timesteps:
        prediction = predict(latents, int(time))
        noise = None
        if sampler == "dpm++sde":
            fresh = [torch.randn(latents.shape[1:], generator=s) for s in streams]
            noise = torch.stack(fresh).to(latents) / bound
        moved: Tensor = solver.step(
            prediction / bound, time, latents / bound, variance_noise=noise, return_dict=False
        )[0]
        latents = moved * bound
    return latents


def _intervals(sampler: Sampler, steps: int) -> int:
    return (steps + 1) // 2 if sampler == "heun" else steps
