"""The first stage: a 3D VQ-GAN (Esser et al., CVPR 2021) of MONAI's networks.

The autoencoder is MONAI's VQ-VAE; its codebook moves by exponential averages (van den Oord et
al., NeurIPS 2017), and codes that fall out of use restart at encodings of the current batch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from monai.losses import PatchAdversarialLoss
from monai.losses.spectral_loss import JukeboxLoss
from monai.networks.layers.vector_quantizer import EMAQuantizer
from monai.networks.nets import VQVAE
from monai.networks.nets.patchgan_discriminator import PatchDiscriminator
from torch import Tensor, nn

from generator.config import VQGANConfig
from generator.steps import recompute

Volumes = Float[Tensor, "b 1 x y z"]
Latents = Float[Tensor, "b c u v w"]


class Codebook(EMAQuantizer):  # type: ignore[misc]  # MONAI is not typed
    """MONAI's codebook, whose dead codes can be restarted.

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

    def forward(self, latents: Latents) -> tuple[Latents, Tensor, Tensor]:
        """Return codes, commitment and indices, searched for and averaged in float32."""
        with torch.autocast(latents.device.type, enabled=False):
            outcome: tuple[Latents, Tensor, Tensor] = super().forward(latents.float())
        return outcome

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


class VQGAN(nn.Module):
    """Encoder, codebook and decoder.

    Volumes enter and leave in [0, 1]; the networks work in [-1, 1].

    Args:
        config: of the stage.
    """

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        levels = len(config.channels)
        self.network = VQVAE(
            spatial_dims=3,
            in_channels=1,
            out_channels=1,
            channels=config.channels,
            num_res_layers=config.residual_layers,
            num_res_channels=config.channels,
            downsample_parameters=((2, 4, 1, 1),) * levels,
            upsample_parameters=((2, 4, 1, 1, 0),) * levels,
            num_embeddings=config.codes,
            embedding_dim=config.code_dimension,
        )
        if config.training.checkpointing:
            recompute([*self.network.encoder.blocks, *self.network.decoder.blocks])
        self.codebook = Codebook(config)
        self.network.quantizer = nn.Identity()  # the codebook above takes its place

    def encode(self, volumes: Volumes) -> Latents:
        """Return the continuous latents, before quantisation."""
        latents: Latents = self.network.encoder(volumes * 2 - 1)
        return latents

    def decode(self, quantised: Latents) -> Volumes:
        """Return volumes of quantised latents, not clipped to [0, 1]."""
        volumes: Volumes = (self.network.decoder(quantised) + 1) / 2
        return volumes

    def reconstruct(self, volumes: Volumes) -> tuple[Volumes, Tensor]:
        """Return volumes after both ways, in [0, 1], and the indices of their codes."""
        quantised, _, indices = self.codebook(self.encode(volumes))
        return self.decode(quantised).float().clamp(0, 1), indices

    def quantise(self, latents: Latents) -> Latents:
        """Return the nearest code of every latent."""
        quantised: Latents = self.codebook.embed(self.codebook.quantize(latents)[2])
        return quantised

    def latent_range(self) -> tuple[float, float]:
        """Return the smallest and largest entry of the codebook, by which latents are scaled."""
        codes = self.codebook.embedding.weight
        return float(codes.min()), float(codes.max())


class Critics(nn.Module):
    """Two patch discriminators: one of random slices along the three axes, one of volumes.

    Args:
        config: of the stage.
    """

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        shared: dict[str, Any] = {
            "channels": config.discriminator_channels,
            "in_channels": 1,
            "num_layers_d": config.discriminator_layers,
            # Slices of background have hardly any variance to be divided by.
            "norm": ("INSTANCE", {"eps": 1e-3}),
        }
        self.slices = PatchDiscriminator(spatial_dims=2, **shared)
        self.volumes = PatchDiscriminator(spatial_dims=3, **shared)

    def forward(
        self, volumes: Volumes, places: Sequence[float]
    ) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Return the two verdicts (logits per patch) and the feature maps before them.

        Args:
            places: along each of the three axes, where in [0, 1) the slice is cut.
        """
        verdicts, features = [], []
        for axis, place in enumerate(places):
            depth = volumes.shape[2 + axis]
            *maps, verdict = self.slices(volumes.select(2 + axis, int(place * depth)))
            verdicts.append(verdict)
            features.append(maps)
        *maps, verdict = self.volumes(volumes)
        return [*verdicts, verdict], [*features, maps]


class Losses:
    """The losses of both players.

    The perceptual term needs no pre-trained weights: it is the mean squared difference of the
    amplitudes of the Fourier transforms (Jukebox, Dhariwal et al. 2020, MONAI's `JukeboxLoss`), which a blur
    cannot satisfy.

    Args:
        config: of the stage.
    """

    def __init__(self, config: VQGANConfig) -> None:
        self.config = config
        self.spectral = JukeboxLoss(spatial_dims=3)
        self.hinge = PatchAdversarialLoss(criterion="hinge")

    def reconstruction(self, volumes: Volumes, found: Volumes) -> dict[str, Tensor]:
        """Return the weighted losses of a reconstruction without its critics."""
        return {
            "reconstruction": self.config.reconstruction * (found - volumes).abs().mean(),
            "perceptual": self.config.perceptual * self.spectral(found, volumes),
        }

    def adversarial(
        self, critics: Critics, volumes: Volumes, found: Volumes, places: Sequence[float]
    ) -> dict[str, Tensor]:
        """Return the weighted losses by which the critics teach the autoencoder."""
        verdicts, features = critics(found, places)
        with torch.no_grad():
            _, real_features = critics(volumes, places)
        fooled = [
            weight * self.hinge(verdict, target_is_real=True, for_discriminator=False)
            for weight, verdict in zip(self._weights(), verdicts, strict=True)
        ]
        matched = torch.stack(
            [
                torch.stack([(m - r).abs().mean() for m, r in zip(maps, real_maps, strict=True)])
                for maps, real_maps in zip(features, real_features, strict=True)
            ]
        )
        # The three slices share the place of the paper's one.
        summed = matched[:3].mean(dim=0).sum() + matched[3].sum()
        layers = summed if self.config.feature_layers == "sum" else matched.mean()
        return {
            "adversarial": torch.stack(fooled).sum(),
            "feature_matching": self.config.feature_matching * layers,
        }

    def critics(
        self, critics: Critics, volumes: Volumes, found: Volumes, places: Sequence[float]
    ) -> Tensor:
        """Return the hinge loss of the critics on real volumes and detached reconstructions."""
        terms = []
        for batch, real in ((volumes, True), (found.detach(), False)):
            verdicts, _ = critics(batch, places)
            for weight, verdict in zip(self._weights(), verdicts, strict=True):
                loss = self.hinge(verdict, target_is_real=real, for_discriminator=True)
                terms.append((weight > 0) * loss / 2)
        return torch.stack(terms).sum()

    def _weights(self) -> tuple[float, ...]:
        per_slice = self.config.slice_adversarial / 3
        return (per_slice, per_slice, per_slice, self.config.volume_adversarial)
