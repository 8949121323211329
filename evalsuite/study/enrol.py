"""A reader who comes after the study was made: an order of their own, as balanced as the others'."""

import os
from pathlib import Path

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import load_design, read_design
from evalsuite.study.protocol.schedule import schedule
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import by_phase, read_truth

HEAD = "reader\tseed\n"


def enrol(study: str, reader: str, home: Home) -> str:
    """Enrol a reader and return the token that signs them in; it is told once.

    The seed of the order is fresh. It is noted in the lead's folder and not in the database: who
    knows it and the order can tell the cohorts apart.

    Args:
        study: its name.
        reader: the name, as unlike the others' as the design asks.
        home: of the study, with the lead's folder.

    Raises:
        EvalsuiteError: if the study is closed, its design or truth is not here, or the name is
            none or taken.
    """
    database = StudyDatabase(home.database)
    about = database.study(study)
    if about.state == "closed":
        raise EvalsuiteError(f"{study} is closed for good; nobody can be enrolled.")
    design = load_design(home.lead / study / "design.yaml")
    names = [known.name for known in database.readers(study)]
    values = {**design.model_dump(mode="json"), "readers": [*names, reader]}
    name = read_design(values, f"the readers of {study}").readers[-1]
    seed = fresh_seed()
    # Noted first: a seed without a reader does no harm.
    _note(home.lead / study / "enrolments.tsv", name, seed)
    cases = by_phase(read_truth(home.truth(study)).values())
    return database.enrol(study, name, schedule(design, cases, name, seed=seed))


def fresh_seed() -> int:
    """Return 128 bits from the operating system, as numpy takes them for a seed."""
    entropy = np.random.SeedSequence().entropy
    assert isinstance(entropy, int)  # noqa: S101 - only that of a given seed may be another
    return entropy


def _note(path: Path, reader: str, seed: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(f"{'' if file.tell() else HEAD}{reader}\t{seed}\n")
    except OSError as error:
        raise EvalsuiteError(f"{path}: it cannot be written: {error.strerror}.") from None
