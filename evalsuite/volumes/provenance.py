"""Which generator made a volume, as the sidecar beside it says."""

import json
from collections.abc import Iterable
from pathlib import Path


def weights_of(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the weights that made all these volumes.

    Empty where no sidecar names one, or where they differ.
    """
    found = {_weights(path) for path in paths}
    return found.pop() if len(found) == 1 else ""


def _weights(path: Path) -> str:
    sidecar = path.with_name(f"{path.name.partition('.nii')[0]}.json")
    try:
        told = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # most volumes have none
        return ""
    return str(told.get("WeightsSHA256", "")) if isinstance(told, dict) else ""
