"""A generator of ours as a source of samples."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evalsuite.volumes.sources import table_of
from generator.model import Generator, Recipe, load
from generator.sources.source import Sample


@dataclass(frozen=True)
class Trained:
    """What `evalsuite generator train` wrote, with a recipe; see `Source`.

    Args:
        name: its folder.
        generator: which was loaded from it.
        recipe: resolved, so that nothing is left to the generator.
    """

    name: str
    generator: Generator
    recipe: Recipe
    span: float = 1.0
    repeatable: bool = True

    @property
    def record(self) -> dict[str, Any]:
        """What decides the samples beside seed and index."""
        card = self.generator.card
        recipe = {_camel(key): value for key, value in asdict(self.recipe).items()}
        del recipe["Seed"]
        return {
            "Generator": card["name"],
            "WeightsSHA256": self.generator.digest,
            **recipe,
            "IntensityUnits": "0 to 1, the normalisation of the training data",
            "TrainingDataFingerprint": card["data"]["fingerprint"],
        }

    @property
    def files(self) -> dict[str, str]:
        """None but the weights, whose digest is in the record."""
        return {}

    @property
    def block_size(self) -> int:
        """As trained with."""
        return self.generator.config.sample_block

    @property
    def hint(self) -> str:
        """The comparison with what it was trained on."""
        shape = ",".join(str(side) for side in self.generator.card["preprocessing"]["shape"])
        data = self.generator.card["data"]
        real, synthetic = data["source"], "{output}/samples.tsv"
        if channels := self.generator.config.channel_names:
            last = len(channels) - 1
            in_order = last > 0 and data.get("images", {}).get(channels[-1]) == last
            real = f"{real}:{last}" if in_order else _of_channel(real, channels[-1])
            synthetic += f":{channels[-1]}"
        return (
            f"Compare them with: evalsuite compute-metrics --real {real} --synthetic {synthetic} "
            f"--shape {shape}"
        )

    def block(self, indices: Sequence[int], seed: int) -> list[Sample]:
        """Return the samples of one block, each with what it was told."""
        recipe = replace(self.recipe, seed=seed)
        named = self.generator.conditioning.named(recipe.class_name)
        columns = {name: str(value) for name, value in named.items()}
        maps = self.generator.map_files(recipe, indices)
        told = [columns | {"label_of": file.name} for file in maps] or [columns] * len(indices)
        images = self.generator.images(indices, recipe)
        channels = self.generator.config.channel_names
        return [
            Sample(one, columns=own, channels=channels)
            for one, own in zip(images, told, strict=True)
        ]


def trained(folder: Path, recipe: Recipe, device: str) -> Trained:
    """Return the generator in a folder with a recipe.

    Raises:
        EvalsuiteError: if it cannot be loaded, or the recipe is not possible.
    """
    generator = load(folder, device)
    return Trained(str(folder), generator, generator.resolved(recipe))


def _of_channel(source: str, channel: str) -> str:
    """Return where the volumes of a channel are likely to be found in a source of all channels."""
    if table_of(source):
        return f"{source}:{channel}"
    if (Path(source) / channel).is_dir():
        return f"{source}/{channel}"
    return f"'{source}/**/*{channel}.*'"


def _camel(name: str) -> str:
    return re.sub(r"(?:^|_)(.)", lambda match: match[1].upper(), name)
