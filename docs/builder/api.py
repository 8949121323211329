"""The reference of the Python API: which objects mkdocstrings writes about."""

from importlib import import_module
from pkgutil import walk_packages

import evalsuite

ELSEWHERE = {"evalsuite.metrics.metric"}  # it has a page of its own


def public() -> str:
    """Return what `import evalsuite` offers, as mkdocstrings takes it."""
    return "\n\n".join(f"::: evalsuite.{name}" for name in evalsuite.__all__)


def formulas_of_metrics() -> str:
    """Return the modules of the metrics."""
    return _modules("evalsuite.metrics")


def statistics() -> str:
    """Return the modules of the reader statistics."""
    return _modules("evalsuite.statistics")


def modules(package: str) -> list[str]:
    """Return the names of the modules below a package."""
    found = walk_packages(import_module(package).__path__, f"{package}.")
    return [module.name for module in found if not module.ispkg]


def _modules(package: str) -> str:
    return "\n\n".join(f"::: {name}" for name in modules(package) if name not in ELSEWHERE)
