"""How latents are scaled before noise is added to them, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

Latents = Float[Tensor, "b c u v w"]


@dataclass(frozen=True, slots=True)
class Standard:
    """To mean 0 and deviation 1 in every channel, what a noising process takes for granted.

    Args:
        mean, deviation: of each channel over the training volumes.
        bound: largest absolute value that they reach.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    bound: float

    @classmethod
    def of(cls, latents: Latents) -> "Standard":
        """Return the scaling of these latents; a channel that never varies is only centred."""
        over = (0, 2, 3, 4)
        mean = latents.mean(over)
        deviation = latents.std(over, correction=0)
        deviation = torch.where(deviation > 0, deviation, 1.0)
        scaled = (latents - _channels(mean.tolist(), latents)) / _channels(
            deviation.tolist(), latents
        )
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()), float(scaled.abs().max()))

    def apply(self, latents: Latents) -> Latents:
        """Return scaled latents."""
        return (latents - _channels(self.mean, latents)) / _channels(self.deviation, latents)

    def undo(self, scaled: Latents) -> Latents:
        """Return the latents of scaled ones."""
        return scaled * _channels(self.deviation, scaled) + _channels(self.mean, scaled)

    def card(self) -> dict[str, Any]:
        """Return what a card keeps of it."""
        return {
            "kind": "standard",
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            "bound": self.bound,
        }


@dataclass(frozen=True, slots=True)
class Range:
    """From the smallest and largest entry of the codebook to [-1, 1], as the paper does."""

    low: float
    high: float
    bound: float = 1.0

    def apply(self, latents: Latents) -> Latents:
        """Return scaled latents."""
        return (latents - self.low) / (self.high - self.low) * 2 - 1

    def undo(self, scaled: Latents) -> Latents:
        """Return the latents of scaled ones."""
        return (scaled + 1) / 2 * (self.high - self.low) + self.low

    def card(self) -> dict[str, Any]:
        """Return what a card keeps of it."""
        return {"kind": "range", "low": self.low, "high": self.high}


Scaling = Standard | Range


def scaling_of(card: dict[str, Any]) -> Scaling:
    """Return the scaling that the card of a generator tells; old ones know the range only."""
    if "latent_scaling" not in card:
        low, high = card["latent_range"]
        return Range(low, high)
    kept = card["latent_scaling"]
    if kept["kind"] == "range":
        return Range(kept["low"], kept["high"])
    return Standard(tuple(kept["mean"]), tuple(kept["deviation"]), kept["bound"])


def _channels(values: Sequence[float], latents: Latents) -> Float[Tensor, "c 1 1 1"]:
    return torch.tensor(values, device=latents.device).reshape(-1, 1, 1, 1)
