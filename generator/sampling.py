"""From noise to volumes: sample i follows from (weights, seed, i) alone.

Samples are computed in fixed blocks of neighbours, each with a noise of its own: whatever is
asked for, in whatever order and by however many processes, a block is the same computation.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from evalsuite.seeds import seed_of
from generator.conditions import Condition
from generator.config import DiffusionConfig, Sampler
from generator.scaling import Scaling
from generator.solvers import solve
from generator.vqgan import VQGAN


@torch.no_grad()
def draw(
    denoiser: nn.Module,
    config: DiffusionConfig,
    shape: Sequence[int],
    indices: Sequence[int],
    *,
    seed: int,
    sampler: Sampler,
    steps: int,
    start: float = 1.0,
    bound: float = 1.0,
    condition: Condition | None = None,
    guidance: float = 1.0,
) -> Float[Tensor, "b c u v w"]:
    """Return scaled latents.

    Args:
        denoiser: a `Denoiser` in evaluation mode.
        shape: channels and sides of the latents.
        indices: of the samples.
        seed: of the sample set.
        sampler: of a noising process `ddpm` (Ho et al. 2020, the paper's), `ddim` (Song et al.
            2021, eta 0, which is DPM-Solver++ of first order), `dpm++` (of second order, Lu et al.
            2022) or `dpm++sde` (the same with fresh noise in every step); of a rectified flow
            `euler` or `heun` (of second order).
        steps: evaluations of the network; DDPM takes one for each moment of the process.
        start: moment at which sampling starts from pure noise, as a share of the process. Before
            1 the noise stands for what is left of the mean latents too, which the network would
            else draw all samples towards: they vary more.
        bound: to which latents are clipped.
        condition: what the denoiser is told of each sample, or None.
        guidance: weight of the conditional prediction over the unconditional one (Ho and
            Salimans 2022); 1 is plain conditional sampling.
    """
    device = next(denoiser.parameters()).device
    streams = [torch.Generator().manual_seed(seed_of(seed, index)) for index in indices]
    latents = torch.stack([torch.randn(*shape, generator=s) for s in streams]).to(device)

    def predict(noised: Tensor, time: float) -> Tensor:
        times = torch.full((len(indices),), time, device=device)
        prediction: Tensor = denoiser(noised, times, condition)
        if condition is not None and guidance != 1:
            untold = denoiser(noised, times, condition.withheld())
            prediction = untold + guidance * (prediction - untold)
        return prediction

    latents = solve(config, sampler, steps, start, bound, predict, latents, streams)
    return latents.clamp(-bound, bound)


@torch.no_grad()
def decode(
    autoencoder: VQGAN,
    latents: Float[Tensor, "b c u v w"],
    scaling: Scaling,
    seeds: Sequence[int] | None = None,
) -> Float[Tensor, "b channel x y z"]:
    """Decode scaled latents to volumes in [0, 1], each with the grain of its seed."""
    return autoencoder.decode_latents(scaling.undo(latents), seeds).float().clamp(0, 1)


def blocks(count: int, size: int, rank: int, world: int) -> Iterator[list[int]]:
    """Yield this process's blocks of sample indices; the last may reach beyond `count`."""
    starts = range(0, count, size)
    for start in starts[rank::world]:
        yield list(range(start, start + size))
