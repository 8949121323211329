"""What a caller in Python gives, as a configuration has it."""

from collections.abc import Mapping
from multiprocessing import current_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.memory import Volumes, listed

if TYPE_CHECKING:
    from evalsuite.config import EvaluationConfig


def refuse_imported(function: str) -> None:
    """Raise EvalsuiteError if a process that extracts features calls a function of a script."""
    if getattr(current_process(), "_inheriting", False):
        raise EvalsuiteError(
            f'Call {function} below `if __name__ == "__main__":`, or with workers=1: processes '
            "that extract features import the script."
        )


def sources(synthetic: Any, folder: Path, held: dict[str, Cohort]) -> list[Any]:
    """Return how a configuration names several cohorts; see `source`."""
    if isinstance(synthetic, Mapping) and "path" not in synthetic:
        return [source(one, str(name), folder, held) for name, one in synthetic.items()]
    if isinstance(synthetic, str | Path):
        return [str(synthetic)]
    return [source(synthetic, "synthetic", folder, held)]


def source(given: Any, name: str, folder: Path, held: dict[str, Cohort]) -> dict[str, Any]:
    """Return how a configuration names a cohort; what is no path is added to those held.

    Args:
        given: a path, a table of a configuration, a `Cohort`, or volumes.
        name: of the cohort.
        folder: for arrays that are written to disk.
        held: cohorts that are no files a path could name, by the path that stands for them.
    """
    if isinstance(given, Mapping):
        return {"name": name, **given}
    if isinstance(given, str | Path):
        return {"path": str(given), "name": name}
    if isinstance(given, Cohort):
        cohort = given
    else:
        volumes = given if isinstance(given, Volumes) else Volumes(given)
        cohort = listed(volumes, name, folder)
    path = cohort.source if cohort.source not in held else f"{cohort.source} ({name})"
    held[path] = cohort
    return {"path": path, "name": name}


def declared(
    given: Mapping[str, Any], settings: Mapping[str, Any], config: str | Path | None
) -> "EvaluationConfig":
    """Return the configuration of arguments, of other settings, and of a file that both win over.

    Args:
        given: by key; None where nothing was given.
        settings: others, by key with dots.
        config: the file.

    Raises:
        EvalsuiteError: for a setting that is an argument as well, and anything wrong with them.
    """
    from evalsuite.config import load_config

    named = {key: value for key, value in given.items() if value is not None}
    for key in settings:
        if key in named:
            raise EvalsuiteError(f'settings: "{key}" is given as an argument as well.')
    return load_config(None if config is None else Path(config), {**named, **settings})
