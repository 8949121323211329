"""The second stage: denoising diffusion in the latent space of the VQ-GAN.

Rombach et al., CVPR 2022; the process is that of Ho et al., NeurIPS 2020, with the cosine
schedule of Nichol and Dhariwal, ICML 2021.
"""

import torch
from jaxtyping import Float, Int
from monai.networks.nets import DiffusionModelUNet
from monai.networks.schedulers import DDPMScheduler
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from generator.config import DiffusionConfig
from generator.steps import recompute

Latents = Float[Tensor, "b c u v w"]


class Denoiser(nn.Module):
    """A 3D U-Net that sees noised latents, the time, and perhaps a class.

    Args:
        config: of the stage.
        latent_channels: of the VQ-GAN's codes.
        classes: number of classes; one more stands for "not told". 0: no condition.
    """

    def __init__(self, config: DiffusionConfig, latent_channels: int, classes: int = 0) -> None:
        super().__init__()
        self.classes = classes
        self.coordinates = config.coordinates
        self.network = DiffusionModelUNet(
            spatial_dims=3,
            in_channels=latent_channels + 3 * config.coordinates,
            out_channels=latent_channels,
            num_res_blocks=config.residual_blocks,
            channels=config.channels,
            attention_levels=config.attention,
            norm_num_groups=config.groups,
            num_head_channels=[min(config.head_channels, channels) for channels in config.channels],
            num_class_embeds=classes + 1 if classes else None,
            use_flash_attention=True,
        )
        if config.training.checkpointing:
            recompute([*self.network.down_blocks, *self.network.up_blocks])

    def forward(
        self, noised: Latents, times: Int[Tensor, " b"], labels: Int[Tensor, " b"] | None = None
    ) -> Latents:
        """Return the prediction: the noise, or the velocity.

        Args:
            labels: classes; `self.classes` where it is not told.
        """
        if self.coordinates:
            noised = torch.cat([noised, _places(noised)], dim=1)
        prediction: Latents = self.network(noised, timesteps=times, class_labels=labels)
        return prediction


def _places(latents: Latents) -> Float[Tensor, "b 3 u v w"]:
    """Return where every latent lies along each axis, from -1 to 1."""
    axes = [torch.linspace(-1, 1, side, device=latents.device) for side in latents.shape[2:]]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")).to(latents.dtype)
    return grid.expand(len(latents), *grid.shape)


def noise_schedule(config: DiffusionConfig) -> DDPMScheduler:
    """Return the process of the paper: its noise levels, and its sampler."""
    return DDPMScheduler(
        num_train_timesteps=config.timesteps,
        schedule="cosine",
        prediction_type=config.prediction,
        clip_sample=True,
    )


def denoising_loss(
    config: DiffusionConfig,
    schedule: DDPMScheduler,
    denoiser: nn.Module,
    clean: Latents,
    labels: Int[Tensor, " b"] | None,
    generator: torch.Generator,
) -> Tensor:
    """Return the mean error of the prediction at random times.

    Args:
        clean: latents in [-1, 1].
        generator: of times and noise, on the processor.
    """
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    times = torch.randint(config.timesteps, (len(clean),), generator=generator).to(clean.device)
    noised = schedule.add_noise(clean, noise, times)
    if config.prediction == "v_prediction":
        target = schedule.get_velocity(clean, noise, times)
    else:
        target = noise
    prediction = denoiser(noised, times, labels).float()
    return F.l1_loss(prediction, target) if config.loss == "l1" else F.mse_loss(prediction, target)


def normalise(latents: Latents, low: float, high: float) -> Latents:
    """Map the codebook's range to [-1, 1]."""
    return (latents - low) / (high - low) * 2 - 1


def denormalise(latents: Latents, low: float, high: float) -> Latents:
    """Map [-1, 1] back to the codebook's range."""
    return (latents + 1) / 2 * (high - low) + low
