"""Folders that results go to are tried before the work whose results they are to hold."""

import tempfile
from pathlib import Path

from evalsuite.errors import EvalsuiteError


def refuse_unwritable(folder: Path, option: str) -> None:
    """Raise EvalsuiteError if no file can be written into a folder, which may be yet to make.

    Args:
        folder: left as it is.
        option: by which another one is named, for the message.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        at = "" if place == folder.absolute() else f" in {place}"
        raise EvalsuiteError(
            f"{folder}: nothing can be written{at}: {error.strerror}. "
            f"Name another folder with {option}."
        ) from None
