"""What a user may declare about an evaluation: YAML or TOML, unknown keys are errors."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from evalsuite.declared import Declared, validated
from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.memory import size
from evalsuite.protocols.protocol import load_protocol
from evalsuite.reference_file import SETTINGS, is_reference, read_reference
from evalsuite.settings import laid_over, nested, read_settings
from evalsuite.volumes.geometry import DIRECTIONS, Geometry, read_orientation, read_spacing
from evalsuite.volumes.preprocessing import PRESETS, Preprocessing

DEFAULT_EXTRACTOR = "medicalnet-resnet10-23datasets"
PAIRED_METRICS = ("paired",)
# Pairs are compared as they are: a step that looks at one volume alone would hide what differs.
PAIRED_STEPS = {"spacing": "native", "shape": "native", "intensity": {"kind": "none"}}
DEFAULT_METRICS = ("frechet", "mmd", "ms_ssim", "precision_recall", "realism")

# The options of each metric are judged against its own declaration, see `Metric.judged`.
Metrics = Annotated[
    dict[
        str, Annotated[dict[str, Any], Field(json_schema_extra={"expected": "a table of options"})]
    ],
    Field(
        min_length=1,
        json_schema_extra={"expected": "a list of metrics, or a table of them with their options"},
    ),
]


# By name of the extractor; "" stands for the only one that takes weights.
Weights = Annotated[
    dict[str, str],
    Field(json_schema_extra={"expected": "a file, or a table of extractors with their files"}),
]


class CohortSource(Declared):
    """Where a cohort lies, what it is called, and where its segmentations lie, if it has any.

    Args:
        path: a folder, glob, manifest or BIDS folder, of 4D files with `:K` behind it, see
            `evalsuite.volumes.sources.read_cohort`; of the real cohort also FILE.reference.
        name: in tables and figures; empty takes the last part of the path.
        labels: folder with a label map of the same name for each volume.
    """

    model_config = ConfigDict(
        json_schema_extra={"expected": "a path, or a table with path, name and labels"}
    )

    path: str = Field(min_length=1)
    name: str = ""
    labels: str | None = None

    @classmethod
    def parse(cls, text: str) -> "CohortSource":
        """Read `NAME=DIR` or `DIR`; a DIR that exists wins over a reading with a name."""
        name, separator, path = text.partition("=")
        if separator and name and "/" not in name and not Path(text).exists():
            return cls(path=path, name=name)
        return cls(path=text)


class EvaluationConfig(Declared):
    """One evaluation, declared: everything that can change one of its numbers.

    Args:
        real: the real cohort: a folder, glob, manifest or BIDS folder.
        synthetic: the synthetic cohorts.
        training: what the generator was trained on, for metrics of privacy.
        by: covariate by whose values metrics are broken down as well.
        certificate: file or folder of `evalsuite certify`, by which each number is told with the
            least difference that it shows.
        paired: what names the real volume that each synthetic one stands for: `file`, `subject` or
            a column of both tables; the defaults of metrics and preprocessing are then those of
            pairs.
        masks: a folder, glob or table of masks, one for each real volume, that are found as pairs
            are; pairs are compared within them as well.
        protocol: a published way to compare volumes, see `evalsuite.protocols.protocol`; every
            other setting wins over its own.
        preset: `mri` or `ct`; the values that `preprocessing` leaves out come from it.
        preprocessing: the steps, see `evalsuite.volumes.preprocessing.Preprocessing`; they win
            over what an extractor wants.
        preprocessing_synthetic: steps that are others for synthetic volumes.
        slices: what is other for two-dimensional networks than they declare, see
            `evalsuite.extractors.slices.Slices`.
        extractors: names of feature extractors, or paths of TorchScript modules.
        weights: by name of the extractor its weight file, or one file for the only extractor that
            takes any.
        precision: arithmetic of networks, `float32` or the faster `bfloat16`.
        engine: what runs networks, `torch`, or `openvino`, which is faster on a processor.
        metrics: by name, the options that differ from their defaults.
        seed: of every random draw.
        memory: bytes for what metrics hold at a time, half of it volumes that were read, half
            blocks of kernels and distances; by default a quarter of what is free, at most 1 GB. It
            changes no number, and features of volumes are held beside it.
        assume_spacing, assume_orientation: of volumes whose files state none, see
            `evalsuite.volumes.geometry`.
        skip_invalid: go on without volumes that have faults.
        allow_leakage: accept volumes that are in both cohorts.
    """

    real: CohortSource
    synthetic: tuple[CohortSource, ...] = Field(min_length=1)
    training: CohortSource | None = None
    by: str | None = None
    certificate: str | None = None
    paired: str | None = None
    masks: str | None = None
    protocol: str | None = None
    preset: str = "mri"
    preprocessing: dict[str, Any] = Field(default_factory=dict)
    preprocessing_synthetic: dict[str, Any] = Field(default_factory=dict)
    slices: dict[str, Any] = Field(default_factory=dict)
    extractors: tuple[str, ...] = Field(default=(DEFAULT_EXTRACTOR,), min_length=1)
    weights: Weights = Field(default_factory=dict)
    precision: Literal["float32", "bfloat16"] = "float32"
    engine: Literal["torch", "openvino"] = "torch"
    metrics: Metrics = Field(default_factory=lambda: _with_options(DEFAULT_METRICS))
    seed: int = Field(default=0, ge=0)
    memory: Annotated[
        int | None, Field(strict=True, ge=1, json_schema_extra={"expected": "a size such as 4GB"})
    ] = None
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
        return _with_options(value)

    @field_validator("weights", mode="before")
    @classmethod
    def _weights(cls, value: object) -> object:
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
            pairs = [_named_file(text) for text in value]
            if len(dict(pairs)) < len(pairs):
                msg = "name each of several weight files, and each name once: NAME=FILE"
                raise ValueError(msg)
            return dict(pairs)
        return value

    @field_validator("memory", mode="before")
    @classmethod
    def _memory(cls, value: object) -> object:
        return size(value) if isinstance(value, str) else value

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

    def steps(self, wants: Mapping[str, Any] | None = None) -> Preprocessing:
        """Return the preset with the declared values laid over it, not yet resolved.

        Args:
            wants: what an extractor wants, laid over the preset first. Where it turns the axes of
                the patient, a declared spacing and shape are turned with them.

        Raises:
            EvalsuiteError: for an unknown preset, step or value.
        """
        if self.preset not in PRESETS:
            raise EvalsuiteError(unknown("preset", self.preset, PRESETS))
        preset = PRESETS[self.preset].model_dump()
        base = laid_over(preset, wants or {})
        # What the user leaves out of an intensity is the preset's, not the extractor's.
        whole = laid_over(preset, self.preprocessing)
        declared = {name: whole[name] for name in self.preprocessing}
        if "orientation" not in declared and base["orientation"] != "native":
            order = [DIRECTIONS[letter][0] for letter in base["orientation"]]
            for name in declared.keys() & {"spacing", "shape"}:
                value = declared[name]
                if isinstance(value, list | tuple) and len(value) == len(order):
                    declared[name] = [value[axis] for axis in order]
        return validated(Preprocessing, laid_over(base, declared), "the preprocessing")

    def synthetic_steps(self, steps: Preprocessing) -> Preprocessing:
        """Return the steps with those that are others for synthetic volumes laid over them.

        Raises:
            EvalsuiteError: for an unknown step or value.
        """
        others = laid_over(steps.model_dump(), self.preprocessing_synthetic)
        return validated(Preprocessing, others, "the preprocessing of synthetic volumes")


def with_labels(text: str | None, labels: str | None) -> str | dict[str, Any] | None:
    """Return a cohort as the command line names it, with the folder of its label maps.

    Raises:
        EvalsuiteError: if there are label maps and no volumes.
    """
    if labels is None:
        return text
    if text is None:
        raise EvalsuiteError("--real-labels and --synthetic-labels go with the volumes.")
    return {**CohortSource.parse(text).model_dump(), "labels": labels}


def load_config(path: Path | None, overrides: Mapping[str, Any]) -> EvaluationConfig:
    """Return the configuration of a file with the values of the command line laid over it.

    Args:
        path: YAML (.yaml, .yml) or TOML (.toml) file, or None for defaults.
        overrides: values that win; a key with dots reaches into nested tables.

    Raises:
        EvalsuiteError: for a file that cannot be read and for unknown or impossible values.
    """
    values = read_settings(path) if path else {}
    reference = _reference(overrides.get("real", values.get("real")))
    frozen = _frozen(overrides.get("protocol", values.get("protocol")), reference)
    paired = overrides.get("paired", values.get("paired"))
    if paired:
        frozen = laid_over({"preprocessing": PAIRED_STEPS}, frozen)
    own = frozen.pop("metrics", _with_options(PAIRED_METRICS if paired else DEFAULT_METRICS))
    metrics = _with_options(values.get("metrics", own))
    for key, value in overrides.items():
        if key == "metrics":
            metrics = _narrowed(metrics, value)
        elif key.startswith("metrics."):
            _forbid_idle_options(key, metrics)
            metrics = laid_over({"metrics": metrics}, nested(key, value))["metrics"]
        else:
            values = laid_over(values, nested(key, value))
    if isinstance(metrics, Mapping):
        metrics = laid_over({name: own[name] for name in metrics if name in own}, metrics)
    values = laid_over(frozen, values) | {"metrics": metrics}
    if reference:
        _forbid_others(reference, frozen, values)
    if "real" not in values or "synthetic" not in values:
        raise EvalsuiteError(
            "An evaluation needs a real and a synthetic cohort. "
            "Pass --real DIR --synthetic DIR, or name both in the file given with --config."
        )
    sources = [str(path)] if path else []
    sources += ["the command line"] if overrides else []
    return validated(EvaluationConfig, values, " and ".join(sources))


def _named_file(text: str) -> tuple[str, str]:
    """Read `NAME=FILE` or `FILE`; a FILE that exists wins over a reading with a name."""
    name, separator, file = text.partition("=")
    named = separator and name and "/" not in name and not Path(text).expanduser().exists()
    return (name, file) if named else ("", text)


def _reference(real: object) -> Path | None:
    """Return the file of reference statistics that stands for the real cohort, if it is one."""
    path = real.get("path") if isinstance(real, Mapping) else real
    path = CohortSource.parse(path).path if isinstance(path, str) and path else ""
    return Path(path) if is_reference(path) else None


def _frozen(protocol: object, reference: Path | None) -> dict[str, Any]:
    """Return the settings that lie under those of the user: of reference statistics or a protocol.

    The statistics know theirs, with what was changed of their protocol.
    """
    known = read_reference(reference).record["settings"] if reference else {}
    name = known.get("protocol") or protocol
    frozen = load_protocol(str(name)).settings() if name else {}
    return frozen | known


def _forbid_others(reference: Path, frozen: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Refuse settings other than those that reference statistics were made with."""
    differing = [key for key in SETTINGS if values.get(key) != frozen[key]]
    if differing:
        raise EvalsuiteError(
            f"{reference} was made with other settings of {', '.join(differing)}. Leave yours out, "
            "or make other statistics with `evalsuite reference build`."
        )


def _with_options(metrics: Any) -> Any:
    """Return metrics as a table of their options; anything else is left for the check to refuse."""
    if isinstance(metrics, list | tuple):
        return {str(name): {} for name in metrics}
    if isinstance(metrics, Mapping):
        return {name: {} if options is None else options for name, options in metrics.items()}
    return metrics


def _narrowed(declared: object, named: object) -> object:
    """Return the metrics that are named with the options that the file declares of them."""
    known = _with_options(declared)
    wanted = _with_options(named)
    if not isinstance(named, list | tuple) or not isinstance(known, Mapping):
        return wanted
    return {name: known.get(name, {}) for name in wanted}


def _forbid_idle_options(key: str, metrics: object) -> None:
    """Refuse an option of a metric that is not computed."""
    name = key.split(".")[1]
    if not isinstance(metrics, Mapping) or name in metrics:
        return
    near = difflib.get_close_matches(name, metrics, n=1)
    mend = (
        f'Did you mean "metrics.{near[0]}"?'
        if near
        else f"Add it with --metrics {','.join([*metrics, name])}."
    )
    raise EvalsuiteError(
        f"--set {key}: {name} is not among the metrics that are computed, {', '.join(metrics)}. "
        f"{mend}"
    )
