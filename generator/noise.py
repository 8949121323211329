"""Whether samples are noise still: then what lies side by side in them has nothing in common."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

REAL, SAMPLES = "neighbours_real", "neighbours_samples"
# Half noise, half latents halves it: 0.45 to 0.22 and 0.38 to 0.17 on brains and hippocampi.
LEAST = 0.5


def neighbouring(latents: Float[Tensor, "b c u v w"]) -> float:
    """Return the correlation of latents with their neighbours along the axes: 0 for white noise.

    Each channel is centred on its mean over places and volumes. 0 where nothing varies, nothing
    lies side by side, or something is not finite.
    """
    centred = latents - latents.mean(dim=(0, 2, 3, 4), keepdim=True)
    variance = centred.square().mean()
    sides = [axis for axis in (2, 3, 4) if latents.shape[axis] > 1]
    if not sides or not variance > 0 or not variance.isfinite():
        return 0.0
    products = [
        (centred.narrow(axis, 1, n - 1) * centred.narrow(axis, 0, n - 1)).mean()
        for axis in sides
        for n in [latents.shape[axis]]
    ]
    return float(torch.stack(products).mean() / variance)


def doubt(metrics: Mapping[str, float]) -> str | None:
    """Return a sentence if the samples of the last validation, if any, are noise still."""
    real, samples = metrics.get(REAL, 0.0), metrics.get(SAMPLES, 0.0)
    if samples >= LEAST * real:
        return None
    return (
        f"The samples are close to noise: neighbouring latents correlate {max(samples, 0):.2f}, "
        f"those of real volumes {real:.2f}. Train the diffusion model for longer, and look at "
        "diffusion/samples.png."
    )
