"""A decoder without a lattice, whose volumes have the grain of real ones.

Transposed convolutions give every second voxel weights of its own: an untrained or half-trained one
draws a lattice (Odena et al., Distill 2016). Here a trilinear interpolation enlarges, and the same
convolution follows everywhere.

What latents cannot hold, such as the noise of a scanner, a decoder can only average away, and its
volumes are smoother than any real one. So it also says how strong the grain is at every voxel, and
adds noise of that strength, whose correlation it learns (as StyleGAN's noise inputs do, Karras et
al., CVPR 2019).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from monai.networks.nets.vqvae import VQVAEResidualUnit
from torch import Tensor, nn
from torch.nn import functional

from generator.config import VQGANConfig

Volumes = Float[Tensor, "b channel x y z"]
FULL = 8  # channels at the resolution of the volumes, where they cost most
FAINT = -4.0  # the grain of an untrained decoder, before the softplus: 0.018 of the range


class InterpolatingDecoder(nn.Module):
    """Latents and noise to smooth volumes in [-1, 1] and the grain that lies on them.

    Args:
        config: of the stage.
        channels: of the volumes.
    """

    def __init__(self, config: VQGANConfig, channels: int) -> None:
        super().__init__()
        self.channels = channels
        widths = config.channels[::-1]
        blocks: list[nn.Module] = [_convolution(config.code_dimension, widths[0])]
        for width, following in zip(widths, (*widths[1:], FULL), strict=True):
            blocks += [VQVAEResidualUnit(3, width, width) for _ in range(config.residual_layers)]
            blocks.append(nn.Upsample(scale_factor=2, mode="trilinear"))
            blocks += [_convolution(width, following), nn.ReLU()]
        self.blocks = nn.ModuleList(blocks)
        self.mean = _convolution(FULL, channels)
        self.strength: nn.Conv3d | None = None
        if config.grain:
            kinds = channels * config.grain
            self.strength = _convolution(FULL, kinds)
            nn.init.zeros_(self.strength.weight)
            self.strength.bias = nn.Parameter(torch.full((kinds,), FAINT))
            self.correlation = nn.Conv3d(channels, kinds, 3, padding=1, bias=False, groups=channels)

    def forward(
        self, latents: Float[Tensor, "b c u v w"], noise: Volumes
    ) -> tuple[Volumes, Volumes]:
        """Return the smooth volumes and their grain.

        Args:
            noise: standard normal, white.
        """
        hidden = latents
        for block in self.blocks:
            hidden = block(hidden)
        smooth = self.mean(hidden).float()
        if self.strength is None:
            return smooth, torch.zeros_like(smooth)
        size = self.correlation.weight.flatten(1).norm(dim=1).view(1, -1, 1, 1, 1)
        coloured = self.correlation(noise) / size  # of unit variance
        strengths = functional.softplus(self.strength(hidden).float())
        kinds = (strengths * coloured).unflatten(1, (self.channels, -1))
        return smooth, kinds.sum(dim=2)


def grained(smooth: Volumes, grain: Volumes) -> Volumes:
    """Return volumes with their grain, of which none lies below 0 nor where there is no signal.

    Noise of a magnitude image is folded back at 0; where even the smooth volume has nothing, such
    as in a padded margin, there is no noise either.
    """
    return torch.where(smooth > 0, (smooth + grain).abs(), smooth.clamp(max=0))


def _convolution(channels: int, following: int) -> nn.Conv3d:
    return nn.Conv3d(channels, following, 3, padding=1)


def white(shape: Sequence[int], seeds: Sequence[int]) -> Volumes:
    """Return the noise of volumes of a shape (channels first), each from a seed of its own."""
    streams = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.randn(*shape, generator=stream) for stream in streams])
