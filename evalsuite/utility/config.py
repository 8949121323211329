"""What a utility experiment is: the arms, and everything that can change one of its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from evalsuite.config import CohortSource
from evalsuite.declared import Declared, validated
from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.settings import laid_over, read_settings
from evalsuite.volumes.preprocessing import PRESETS, Preprocessing, Shape, Triple

Material = Literal["real", "synthetic"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to come to a segmentation network.

    Args:
        name: in tables and MLflow.
        label: in figures.
        pretrained_on: what it reconstructs before it segments; None for random weights.
        trained_on: whose labels it learns from. Of real volumes it gets a share, of synthetic
            ones all; of both, half of every batch each.
    """

    name: str
    label: str
    pretrained_on: Material | None
    trained_on: tuple[Material, ...]


SCRATCH = Arm("scratch", "no pre-training", None, ("real",))
SYNTHETIC_PRETRAINING = Arm(
    "synthetic-pretraining", "pre-trained on synthetic volumes", "synthetic", ("real",)
)
REAL_PRETRAINING = Arm(
    "real-pretraining", "pre-trained on real unlabelled volumes", "real", ("real",)
)
SYNTHETIC_ONLY = Arm("synthetic-only", "trained on synthetic volumes only", None, ("synthetic",))
REAL_AND_SYNTHETIC = Arm(
    "real-and-synthetic", "trained on real and synthetic volumes", None, ("real", "synthetic")
)
UNLABELLED_ARMS = (SCRATCH, SYNTHETIC_PRETRAINING, REAL_PRETRAINING)
LABELLED_ARMS = (SYNTHETIC_ONLY, REAL_AND_SYNTHETIC)
ARMS = {arm.name: arm for arm in (*UNLABELLED_ARMS, *LABELLED_ARMS)}


def arms(*, labelled: bool) -> tuple[Arm, ...]:
    """Return the arms that synthetic volumes allow, with labels or without."""
    return UNLABELLED_ARMS + (LABELLED_ARMS if labelled else ())


class UtilityConfig(Declared):
    """One experiment of segmentation.

    Args:
        real: labelled real volumes.
        synthetic: synthetic volumes, with labels (of a folder, or of the column `label` of their
            manifest) or without.
        unlabelled: real volumes for the arm pre-trained on real ones; None: those to train on,
            without their labels.
        shares: per cent of the real training subjects whose labels an arm gets.
        repeats: trainings of every arm and share, with other weights and other subjects.
        test: share of the subjects held out, where the manifest has no column `split`.
        steps: updates of the weights, the same for every arm and share.
        pretraining_steps: updates of the pre-training before them.
        batch_size: patches per update.
        learning_rate: of AdamW, falling to zero as (1 - step / steps) ** 0.9.
        channels: of each level of the U-Net; every level but the first halves each axis.
        patch: voxels per axis that the network trains on; `auto`: the median real volume.
        preset, spacing: preprocessing, as of `evalsuite compute-metrics`.
        seed: of every random draw.
    """

    real: CohortSource
    synthetic: CohortSource
    unlabelled: CohortSource | None = None
    shares: tuple[Annotated[float, Field(gt=0, le=100)], ...] = Field(
        default=(5.0, 10.0, 20.0, 40.0, 100.0), min_length=1
    )
    repeats: PositiveInt = 3
    test: Annotated[float, Field(gt=0, lt=1)] = 0.3
    steps: PositiveInt = 1000
    pretraining_steps: PositiveInt = 1000
    batch_size: Annotated[int, Field(ge=2)] = 2
    learning_rate: PositiveFloat = 2e-3
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=2)] = (16, 32, 64, 128)
    patch: Literal["auto"] | Shape = "auto"
    preset: str = "mri"
    spacing: Literal["auto", "native"] | Triple = "auto"
    seed: Annotated[int, Field(ge=0)] = 0

    @field_validator("real", "synthetic", "unlabelled", mode="before")
    @classmethod
    def _source(cls, value: object) -> object:
        return CohortSource.parse(value) if isinstance(value, str) else value

    @field_validator("shares")
    @classmethod
    def _distinct(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(shares)) < len(shares):
            msg = "a share is named twice"
            raise ValueError(msg)
        return shares

    @property
    def factor(self) -> int:
        """What every side of a patch must be a multiple of."""
        return int(2 ** (len(self.channels) - 1))

    def preprocessing(self) -> Preprocessing:
        """Return the steps, not yet resolved.

        Raises:
            EvalsuiteError: for an unknown preset.
        """
        if self.preset not in PRESETS:
            raise EvalsuiteError(unknown("preset", self.preset, PRESETS))
        return PRESETS[self.preset].model_copy(update={"spacing": self.spacing})


def load_config(path: Path | None, *overrides: Mapping[str, Any]) -> UtilityConfig:
    """Return the configuration of a file with others laid over it, the last one on top.

    Args:
        path: YAML (.yaml, .yml) or TOML (.toml) file, or None for defaults.

    Raises:
        EvalsuiteError: for unknown or impossible values, in one sentence.
    """
    values = laid_over(read_settings(path) if path else {}, *overrides)
    if "real" not in values or "synthetic" not in values:
        raise EvalsuiteError(
            "An experiment needs real and synthetic volumes. Pass --real DIR --synthetic DIR, or "
            "name both in the file given with --config."
        )
    return validated(UtilityConfig, values, str(path) if path else "")
