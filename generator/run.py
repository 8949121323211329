"""What `train` does from end to end."""

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from matplotlib.figure import Figure

from evalsuite import tracking
from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from evalsuite.machine import rank, world
from evalsuite.progress import Progress, bars, silent
from evalsuite.tracking.record import Status
from evalsuite.tracking.training import HISTORY, STATE, run_record
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.sources import read_cohort
from evalsuite.writable import refuse_unwritable
from generator import checkpoint, distributed
from generator.autoencoder_stage import AutoencoderStage
from generator.config import GeneratorConfig
from generator.data import TrainingData
from generator.diffusion_stage import DiffusionStage
from generator.fitting import left_out
from generator.model import FINISHED, digest
from generator.summary import summary
from generator.training import Report, Stage, append_history, fit
from generator.watching import Watch

REPORT = "report.json"
Track = Callable[[Status], None]


def train(
    source: str,
    output: Path,
    config: GeneratorConfig,
    *,
    resume: bool,
    device: str,
    experiment: str | None,
    skip_invalid: bool,
    evaluate_every: int | None = None,
    extractor: str | None = None,
) -> Path:
    """Train both stages and write the finished generator; return its folder.

    Args:
        evaluate_every: steps between two comparisons of what a stage makes with validation
            volumes; None: none.
        extractor: of the features for that; None: that of `compute-metrics`.

    Raises:
        EvalsuiteError: for anything wrong with volumes, configuration, disk or losses.
    """
    here = distributed.device(device)
    for stage in (config.vqgan, config.diffusion):
        if stage.training.batch_size % world():
            raise EvalsuiteError(
                f"A batch_size of {stage.training.batch_size} cannot be shared by "
                f"{world()} processes. Use a multiple of {world()}."
            )
    first = rank() == 0
    progress = bars if first else silent
    finished = output / FINISHED
    begun = any(checkpoint.steps(output / stage) for stage in ("vqgan", "diffusion"))
    if not resume and (begun or finished.exists()):
        raise EvalsuiteError(
            f"{output} holds a training already. Go on with --resume, or name another folder."
        )
    refuse_unwritable(output, "--output DIR")
    if first and not resume:
        # Left by a training that was interrupted before its first checkpoint.
        for name in (HISTORY, STATE, REPORT):
            for left in output.glob(f"*/{name}"):
                left.unlink()
    cohort = read_cohort(source, name="training", role="real")
    with progress(f"checking {source}", len(cohort.entries)) as advance:
        cohort = check_cohort(cohort, skip_invalid=skip_invalid, advance=advance)
    for warning in cohort.warnings if first else ():
        print(f"{source}: {warning}", file=sys.stderr)  # noqa: T201
    data = TrainingData(cohort, config)
    watch = Watch(evaluate_every, extractor, data, here) if evaluate_every else None
    settings = config.model_dump(mode="json")
    lost = left_out(cohort, data.preprocessing)
    if first:
        print(summary(data, config, lost, output, here), file=sys.stderr)  # noqa: T201
        output.mkdir(parents=True, exist_ok=True)
        (output / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))

    def run(stage: Stage) -> dict[str, float]:
        folder = output / stage.name
        track = _tracker(folder, experiment if first else None)
        with progress(f"training {stage.name}", stage.settings.steps) as tick:

            def advance(count: int) -> None:
                for _step in range(count):
                    tick()

            try:
                metrics = fit(
                    stage,
                    folder,
                    signature=_signature(data, config, stage.name),
                    resume=resume,
                    report=_reporter(folder, track),
                    advance=advance,
                    watch=watch,
                )
            except BaseException as error:
                track("FAILED" if isinstance(error, Exception) else "KILLED")
                raise
        track("FINISHED")
        return metrics

    autoencoder = AutoencoderStage(config, data, here)
    metrics = run(autoencoder)
    report = _told_report(autoencoder, output / autoencoder.name, progress) if first else {}
    distributed.barrier()
    diffusion = DiffusionStage(config, data, autoencoder.model, here)
    metrics |= run(diffusion)
    if first:
        modules = {"vqgan": autoencoder.model, "denoiser": diffusion.average.module}
        tensors = checkpoint.pack(modules, {})
        factor = config.vqgan.factor
        card = {
            "name": output.name,
            "config": settings,
            "preprocessing": data.preprocessing.model_dump(mode="json"),
            "left_out": asdict(lost),
            "spacing": data.spacing,
            "latent_range": autoencoder.model.latent_range(),
            "latent_shape": [config.vqgan.code_dimension] + [side // factor for side in data.sides],
            "classes": list(data.classes),
            "data": {
                "source": source,
                "fingerprint": cohort.fingerprint,
                "training": [cohort.entries[i].id for i in data.training],
                "validation": [cohort.entries[i].id for i in data.validation],
                "skipped": [str(fault) for fault in cohort.skipped],
            },
            "metrics": metrics,
            "reconstructions": report,
            "weights_sha256": digest(tensors),
            "environment": environment(),
            "processes": world(),
        }
        checkpoint.save(finished, tensors, card)
    distributed.barrier()
    return finished


def _told_report(stage: AutoencoderStage, folder: Path, progress: Progress) -> dict[str, Any]:
    """Print what the first stage keeps of volumes; return it, from disk if it is of this stage."""
    file, steps = folder / REPORT, stage.settings.steps
    told: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if told.get("steps") != steps:
        report = stage.report(progress)
        told = {"steps": steps, **report.card()}
        file.write_text(json.dumps(told, indent=1) + "\n")
        print(report.text(), file=sys.stderr)  # noqa: T201
    return told


def _signature(data: TrainingData, config: GeneratorConfig, stage: str) -> str:
    """Return the hash of all that decides the weights of a stage.

    The first stage knows nothing of the second: another diffusion model may follow on it.
    """
    parts = [
        data.cohort.fingerprint,
        data.preprocessing.model_dump(mode="json"),
        data.training,
        config.seed,
        config.vqgan.model_dump(mode="json"),
    ]
    if stage == "diffusion":
        parts.append(config.diffusion.model_dump(mode="json"))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _reporter(folder: Path, track: Track) -> Report:
    """Return a report that keeps everything on disk, then in MLflow."""

    def report(step: int, values: dict[str, float], figures: dict[str, Figure]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        append_history(folder / HISTORY, step, values)
        for title, figure in figures.items():
            figure.savefig(folder / f"{title}.png", dpi=120)
        track("RUNNING")

    return report


def _tracker(folder: Path, experiment: str | None) -> Track:
    """Return what brings the MLflow run of a stage up to date.

    Once MLflow has not answered it is asked again only when the training ends.
    """
    silenced: list[str] = []

    def track(status: Status) -> None:
        waits = silenced and status == "RUNNING"
        if experiment is None or waits or not (folder / HISTORY).exists():
            return
        try:
            record = run_record(folder, status=status)
            tracking.log(record, experiment=experiment, kept=folder)
        except tracking.TrackingError as error:
            silenced.append(str(error))
            goes_on = "The training goes on. " if status == "RUNNING" else ""
            print(f"{goes_on}{error}", file=sys.stderr)  # noqa: T201

    return track
