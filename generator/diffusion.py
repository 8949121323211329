"""The second stage: denoising diffusion in the latent space of the VQ-GAN.

Rombach et al., CVPR 2022; the process is that of Ho et al., NeurIPS 2020, with the cosine
schedule of Nichol and Dhariwal, ICML 2021, or the rectified flow of Liu et al., ICLR 2023, as in
MAISI-v2 (Zhao et al. 2025).
"""

import torch
from jaxtyping import Float, Int
from monai.networks.nets import DiffusionModelUNet
from monai.networks.schedulers import DDPMScheduler, RFlowScheduler
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from evalsuite.processes import world
from generator import distributed
from generator.conditions import NOTHING, ColumnEmbedding, Condition, Conditioning
from generator.config import DiffusionConfig
from generator.steps import recompute

Latents = Float[Tensor, "b c u v w"]


class Denoiser(nn.Module):
    """A 3D U-Net that sees noised latents, the time, and what it is told of the volume.

    Args:
        config: of the stage.
        latent_channels: of the VQ-GAN's codes.
        conditioning: what it can be told: columns are added to the embedding of the time, label
            maps are further channels of its input.
    """

    def __init__(
        self,
        config: DiffusionConfig,
        latent_channels: int,
        conditioning: Conditioning = NOTHING,
    ) -> None:
        super().__init__()
        self.conditioning = conditioning
        self.coordinates = config.coordinates
        self.network = DiffusionModelUNet(
            spatial_dims=3,
            in_channels=latent_channels + 3 * config.coordinates + conditioning.map_channels,
            out_channels=latent_channels,
            num_res_blocks=config.residual_blocks,
            channels=config.channels,
            attention_levels=config.attention,
            norm_num_groups=config.groups,
            num_head_channels=[min(config.head_channels, channels) for channels in config.channels],
            use_flash_attention=True,
        )
        if conditioning.columns:
            # MONAI adds what this module makes of its `class_labels` to the embedding of the time.
            self.network.num_class_embeds = len(conditioning.columns)
            self.network.class_embedding = ColumnEmbedding(
                conditioning.columns, 4 * config.channels[0]
            )
        if config.training.checkpointing:
            for block in [*self.network.down_blocks, *self.network.up_blocks]:
                recompute([block])

    def forward(
        self,
        noised: Latents,
        times: Float[Tensor, " b"] | Int[Tensor, " b"],
        condition: Condition | None = None,
    ) -> Latents:
        """Return the prediction: the noise, or a velocity."""
        columns = condition.columns if condition else None
        if self.coordinates:
            noised = torch.cat([noised, _places(noised)], dim=1)
        if condition and condition.maps is not None:
            noised = torch.cat([noised, condition.maps.to(noised)], dim=1)
        prediction: Latents = self.network(noised, timesteps=times, class_labels=columns)
        return prediction


def _places(latents: Latents) -> Float[Tensor, "b 3 u v w"]:
    """Return where every latent lies along each axis, from -1 to 1."""
    axes = [torch.linspace(-1, 1, side, device=latents.device) for side in latents.shape[2:]]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")).to(latents.dtype)
    return grid.expand(len(latents), *grid.shape)


def noise_schedule(config: DiffusionConfig, bound: float = 1.0) -> DDPMScheduler:
    """Return the process of the paper: its noise levels, and its sampler.

    Args:
        bound: to which its sampler clips the latents that it predicts.
    """
    return DDPMScheduler(
        num_train_timesteps=config.timesteps,
        schedule="cosine",
        prediction_type=config.prediction,
        clip_sample=True,
        clip_sample_min=-bound,
        clip_sample_max=bound,
    )


def rectified_flow(config: DiffusionConfig) -> RFlowScheduler:
    """Return straight lines from latents to noise, at times from 0 to `timesteps`."""
    return RFlowScheduler(num_train_timesteps=config.timesteps, use_discrete_timesteps=False)


def noised_latents(
    config: DiffusionConfig, clean: Latents, generator: torch.Generator
) -> tuple[Latents, Float[Tensor, " b"] | Int[Tensor, " b"], Latents]:
    """Return latents noised to random times, the times, and what is to be predicted.

    Args:
        clean: scaled latents.
        generator: of times and noise, on the processor, the same in all processes.
    """
    count = world() * len(clean)  # drawn for all processes, so that their number changes nothing
    noise = distributed.noise(clean.shape, generator).to(clean)
    if config.prediction == "rectified_flow":
        times = distributed.own(torch.rand(count, generator=generator)).to(clean.device)
        times = times * config.timesteps
        return rectified_flow(config).add_noise(clean, noise, times), times, clean - noise
    process = noise_schedule(config)
    drawn = torch.randint(config.timesteps, (count,), generator=generator)
    times = distributed.own(drawn).to(clean.device)
    noised = process.add_noise(clean, noise, times)
    if config.prediction == "v_prediction":
        return noised, times, process.get_velocity(clean, noise, times)
    return noised, times, noise


def denoising_loss(
    config: DiffusionConfig,
    denoiser: nn.Module,
    clean: Latents,
    condition: Condition | None,
    generator: torch.Generator,
) -> Tensor:
    """Return the mean error of the prediction at random times.

    Args:
        clean: scaled latents.
        generator: of times and noise, on the processor.
    """
    noised, times, target = noised_latents(config, clean, generator)
    prediction = denoiser(noised, times, condition).float()
    return F.l1_loss(prediction, target) if config.loss == "l1" else F.mse_loss(prediction, target)
