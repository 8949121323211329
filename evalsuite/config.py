"""What a user may declare about an evaluation: YAML or TOML, unknown keys are errors."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.settings import laid_over, nested, read_settings
from evalsuite.volumes.geometry import Geometry, read_orientation, read_spacing
from evalsuite.volumes.preprocessing import PRESETS, Preprocessing

DEFAULT_EXTRACTOR = "medicalnet-resnet10-23datasets"
DEFAULT_METRICS = ("frechet", "mmd", "ms_ssim", "precision_recall", "realism")


class CohortSource(BaseModel):
    """Where a cohort lies, what it is called, and where its segmentations lie, if it has any."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    name: str = ""
    labels: str | None = None

    @classmethod
    def parse(cls, text: str) -> "CohortSource":
        """Read `NAME=DIR` or `DIR`; a DIR that exists wins over a reading with a name."""
        name, separator, path = text.partition("=")
        if separator and name and "/" not in name and not Path(text).exists():
            return cls(path=path, name=name)
        return cls(path=text)


class EvaluationConfig(BaseModel):
    """One evaluation, declared: everything that can change one of its numbers.

    Args:
        real: the real cohort: a folder, glob, manifest or BIDS folder.
        synthetic: the synthetic cohorts.
        training: what the generator was trained on, for metrics of privacy.
        by: covariate by whose values metrics are broken down as well.
        preset: `mri` or `ct`; the values that `preprocessing` leaves out come from it.
        preprocessing: the steps, see `evalsuite.volumes.preprocessing.Preprocessing`.
        extractors: names of feature extractors, or paths of TorchScript modules.
        weights: a weight file for the (single) MedicalNet extractor.
        precision: arithmetic of networks, `float32` or the faster `bfloat16`.
        metrics: by name, the options that differ from their defaults.
        seed: of every random draw.
        assume_spacing, assume_orientation: of volumes whose files state none, see
            `evalsuite.volumes.geometry`.
        skip_invalid: go on without volumes that have faults.
        allow_leakage: accept volumes that are in both cohorts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    real: CohortSource
    synthetic: tuple[CohortSource, ...] = Field(min_length=1)
    training: CohortSource | None = None
    by: str | None = None
    preset: str = "mri"
    preprocessing: dict[str, Any] = Field(default_factory=dict)
    extractors: tuple[str, ...] = Field(default=(DEFAULT_EXTRACTOR,), min_length=1)
    weights: str | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    metrics: dict[str, dict[str, Any]] = Field(default_factory=lambda: _chosen(DEFAULT_METRICS))
    seed: int = Field(default=0, ge=0)
    assume_spacing: tuple[float, float, float] | None = None
    assume_orientation: str | None = None
    skip_invalid: bool = False
    allow_leakage: bool = False

    @field_validator("real", "training", mode="before")
    @classmethod
    def _one_source(cls, value: object) -> object:
        return CohortSource.parse(value) if isinstance(value, str) else value

    @field_validator("synthetic", mode="before")
    @classmethod
    def _sources(cls, value: object) -> object:
        if isinstance(value, str | Mapping):
            value = [value]
        if isinstance(value, Iterable):
            return [CohortSource.parse(v) if isinstance(v, str) else v for v in value]
        return value

    @field_validator("metrics", mode="before")
    @classmethod
    def _options(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            return _chosen(value)
        if isinstance(value, Mapping):
            return {name: options or {} for name, options in value.items()}
        return value

    @field_validator("assume_spacing", mode="before")
    @classmethod
    def _spacing(cls, value: object) -> object:
        return None if value is None else read_spacing(value)

    @field_validator("assume_orientation", mode="before")
    @classmethod
    def _orientation(cls, value: object) -> object:
        return None if value is None else read_orientation(value)

    def stated(self) -> Geometry:
        """Return the geometry of volumes whose files state none, as far as it was declared."""
        return Geometry(self.assume_spacing, self.assume_orientation)

    def steps(self) -> Preprocessing:
        """Return the preset with the declared values laid over it, not yet resolved.

        Raises:
            EvalsuiteError: for an unknown preset, step or value.
        """
        if self.preset not in PRESETS:
            raise EvalsuiteError(unknown("preset", self.preset, PRESETS))
        steps = laid_over(PRESETS[self.preset].model_dump(), self.preprocessing)
        try:
            return Preprocessing.model_validate(steps)
        except ValidationError as error:
            raise EvalsuiteError(_sentence(error, "the preprocessing")) from None


def load_config(path: Path | None, overrides: Mapping[str, Any]) -> EvaluationConfig:
    """Return the configuration of a file with the values of the command line laid over it.

    Args:
        path: YAML (.yaml, .yml) or TOML (.toml) file, or None for defaults.
        overrides: values that win; a key with dots reaches into nested tables.

    Raises:
        EvalsuiteError: for a file that cannot be read and for unknown or impossible values.
    """
    values = read_settings(path) if path else {}
    for key, value in overrides.items():
        if key.startswith("metrics."):
            chosen = values.get("metrics", DEFAULT_METRICS)
            values["metrics"] = _chosen(chosen) if isinstance(chosen, list | tuple) else chosen
        values = laid_over(values, nested(key, value))
    origin = str(path) if path else "the command line"
    if "real" not in values or "synthetic" not in values:
        raise EvalsuiteError(
            "An evaluation needs a real and a synthetic cohort. "
            "Pass --real DIR --synthetic DIR, or name both in the file given with --config."
        )
    try:
        return EvaluationConfig.model_validate(values)
    except ValidationError as error:
        raise EvalsuiteError(_sentence(error, origin)) from None


def _chosen(metrics: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {name: {} for name in metrics}


def _sentence(error: ValidationError, origin: str) -> str:
    """Return the first fault in one sentence, and all unknown keys with the known ones."""
    faults = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            faults.append(f'the setting "{where}" is unknown')
        else:
            found = json.dumps(fault["input"], default=str)
            message = fault["msg"].removeprefix("Value error, ")
            faults.append(f"{where}: {message[:1].lower()}{message[1:]}, but found {found}")
    return f"In {origin}, " + "; ".join(faults) + "."
