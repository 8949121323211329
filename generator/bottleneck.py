"""What lies between encoder and decoder: a codebook, or a normal distribution.

Both answer three questions: what continuous latents an encoding has, what of them the decoder is
given, and, in training, what is learnt on the way.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from monai.networks.layers.vector_quantizer import EMAQuantizer
from torch import Tensor
from torch.nn import functional

from generator import distributed
from generator.config import VQGANConfig

Latents = Float[Tensor, "b c u v w"]
LOG_VARIANCES = (-20.0, 10.0)  # beyond them an exponential overflows in half precision
SEARCHED = 1 << 24  # distances between latents and codes that are in memory at once


@dataclass(frozen=True, slots=True)
class Passed:
    """What training gets out of a bottleneck.

    Args:
        latents: for the decoder.
        loss: of the bottleneck, weighted.
        told: what else the history of the training says of it.
        codes: index of the code of every latent, if there is a codebook.
    """

    latents: Latents
    loss: Float[Tensor, ""]
    told: dict[str, float] = field(default_factory=dict)
    codes: Int[Tensor, "b u v w"] | None = None


class Codebook(EMAQuantizer):  # type: ignore[misc]  # MONAI is not typed
    """MONAI's codebook, which moves by exponential averages and whose dead codes are restarted.

    Van den Oord et al., NeurIPS 2017. Distances to codes are in float32 whatever the precision.
    MONAI's own search and averages hold several matrices of latents x codes, 16 GiB for the
    paper's brains; here the search goes by tiles, and sums are made without such a matrix.

    Args:
        config: of the stage.
    """

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__(
            spatial_dims=3,
            num_embeddings=config.codes,
            embedding_dim=config.code_dimension,
            commitment_cost=config.commitment,
            decay=config.decay,
        )
        # Zero use at the start restarts every code at a first encoding.
        self.restart_below = config.restart_below

    def continuous(self, encoded: Latents) -> Latents:
        """Return the latents of an encoding: itself."""
        return encoded

    def settled(self, latents: Latents) -> Latents:
        """Return the nearest code of every latent."""
        nearest: Latents = self.embed(self.nearest(latents))
        return nearest

    @torch.no_grad()
    def nearest(self, latents: Latents) -> Int[Tensor, "b u v w"]:
        """Return the index of the nearest code of every latent."""
        with torch.autocast(latents.device.type, enabled=False):
            flat = latents.float().movedim(1, -1).reshape(-1, self.embedding_dim)
            codes = self.embedding.weight
            lengths = codes.square().sum(dim=1)
            tiles = torch.split(flat, max(1, SEARCHED // self.num_embeddings))
            found = [(lengths - 2 * tile @ codes.t()).argmin(dim=1) for tile in tiles]
            return torch.cat(found).view(len(latents), *latents.shape[2:])

    def forward(self, inputs: Latents) -> tuple[Latents, Float[Tensor, ""], Int[Tensor, "b u v w"]]:
        """Return the nearest codes, with the gradient of the inputs, the commitment, and indices."""
        indices = self.nearest(inputs)
        quantised = self.embed(indices)
        if self.training:
            self._move(inputs.detach(), indices)
        commitment = self.commitment_cost * functional.mse_loss(quantised, inputs)
        return inputs + (quantised - inputs).detach(), commitment, indices

    def _move(self, inputs: Latents, indices: Int[Tensor, "b u v w"]) -> None:
        """Move the codes to the averages of what fell to them, smoothed as by MONAI."""
        flat = inputs.movedim(1, -1).reshape(-1, self.embedding_dim)
        counts = torch.bincount(indices.flatten(), minlength=self.num_embeddings).float()
        sums = torch.zeros_like(self.ema_w).index_add_(0, indices.flatten(), flat)
        self.distributed_synchronization(counts, sums)
        self.ema_cluster_size.mul_(self.decay).add_(counts * (1 - self.decay))
        self.ema_w.mul_(self.decay).add_(sums * (1 - self.decay))
        total = self.ema_cluster_size.sum()
        share = (self.ema_cluster_size + self.epsilon) / (
            total + self.num_embeddings * self.epsilon
        )
        self.embedding.weight.data.copy_(self.ema_w / (share * total)[:, None])

    def passed(self, encoded: Latents, generator: torch.Generator) -> Passed:
        """Return what training decodes, and move the codes.

        Args:
            encoded: of this process.
            generator: on the processor, the same in all processes.
        """
        restarted = self.restart(distributed.gathered(encoded), generator)
        with torch.autocast(encoded.device.type, enabled=False):
            latents, commitment, codes = self(encoded.float())
        used = torch.bincount(codes.flatten(), minlength=self.num_embeddings).double()
        shares = used / used.sum()
        entropy = float(-(shares * shares.clamp_min(1e-12).log()).sum())
        told = {"perplexity": float(torch.tensor(entropy).exp()), "restarted_codes": restarted}
        return Passed(latents, commitment, told, codes)

    @torch.no_grad()
    def restart(self, latents: Latents, generator: torch.Generator) -> int:
        """Move the codes used less than `restart_below` times a batch to random encodings.

        Args:
            latents: encodings of the current batch, over all processes.
            generator: on the processor; equal in all processes, so that the codebooks stay so.

        Returns:
            How many codes moved.
        """
        dead = self.ema_cluster_size < self.restart_below
        count = int(dead.sum())
        if count:
            flat = latents.movedim(1, -1).reshape(-1, self.embedding_dim).float()
            chosen = torch.randint(len(flat), (count,), generator=generator)
            codes = flat[chosen.to(flat.device)]
            self.embedding.weight.data[dead] = codes
            self.ema_w[dead] = codes
            self.ema_cluster_size[dead] = 1.0
        return count


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A normal distribution for every latent, kept near the standard one (Kingma and Welling 2014).

    Args:
        weight: of the Kullback-Leibler divergence.
    """

    weight: float

    def continuous(self, encoded: Float[Tensor, "b d u v w"]) -> Latents:
        """Return the means, which are the first half of the channels."""
        means: Latents = encoded.float().chunk(2, dim=1)[0]
        return means

    def settled(self, latents: Latents) -> Latents:
        """Return the latents as they are."""
        return latents

    def passed(self, encoded: Float[Tensor, "b d u v w"], generator: torch.Generator) -> Passed:
        """Return a draw from the distributions, and how far they are from the standard one."""
        means, logarithms = encoded.float().chunk(2, dim=1)
        logarithms = logarithms.clamp(*LOG_VARIANCES)
        deviations = (logarithms / 2).exp()
        noise = distributed.noise(means.shape, generator).to(means.device)
        divergence = kullback_leibler(means, logarithms)
        told = {"latent_noise": float(deviations.detach().mean())}
        return Passed(means + deviations * noise, self.weight * divergence, told)


def kullback_leibler(means: Latents, logarithms: Latents) -> Float[Tensor, ""]:
    """Return the divergence of normal distributions from the standard one, in nats a position.

    Summed over the channels, averaged over positions and volumes, so that its weight means the
    same for volumes of every size.

    Args:
        means: of the distributions.
        logarithms: of their variances.

    Example:
        >>> at = torch.full((1, 2, 1, 1, 1), 3.0), torch.zeros(1, 2, 1, 1, 1)
        >>> float(kullback_leibler(*at))  # two channels of 3 ** 2 / 2
        9.0
    """
    each = (means.square() + logarithms.exp() - 1 - logarithms) / 2
    return each.sum(dim=1).mean()
