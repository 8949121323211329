"""Training volumes: the suite's cohort and preprocessing, split, and dealt out by step.

Which volumes a step sees follows from (seed, step) alone, so that a resumed run sees what an
uninterrupted one would have seen.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.errors import EvalsuiteError
from evalsuite.seeds import dealt
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.preprocessing import Preprocessing
from generator.config import GeneratorConfig

KEPT = 4 << 30  # bytes of preprocessed volumes kept in memory


class TrainingData:
    """The volumes of a cohort after preprocessing, split into training and validation.

    Args:
        cohort: a checked cohort.
        config: of the generator; its preprocessing is resolved here.

    Raises:
        EvalsuiteError: if the volumes are too few or too small, or a class is missing.
    """

    def __init__(self, cohort: Cohort, config: GeneratorConfig) -> None:
        self.cohort = cohort
        self.seed = config.seed
        self.preprocessing = fitting(config, cohort)
        self.classes, self.labels = _classes(cohort, config.diffusion.condition)
        self.training, self.validation = _split(cohort, config)
        shape = self.preprocessing.shape
        size = KEPT if isinstance(shape, str) else 4 * int(np.prod(shape))

        @lru_cache(maxsize=max(1, KEPT // size))
        def load(index: int) -> Float[Tensor, "1 x y z"]:
            volume = self.preprocessing.apply(cohort.entries[index].read())
            return torch.from_numpy(volume.voxels)[None]

        self._load = load

    def volumes(self, indices: Sequence[int]) -> Float[Tensor, "b 1 x y z"]:
        """Return the volumes of the cohort with these indices, in [0, 1]."""
        return torch.stack([self._load(i) for i in indices])

    def classes_of(self, indices: Sequence[int]) -> Int[Tensor, " b"] | None:
        """Return the classes of these volumes, or None without a condition."""
        return torch.tensor([self.labels[i] for i in indices]) if self.classes else None

    def draw(self, stage: str, step: int, count: int) -> list[int]:
        """Return `count` indices of training volumes: every epoch a new order of all of them."""
        places = dealt(len(self.training), step, count, self.seed, stage)
        return [self.training[place] for place in places]


def fitting(config: GeneratorConfig, cohort: Cohort) -> Preprocessing:
    """Return the resolved preprocessing whose shape the networks can take.

    Raises:
        EvalsuiteError: for steps that end in volumes that the networks do not make, and if a given
            shape does not fit, with the nearest that does.
    """
    steps = config.preprocessing
    turned = steps.orientation not in {"RAS", "native"} or steps.axes != "xyz"
    if turned or steps.trim or not steps.ends_in_unit_range:
        raise EvalsuiteError(
            "A generator makes whole volumes in RAS with intensities from 0 to 1. Leave orientation, "
            "axes and trim out of its preprocessing, and let the intensity end there (percentile, "
            "window or minmax)."
        )
    resolved = config.preprocessing.resolve(
        [info.shape for info in cohort.infos], [info.affine for info in cohort.infos]
    )
    if isinstance(resolved.shape, str):
        raise EvalsuiteError(
            "A generator makes volumes of one shape, but its preprocessing has shape "
            f'"{resolved.shape}". Name it in voxels, or leave it out.'
        )
    multiple = config.multiple
    if min(resolved.shape) < multiple:
        raise EvalsuiteError(
            f"The volumes of {cohort.source} have {_by(resolved.shape)} voxels after "
            f"preprocessing, but these networks need at least {multiple} along each axis. "
            "Use a finer spacing, or fewer levels of channels."
        )
    # Rounded down: a margin is cut, because a network would learn to draw frames of padding.
    x, y, z = (side // multiple * multiple for side in resolved.shape)
    if config.preprocessing.shape != "auto" and (x, y, z) != resolved.shape:
        raise EvalsuiteError(
            f"The shape {_by(resolved.shape)} does not fit these networks, which need sides that "
            f"are multiples of {multiple}, such as {_by((x, y, z))}."
        )
    return resolved.model_copy(update={"shape": (x, y, z)})


def _by(shape: Sequence[int]) -> str:
    return " x ".join(str(side) for side in shape)


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
