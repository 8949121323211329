"""Folders and files of results: tried before the work, and there at its end entirely or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

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


def refuse_to_overwrite(folder: Path) -> None:
    """Raise EvalsuiteError if results would meet something in the folder, or cannot go there."""
    if folder.is_dir() and any(folder.iterdir()):
        raise EvalsuiteError(f"{folder} is not empty. Name another folder with --output DIR.")
    if folder.exists() and not folder.is_dir():
        raise EvalsuiteError(f"{folder} is a file. Name another folder with --output DIR.")
    refuse_unwritable(folder, "--output DIR")


@contextmanager
def new_folder(folder: Path, what: str, mend: str) -> Iterator[Path]:
    """Yield a folder to write into that takes its place at the end: all of it is there or nothing.

    Args:
        folder: must not hold anything yet.
        what: is written, for the error.
        mend: a sentence on what to do where it cannot be written.

    Raises:
        EvalsuiteError: if the folder holds something or cannot be written.
    """
    refuse_to_overwrite(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            yield draft
            draft.chmod(0o755)
            draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise EvalsuiteError(
            f"{folder}: {what} cannot be written: {error.strerror}. {mend}"
        ) from None


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Yield a file that takes its place at the end: all of it is there, even after kill -9, or nothing.

    Args:
        durable: even after the power fails; for what can be made again that takes too long.

    Raises:
        OSError: if the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, mend: str, what: str = "it") -> None:
    """Write a file, all of it or nothing; one that is there is replaced.

    Args:
        mend: a sentence on what to do where it cannot be written.
        what: is written, for the error.

    Raises:
        EvalsuiteError: if the disk refuses.
    """
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise EvalsuiteError(
            f"{path}: {what} cannot be written: {error.strerror}. {mend}"
        ) from None
