"""A small study on simulated brains, for who opens the app with nothing configured.

It can be read by readers who are simulated, too, to show what a study ends in.
"""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from evalsuite.study.create import Created, create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from evalsuite.study.storage import lifecycle
from evalsuite.study.storage.database import reading
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth
from evalsuite.volumes.population import degrade, simulate
from evalsuite.volumes.write import write_nifti

NAME, READER = "demo", "Demo reader"
SIMULATED = ("Reader 1", "Reader 2", "Reader 3")
ACUITY = 1.5  # of simulated readers: real less blurred, in units of their noise
CASES = 6
SPACING = 3.0
BLUR = 1.0  # what makes the "synthetic" brains of the demonstration differ: sigma in voxels
CONSENT = (
    "This is a demonstration. Its volumes are simulated, and your answers are kept in a database "
    "on this machine alone."
)
INSTRUCTIONS = (
    "You will see brains, one after another. Some stand for real scans, the others for the output "
    "of a generator. Judge each of them by the questions beside it."
)


def demo(home: Home, readers: tuple[str, ...] = (READER,)) -> Created:
    """Create the demonstration study: twelve simulated brains, half of them blurred.

    Args:
        home: where it goes.
        readers: who reads it.

    Raises:
        EvalsuiteError: if it exists already, or nilearn, which ships the template, is missing.
    """
    with TemporaryDirectory() as scratch:
        cohorts = []
        for seed, (name, role) in enumerate((("real", "real"), ("blurred", "synthetic"))):
            folder = Path(scratch) / name
            folder.mkdir()
            for index in range(CASES + 1):
                brain = simulate(index, seed=seed, spacing=SPACING)
                if role == "synthetic":
                    brain = degrade(brain, blur=BLUR, noise=0.0, seed=seed)
                write_nifti(brain, folder / f"{index}.nii.gz")
            cohorts.append({"name": name, "path": str(folder), "role": role, "cases": CASES})
        design = read_design(
            {
                "name": NAME,
                "title": "Demonstration",
                "cohorts": cohorts,
                "readers": list(readers),
                "template": ["turing", "paper"],
                "training": 1,
                "repeats": 2,
                "consent": CONSENT,
                "instructions": INSTRUCTIONS,
            }
        )
        return create(design, home)


def simulate_reading(study: str, readers: Iterable[str], home: Home, *, seed: int) -> int:
    """Answer all of a study that asks `turing` and `paper`, and return how many presentations.

    Each answer is a normal number that is greater by `ACUITY` for real cases, cut into the points
    of its question. The audit log tells these answers as imported.

    Args:
        study: its name; nobody has answered yet.
        readers: of it, by name.
        home: where it lies.
        seed: of the answers.
    """
    database = StudyDatabase(home.database)
    truth = read_truth(home.truth(study))
    random = np.random.default_rng(seed)
    batches: list[tuple[int, str, str, dict[str, int]]] = []
    for reader in readers:
        with reading(database.engine) as connection:
            reader_id = lifecycle.reader_id(connection, study, reader)
        for shown in database.plan(reader_id):
            shift = ACUITY / 2 * (1 if truth[shown.cases[0]].role == "real" else -1)
            sixth, *fourths = random.normal(shift, 1, 4)
            answers = {"real_or_synthetic": _cut(sixth, 6)}
            for question, value in zip(
                ("appearance", "anatomy", "consistency"), fourths, strict=True
            ):
                answers[question] = _cut(value, 4)
            batches.append((len(batches) + 1, reader, shown.token, answers))
    return database.import_answers(study, batches, "simulated readers")


def _cut(value: float, points: int) -> int:
    """Return the point, from 1, of a normal number; the points are one unit wide."""
    return int(np.clip(np.floor(value + points / 2) + 1, 1, points))
