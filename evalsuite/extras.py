"""What is installed by `pip install 'evalsuite[NAME]'`, and the sentence where it is missing."""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires

from evalsuite.errors import EvalsuiteError

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
    """Return the smallest extra that has a package."""
    names = re.findall(r'extra == "(.+?)"', "\n".join(requires("evalsuite") or ()))
    packages = {extra: set(map(_plain, _packages(extra))) for extra in names if extra != "dev"}
    owners = [extra for extra, found in packages.items() if package in found]
    return min(owners, key=lambda extra: len(packages[extra]), default=None)


def _sentence(purpose: str, missing: list[str], extra: str, otherwise: str) -> str:
    instead = f", or {otherwise}" if otherwise else ""
    return (
        f"{purpose} needs {', '.join(missing)}. "
        f"Install it with: pip install 'evalsuite[{extra}]'{instead}."
    )


def _packages(extra: str) -> Iterator[str]:
    from packaging.requirements import Requirement  # heavy, and a command seldom lacks anything

    for requirement in map(Requirement, requires("evalsuite") or ()):
        marker = requirement.marker
        wanted = marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})
        if not wanted:
            continue
        if _plain(requirement.name) == "evalsuite":  # an extra that takes others in
            for other in sorted(requirement.extras):
                yield from _packages(other)
        else:
            yield requirement.name


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
