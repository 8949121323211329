"""What is tracked of anything: one record, within the limits of MLflow, which is not imported."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evalsuite.records import CohortRecord
from evalsuite.results import RESULTS

KEY_LENGTH = 250
PARAM_LENGTH = 6000
TAG_LENGTH = 5000

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
Point = tuple[str, float, int]
Tag = tuple[str, str]

# What runs are linked by, beside their identity:
DIGEST = "evalsuite.digest"  # SHA-256 of a file of results
SAMPLES = "evalsuite.samples_sha256"  # of the synthetic volumes that an evaluation is of
WEIGHTS = "evalsuite.weights_sha256"  # of the generator that a training made
SAMPLED = "evalsuite.sampled_sha256"  # of the volumes that a run of `generator sample` made
STUDY = "evalsuite.study"  # of the design of a study
LINKS_LENGTH = 1000  # of the description, for the runs that it was made from


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model that a run has made: a table of whole numbers in, volumes out.

    Args:
        name: of the model.
        loader: importable module with `_load_pyfunc(path)`; no code is kept with the model.
        data: folder with the weights.
        digest: SHA-256 of the weights.
        columns: of the table.
        parameters: by name, what else may be told, with defaults.
        shape: of a volume, voxels.
        card: whatever is known of it; becomes its metadata.
    """

    name: str
    loader: str
    data: Path
    digest: str
    columns: Sequence[str]
    parameters: Mapping[str, str | float]
    shape: Sequence[int]
    card: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as MLflow is to show it; logging it again brings its run up to date.

    Args:
        name: of the run.
        identity: tags that no other run has and by which it is found again; the first of them
            has a value without quotes, such as a hash.
        config: nested; its leaves become the parameters.
        points: metrics as (name, value, step), all finite, as databases change other values.
        tags: whatever else it is found and described by.
        files: by path in the run, a file on disk; a folder stands for all that is in it.
        texts: by path in the run, a text file.
        tables: by name, the columns of a table, kept as CSV and as MLflow's own.
        cohorts: that it compares; become datasets.
        made_from: by what it is, the tag and its value by which the runs of what this one was made
            from are found; the description names them.
        model: that it has made.
        start, end: milliseconds since 1970; None: now.
        status: how what it tells of stands.
        nested: runs below it, by the name that tells them apart.
        columns: parameters and metrics by which the list of runs tells such runs apart, the metric
            that sorts them first.
        listed: whether a run below another has a row of its own in the list of runs, where MLflow
            hides those below others until they are asked for; the tag `evalsuite.part_of` then
            names the run that it belongs to.
    """

    name: str
    identity: Mapping[str, str]
    config: Mapping[str, object] = field(default_factory=dict)
    points: Sequence[Point] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)
    cohorts: Sequence[CohortRecord] = ()
    made_from: Mapping[str, Tag] = field(default_factory=dict)
    model: ModelRecord | None = None
    start: int | None = None
    end: int | None = None
    status: Status = "FINISHED"
    nested: Mapping[str, "RunRecord"] = field(default_factory=dict)
    columns: tuple[Sequence[str], Sequence[str]] = ((), ())
    listed: bool = False


def digest_of(folder: Path) -> str:
    """Return the SHA-256 by which reports and runs name the results in a folder; empty if none."""
    path = folder / RESULTS
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def by_weights(weights: Mapping[str, str]) -> dict[str, Tag]:
    """Return where cohorts come from, for `made_from`: by name, the digest of what made them."""
    return {f"training of {name}": (WEIGHTS, digest) for name, digest in weights.items() if digest}


def by_samples(cohorts: Sequence[CohortRecord]) -> dict[str, Tag]:
    """Return where the cohorts of generators come from: their samples, and what made these."""
    generated = [cohort for cohort in cohorts if cohort.weights_sha256]
    samples = {f"samples {c.name}": (SAMPLED, c.fingerprint) for c in generated}
    return samples | by_weights({cohort.name: cohort.weights_sha256 for cohort in generated})


def described_by(environment: Mapping[str, Any], command: str, note: str) -> dict[str, str]:
    """Return the tags that every result has: by which version and command, and what it says."""
    tags = {
        "evalsuite.version": environment.get("packages", {}).get("evalsuite"),
        "mlflow.source.git.commit": (environment.get("evalsuite_commit") or "").removesuffix(
            "-dirty"
        ),
    }
    return {
        **{name: value for name, value in tags.items() if value},
        "mlflow.note.content": note,
        "mlflow.source.name": command,
        "mlflow.source.type": "LOCAL",
    }


def environment_file(environment: Mapping[str, object]) -> dict[str, str]:
    """Return the text file that tells all versions, by its path in a run."""
    return {"environment.json": json.dumps(environment, indent=1) + "\n"}


def flatten(config: Mapping[str, object]) -> dict[str, str]:
    """Return the leaves of a nested configuration by dotted key, within MLflow's limits.

    A list of tables contributes each table under its `name` or else its place; any other list is
    one JSON value, and null is left out. Values over 6,000 characters are cut and say so.
    """
    leaves: dict[str, str] = {}

    def visit(key: str, value: object) -> None:
        if isinstance(value, Mapping) and value:
            for name, item in value.items():
                visit(f"{key}.{name}", item)
        elif isinstance(value, list | tuple) and value and all(isinstance(v, dict) for v in value):
            for place, item in enumerate(value):
                visit(f"{key}.{item.get('name', place)}", item)
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            leaves[key_of(key)] = shortened(text, PARAM_LENGTH)

    for name, value in config.items():
        visit(str(name), value)
    return leaves


def key_of(name: str) -> str:
    """Return the name with what MLflow refuses in keys replaced."""
    plain = re.sub(r"[^\w\-. :/]", "_", name[-KEY_LENGTH:], flags=re.ASCII)
    return "/".join(part for part in plain.split("/") if part not in ("", ".", ".."))


def shortened(text: str, length: int) -> str:
    """Return a text of at most that many characters, which says where the rest is."""
    note = " ... (in full in results.json)"
    return text if len(text) <= length else text[: length - len(note)] + note
