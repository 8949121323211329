"""What one step of each stage does."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchmetrics.functional.image import structural_similarity_index_measure

from evalsuite.machine import rank
from evalsuite.seeds import seed_of
from generator import distributed
from generator.config import GeneratorConfig, Optimisation
from generator.data import TrainingData
from generator.diffusion import Denoiser, denoising_loss, noise_schedule, normalise
from generator.figures import mosaic
from generator.vqgan import VQGAN, Critics, Losses

SHOWN = 6


class AutoencoderStage:
    """Trains the VQ-GAN against its critics.

    Args:
        config: of the generator.
        data: training volumes.
        device: of this process.
    """

    name = "vqgan"

    def __init__(self, config: GeneratorConfig, data: TrainingData, device: torch.device) -> None:
        self.settings: Optimisation = config.vqgan.training
        self.config, self.data, self.device = config.vqgan, data, device
        self.seed = config.seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = VQGAN(config.vqgan).to(device)
            self.critics = Critics(config.vqgan).to(device)
        self.losses = Losses(config.vqgan)
        self.modules: dict[str, nn.Module] = {"vqgan": self.model, "critics": self.critics}
        rate, betas = self.settings.learning_rate, (0.5, 0.9)
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "vqgan": torch.optim.Adam(_trained(self.model), rate),
            "critics": torch.optim.Adam(self.critics.parameters(), rate, betas),
        }

    def update(self, step: int) -> dict[str, float]:
        """Do one step of the autoencoder and, once they are switched on, of the critics."""
        self.model.train()
        generator = _generator(self.seed, 1, step)
        places = torch.rand(3, generator=generator).tolist()
        adversarial = step >= self.config.discriminator_start
        sums: dict[str, float] = {}
        reals, founds = [], []
        self.optimisers["vqgan"].zero_grad()
        self.critics.requires_grad_(False)
        for chosen in _batches(self, step):
            volumes = self.data.volumes(chosen).to(self.device)
            with _autocast(self.device, self.settings):
                latents = self.model.encode(volumes)
                restarted = self.model.codebook.restart(distributed.from_first(latents), generator)
                quantised, commitment, indices = self.model.codebook(latents.float())
                found = self.model.decode(quantised)
                critique = (
                    self.losses.adversarial(self.critics, volumes, found, places)
                    if adversarial
                    else {}
                )
            losses = self.losses.reconstruction(volumes, found.float())
            losses |= {"commitment": commitment, **critique}
            total = torch.stack([loss.float() for loss in losses.values()]).sum()
            (total / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]
            used = torch.bincount(indices.flatten(), minlength=self.config.codes).double()
            shares = used / used.sum()
            entropy = float(-(shares * shares.clamp_min(1e-12).log()).sum())
            values = {key: float(loss.detach()) for key, loss in losses.items()}
            values |= {"perplexity": float(np.exp(entropy)), "restarted_codes": float(restarted)}
            for key, value in values.items():
                sums[key] = sums.get(key, 0.0) + value / self.settings.accumulate
            reals.append(volumes)
            founds.append(found.detach().float())
        self._step("vqgan", self.model)
        self.critics.requires_grad_(True)
        if adversarial:
            self.optimisers["critics"].zero_grad()
            for volumes, found in zip(reals, founds, strict=True):
                with _autocast(self.device, self.settings):
                    loss = self.losses.critics(self.critics, volumes, found, places)
                (loss / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]
                sums["critics"] = sums.get("critics", 0.0) + float(loss.detach())
            self._step("critics", self.critics)
        return sums

    @torch.no_grad()
    def validate(self) -> tuple[dict[str, float], dict[str, Figure]]:
        """Return PSNR and SSIM of reconstructions, the use of the codebook, and a mosaic."""
        self.model.eval()
        psnr, ssim = [], []
        used: set[int] = set()
        shown: list[tuple[np.ndarray, np.ndarray]] = []
        for index in self.data.validation:
            volume = self.data.volumes([index]).to(self.device)
            with _autocast(self.device, self.settings):
                found, indices = self.model.reconstruct(volume)
            error = float((found - volume).square().mean())
            psnr.append(-10 * np.log10(max(error, 1e-12)))
            ssim.append(_ssim(volume, found))
            used |= set(indices.flatten().tolist())
            if len(shown) < SHOWN:
                shown.append((volume[0, 0].cpu().numpy(), found[0, 0].cpu().numpy()))
        metrics = {
            "validation_psnr": float(np.mean(psnr)),
            "validation_ssim": float(np.mean(ssim)),
            "codebook_use": len(used) / self.config.codes,
        }
        rows = {"real": [real for real, _ in shown], "reconstruction": [own for _, own in shown]}
        return metrics, {"reconstructions": mosaic(rows)}

    def _step(self, name: str, module: nn.Module) -> None:
        distributed.average_gradients(module.parameters())
        _clipped_step(_trained(module), self.optimisers[name], self.settings)


class DiffusionStage:
    """Trains the denoiser on the latents of a trained VQ-GAN.

    Args:
        config: of the generator.
        data: training volumes.
        autoencoder: a trained first stage.
        device: of this process.
    """

    name = "diffusion"

    def __init__(
        self,
        config: GeneratorConfig,
        data: TrainingData,
        autoencoder: VQGAN,
        device: torch.device,
    ) -> None:
        self.settings: Optimisation = config.diffusion.training
        self.config, self.data, self.device = config.diffusion, data, device
        self.seed = config.seed
        self.schedule = noise_schedule(config.diffusion)
        self.autoencoder = autoencoder.eval()
        self.range = autoencoder.latent_range()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(config.seed, self.name))
            self.model = Denoiser(
                config.diffusion, config.vqgan.code_dimension, len(data.classes)
            ).to(device)
        averaging = get_ema_multi_avg_fn(config.diffusion.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.model, multi_avg_fn=averaging)
        self.modules: dict[str, nn.Module] = {"denoiser": self.model, "average": self.average}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "denoiser": torch.optim.Adam(self.model.parameters(), self.settings.learning_rate)
        }
        self._latents: dict[int, Tensor] = {}

    def update(self, step: int) -> dict[str, float]:
        """Do one step of the denoiser and of its average."""
        self.model.train()
        total = 0.0
        self.optimisers["denoiser"].zero_grad()
        generator = _generator(self.seed, 2, step, stream=rank())
        for chosen in _batches(self, step):
            labels = self._labels(chosen, generator)
            with _autocast(self.device, self.settings):
                loss = denoising_loss(
                    self.config,
                    self.schedule,
                    self.model,
                    self.latents(chosen),
                    labels,
                    generator,
                )
            (loss / self.settings.accumulate).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach()) / self.settings.accumulate
        distributed.average_gradients(self.model.parameters())
        parameters = list(self.model.parameters())
        norm = _clipped_step(parameters, self.optimisers["denoiser"], self.settings)
        self.average.update_parameters(self.model)
        return {"denoising": total, "gradient_norm": norm}

    @torch.no_grad()
    def latents(self, indices: list[int]) -> Float[Tensor, "b c u v w"]:
        """Return the continuous latents of volumes in [-1, 1], encoded once."""
        for index in indices:
            if index not in self._latents:
                volume = self.data.volumes([index]).to(self.device)
                code = self.autoencoder.encode(volume).float()
                self._latents[index] = normalise(code, *self.range)[0]
        return torch.stack([self._latents[index] for index in indices])

    @torch.no_grad()
    def validate(self) -> tuple[dict[str, float], dict[str, Figure]]:
        """Return the loss of the averaged denoiser at fixed times and noise, and samples."""
        from generator.sampling import decode, draw

        self.average.eval()
        generator = _generator(self.seed, 3, 0)
        losses = []
        for start in range(0, len(self.data.validation), 8):
            chosen = self.data.validation[start : start + 8]
            labels = self.data.classes_of(chosen)
            labels = labels.to(self.device) if labels is not None else None
            latents = self.latents(chosen)
            loss = denoising_loss(
                self.config, self.schedule, self.average, latents, labels, generator
            )
            losses.append(float(loss) * len(chosen))
        metrics = {"validation_denoising": sum(losses) / len(self.data.validation)}
        shape = tuple(self.latents(self.data.validation[:1]).shape[1:])
        latents = draw(
            self.average.module,
            self.config,
            shape,
            list(range(SHOWN)),
            seed=0,
            steps=min(25, self.config.timesteps),
            label=len(self.data.classes) or None,
        )
        samples = decode(self.autoencoder, latents, self.range)
        real = self.data.volumes(self.data.validation[:SHOWN])[:, 0].numpy()
        rows = {"real": list(real), "sample": list(samples.cpu().numpy())}
        return metrics, {"samples": mosaic(rows)}

    def _labels(self, indices: list[int], generator: torch.Generator) -> Tensor | None:
        labels = self.data.classes_of(indices)
        if labels is None:
            return None
        withheld = torch.rand(len(indices), generator=generator) < self.config.condition_dropout
        return torch.where(withheld, len(self.data.classes), labels).to(self.device)


def _batches(stage: AutoencoderStage | DiffusionStage, step: int) -> list[list[int]]:
    """Return which volumes are in this process's accumulation batches of a step."""
    settings = stage.settings
    count = settings.batch_size * settings.accumulate
    indices = distributed.share(stage.data.draw(stage.name, step, count))
    each = len(indices) // settings.accumulate
    return [indices[i * each : (i + 1) * each] for i in range(settings.accumulate)]


def _generator(seed: int, purpose: int, step: int, stream: int = 0) -> torch.Generator:
    """Return the random numbers of a step: the same in all processes that name one stream."""
    return torch.Generator().manual_seed(seed_of(seed, purpose, step, stream))


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _clipped_step(
    parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer, settings: Optimisation
) -> float:
    """Clip the gradient, update, and return its norm; 0 where it overflowed and is passed over.

    A slice of nothing but background has no variance, and what normalises it may overflow.
    """
    norm = float(nn.utils.clip_grad_norm_(parameters, settings.gradient_clip))
    if not np.isfinite(norm):
        return 0.0
    optimiser.step()
    return norm


def _autocast(device: torch.device, settings: Optimisation) -> AbstractContextManager[None]:
    enabled = settings.precision == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def _ssim(one: Tensor, other: Tensor) -> float:
    value = structural_similarity_index_measure(
        other, one, data_range=1.0, gaussian_kernel=False, kernel_size=7
    )
    return float(value if isinstance(value, Tensor) else value[0])
