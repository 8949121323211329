"""Training volumes: the suite's cohort and preprocessing, split, and dealt out by step.

Which volumes a step sees follows from (seed, step) alone, so that a resumed run sees what an
uninterrupted one would have seen.
"""

import math
import multiprocessing
import os
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.errors import EvalsuiteError
from evalsuite.seeds import dealt
from evalsuite.volumes.cohort import Cohort
from generator.config import GeneratorConfig
from generator.fitting import cut_back, fitting, sides_seen, spacing_of_samples, widened

KEPT = 4 << 30  # bytes of preprocessed volumes, and of latents, kept in memory
MOST_WORKERS = 4


class TrainingData:
    """The volumes of a cohort after preprocessing, split into training and validation.

    Args:
        cohort: a checked cohort.
        config: of the generator; its preprocessing is resolved here.

    Attributes:
        preprocessing: resolved; its shape is that of the samples.
        sides: of the volumes as the networks see them.
        spacing: of the samples, in millimetres per voxel.
        training, validation: indices of volumes of the cohort; those from its length on are of
            their mirror images, which are only dealt.

    Raises:
        EvalsuiteError: if the volumes are too few or too small, or a class is missing.
    """

    def __init__(self, cohort: Cohort, config: GeneratorConfig) -> None:
        self.cohort = cohort
        self.seed, self.mirrored = config.seed, config.mirrored
        self.wanted_workers = config.workers
        self.preprocessing = fitting(config, cohort)
        self.classes, self.labels = _classes(cohort, config.diffusion.condition)
        self.training, self.validation = _split(cohort, config)
        self.spacing = spacing_of_samples(cohort, self.preprocessing)
        self.sides = sides_seen(config, self.preprocessing.shape_seen)

        @lru_cache(maxsize=max(1, KEPT // (4 * math.prod(self.sides))))
        def load(index: int) -> Float[Tensor, "1 x y z"]:
            image, number = divmod(index, len(cohort.entries))
            volume = self.preprocessing.apply(cohort.entries[number].read())
            voxels = torch.from_numpy(volume.voxels)[None]
            if image and config.mirrored:
                voxels = voxels.flip(1 + "xyz".index(config.mirrored))
            return widened(voxels, self.sides)

        self._load = load

    def volumes(self, indices: Sequence[int]) -> Float[Tensor, "b 1 x y z"]:
        """Return the volumes with these indices, in [0, 1], as the networks see them."""
        return torch.stack([self._load(i) for i in indices])

    def cut(self, volumes: Float[Tensor, "*b u v w"]) -> Float[Tensor, "*b x y z"]:
        """Return volumes that the networks see, or make, in the shape of the samples."""
        return cut_back(volumes, self.preprocessing.shape_seen)

    def read(self, indices: Sequence[int]) -> Float[Tensor, "b 1 x y z"]:
        """Return the same, read anew: workers keep none, of which every one would have its own."""
        return torch.stack([self._load.__wrapped__(i) for i in indices])

    def workers(self) -> int:
        """Return how many processes are to read volumes: none where memory holds all of them."""
        needed = 4 * math.prod(self.sides) * len(self._dealt)
        if self.wanted_workers is not None:
            return self.wanted_workers
        # Elsewhere workers do not inherit what reads, and the training reads by itself.
        forks = "fork" in multiprocessing.get_all_start_methods()
        return min(MOST_WORKERS, (os.cpu_count() or 1) - 1) if needed > KEPT and forks else 0

    def classes_of(self, indices: Sequence[int]) -> Int[Tensor, " b"] | None:
        """Return the classes of these volumes, or None without a condition."""
        n = len(self.labels)
        return torch.tensor([self.labels[i % n] for i in indices]) if self.classes else None

    def draw(self, stage: str, step: int, count: int) -> list[int]:
        """Return `count` indices of training volumes: every epoch a new order of all of them."""
        places = dealt(len(self._dealt), step, count, self.seed, stage)
        return [self._dealt[place] for place in places]

    @property
    def _dealt(self) -> list[int]:
        n = len(self.cohort.entries)
        return self.training + [n + i for i in self.training if self.mirrored]


def _classes(cohort: Cohort, column: str | None) -> tuple[tuple[str, ...], list[int]]:
    if column is None:
        return (), []
    values = [entry.covariates.get(column, "") for entry in cohort.entries]
    without = [e.id for e, value in zip(cohort.entries, values, strict=True) if not value]
    if without:
        raise EvalsuiteError(
            f'{cohort.source}: {len(without)} volumes have no "{column}", the first is '
            f"{without[0]}. Fill the column, or leave out diffusion.condition."
        )
    classes = tuple(sorted(set(values)))
    return classes, [classes.index(value) for value in values]


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
