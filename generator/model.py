"""A trained generator: load it, sample volumes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.machine import usable_device
from evalsuite.seeds import seed_of
from evalsuite.volumes.volume import Volume
from generator import checkpoint
from generator.config import GeneratorConfig, Sampler
from generator.diffusion import Denoiser
from generator.fitting import cut_back
from generator.sampling import decode, draw
from generator.scaling import scaling_of
from generator.solvers import refuse_impossible
from generator.vqgan import VQGAN

FINISHED = "generator"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides a sample beside the weights and its index.

    Args:
        seed: of the sample set.
        sampler, steps, start: see `draw`; None: what the generator was made for.
        class_name: class of the samples, or None.
        guidance: classifier-free guidance; 1 is none.
    """

    seed: int = 0
    sampler: str | None = None
    steps: int | None = None
    start: float | None = None
    class_name: str | None = None
    guidance: float = 1.0


@dataclass(frozen=True)
class Generator:
    """A trained VQ-GAN and diffusion model.

    Args:
        config: it was trained with.
        card: what is known of it: data, preprocessing, metrics, environment.
        digest: SHA-256 of its weights.
        autoencoder, denoiser: in evaluation mode; the denoiser has the averaged weights.
    """

    config: GeneratorConfig
    card: dict[str, Any]
    digest: str
    autoencoder: VQGAN
    denoiser: Denoiser

    def resolved(self, recipe: Recipe) -> Recipe:
        """Return the recipe with nothing left to the generator.

        Raises:
            EvalsuiteError: for a sampler, steps or a start that are not possible.
        """
        sampler, steps, start = self._checked(recipe)
        return replace(recipe, sampler=sampler, steps=steps, start=start)

    def _checked(self, recipe: Recipe) -> tuple[Sampler, int, float]:
        if recipe.guidance != 1 and recipe.class_name is None:
            name = "Name one with --class, or leave" if self.card["classes"] else "Leave"
            raise EvalsuiteError(
                f"A guidance of {recipe.guidance:g} weighs the class of the samples, but they have "
                f"none. {name} --guidance out."
            )
        self._label(recipe.class_name)
        own = self.config
        steps = own.steps if recipe.steps is None else recipe.steps
        start = own.start if recipe.start is None else recipe.start
        named = recipe.sampler or own.sampler
        return refuse_impossible(own.diffusion, named, steps, start), steps, start

    def sample(self, n: int, **recipe: Any) -> list[Volume]:
        """Return samples 0 to n - 1.

        Intensities are in [0, 1], the units of the training data's normalisation; the affine is
        centred, RAS+, with the spacing of training.

        Args:
            n: how many.
            recipe: fields of `Recipe`, such as `seed=1`.
        """
        chosen = Recipe(**recipe)
        size = self.config.sample_block
        volumes: list[Volume] = []
        for start in range(0, n, size):
            volumes += self.block(range(start, start + size), chosen)
        return volumes[:n]

    def block(self, indices: Sequence[int], recipe: Recipe) -> list[Volume]:
        """Return the samples of one block, which are computed together.

        Raises:
            EvalsuiteError: for a recipe that is not possible, or an unknown class.
        """
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
            label=self._label(recipe.class_name),
            guidance=recipe.guidance,
        )
        seeds = [seed_of(recipe.seed, index, "grain") for index in indices]
        volumes = decode(self.autoencoder, latents, scaling, seeds).cpu()
        voxels = cut_back(volumes, self.card["preprocessing"]["shape"]).numpy()
        affine = np.diag([*self.card["spacing"], 1.0])
        centre = (np.array(voxels.shape[1:]) - 1) / 2
        affine[:3, 3] = -centre * self.card["spacing"]
        return [Volume(volume, affine) for volume in voxels]

    def _label(self, name: str | None) -> int | None:
        classes: list[str] = self.card["classes"]
        if name is None:
            return len(classes) if classes else None
        if not classes:
            raise EvalsuiteError(
                f'This generator was trained without classes and cannot sample "{name}".'
            )
        if name not in classes:
            raise EvalsuiteError(unknown("class", name, classes))
        return classes.index(name)


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
    autoencoder = VQGAN(config.vqgan)
    denoiser = Denoiser(config.diffusion, config.vqgan.code_dimension, len(card["classes"]))
    modules: dict[str, nn.Module] = {"vqgan": autoencoder, "denoiser": denoiser}
    checkpoint.unpack(tensors, modules, {}, folder)
    for module in modules.values():
        module.to(here).eval().requires_grad_(requires_grad=False)
    return Generator(config, card, digest(tensors), autoencoder, denoiser)


def digest(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of weights, whatever file they are in."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].contiguous().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
