"""All that can be added is an entry point, built-in and third-party alike."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Any

from evalsuite.errors import EvalsuiteError, unknown


def available(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of `evalsuite.<group>` by name, in alphabetical order."""
    places = [Path(place) for place in sys.path]
    changed = tuple(place.stat().st_mtime_ns if place.exists() else 0 for place in places)
    found = _installed(f"evalsuite.{group}", tuple(sys.path), changed)
    return {point.name: point for point in sorted(found, key=lambda point: point.name)}


@lru_cache(maxsize=64)
def _installed(group: str, places: tuple[str, ...], changed: tuple[int, ...]) -> EntryPoints:
    """Return the entry points of a group, for which all that is installed is looked through.

    Args:
        places, changed: where packages are, and when one came or went: for these it is kept.
    """
    del places, changed
    return entry_points(group=group)


def load(group: str, name: str, hints: Mapping[str, str] | None = None) -> Any:
    """Import and return one entry point.

    Args:
        group: `metrics`, `extractors`, `question_kinds`, `figures`, `report_chapters`, ...
        hints: by known name, words that a user may have meant.

    Raises:
        EvalsuiteError: for an unknown name, with the nearest known one.
    """
    points = available(group)
    if name not in points:
        raise EvalsuiteError(unknown(group.removesuffix("s"), name, points, hints))
    return loaded(points[name])


def loaded(point: EntryPoint) -> Any:
    """Import and return what an entry point names.

    Raises:
        EvalsuiteError: if it is another package's and cannot be imported, for whatever reason.
    """
    try:
        return point.load()
    except Exception as error:
        if point.dist is None or point.dist.name == "evalsuite":
            raise
        raise EvalsuiteError(
            f'The package {point.dist.name} declares "{point.name}" in {point.group}, which cannot '
            f"be loaded ({type(error).__name__}: {error}). Update or uninstall that package."
        ) from error
