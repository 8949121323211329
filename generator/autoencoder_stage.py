"""What one step of the first stage does."""

import math
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from evalsuite.progress import Progress, silent
from generator import distributed
from generator.augmentation import augmented
from generator.config import GeneratorConfig, Optimisation
from generator.critics import Critics, Losses, balance, ramp
from generator.data import TrainingData
from generator.figures import by_channel, mosaic
from generator.loading import Ahead
from generator.reconstruction_report import FEWEST, Report, looked_at, reconstruction_report
from generator.steps import Player, autocast, batches, constant, random_numbers, trained
from generator.vqgan import VQGAN

SHOWN = 6


class AutoencoderStage:
    """Trains the VQ-GAN against its critics.

    Args:
        config: of the generator.
        data: training volumes.
        device: of this process.
    """

    name, makes = "vqgan", "reconstructions"
    merit = ("validation_psnr", 1)

    def __init__(self, config: GeneratorConfig, data: TrainingData, device: torch.device) -> None:
        self.settings: Optimisation = config.vqgan.training
        self.config, self.data, self.device = config.vqgan, data, device
        self.seed = config.seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = VQGAN(config.vqgan, config.volume_channels).to(device)
            self.critics = Critics(config.vqgan, config.volume_channels).to(device)
        if device.type == "cpu":  # a tenth faster there
            layout = torch.channels_last_3d
            self.model.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stubs
        self.losses = Losses(config.vqgan)
        self.modules: dict[str, nn.Module] = {"vqgan": self.model, "critics": self.critics}
        rate, own = self.settings.learning_rate, self.config.discriminator_rate
        author = torch.optim.Adam(trained(self.model), rate, self.settings.betas)
        critic = torch.optim.Adam(self.critics.parameters(), own or rate, (0.5, 0.9))
        share = constant if own else None
        self.players = {
            "vqgan": Player(self.model, author, self.settings, device),
            "critics": Player(self.critics, critic, self.settings, device, share),
        }
        workers = data.workers()
        read = data.read if workers else data.volumes
        self.ahead = Ahead(
            lambda step: [read(chosen) for chosen in batches(self, step)],
            self.settings.steps,
            workers,
        )

    def update(self, step: int) -> dict[str, float]:
        """Do one step of the autoencoder and, once they have begun, of the critics."""
        self.model.train()
        generator = random_numbers(self.seed, 1, step)
        places = torch.rand(3, generator=generator).tolist()
        adversarial = ramp(self.config, step) > 0
        sums: dict[str, float] = {}
        pairs: list[tuple[Tensor, Tensor]] = []
        dealt = self.ahead(step)
        self.critics.requires_grad_(False)
        for number, read in enumerate(dealt):
            volumes = augmented(
                read.to(self.device, non_blocking=True),
                generator,
                turned=self.config.turned,
                resized=self.config.resized,
            )
            objective = partial(self._autoencoder, volumes, places, generator, step)
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
        self, volumes: Tensor, places: list[float], generator: torch.Generator, step: int
    ) -> tuple[Tensor, tuple[dict[str, Tensor | float], Tensor]]:
        """Return the loss of the autoencoder, its parts, and the reconstructions."""
        share = ramp(self.config, step)
        with autocast(self.device, self.settings):
            encoded = self.model.encoding(volumes)
            passed = self.model.bottleneck.passed(encoded, generator)
            noise = distributed.noise(volumes.shape, generator).to(self.device)
            smooth, found = (v.float() for v in self.model.decoding(passed.latents, noise))
            critique = (
                self.losses.adversarial(self.critics, volumes, found, places) if share else {}
            )
        x, y, z = torch.randint(2, (3,), generator=generator).tolist()
        losses = self.losses.reconstruction(volumes, smooth, found, (x, y, z))
        if share and self.config.adversarial_balance:
            whole = torch.stack(list(losses.values())).sum()
            pull = balance(whole, critique["adversarial"], self.model.last_layer)
            critique["adversarial"] *= distributed.averaged({"": pull})[""]
        losses |= {key: share * loss.float() for key, loss in critique.items()}
        losses[self.config.bottleneck] = passed.loss
        total = torch.stack(list(losses.values())).sum()
        values: dict[str, Tensor | float] = {key: loss.detach() for key, loss in losses.items()}
        return total, (values | passed.told, found.detach())

    def _critics(
        self, volumes: Tensor, found: Tensor, places: list[float]
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of the critics, twice: to learn from, and to tell."""
        with autocast(self.device, self.settings):
            loss = self.losses.critics(self.critics, volumes, found, places)
        return loss, loss.detach()

    @torch.no_grad()
    def validate(self) -> tuple[dict[str, float], dict[str, Figure]]:
        """Return PSNR and SSIM of reconstructions, the use of a codebook, and a mosaic.

        Of several channels also those of each.
        """
        self.model.eval()
        psnr, ssim = [], []  # of each volume; one value per channel
        used: set[int] = set()
        shown: list[tuple[np.ndarray, np.ndarray]] = []
        for index in self.data.validation:
            volume = self.data.volumes([index]).to(self.device)
            with autocast(self.device, self.settings):
                latents = self.model.encode(volume)
                found = self.model.decode_latents(latents, [index]).float().clamp(0, 1)
            if self.model.codebook is not None:
                used |= set(self.model.codebook.nearest(latents).flatten().tolist())
            volume, found = self.data.cut(volume), self.data.cut(found)
            pairs = list(zip(volume[0], found[0], strict=True))
            psnr.append([_psnr(real, own) for real, own in pairs])
            ssim.append([_ssim(real, own) for real, own in pairs])
            if len(shown) < SHOWN:
                shown.append((volume[0].cpu().numpy(), found[0].cpu().numpy()))
        metrics = {
            "validation_psnr": float(np.mean(psnr)),
            "validation_ssim": float(np.mean(ssim)),
        }
        for place, channel in enumerate(self.data.channels):
            if channel:
                metrics[f"validation_psnr_{channel}"] = float(np.mean(psnr, axis=0)[place])
                metrics[f"validation_ssim_{channel}"] = float(np.mean(ssim, axis=0)[place])
        if self.model.codebook is not None:
            metrics["codebook_use"] = len(used) / self.config.codes
        rows = {"real": [real for real, _ in shown], "reconstruction": [own for _, own in shown]}
        return metrics, {"reconstructions": mosaic(by_channel(rows, self.data.channels))}

    @torch.no_grad()
    def made(self, places: list[int]) -> Float[Tensor, "n c x y z"]:
        """Return the reconstructions of the validation volumes at these places."""
        self.model.eval()
        chosen = [self.data.validation[place] for place in places]
        volumes = self.data.volumes(chosen).to(self.device)
        return self.data.cut(self.model.reconstruct(volumes, chosen))

    @torch.no_grad()
    def report(self, progress: Progress = silent) -> Report:
        """Return what the suite's metrics say of reconstructions of the held-out volumes."""
        shape = self._shown(self.data.validation[0]).shape[1:]
        held_out = self.data.validation[: looked_at(len(self.data.validation), shape)]
        known = self.data.training[: max(len(held_out), FEWEST)]
        return reconstruction_report(
            [self._shown(index) for index in known],
            [self._shown(index) for index in held_out],
            [self.made([place])[0].cpu().numpy() for place in range(len(held_out))],
            self.data.channels,
            device=str(self.device),
            progress=progress,
        )

    def _shown(self, index: int) -> np.ndarray:
        volume: np.ndarray = self.data.cut(self.data.volumes([index]))[0].numpy()
        return volume


def _psnr(real: Float[Tensor, "x y z"], other: Float[Tensor, "x y z"]) -> float:
    return -10 * math.log10(max(float((other - real).square().mean()), 1e-12))


def _ssim(real: Float[Tensor, "x y z"], other: Float[Tensor, "x y z"]) -> float:
    value = structural_similarity_index_measure(
        other[None, None], real[None, None], data_range=1.0, gaussian_kernel=False, kernel_size=7
    )
    return float(value if isinstance(value, Tensor) else value[0])
