"""Reference statistics on disk: mean and covariance of real features, and how they were made.

One file in the format of safetensors. Its metadata hold the record as JSON; of each extractor and
plane there are two tensors, the mean and a factor of the covariance. No row of a volume is in it,
nor the name of a file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.moments import Moments
from evalsuite.writable import write_whole

SUFFIX = ".reference"
FORMAT = "evalsuite reference statistics"
VERSION = 1
WHOLE = "volumes"  # in place of a plane, where rows are of whole volumes
# Settings that decide the features of real volumes.
SETTINGS = (
    "protocol", "preset", "preprocessing", "preprocessing_synthetic", "slices", "extractors",
    "precision",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known of a real cohort that is not here.

    Args:
        record: `real` (name, volumes, subjects, fingerprint), `settings` as declared, and by
            extractor `extractors` (its fingerprint) and `preparations` (its resolved steps).
        statistics: by extractor and plane, or `WHOLE`.
    """

    record: Mapping[str, Any]
    statistics: Mapping[tuple[str, str], Moments]


def is_reference(path: str) -> bool:
    """Tell whether a path is of reference statistics, by its suffix."""
    return path.endswith(SUFFIX)


def digest(path: Path) -> str:
    """Return the SHA-256 of the file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_reference(reference: Reference, path: Path) -> None:
    """Write a new file, all of it or nothing.

    Raises:
        EvalsuiteError: if there is one already, or it cannot be written.
    """
    from safetensors.numpy import save

    refuse_path(path)
    tensors: dict[str, np.ndarray] = {}
    for (extractor, plane), found in reference.statistics.items():
        tensors[f"{extractor}/{plane}/mean"] = np.ascontiguousarray(found.mean)
        tensors[f"{extractor}/{plane}/factor"] = np.ascontiguousarray(found.factor)
        tensors[f"{extractor}/{plane}/n"] = np.array([found.n], dtype=np.int64)
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "record": json.dumps(reference.record, sort_keys=True),
    }
    mend = "Name another file with --output FILE."
    write_whole(path, save(tensors, metadata), mend, "the statistics")


def refuse_path(path: Path) -> None:
    """Raise EvalsuiteError if statistics cannot be called so, or would replace a file."""
    if not is_reference(path.name):
        raise EvalsuiteError(f"{path}: call the file something that ends in {SUFFIX}.")
    if path.exists():
        raise EvalsuiteError(f"{path} exists already. Name another file with --output FILE.")


def read_reference(path: Path) -> Reference:
    """Return the statistics in a file.

    Raises:
        EvalsuiteError: if there is no such file, or it is damaged, none of ours or newer.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        reason = "it does not exist" if not path.exists() else f"it is damaged ({error})"
        raise EvalsuiteError(f"{path}: the statistics cannot be read: {reason}.") from None
    if told.get("format") != FORMAT:
        raise EvalsuiteError(
            f"{path}: these are no reference statistics. `evalsuite reference build` makes some."
        )
    if int(told["version"]) > VERSION:
        raise EvalsuiteError(
            f"{path}: version {told['version']} of the format is of a newer evalsuite, which this "
            f"one, of version {VERSION}, cannot read."
        )
    places = dict.fromkeys(tuple(name.rsplit("/", 2)[:2]) for name in tensors)
    statistics = {
        (extractor, plane): Moments(
            tensors[f"{extractor}/{plane}/mean"],
            tensors[f"{extractor}/{plane}/factor"],
            int(tensors[f"{extractor}/{plane}/n"][0]),
        )
        for extractor, plane in places
    }
    return Reference(json.loads(told["record"]), statistics)
