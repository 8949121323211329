"""What one step of the second stage does."""

import math
from collections.abc import Iterable
from functools import partial
from itertools import combinations

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from evalsuite.processes import world
from evalsuite.progress import Progress
from evalsuite.seeds import seed_of
from generator import noise
from generator.calibration import Calibration, measured_on
from generator.conditions import Condition
from generator.config import GeneratorConfig, Optimisation
from generator.data import KEPT, TrainingData
from generator.diffusion import Denoiser, denoising_loss
from generator.figures import by_channel, mosaic
from generator.reconstruction_report import agreement
from generator.scaling import Range, Scaling, Standard
from generator.steps import Player, autocast, batches, random_numbers
from generator.vqgan import VQGAN

SHOWN = 6
FRESH = 1 << 40  # first place of the samples that calibration is measured on: nobody asks for them
MEASURED = 256  # training volumes whose latents tell mean and deviation


class DiffusionStage:
    """Trains the denoiser on the latents of a trained VQ-GAN.

    Args:
        config: of the generator.
        data: training volumes.
        autoencoder: a trained first stage.
        device: of this process.
    """

    name, makes = "diffusion", "samples"
    merit = ("validation_denoising", -1)

    def __init__(
        self,
        config: GeneratorConfig,
        data: TrainingData,
        autoencoder: VQGAN,
        device: torch.device,
    ) -> None:
        self.settings: Optimisation = config.diffusion.training
        self.whole, self.config, self.data, self.device = config, config.diffusion, data, device
        self.seed = config.seed
        self.autoencoder = autoencoder.eval()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(config.seed, self.name))
            self.model = Denoiser(
                config.diffusion, config.vqgan.code_dimension, data.conditioning
            ).to(device)
        averaging = get_ema_multi_avg_fn(config.diffusion.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.model, multi_avg_fn=averaging)
        self.modules: dict[str, nn.Module] = {"denoiser": self.model, "average": self.average}
        adam = torch.optim.Adam(
            self.model.parameters(), self.settings.learning_rate, self.settings.betas
        )
        self.players = {"denoiser": Player(self.model, adam, self.settings, device)}
        self._latents: dict[int, Tensor] = {}
        self.scaling = self._measured_scaling()

    def update(self, step: int) -> dict[str, float]:
        """Do one step of the denoiser and of its average."""
        self.model.train()
        total = 0.0
        player = self.players["denoiser"]
        generator = random_numbers(self.seed, 2, step)
        dealt = batches(self, step)
        for number, chosen in enumerate(dealt):
            objective = partial(self._denoising, chosen, generator)
            loss = player.learn(objective, last=number + 1 == len(dealt))
            total += float(loss) / len(dealt)
        norm = player.step()
        self._move_average(step)
        return {"denoising": total, "gradient_norm": norm}

    def _denoising(self, chosen: list[int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch, twice: to learn from, and to tell."""
        latents, condition = self.latents(chosen), self.data.condition(chosen)
        if condition:
            dropped = condition.dropped(self.config.condition_dropout, generator)
            condition = dropped.to(self.device)
        with autocast(self.device, self.settings):
            loss = denoising_loss(self.config, self.model, latents, condition, generator)
        return loss, loss.detach()

    @torch.no_grad()
    def latents(self, indices: list[int]) -> Float[Tensor, "b c u v w"]:
        """Return the scaled continuous latents of volumes, which are encoded once."""
        return self.scaling.apply(torch.stack([self._encoded(index) for index in indices]))

    @torch.no_grad()
    def validate(self) -> tuple[dict[str, float], dict[str, Figure]]:
        """Return the loss of the averaged denoiser at fixed times and noise, and samples.

        Of several channels also their agreement, see `agreement`, in samples and in real volumes.
        """
        from generator.sampling import decode

        self.average.eval()
        generator = random_numbers(self.seed, 3, 0)
        losses = []
        size = max(1, self.settings.batch_size // world())  # fits with gradients, so without
        for start in range(0, len(self.data.validation), size):
            chosen = self.data.validation[start : start + size]
            latents, condition = self.latents(chosen), self._condition(chosen)
            loss = denoising_loss(self.config, self.average, latents, condition, generator)
            losses.append(float(loss) * len(chosen))
        metrics = {"validation_denoising": sum(losses) / len(self.data.validation)}
        shown = self._like(range(SHOWN))
        latents = self._drawn(list(range(SHOWN)))
        metrics[noise.REAL] = noise.neighbouring(self.latents(shown))
        metrics[noise.SAMPLES] = noise.neighbouring(latents)
        samples = self.data.cut(decode(self.autoencoder, latents, self.scaling))
        real = self.data.cut(self.data.volumes(shown)).numpy()
        rows = {"real": list(real), "sample": list(samples.cpu().numpy())}
        if pairs := list(combinations(range(len(self.data.channels)), 2)):
            for kind, volumes in rows.items():
                agreements = [agreement(volumes, *pair) for pair in pairs]
                metrics[f"agreement_{kind}"] = sum(agreements) / len(pairs)
        return metrics, {"samples": mosaic(by_channel(rows, self.data.channels))}

    @torch.no_grad()
    def made(self, places: list[int], like: list[int] | None = None) -> Float[Tensor, "n c x y z"]:
        """Return samples, each of its place alone, told what volumes are (None: held-out ones)."""
        from generator.sampling import decode

        return self.data.cut(decode(self.autoencoder, self._drawn(places, like), self.scaling))

    @torch.no_grad()
    def calibration(self, progress: Progress) -> Calibration:
        """Return what brings samples, told what training volumes are, to their distributions."""
        data, block = self.data, self.whole.sample_block
        voxels = self.whole.volume_channels * math.prod(data.sides)
        chosen = data.training[: measured_on(voxels, len(data.training))]
        made = []
        with progress("calibrating", len(chosen)) as advance:
            for start in range(0, len(chosen), block):
                like = chosen[start : start + block]
                places = [FRESH + start + number for number in range(len(like))]
                made.append(self.made(places, like))
                for _ in like:
                    advance()
            found = Calibration(self.whole.volume_channels).to(self.device)
            found.measure(torch.cat(made), data.cut(data.volumes(chosen)).to(self.device))
        return found

    def _like(self, places: Iterable[int]) -> list[int]:
        """Return the held-out volumes whose conditions samples of these places have."""
        held_out = self.data.validation
        return [held_out[place % len(held_out)] for place in places]

    def _drawn(
        self, places: list[int], like: list[int] | None = None
    ) -> Float[Tensor, "n c u v w"]:
        """Return latents of samples."""
        from generator.sampling import draw

        self.average.eval()
        return draw(
            self.average.module,
            self.config,
            tuple(self.latents(self.data.validation[:1]).shape[1:]),
            places,
            seed=0,
            sampler=self.whole.sampler,
            steps=self.whole.steps,
            start=self.whole.start,
            bound=self.scaling.bound,
            condition=self._condition(like or self._like(places)),
        )

    def _move_average(self, step: int) -> None:
        if step % self.config.ema_every:
            return
        if step < self.config.ema_start:
            self.average.n_averaged.zero_()  # the next is a copy
        self.average.update_parameters(self.model)

    @torch.no_grad()
    def _measured_scaling(self) -> Scaling:
        if self.config.scaling == "range":
            return Range(*self.autoencoder.latent_range())
        measured = self.data.training[:MEASURED]
        return Standard.of(torch.stack([self._encoded(index) for index in measured]))

    def _encoded(self, index: int) -> Float[Tensor, "c u v w"]:
        if index in self._latents:
            return self._latents[index].to(self.device)
        latents = self.autoencoder.encode(self.data.volumes([index]).to(self.device)).float()[0]
        if (len(self._latents) + 1) * latents.nbytes <= KEPT:
            self._latents[index] = latents.cpu()
        return latents

    def _condition(self, indices: list[int]) -> Condition | None:
        condition = self.data.condition(indices)
        return condition.to(self.device) if condition else None
