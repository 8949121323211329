"""What one step of the first stage does."""

from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from generator import distributed
from generator.config import GeneratorConfig, Optimisation
from generator.data import TrainingData
from generator.figures import mosaic
from generator.steps import Player, autocast, batches, random_numbers, trained
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
        rate = self.settings.learning_rate
        adams = {
            "vqgan": torch.optim.Adam(trained(self.model), rate, self.settings.betas),
            "critics": torch.optim.Adam(self.critics.parameters(), rate, (0.5, 0.9)),
        }
        self.players = {
            name: Player(self.modules[name], adam, self.settings, device)
            for name, adam in adams.items()
        }

    def update(self, step: int) -> dict[str, float]:
        """Do one step of the autoencoder and, once they are switched on, of the critics."""
        self.model.train()
        generator = random_numbers(self.seed, 1, step)
        places = torch.rand(3, generator=generator).tolist()
        adversarial = step >= self.config.discriminator_start
        sums: dict[str, float] = {}
        pairs: list[tuple[Tensor, Tensor]] = []
        dealt = batches(self, step)
        self.critics.requires_grad_(False)
        for number, chosen in enumerate(dealt):
            volumes = self.data.volumes(chosen).to(self.device)
            objective = partial(self._autoencoder, volumes, places, generator, adversarial)
            values, found = self.players["vqgan"].learn(objective, last=number + 1 == len(dealt))
            for key, value in values.items():
                sums[key] = sums.get(key, 0.0) + float(value) / len(dealt)
            pairs.append((volumes, found))
        self.players["vqgan"].step()
        self.critics.requires_grad_(True)
        if adversarial:
            for number, (volumes, found) in enumerate(pairs):
                against = partial(self._critics, volumes, found, places)
                loss = self.players["critics"].learn(against, last=number + 1 == len(dealt))
                sums["critics"] = sums.get("critics", 0.0) + float(loss) / len(dealt)
            self.players["critics"].step()
        return sums

    def _autoencoder(
        self,
        volumes: Tensor,
        places: list[float],
        generator: torch.Generator,
        adversarial: bool,
    ) -> tuple[Tensor, tuple[dict[str, Tensor | float], Tensor]]:
        """Return the loss of the autoencoder, its parts, and the reconstructions."""
        with autocast(self.device, self.settings):
            latents = self.model.encode(volumes)
            restarted = self.model.codebook.restart(distributed.gathered(latents), generator)
            quantised, commitment, indices = self.model.codebook(latents)
            found = self.model.decode(quantised)
            critique = (
                self.losses.adversarial(self.critics, volumes, found, places) if adversarial else {}
            )
        losses = self.losses.reconstruction(volumes, found.float())
        losses |= {"commitment": commitment, **critique}
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        used = torch.bincount(indices.flatten(), minlength=self.config.codes).double()
        shares = used / used.sum()
        entropy = -(shares * shares.clamp_min(1e-12).log()).sum()
        values: dict[str, Tensor | float] = {key: loss.detach() for key, loss in losses.items()}
        values |= {"perplexity": entropy.exp(), "restarted_codes": float(restarted)}
        return total, (values, found.detach().float())

    def _critics(
        self, volumes: Tensor, found: Tensor, places: list[float]
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of the critics, twice: to learn from, and to tell."""
        with autocast(self.device, self.settings):
            loss = self.losses.critics(self.critics, volumes, found, places)
        return loss, loss.detach()

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


def _ssim(one: Tensor, other: Tensor) -> float:
    value = structural_similarity_index_measure(
        other, one, data_range=1.0, gaussian_kernel=False, kernel_size=7
    )
    return float(value if isinstance(value, Tensor) else value[0])
