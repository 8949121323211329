"""The first stage's critics, and the losses of both players."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from monai.losses import PatchAdversarialLoss
from monai.losses.spectral_loss import JukeboxLoss
from monai.networks.nets.patchgan_discriminator import PatchDiscriminator
from torch import Tensor, nn

from generator.config import VQGANConfig
from generator.texture import texture_difference

Volumes = Float[Tensor, "b channel x y z"]


class Critics(nn.Module):
    """Two patch discriminators: one of random slices along the three axes, one of volumes.

    Args:
        config: of the stage.
        volume_channels: of the volumes, which they see together.
    """

    def __init__(self, config: VQGANConfig, volume_channels: int = 1) -> None:
        super().__init__()
        shared: dict[str, Any] = {
            "channels": config.discriminator_channels,
            "in_channels": volume_channels,
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
    amplitudes of the Fourier transforms (Jukebox, Dhariwal et al. 2020, MONAI's `JukeboxLoss`),
    which a blur cannot satisfy. Nor can it satisfy the texture term, see `texture_difference`.

    Args:
        config: of the stage.
    """

    def __init__(self, config: VQGANConfig) -> None:
        self.config = config
        self.spectral = JukeboxLoss(spatial_dims=3)
        self.hinge = PatchAdversarialLoss(criterion="hinge")

    def reconstruction(
        self, volumes: Volumes, smooth: Volumes, found: Volumes, shift: tuple[int, int, int]
    ) -> dict[str, Tensor]:
        """Return the weighted losses of a reconstruction without its critics.

        Args:
            smooth, found: the reconstruction without and with its grain. No grain can be told
                from the latents, so voxels are compared without it.
            shift: see `texture_difference`.
        """
        config = self.config
        # Volumes are clipped: beyond 0 and 1 nothing tells how far.
        beyond = ((volumes <= 0) & (smooth < 0)) | ((volumes >= 1) & (smooth > 1))
        errors = (smooth - volumes).abs().masked_fill(beyond, 0.0)
        losses = {"reconstruction": config.reconstruction * errors.mean()}
        # Detail is compared channel by channel.
        wanted, own = (v.flatten(0, 1).unsqueeze(1) for v in (volumes, found))
        if config.perceptual:
            losses["perceptual"] = config.perceptual * self.spectral(own, wanted)
        if config.texture:
            seen = own.clamp(0, 1)  # as it will be
            losses["texture"] = config.texture * texture_difference(wanted, seen, shift)
        return losses

    def adversarial(
        self, critics: Critics, volumes: Volumes, found: Volumes, places: Sequence[float]
    ) -> dict[str, Tensor]:
        """Return the weighted losses by which the critics teach the autoencoder."""
        verdicts, features = critics(found, places)
        fooled = [
            weight * self.hinge(verdict, target_is_real=True, for_discriminator=False)
            for weight, verdict in zip(self._weights(), verdicts, strict=True)
        ]
        losses = {"adversarial": torch.stack(fooled).sum()}
        if self.config.feature_matching:
            with torch.no_grad():
                _, real_features = critics(volumes, places)
            matched = self._matched(features, real_features)
            losses["feature_matching"] = self.config.feature_matching * matched
        return losses

    def _matched(self, features: list[list[Tensor]], real_features: list[list[Tensor]]) -> Tensor:
        matched = torch.stack(
            [
                torch.stack([(m - r).abs().mean() for m, r in zip(maps, real_maps, strict=True)])
                for maps, real_maps in zip(features, real_features, strict=True)
            ]
        )
        # The three slices share the place of the paper's one.
        summed = matched[:3].mean(dim=0).sum() + matched[3].sum()
        return summed if self.config.feature_layers == "sum" else matched.mean()

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


def ramp(config: VQGANConfig, step: int) -> float:
    """Return which share of their weights the critics' losses have at a step.

    None where they have no weights: then there is nothing for critics to learn for.
    """
    weights = config.slice_adversarial, config.volume_adversarial, config.feature_matching
    if not any(weights):
        return 0.0
    past = step + 1 - config.discriminator_start
    return min(1.0, max(0.0, past / max(1, config.discriminator_ramp)))


def balance(reconstruction: Tensor, adversarial: Tensor, last_layer: nn.Parameter) -> float:
    """Return by what an adversarial loss is multiplied to pull as hard as the reconstruction.

    The ratio of the norms of the gradients at the last layer, at most 10,000 (equation 7 of VQ-GAN,
    Esser et al., CVPR 2021).
    """
    norms = [
        float(torch.autograd.grad(loss, last_layer, retain_graph=True)[0].norm())
        for loss in (reconstruction, adversarial)
    ]
    return min(norms[0] / (norms[1] + 1e-4), 1e4)
