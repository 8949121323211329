"""A small study on simulated brains, for who opens the app with nothing configured."""

from pathlib import Path
from tempfile import TemporaryDirectory

from evalsuite.study.create import Created, create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from evalsuite.volumes.population import degrade, simulate
from evalsuite.volumes.write import write_nifti

NAME, READER = "demo", "Demo reader"
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


def demo(home: Home) -> Created:
    """Create the demonstration study: one reader, twelve simulated brains, half of them blurred.

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
                "readers": [READER],
                "template": ["turing", "paper"],
                "training": 1,
                "repeats": 2,
                "consent": CONSENT,
                "instructions": INSTRUCTIONS,
            }
        )
        return create(design, home)
