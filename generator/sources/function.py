"""Functions that make volumes: entry points of `evalsuite.generators`, or `module:function`."""

import contextlib
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from evalsuite import plugins
from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.extractors.weights import sha256
from generator.sources.foreign import Foreign, failing, foreign
from generator.sources.source import SourceOptions


def function(name: str, options: SourceOptions) -> Foreign:
    """Return the function of that name as a source.

    It is called as `function(n, seed)` with the settings as keyword arguments, and with `device`
    if it takes one. What it may return is told in `samples_of`, what it may declare by attributes
    in `foreign`; the files in its attribute `files` are hashed with its module.

    Args:
        name: an entry point of `evalsuite.generators`, or `module:function`, the module being
            importable or in the working folder.

    Raises:
        EvalsuiteError: for an unknown name or setting, or code that cannot be imported.
    """
    if ":" in name:
        point = EntryPoint(name, name, "evalsuite.generators")
        with failing(name, "when it was imported", options.log), _here():
            made: Any = point.load()
    else:
        made = plugins.load("generators", name)
        point = plugins.available("generators")[name]
    if not callable(made):
        raise EvalsuiteError(
            f"{name}: it is {type(made).__name__}; expected a function of n and seed."
        )
    settings = _settings(made, name, options)
    files = [Path(sys.modules[point.module].__file__ or ""), *map(Path, getattr(made, "files", ()))]
    what = {
        "Generator": name,
        "Kind": "function",
        "Function": point.value,
        "Version": _version(point),
    }
    return foreign(
        name,
        lambda n, seed: made(n, seed, **settings),
        what,
        {file.name: sha256(file) for file in files},
        made,
        options,
    )


def listing() -> list[dict[str, str]]:
    """Return name, package and summary of all entry points; of a broken one what is wrong."""
    rows = []
    for name, point in plugins.available("generators").items():
        try:
            summary = (plugins.loaded(point).__doc__ or "").strip().partition("\n")[0]
        except EvalsuiteError as error:
            summary = str(error)
        package = f"{point.dist.name} {point.dist.version}" if point.dist else ""
        rows.append({"name": name, "package": package, "summary": summary})
    return rows


def _settings(made: Callable[..., Any], name: str, options: SourceOptions) -> dict[str, Any]:
    """Return the keyword arguments for a function, all of which it takes."""
    parameters = inspect.signature(made).parameters
    settings = dict(options.settings)
    refuse_unknown(settings, list(parameters)[2:], parameters.values(), name)
    if "device" in parameters:
        settings.setdefault("device", options.device)
    try:
        inspect.signature(made).bind(1, 0, **settings)
    except TypeError as error:
        raise EvalsuiteError(
            f"{name}: it cannot be called with n, seed and these settings: {error}. "
            "Give others with --set KEY=VALUE."
        ) from None
    return settings


def refuse_unknown(
    settings: Mapping[str, Any],
    known: Iterable[str],
    parameters: Iterable[inspect.Parameter],
    name: str,
) -> None:
    """Raise EvalsuiteError for a setting that a function does not take."""
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return
    for key in settings:
        if key not in known:
            raise EvalsuiteError(f"{name}: {unknown('setting', key, known)}")


@contextlib.contextmanager
def _here() -> Iterator[None]:
    """Let modules of the working folder be imported."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path.remove(str(Path.cwd()))


def _version(point: EntryPoint) -> str:
    """Return the package of a function with its version, as far as it tells them."""
    if point.dist:
        return f"{point.dist.name} {point.dist.version}"
    top = point.module.partition(".")[0]
    try:
        return f"{top} {importlib.metadata.version(top)}"
    except importlib.metadata.PackageNotFoundError:
        told = getattr(sys.modules[top], "__version__", "of no stated version")
        return f"{top} {told}"
