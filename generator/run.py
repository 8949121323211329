"""What `train` does from end to end."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from matplotlib.figure import Figure
from torch import Tensor, nn

from evalsuite import tracking
from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from evalsuite.processes import rank, world
from evalsuite.progress import Progress, bars, silent
from evalsuite.tracking.record import Status
from evalsuite.tracking.training import HISTORY, STATE, run_record
from evalsuite.writable import refuse_unwritable
from generator import checkpoint, distributed, noise
from generator.autoencoder_stage import AutoencoderStage
from generator.channels import check_channels, read_channels
from generator.config import GeneratorConfig
from generator.data import TrainingData
from generator.diffusion_stage import DiffusionStage
from generator.fitting import left_out
from generator.label_maps import training_maps
from generator.model import FINISHED, digest
from generator.resume import ORIGIN, STAGES, histories, origin_of
from generator.solvers import refuse_impossible
from generator.stopping import termination
from generator.summary import summary
from generator.training import Outcome, Report, Stage, append_history, fit
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
    origin: Path | None = None,
    evaluate_every: int | None = None,
    extractor: str | None = None,
) -> Path:
    """Train both stages and write the finished generator; return its folder.

    Args:
        source: of the volumes.
        output: folder of the run.
        config: of the generator.
        resume: go on from the last checkpoints, if there are any.
        device: a torch device, or `auto`.
        experiment: of MLflow; None tracks nothing.
        skip_invalid: leave out volumes that cannot be used.
        origin: a generator whose weights training starts from.
        evaluate_every: steps between two comparisons of what a stage makes with validation
            volumes; None: none.
        extractor: of the features for that; None: that of `compute-metrics`.

    Raises:
        EvalsuiteError: for anything wrong with volumes, configuration, disk or losses, and for a
            change of configuration that a resumed training cannot take; then no file has changed.
        SystemExit: after SIGTERM, with a checkpoint to go on from.
    """
    here = distributed.device(device)
    _refuse_unequal_shares(config)
    refuse_impossible(config.diffusion, config.sampler, config.steps, config.start)
    first = rank() == 0
    progress = bars if first else silent
    finished = output / FINISHED
    if not resume:
        _refuse_begun(output)
    refuse_unwritable(output, "--output DIR")
    if first and not resume:
        _forget(output)
    data = _checked_data(source, config, progress, skip_invalid=skip_invalid)
    watch = Watch(evaluate_every, extractor, data, here) if evaluate_every else None
    settings = config.model_dump(mode="json")
    lost = left_out(data.cohort, data.preprocessing)
    weights, started_from = origin_of(origin, output, config, data.conditioning)
    made = {
        "config": settings,
        "data": data.cohort.fingerprint,
        "shape": list(data.sides),
        "diffusion": data.told,
        "processes": world(),
        "from": started_from and started_from["weights_sha256"],
    }
    changes = histories(output, made)
    distributed.barrier()  # all have looked before the first one writes
    if first:
        print(summary(data, config, lost, output, here), file=sys.stderr)  # noqa: T201
        _begin(output, settings, weights, started_from)

    trackers = {stage: _tracker(output / stage, experiment if first else None) for stage in STAGES}

    def run(stage: Stage, stopping: Callable[[], bool]) -> Outcome:
        folder = output / stage.name
        track = trackers[stage.name]
        done = max(checkpoint.steps(folder), default=0)
        with progress(f"training {stage.name}", stage.settings.steps, done) as advance:
            try:
                outcome = fit(
                    stage,
                    folder,
                    about={"made": made, "history": changes[stage.name]},
                    resume=resume,
                    report=_reporter(folder, track),
                    advance=advance,
                    initial=weights,
                    stopping=stopping,
                    watch=watch,
                )
            except BaseException as error:
                track("FAILED" if isinstance(error, Exception) else "KILLED")
                raise
        track("FINISHED")
        return outcome

    with termination() as stopping:
        autoencoder = AutoencoderStage(config, data, here)
        outcomes = {"vqgan": run(autoencoder, stopping)}
        report = (
            _told_report(autoencoder, outcomes["vqgan"].step, output / "vqgan", progress)
            if first
            else {}
        )
        distributed.barrier()
        diffusion = DiffusionStage(config, data, autoencoder.model, here)
        outcomes["diffusion"] = run(diffusion, stopping)
    metrics = {k: v for outcome in outcomes.values() for k, v in outcome.metrics.items()}
    if first:
        if doubt := noise.doubt(metrics):
            print(doubt, file=sys.stderr)  # noqa: T201
        tensors = checkpoint.pack(_finished(autoencoder, diffusion, progress), {})
        checkpoint.save(
            finished,
            tensors,
            {
                "name": output.name,
                "config": settings,
                "preprocessing": data.preprocessing.model_dump(mode="json"),
                "intensities": {
                    name: steps.intensity.model_dump(mode="json")
                    for name, steps in zip(
                        config.channel_names, config.of_channels(data.preprocessing), strict=False
                    )
                },
                "left_out": asdict(lost),
                "spacing": data.spacing,
                "latent_scaling": diffusion.scaling.card(),
                "latent_shape": [
                    config.vqgan.code_dimension,
                    *(side // config.vqgan.factor for side in data.sides),
                ],
                "conditioning": data.conditioning.card(),
                "data": {
                    "source": source,
                    "fingerprint": data.cohort.fingerprint,
                    "training": [data.cohort.entries[i].id for i in data.training],
                    "validation": [data.cohort.entries[i].id for i in data.validation],
                    "skipped": [str(fault) for fault in data.cohort.skipped],
                    "labels": data.map_files,
                    "images": data.images,
                },
                "metrics": metrics,
                "taken": {
                    stage.name: _taken(stage, outcomes[stage.name])
                    for stage in (autoencoder, diffusion)
                },
                "history": changes,
                "from": started_from,
                "reconstructions": report,
                "weights_sha256": digest(tensors),
                "environment": environment(),
                "processes": world(),
            },
        )
        for track in trackers.values():  # now with the digest of the weights, and the model
            track("FINISHED")
    distributed.barrier()
    return finished


def _finished(
    autoencoder: AutoencoderStage, diffusion: DiffusionStage, progress: Progress
) -> dict[str, nn.Module]:
    """Return what samples are made with."""
    modules: dict[str, nn.Module] = {
        "vqgan": autoencoder.model, "denoiser": diffusion.average.module
    }  # fmt: skip
    if diffusion.whole.calibrate:
        modules["calibration"] = diffusion.calibration(progress)
    return modules


def _refuse_begun(output: Path) -> None:
    """Raise EvalsuiteError if the folder holds a training, finished or not."""
    begun = any(checkpoint.steps(output / stage) for stage in STAGES)
    if begun or (output / FINISHED).exists() or (output / ORIGIN).exists():
        raise EvalsuiteError(
            f"{output} holds a training already. Go on with --resume, or name another folder."
        )


def _forget(output: Path) -> None:
    """Remove what a training left that was interrupted before its first checkpoint."""
    for name in (HISTORY, STATE, REPORT):
        for left in output.glob(f"*/{name}"):
            left.unlink()


def _begin(
    output: Path,
    settings: dict[str, Any],
    weights: dict[str, Tensor],
    started_from: dict[str, Any] | None,
) -> None:
    """Write the configuration, and the weights that training starts from."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    if started_from and not (output / ORIGIN).exists():
        checkpoint.save(output / ORIGIN, weights, {**started_from, "config": settings})


def _refuse_unequal_shares(config: GeneratorConfig) -> None:
    for stage in (config.vqgan, config.diffusion):
        if stage.training.batch_size % world():
            raise EvalsuiteError(
                f"A batch_size of {stage.training.batch_size} cannot be shared by "
                f"{world()} processes. Use a multiple of {world()}."
            )


def _told_report(
    stage: AutoencoderStage, step: int, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Print what the first stage keeps of volumes; return it, from disk if it is of that step."""
    file = folder / REPORT
    told: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if told.get("step") != step:
        report = stage.report(progress)
        told = {"step": step, **report.card()}
        file.write_text(json.dumps(told, indent=1) + "\n")
        print(report.text(), file=sys.stderr)  # noqa: T201
    return told


def _checked_data(
    source: str, config: GeneratorConfig, progress: Progress, *, skip_invalid: bool
) -> TrainingData:
    listed = read_channels(source, config.channel_names, name="training")
    with progress(f"checking {source}", sum(len(one.entries) for one in listed)) as advance:
        cohort, *further = check_channels(listed, skip_invalid=skip_invalid, advance=advance)
    for warning in cohort.warnings if rank() == 0 else ():
        print(f"{source}: {warning}", file=sys.stderr)  # noqa: T201
    maps = None
    if config.labels:
        with progress("checking label maps", len(cohort.entries)) as advance:
            maps = training_maps(cohort, config.labels, advance)
    return TrainingData(cohort, config, maps, further)


def _taken(stage: AutoencoderStage | DiffusionStage, outcome: Outcome) -> dict[str, Any]:
    """Return which weights of a stage the finished generator has."""
    by = stage.merit[0] if stage.settings.take == "best" else "last"
    return {"step": outcome.step, "of": stage.settings.steps, "by": by}


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
    silenced: set[tuple[Status, str]] = set()

    def track(status: Status) -> None:
        waits = silenced and status == "RUNNING"
        if experiment is None or waits or not (folder / HISTORY).exists():
            return
        try:
            record = run_record(folder, status=status)
            tracking.log(record, experiment=experiment, kept=folder)
        except tracking.TrackingError as error:
            goes_on = "The training goes on. " if status == "RUNNING" else ""
            if (status, str(error)) not in silenced:
                print(f"{goes_on}{error}", file=sys.stderr)  # noqa: T201
            silenced.add((status, str(error)))

    return track
