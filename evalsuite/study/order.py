"""The seed of every order: noted for the lead alone.

Who knows the seed and the orders in the database can tell the cohorts apart, as the blocks of an
order are a function of the seed. So it is no part of the design, whose seed may be guessed.
"""

import os
from pathlib import Path

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.study.home import Home

NAME = "order.seed"


def fresh_seed() -> int:
    """Return 128 bits from the operating system, as numpy takes them for a seed."""
    entropy = np.random.SeedSequence().entropy
    assert isinstance(entropy, int)  # noqa: S101 - only that of a given seed may be another
    return entropy


def note_seed(folder: Path, seed: int) -> None:
    """Write the seed, readable by its owner alone."""
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{seed}\n")


def kept_seed(home: Home, study: str) -> int | None:
    """Return the seed of the orders; None for an older study, whose orders are of its design.

    Raises:
        EvalsuiteError: if the file holds none.
    """
    path = home.lead / study / NAME
    if not path.exists():
        return None
    try:
        return int(path.read_text(encoding="utf-8"))
    except ValueError:
        raise EvalsuiteError(f"{path}: expected the seed, a whole number, alone.") from None
