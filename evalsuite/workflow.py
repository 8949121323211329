"""What a command does from end to end: evaluate, keep on disk, track, show."""

import json
import math
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalsuite import plugins, results
from evalsuite.config import EvaluationConfig
from evalsuite.output import say
from evalsuite.processes import machine_cores, rank, threads
from evalsuite.progress import bars, silent
from evalsuite.records import Evaluation
from evalsuite.reference_file import is_reference
from evalsuite.seeds import seed_of
from evalsuite.table import print_table
from evalsuite.writable import new_folder, refuse_to_overwrite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evalsuite.records import Evidence
    from evalsuite.resources import Resources


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a run.

    Args:
        evaluation: the results.
        folder: where they lie.
        nothing: whether nothing at all could be computed.
    """

    evaluation: Evaluation
    folder: Path
    nothing: bool = False


def compute_metrics(
    config: EvaluationConfig, resources: "Resources", output: Path | None
) -> Done | None:
    """Evaluate and write the results to disk.

    Returns None in the processes of torchrun or srun other than the first, which only extract.

    Args:
        output: new folder for the results; None: see `folder_by_time`.
    """
    from evalsuite import evaluate as volumes
    from evalsuite.reference import compare as stored

    folder = output or folder_by_time()
    if rank() > 0 and folder.is_dir() and any(folder.iterdir()):
        return None  # the first one has ended already, or refuses to write there
    refuse_to_overwrite(folder)
    by_statistics = is_reference(config.real.path)
    if rank() > 0:
        share = stored.share if by_statistics else volumes.share
        share(config, replace(resources, progress=silent, tell=say))
        return None
    answer = stored.compare if by_statistics else volumes.evaluate
    with threads(machine_cores()):
        evaluation, evidence = answer(config, replace(resources, progress=bars, tell=say))
    figures = draw(evaluation, evidence)
    rerun = config.model_dump(mode="json", exclude_defaults=True)
    results.write_results(evaluation, evidence, figures, rerun, folder)
    undefined = all(math.isnan(estimate.value) for estimate in evaluation.estimates)
    nothing = undefined and not (evidence.scores or evidence.details)
    return Done(evaluation, folder, nothing)


def folder_by_time() -> Path:
    """Return the folder of results that were given none.

    Jobs of a cluster begin in one second: to the second, one of them would lose its results at the
    end, to the folder of the other.
    """
    return Path("evalsuite-results") / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def log(folder: Path, experiment: str, run_name: str | None) -> str:
    """Log results on disk to MLflow and return a sentence on the run."""
    return track(Done(results.read_results(folder), folder), experiment, run_name)


def track(done: Done, experiment: str, run_name: str | None) -> str:
    """Log results to MLflow and return a sentence on the run."""
    from evalsuite import tracking
    from evalsuite.tracking.evaluation import run_record

    record = run_record(done.evaluation, done.folder, run_name)
    return tracking.log(record, experiment=experiment, kept=done.folder).told


def draw(evaluation: Evaluation, evidence: "Evidence") -> "dict[str, Figure]":
    """Return every figure of the entry-point group `evalsuite.figures` with something to show.

    One of several pages gives a list; from the second on they are called `NAME-2` and so on.
    """
    drawn = {}
    for name, point in plugins.available("figures").items():
        found = plugins.loaded(point).draw(evaluation, evidence)
        pages = found if isinstance(found, list) else [found]
        for place, page in enumerate(pages, 1):
            if page is not None:
                drawn[name if place == 1 else f"{name}-{place}"] = page
    return drawn


def simulate_population(
    folder: Path,
    *,
    n: int,
    seed: int,
    spacing: float,
    variability: float,
    blur: float,
    noise: float,
) -> None:
    """Write n simulated brains as NIfTI into a new folder, with a note on what they are."""
    from evalsuite.volumes.population import degrade, simulate, template
    from evalsuite.volumes.write import write_nifti

    note = {
        "Name": "Simulated brains: one real T1 template under random deformations",
        "Template": "ICBM 2009a nonlinear symmetric T1, as shipped by nilearn",
        "Synthetic": True,
        "Seed": seed,
        "SpacingMillimetres": spacing,
        "Variability": variability,
        "BlurVoxels": blur,
        "NoiseShare": noise,
    }
    template(spacing)  # what lacks it ends here
    with new_folder(folder, "the volumes", "Name another folder.") as draft:
        (draft / "population.json").write_text(json.dumps(note, indent=1) + "\n")
        with bars(f"simulating {folder}", n) as advance:
            for i in range(n):
                brain = simulate(i, seed=seed, spacing=spacing, variability=variability)
                brain = degrade(brain, blur=blur, noise=noise, seed=seed_of(seed, i, "noise"))
                write_nifti(brain, draft / f"brain_{i:04d}.nii.gz")
                advance()


def show(done: Done, *, as_json: bool) -> None:
    """Print the results on stdout, where they lie on stderr."""
    from rich.console import Console

    stderr = Console(stderr=True, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(results.to_json(done.evaluation), indent=1))
    else:
        wide = None if sys.stdout.isatty() else 120
        print_table(done.evaluation, Console(width=wide))
    stderr.print(f"Results: {done.folder}", highlight=False)
    if done.nothing:
        stderr.print("Nothing could be computed; the results say why.", highlight=False)
