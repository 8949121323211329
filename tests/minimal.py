"""An installation with some extras and no more, made of links to what is installed here."""

import os
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def closure(*extras):
    """Return every distribution that `pip install evalsuite[EXTRAS]` would bring, by name."""
    found: dict[str, Distribution] = {}
    waiting = [("evalsuite", frozenset(extras) | {""})]
    done = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in done:
            continue
        done.add((name, wanted))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # an optional driver of another platform
        for requirement in map(Requirement, found[name].requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted):
                waiting.append((requirement.name.lower(), frozenset(requirement.extras) | {""}))
    return found


def links(folder, *extras):
    """Link all of it into a folder and return the environment of a process that sees no more."""
    folder.mkdir()
    for one in closure(*extras).values():
        for file in one.files or ():
            top = file.parts[0]
            place = folder / top
            if top != ".." and not top.endswith(".pth") and not place.exists():
                place.symlink_to(Path(str(one.locate_file(top))))
    path = os.pathsep.join(map(str, (ROOT, folder)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONNOUSERSITE": "1"}


def megabytes(*extras):
    """Return what it weighs on disk, without byte code."""
    sizes = 0
    for one in closure(*extras).values():
        for file in one.files or ():
            path = Path(str(one.locate_file(file)))
            sizes += path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0
    return sizes / 1e6
