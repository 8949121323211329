"""What is installed by `pip install 'evalsuite[NAME]'`, and the sentence where it is missing."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires
from typing import TYPE_CHECKING

from evalsuite.errors import EvalsuiteError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGES = {"pywt": "pywavelets"}  # of modules that are called otherwise


def require(extra: str, *, purpose: str, otherwise: str = "") -> None:
    """Refuse, before any work, what needs packages that are not installed.

    Args:
        extra: of the package's metadata.
        purpose: what needs it, as the beginning of a sentence.
        otherwise: what a user may do instead, as its end.

    Raises:
        EvalsuiteError: with the packages and the command that installs them.
    """
    missing = [name for name in _packages(extra) if not _installed(name)]
    if missing:
        raise EvalsuiteError(_sentence(purpose, missing, extra, otherwise))


def named(error: ModuleNotFoundError) -> str | None:
    """Return the sentence for a module of an extra that is not installed; None of any other."""
    module = _plain((error.name or "").partition(".")[0])
    package = PACKAGES.get(module, module)
    extra = _owner(package)
    return _sentence("This", [package], extra, "") if extra and not _installed(package) else None


def command(package: str) -> str:
    """Return what installs a package: its extra if it is of one, else the package alone."""
    extra = _owner(_plain(package))
    return f"pip install 'evalsuite[{extra}]'" if extra else f"pip install {package}"


def _owner(package: str) -> str | None:
    """Return the extra that names a package, without extras of its own if there is a choice."""
    owners = [
        (len(requirement.extras), extra)
        for extra, requirement in _requirements()
        if _plain(requirement.name) == package and extra != "dev"
    ]
    return min(owners)[1] if owners else None


def _sentence(purpose: str, missing: list[str], extra: str, otherwise: str) -> str:
    instead = f", or {otherwise}" if otherwise else ""
    return (
        f"{purpose} needs {', '.join(missing)}. "
        f"Install it with: pip install 'evalsuite[{extra}]'{instead}."
    )


def _packages(extra: str) -> Iterator[str]:
    for wanted_by, requirement in _requirements():
        if wanted_by != extra:
            continue
        if _plain(requirement.name) == "evalsuite":  # an extra that takes others in
            for other in sorted(requirement.extras):
                yield from _packages(other)
        else:
            yield requirement.name


def _requirements() -> "Iterator[tuple[str, Requirement]]":
    """Yield each extra with one of its requirements, where that is for this platform."""
    from packaging.requirements import Requirement  # heavy, and a command seldom lacks anything

    for text in requires("evalsuite") or ():
        extra = re.search(r'extra == "(.+?)"', text)
        requirement = Requirement(text)
        if extra and requirement.marker and requirement.marker.evaluate({"extra": extra[1]}):
            yield extra[1], requirement


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
