"""From noise to volumes: sample i follows from (weights, seed, i) alone.

Samples are computed in fixed blocks of neighbours, each with a noise of its own: whatever is
asked for, in whatever order and by however many processes, a block is the same computation.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from evalsuite.seeds import seed_of
from generator.config import DiffusionConfig
from generator.diffusion import denormalise, noise_schedule
from generator.vqgan import VQGAN

Sampler = Literal["ddpm", "ddim", "dpm++", "dpm++sde"]
SAMPLERS: tuple[Sampler, ...] = ("ddpm", "ddim", "dpm++", "dpm++sde")


@torch.no_grad()
def draw(
    denoiser: nn.Module,
    config: DiffusionConfig,
    shape: Sequence[int],
    indices: Sequence[int],
    *,
    seed: int,
    steps: int,
    sampler: Sampler = "dpm++",
    start: float = 1.0,
    label: int | None = None,
    guidance: float = 1.0,
) -> Float[Tensor, "b c u v w"]:
    """Return latents in [-1, 1].

    Args:
        denoiser: a `Denoiser` in evaluation mode.
        shape: channels and sides of the latents.
        indices: of the samples.
        seed: of the sample set.
        steps: evaluations of the network; DDPM takes one for each moment of the process.
        sampler: `ddpm` (Ho et al. 2020, the paper's), `ddim` (Song et al. 2021, eta 0, which is
            DPM-Solver++ of first order), `dpm++` (of second order, Lu et al. 2022) or `dpm++sde`
            (the same with fresh noise in every step).
        start: moment at which sampling starts from pure noise, as a share of the process. Before
            1 the noise stands for what is left of the mean latents too, which the network would
            else draw all samples towards: they vary more.
        label: class of all samples, or None.
        guidance: weight of the conditional prediction over the unconditional one (Ho and
            Salimans 2022); 1 is plain conditional sampling.
    """
    device = next(denoiser.parameters()).device
    streams = [torch.Generator().manual_seed(seed_of(seed, index)) for index in indices]
    latents = torch.stack([torch.randn(*shape, generator=s) for s in streams]).to(device)
    solver, step = _solver(config, sampler, steps, start, streams)
    told = None if label is None else torch.full((len(indices),), label, device=device)
    for time in solver.timesteps:
        times = torch.full((len(indices),), int(time), device=device)
        prediction = denoiser(latents, times, told)
        if told is not None and guidance != 1:
            classes: Any = denoiser.classes
            untold = denoiser(latents, times, torch.full_like(told, int(classes)))
            prediction = untold + guidance * (prediction - untold)
        latents = step(prediction, time, latents)
    return latents.clamp(-1, 1)


@torch.no_grad()
def decode(
    autoencoder: VQGAN,
    latents: Float[Tensor, "b c u v w"],
    limits: tuple[float, float],
    seeds: Sequence[int] | None = None,
) -> Float[Tensor, "b x y z"]:
    """Decode latents to volumes in [0, 1], each with the grain of its seed."""
    volumes = autoencoder.decode_latents(denormalise(latents, *limits), seeds)
    clipped: Float[Tensor, "b x y z"] = volumes[:, 0].float().clamp(0, 1)
    return clipped


def blocks(count: int, size: int, rank: int, world: int) -> Iterator[list[int]]:
    """Yield this process's blocks of sample indices; the last may reach beyond `count`."""
    starts = range(0, count, size)
    for start in starts[rank::world]:
        yield list(range(start, start + size))


def _solver(
    config: DiffusionConfig,
    sampler: Sampler,
    steps: int,
    start: float,
    streams: Sequence[torch.Generator],
) -> tuple[Any, Any]:
    """Return a solver and `step(prediction, time, latents) -> latents`."""
    process = noise_schedule(config)
    last = start * (config.timesteps - 1)
    if sampler == "ddpm":
        process.set_timesteps(config.timesteps)
        process.timesteps = process.timesteps[process.timesteps <= last]

        def ancestral(prediction: Tensor, time: Tensor, latents: Tensor) -> Tensor:
            parts = zip(prediction.cpu()[:, None], latents.cpu()[:, None], streams, strict=True)
            moved = [process.step(p, int(time), x, generator=s)[0] for p, x, s in parts]
            return torch.cat(moved).to(latents)

        return process, ancestral
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    # A threshold that never exceeds 1 clips the predicted clean latent, as DDPM does.
    solver = DPMSolverMultistepScheduler(
        num_train_timesteps=config.timesteps,
        trained_betas=process.betas.numpy(),
        prediction_type=config.prediction,
        solver_order=1 if sampler == "ddim" else 2,
        thresholding=True,
        dynamic_thresholding_ratio=1.0,
        sample_max_value=1.0,
        algorithm_type="sde-dpmsolver++" if sampler == "dpm++sde" else "dpmsolver++",
    )
    times = np.linspace(0, last, steps + 1).round().astype(int)[:0:-1]
    solver.set_timesteps(timesteps=times.tolist())

    def multistep(prediction: Tensor, time: Tensor, latents: Tensor) -> Tensor:
        noise = None
        if sampler == "dpm++sde":
            fresh = [torch.randn(latents.shape[1:], generator=s) for s in streams]
            noise = torch.stack(fresh).to(latents)
        moved: Tensor = solver.step(
            prediction, time, latents, variance_noise=noise, return_dict=False
        )[0]
        return moved

    return solver, multistep
