"""Training volumes: the suite's cohort and preprocessing, split, and dealt out by step.

Which volumes a step sees follows from (seed, step) alone, so that a resumed run sees what an
uninterrupted one would have seen.
"""

import math
import multiprocessing
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from evalsuite.errors import EvalsuiteError
from evalsuite.processes import cores
from evalsuite.seeds import dealt
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.labels import Segmentations
from generator.channels import stacked
from generator.conditions import (
    NOTHING,
    OF_MIRRORING,
    Condition,
    Conditioning,
    codes_of,
    columns_of,
)
from generator.config import GeneratorConfig
from generator.fitting import cut_back, fitting, sides_seen, spacing_of_samples, widened
from generator.label_maps import on_grid, shares

KEPT = 4 << 30  # bytes of preprocessed volumes, and of latents, kept in memory
MOST_WORKERS = 4


class TrainingData:
    """The volumes of a cohort after preprocessing, split into training and validation.

    Args:
        cohort: a checked cohort.
        config: of the generator; its preprocessing is resolved here.
        maps: checked label maps, if the second stage is told of them.
        further: checked cohorts of the channels after the first, their volumes in its order.

    Attributes:
        preprocessing: resolved; its shape is that of the samples.
        channels: names of those of a volume; a single one without a name is "".
        images: by channel which image of its 4D files it is, counted from 0; without those that
            have files of their own.
        sides: of the volumes as the networks see them.
        spacing: of the samples, in millimetres per voxel.
        conditioning: what the second stage is told of volumes.
        training, validation: indices of volumes of the cohort; those from its length on are of
            their mirror images, which are only dealt.

    Raises:
        EvalsuiteError: if the volumes are too few or too small, or a column is not filled.
    """

    def __init__(
        self,
        cohort: Cohort,
        config: GeneratorConfig,
        maps: Segmentations | None = None,
        further: Sequence[Cohort] = (),
    ) -> None:
        self.cohort, self.maps = cohort, maps
        self.channels = config.channel_names or ("",)
        self.seed, self.mirrored = config.seed, config.mirrored
        self.wanted_workers = config.workers
        self.preprocessing = fitting(config, cohort)
        columns = columns_of(cohort, config.diffusion.columns)
        self.conditioning = Conditioning(columns, maps.structures if maps else ())
        self.codes = torch.tensor(codes_of(cohort, columns))
        if config.mirrored_told:
            self.conditioning = replace(self.conditioning, columns=(*columns, OF_MIRRORING))
            codes = self.codes.reshape(len(cohort.entries), len(columns))
            is_mirrored = torch.arange(2).repeat_interleave(len(codes))[:, None]
            self.codes = torch.cat([codes.repeat(2, 1), is_mirrored], dim=1)
        self.training, self.validation = _split(cohort, config)
        self.spacing = spacing_of_samples(cohort, self.preprocessing)
        self.sides = sides_seen(config, self.preprocessing.shape_seen)
        steps = config.of_channels(self.preprocessing)
        cohorts = (cohort, *further)
        taken = zip(self.channels, (one.entries[0].image for one in cohorts), strict=True)
        self.images = {channel: image for channel, image in taken if image is not None}

        @lru_cache(maxsize=max(1, KEPT // self.volume_bytes))
        def load(index: int) -> Float[Tensor, "c x y z"]:
            files = [one.entries[index % len(cohort.entries)] for one in cohorts]
            return self._seen(index, stacked(steps, files))

        @lru_cache(maxsize=max(1, KEPT // (4 * math.prod(self.sides))))
        def load_map(index: int) -> Float[Tensor, "m u v w"]:
            if maps is None:
                raise AssertionError
            labels = on_grid(maps[index % len(cohort.entries)], self.preprocessing)
            wide = self._seen(index, labels[None].astype(np.float32))[0].long()
            return shares(wide, maps.structures, config.vqgan.factor)

        self._load, self._load_map = load, load_map

    @property
    def volume_bytes(self) -> int:
        """Of a volume as the networks see it."""
        return 4 * len(self.channels) * math.prod(self.sides)

    def volumes(self, indices: Sequence[int]) -> Float[Tensor, "b c x y z"]:
        """Return the volumes with these indices, in [0, 1], as the networks see them."""
        return torch.stack([self._load(i) for i in indices])

    def _seen(self, index: int, voxels: Float[np.ndarray, "c x y z"]) -> Float[Tensor, "c u v w"]:
        """Return what is in the shape of the samples as the networks see it, mirrored or not."""
        volume = torch.from_numpy(voxels)
        if self.mirrored and index >= len(self.cohort.entries):
            volume = volume.flip(1 + "xyz".index(self.mirrored))
        return widened(volume, self.sides)

    def cut(self, volumes: Float[Tensor, "*b u v w"]) -> Float[Tensor, "*b x y z"]:
        """Return volumes that the networks see, or make, in the shape of the samples."""
        return cut_back(volumes, self.preprocessing.shape_seen)

    def read(self, indices: Sequence[int]) -> Float[Tensor, "b c x y z"]:
        """Return the same, read anew: workers keep none, of which every one would have its own."""
        return torch.stack([self._load.__wrapped__(i) for i in indices])

    def workers(self) -> int:
        """Return how many processes are to read volumes: none where memory holds all of them."""
        needed = self.volume_bytes * len(self._dealt)
        if self.wanted_workers is not None:
            return self.wanted_workers
        # Elsewhere workers do not inherit what reads, and the training reads by itself.
        forks = "fork" in multiprocessing.get_all_start_methods()
        return min(MOST_WORKERS, cores() - 1) if needed > KEPT and forks else 0

    @property
    def told(self) -> dict[str, Any]:
        """What decides what the second stage is told of volumes."""
        maps = self.maps.fingerprint if self.maps else None
        return {"columns": self.conditioning.card()["columns"], "label_maps": maps}

    @property
    def map_files(self) -> list[str]:
        """The label maps of the volumes that are trained on."""
        return [str(self.maps.files[i].resolve()) for i in self.training] if self.maps else []

    def condition(self, indices: Sequence[int]) -> Condition | None:
        """Return what the second stage is told of these volumes, or None if that is nothing."""
        told = self.conditioning
        if told == NOTHING:
            return None
        return Condition(
            self.codes[[i % len(self.codes) for i in indices]] if told.columns else None,
            torch.stack([self._load_map(i) for i in indices]) if told.structures else None,
        )

    def draw(self, stage: str, step: int, count: int) -> list[int]:
        """Return `count` indices of training volumes: every epoch a new order of all of them."""
        places = dealt(len(self._dealt), step, count, self.seed, stage)
        return [self._dealt[place] for place in places]

    @property
    def _dealt(self) -> list[int]:
        n = len(self.cohort.entries)
        return self.training + [n + i for i in self.training if self.mirrored]


def _split(cohort: Cohort, config: GeneratorConfig) -> tuple[list[int], list[int]]:
    """Hold out whole subjects, chosen by the seed."""
    n = len(cohort.entries)
    wanted = config.validation if config.validation >= 1 else config.validation * n
    subjects = [entry.subject or entry.id for entry in cohort.entries]
    order = np.random.default_rng(config.seed).permutation(sorted(set(subjects)))
    held: set[str] = set()
    for subject in order:
        if sum(s in held for s in subjects) >= wanted:
            break
        held.add(str(subject))
    training = [i for i in range(n) if subjects[i] not in held]
    validation = [i for i in range(n) if subjects[i] in held]
    if not training or not validation:
        raise EvalsuiteError(
            f"{cohort.source}: {n} volumes leave {len(training)} to train on when "
            f"{len(validation)} are held out. Hold out fewer with validation, or add volumes."
        )
    return training, validation
