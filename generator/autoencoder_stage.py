"""What one step of the first stage does."""

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from generator import distributed
from generator.config import GeneratorConfig, Optimisation
from generator.data import TrainingData
from generator.figures import mosaic
from generator.steps import autocast, batches, clipped_step, random_numbers, trained
from generator.vqgan import VQGAN, Critics, Losses

SHOWN = 6


class AutoencoderStage:
    """Trains the VQ-GAN against its critics.

    Args:
        config: of the generator.
        data: training volumes.
        device: of this process.
    """

    name, makes = "vqgan", "reconstructions"

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
        rate = self.settings.learning_rate
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "vqgan": torch.optim.Adam(trained(self.model), rate, self.settings.betas),
            "critics": torch.optim.Adam(self.critics.parameters(), rate, (0.5, 0.9)),
        }

    def update(self, step: int) -> dict[str, float]:
        """Do one step of the autoencoder and, once they are switched on, of the critics."""
        self.model.train()
        generator = random_numbers(self.seed, 1, step)
        places = torch.rand(3, generator=generator).tolist()
        adversarial = step >= self.config.discriminator_start
        sums: dict[str, float] = {}
        reals, founds = [], []
        self.optimisers["vqgan"].zero_grad()
        self.critics.requires_grad_(False)
        for chosen in batches(self, step):
            volumes = self.data.volumes(chosen).to(self.device)
            with autocast(self.device, self.settings):
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
                with autocast(self.device, self.settings):
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
            with autocast(self.device, self.settings):
                found, indices = self.model.reconstruct(volume)
            volume, found = self.data.cut(volume), self.data.cut(found)
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

    @torch.no_grad()
    def made(self, places: list[int]) -> Float[Tensor, "n x y z"]:
        """Return the reconstructions of the validation volumes at these places."""
        self.model.eval()
        volumes = self.data.volumes([self.data.validation[place] for place in places])
        with autocast(self.device, self.settings):
            found, _ = self.model.reconstruct(volumes.to(self.device))
        return self.data.cut(found.float())[:, 0].clamp(0, 1)

    def _step(self, name: str, module: nn.Module) -> None:
        distributed.average_gradients(module.parameters())
        clipped_step(trained(module), self.optimisers[name], self.settings)


def _ssim(one: Tensor, other: Tensor) -> float:
    value = structural_similarity_index_measure(
        other, one, data_range=1.0, gaussian_kernel=False, kernel_size=7
    )
    return float(value if isinstance(value, Tensor) else value[0])
