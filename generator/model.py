"""A trained generator: load it, sample volumes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError
from evalsuite.machine import usable_device
from evalsuite.seeds import seed_of
from evalsuite.volumes.labels import read_labels
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.volume import Volume
from generator import checkpoint
from generator.calibration import Calibration
from generator.conditions import NOTHING, Condition, Conditioning, Named, conditioning_of
from generator.config import GeneratorConfig, Sampler
from generator.diffusion import Denoiser
from generator.fitting import cut_back, widened
from generator.label_maps import maps_in, on_grid, refuse_other_structures, shares
from generator.sampling import decode, draw
from generator.scaling import scaling_of
from generator.solvers import refuse_impossible
from generator.vqgan import VQGAN

FINISHED = "generator"
ALONE = "image"  # the only channel of a volume, which has no name


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides a sample beside the weights and its index.

    Args:
        seed: of the sample set.
        sampler, steps, start: see `draw`; None: what the generator was made for.
        class_name: what the samples are told: a class, or values by column; or None.
        guidance: weight of what is told, classifier-free; 1 is none.
        labels: folder with the label maps that samples are told, in the order that the seed says;
            None: those of the training volumes.
    """

    seed: int = 0
    sampler: str | None = None
    steps: int | None = None
    start: float | None = None
    class_name: Named = None
    guidance: float = 1.0
    labels: str | None = None


@dataclass(frozen=True)
class Generator:
    """A trained VQ-GAN and diffusion model.

    Args:
        config: it was trained with.
        card: what is known of it: data, preprocessing, metrics, environment.
        digest: SHA-256 of its weights.
        autoencoder, denoiser: in evaluation mode; the denoiser has the averaged weights.
        calibration: of what they make; None: it stays as it is.
    """

    config: GeneratorConfig
    card: dict[str, Any]
    digest: str
    autoencoder: VQGAN
    denoiser: Denoiser
    calibration: Calibration | None = None

    @property
    def conditioning(self) -> Conditioning:
        """What it can be told."""
        return self.denoiser.conditioning

    def resolved(self, recipe: Recipe) -> Recipe:
        """Return the recipe with nothing left to the generator.

        Raises:
            EvalsuiteError: for a sampler, steps or a start that are not possible.
        """
        sampler, steps, start = self._checked(recipe)
        values = self.conditioning.named(recipe.class_name)
        named: Named = values or None
        if len(self.conditioning.columns) == 1 and values:
            named = str(next(iter(values.values())))
        return replace(recipe, sampler=sampler, steps=steps, start=start, class_name=named)

    def _checked(self, recipe: Recipe) -> tuple[Sampler, int, float]:
        told = self.conditioning
        if recipe.guidance != 1 and recipe.class_name is None and not told.structures:
            name = "Name one with --class, or leave" if told.columns else "Leave"
            raise EvalsuiteError(
                f"A guidance of {recipe.guidance:g} weighs the class of the samples, but they have "
                f"none. {name} --guidance out."
            )
        told.named(recipe.class_name)
        self.map_files(recipe, [0])
        own = self.config
        steps = own.steps if recipe.steps is None else recipe.steps
        start = own.start if recipe.start is None else recipe.start
        named = recipe.sampler or own.sampler
        return refuse_impossible(own.diffusion, named, steps, start), steps, start

    def sample(self, n: int, **recipe: Any) -> list[Volume]:
        """Return samples 0 to n - 1; see `sample_channels` for volumes of several channels.

        Intensities are in [0, 1], the units of the training data's normalisation; the affine is
        centred, RAS+, with the spacing of training.

        Args:
            n: how many.
            recipe: fields of `Recipe`, such as `seed=1`.

        Raises:
            EvalsuiteError: for a generator of several channels.
        """
        if len(self.channels) > 1:
            raise EvalsuiteError(
                f"This generator makes volumes of the channels {', '.join(self.channels)}. "
                "Call sample_channels instead of sample."
            )
        return [one[self.channels[0]] for one in self.sample_channels(n, **recipe)]

    def sample_channels(self, n: int, **recipe: Any) -> list[dict[str, Volume]]:
        """Return samples 0 to n - 1, each as its volumes by channel.

        Args:
            n: how many.
            recipe: see `sample`.
        """
        size = self.config.sample_block
        made: list[dict[str, Volume]] = []
        for start in range(0, n, size):
            made += self.images(range(start, start + size), Recipe(**recipe))
        return [{channel: one[channel] for channel in self.channels} for one in made[:n]]

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels of its volumes; `image` for a single one without a name."""
        return self.config.channel_names or (ALONE,)

    def map_files(self, recipe: Recipe, indices: Sequence[int]) -> list[Path]:
        """Return the label map that each sample is told; none without them.

        All maps are used, in an order that the seed says, before one is used again.

        Raises:
            EvalsuiteError: if there are no label maps, or the generator knows nothing of them.
        """
        if not self.conditioning.structures:
            if recipe.labels:
                raise EvalsuiteError(
                    "This generator was trained without label maps. Leave --labels out."
                )
            return []
        if recipe.labels:
            files = maps_in(recipe.labels)
        else:
            files = [Path(file) for file in self.card["data"]["labels"]]
        order = np.random.default_rng(seed_of(recipe.seed, "labels")).permutation(len(files))
        chosen = [files[order[index % len(files)]] for index in indices]
        missing = [file for file in chosen if not file.exists()]
        if missing:
            raise EvalsuiteError(
                f"{missing[0]}: the label map of a training volume is not there. Name a folder "
                "with label maps with --labels."
            )
        return chosen

    def images(self, indices: Sequence[int], recipe: Recipe) -> list[dict[str, Volume]]:
        """Return the samples of one block, which are computed together.

        Each as its channels and, as `label`, the label map that it was told.

        Raises:
            EvalsuiteError: for a recipe that is not possible, or an unknown class.
        """
        maps = [self._map(file) for file in self.map_files(recipe, indices)]
        sampler, steps, start = self._checked(recipe)
        scaling = scaling_of(self.card)
        latents = draw(
            self.denoiser,
            self.config.diffusion,
            self.card["latent_shape"],
            indices,
            seed=recipe.seed,
            sampler=sampler,
            steps=steps,
            start=start,
            bound=scaling.bound,
            condition=self._condition(recipe, maps, len(indices)),
            guidance=recipe.guidance,
        )
        seeds = [seed_of(recipe.seed, index, "grain") for index in indices]
        volumes = decode(self.autoencoder, latents, scaling, seeds)
        volumes = cut_back(volumes, self.card["preprocessing"]["shape"])
        if self.calibration:
            volumes = self.calibration(volumes).clamp(0, 1)
        voxels = volumes.cpu().numpy()
        affine = np.diag([*self.card["spacing"], 1.0])
        centre = (np.array(voxels.shape[2:]) - 1) / 2
        affine[:3, 3] = -centre * self.card["spacing"]
        samples = [
            {name: Volume(volume, affine) for name, volume in zip(self.channels, one, strict=True)}
            for one in voxels
        ]
        for sample, labels in zip(samples, maps, strict=bool(maps)):
            sample["label"] = Volume(labels.astype(np.float32), affine)
        return samples

    def _condition(
        self, recipe: Recipe, maps: Sequence[Int[np.ndarray, "x y z"]], n: int
    ) -> Condition | None:
        told = self.conditioning
        if told == NOTHING:
            return None
        codes = told.coded(told.named(recipe.class_name))
        condition = Condition(
            torch.tensor([codes] * n) if told.columns else None,
            torch.stack([self._shares(one) for one in maps]) if told.structures else None,
        )
        return condition.to(next(self.denoiser.parameters()).device)

    def _shares(self, labels: Int[np.ndarray, "x y z"]) -> Float[Tensor, "m u v w"]:
        factor = self.config.vqgan.factor
        sides = [factor * side for side in self.card["latent_shape"][1:]]
        wide = widened(torch.from_numpy(labels)[None].float(), sides)[0].long()
        return shares(wide, self.conditioning.structures, factor)

    def _map(self, path: Path) -> Int[np.ndarray, "x y z"]:
        steps = Preprocessing.model_validate(self.card["preprocessing"])
        labels = on_grid(read_labels(path), steps)
        refuse_other_structures(labels, self.conditioning.structures, path)
        return labels


def load(path: Path | str, device: str = "cpu") -> Generator:
    """Return the generator in a folder that `evalsuite generator train` wrote.

    Raises:
        EvalsuiteError: if it is not there, not finished or damaged, or there is no such device.
    """
    here = usable_device(device)
    folder = Path(path)
    if (folder / FINISHED).is_dir():
        folder /= FINISHED
    elif checkpoint.steps(folder / "vqgan") or checkpoint.steps(folder / "diffusion"):
        raise EvalsuiteError(
            f"{folder}: its training is not finished. Go on with `evalsuite generator train` and "
            "--resume."
        )
    tensors, card = checkpoint.load(folder)
    config = GeneratorConfig.model_validate(card["config"])
    autoencoder = VQGAN(config.vqgan, config.volume_channels)
    denoiser = Denoiser(config.diffusion, config.vqgan.code_dimension, conditioning_of(card))
    modules: dict[str, nn.Module] = {"vqgan": autoencoder, "denoiser": denoiser}
    calibration = Calibration(config.volume_channels) if config.calibrate else None
    if calibration:
        modules["calibration"] = calibration
    checkpoint.unpack(renamed(tensors), modules, {}, folder)
    for module in modules.values():
        module.to(here).eval().requires_grad_(requires_grad=False)
    return Generator(config, card, digest(tensors), autoencoder, denoiser, calibration)


def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights under the names of today; one column of classes was MONAI's own before."""
    old, new = (f"denoiser/network.class_embedding.{x}weight" for x in ("", "columns.0."))
    return {new if name == old else name: tensor for name, tensor in tensors.items()}


def digest(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of weights, whatever file they are in."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].contiguous().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
