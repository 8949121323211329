"""All that can be added is an entry point, built-in and third-party alike."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from evalsuite.errors import EvalsuiteError, unknown


def available(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of `evalsuite.<group>` by name, in alphabetical order."""
    found = entry_points(group=f"evalsuite.{group}")
    return {point.name: point for point in sorted(found, key=lambda point: point.name)}


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
