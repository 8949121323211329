"""The first stage: a 3D autoencoder of MONAI's blocks.

Between its halves lies a codebook (VQ-GAN, Esser et al., CVPR 2021) or a normal distribution
(Rombach et al., CVPR 2022).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from monai.networks.nets.vqvae import Decoder, Encoder
from torch import Tensor, nn

from generator.bottleneck import Codebook, Gaussian, Latents
from generator.config import VQGANConfig
from generator.decoder import InterpolatingDecoder, grained, white
from generator.steps import recompute
from generator.tiles import magnified, pieces, within

Volumes = Float[Tensor, "b channel x y z"]
TILE = 32  # latents along an axis beyond which volumes are encoded and decoded piece by piece


class VQGAN(nn.Module):
    """Encoder, bottleneck and decoder.

    Volumes enter and leave in [0, 1]; the networks work in [-1, 1].

    Args:
        config: of the stage.
        volume_channels: of the volumes.
    """

    def __init__(self, config: VQGANConfig, volume_channels: int = 1) -> None:
        super().__init__()
        self.config, self.volume_channels = config, volume_channels
        levels = len(config.channels)
        encoder = Encoder(
            spatial_dims=3,
            in_channels=volume_channels,
            out_channels=config.code_dimension * (1 if config.bottleneck == "vq" else 2),
            channels=config.channels,
            num_res_layers=config.residual_layers,
            num_res_channels=config.channels,
            downsample_parameters=((2, 4, 1, 1),) * levels,
            dropout=0.0,
            act="RELU",
        )
        interpolating = config.decoder == "interpolating"
        decoder = InterpolatingDecoder(config, volume_channels) if interpolating else Decoder(
            spatial_dims=3,
            in_channels=config.code_dimension,
            out_channels=volume_channels,
            channels=config.channels,
            num_res_layers=config.residual_layers,
            num_res_channels=config.channels,
            upsample_parameters=((2, 4, 1, 1, 0),) * levels,
            dropout=0.0,
            act="RELU",
            output_act=None,
        )  # fmt: skip
        self.network = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
        if config.training.checkpointing:
            # Level by level: encoders end, and decoders begin, with one block more.
            for blocks in (list(encoder.blocks)[:-1], list(decoder.blocks)[1:]):
                each = len(blocks) // levels
                for level in range(levels):
                    recompute(blocks[level * each : (level + 1) * each])
        self.codebook = Codebook(config) if config.bottleneck == "vq" else None
        self._gaussian = Gaussian(config.kl)

    @property
    def bottleneck(self) -> Codebook | Gaussian:
        """What lies between encoder and decoder."""
        return self._gaussian if self.codebook is None else self.codebook

    @property
    def latent_channels(self) -> int:
        """Of the latents of a volume."""
        return self.config.code_dimension

    @property
    def last_layer(self) -> nn.Parameter:
        """The weights that end in the volume, on which losses can be compared."""
        decoder = self.network["decoder"]
        if isinstance(decoder, InterpolatingDecoder):
            return decoder.get_parameter("mean.weight")
        return decoder.get_parameter(
            f"blocks.{len(self.config.channels) * (self.config.residual_layers + 1)}.conv.weight"
        )

    def encoding(self, volumes: Volumes) -> Float[Tensor, "b d u v w"]:
        """Return what the encoder makes of volumes, for the bottleneck; whole, with gradients."""
        encoded: Tensor = self.network["encoder"](volumes * 2 - 1)
        return encoded

    def decoding(self, settled: Latents, noise: Volumes) -> tuple[Volumes, Volumes]:
        """Return volumes without and with their grain, not clipped; whole, with gradients.

        Args:
            settled: as the bottleneck lets them pass.
            noise: standard normal, of the size of the volumes.
        """
        decoder = self.network["decoder"]
        if isinstance(decoder, InterpolatingDecoder):
            smooth, grain = decoder(settled, noise)
            smooth = (smooth + 1) / 2
            return smooth, grained(smooth, grain)
        volumes = (decoder(settled) + 1) / 2
        return volumes, volumes

    @torch.no_grad()
    def encode(self, volumes: Volumes) -> Latents:
        """Return the continuous latents, before any quantisation; of a KL bottleneck the means."""
        factor = self.config.factor
        sides = [side // factor for side in volumes.shape[2:]]
        if max(sides) <= TILE:
            return self.bottleneck.continuous(self.encoding(volumes))
        latents = volumes.new_empty(len(volumes), self.latent_channels, *sides)
        for piece in pieces(sides, TILE, self._reach):
            encoded = self.encoding(within(volumes, magnified(piece.outer, factor)))
            found = within(self.bottleneck.continuous(encoded), piece.inner)
            within(latents, piece.place).copy_(found)
        return latents

    @torch.no_grad()
    def decode_latents(self, latents: Latents, seeds: Sequence[int] | None = None) -> Volumes:
        """Return volumes of continuous latents, not clipped to [0, 1].

        Args:
            seeds: of the grain of each volume; None: 0, 1, ...
        """
        factor = self.config.factor
        sides = latents.shape[2:]
        settled = self.bottleneck.settled(latents)
        whole = (self.volume_channels, *(side * factor for side in sides))
        noise = white(whole, range(len(latents)) if seeds is None else seeds).to(settled)
        if max(sides) <= TILE:
            return self.decoding(settled, noise)[1]
        volumes = torch.empty_like(noise)
        for piece in pieces(sides, TILE, self._reach):
            around = within(noise, magnified(piece.outer, factor))
            found = self.decoding(within(settled, piece.outer), around)[1]
            found = within(found, magnified(piece.inner, factor))
            within(volumes, magnified(piece.place, factor)).copy_(found)
        return volumes

    def reconstruct(self, volumes: Volumes, seeds: Sequence[int] | None = None) -> Volumes:
        """Return volumes after both ways, in [0, 1]."""
        return self.decode_latents(self.encode(volumes), seeds).float().clamp(0, 1)

    def latent_range(self) -> tuple[float, float]:
        """Return the smallest and largest entry of the codebook, by which latents are scaled."""
        if self.codebook is None:
            msg = "latents without a codebook have no range"
            raise ValueError(msg)
        codes = self.codebook.embedding.weight
        return float(codes.min()), float(codes.max())

    @property
    def _reach(self) -> int:
        """How many latents away a voxel can be seen, at most, in either direction.

        Each level has two convolutions a residual layer, and a resampling; each finer level
        reaches half as far as the one below.
        """
        return 4 * self.config.residual_layers + 4
