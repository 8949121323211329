"""What `train` and `sample` do from end to end."""

import csv
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from matplotlib.figure import Figure

from evalsuite import tracking
from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from evalsuite.machine import rank, world
from evalsuite.progress import bars, silent
from evalsuite.tracking.record import Status
from evalsuite.tracking.training import HISTORY, STATE, run_record
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from evalsuite.writable import refuse_unwritable
from generator import checkpoint, distributed
from generator.config import GeneratorConfig
from generator.data import TrainingData
from generator.figures import mosaic
from generator.model import FINISHED, Generator, Recipe, digest, load
from generator.sampling import blocks
from generator.stages import AutoencoderStage, DiffusionStage
from generator.training import Report, Stage, append_history, fit

Track = Callable[[Status], None]

ALIKE = 1e-3  # mean difference of intensities below which samples count as one


def train(
    source: str,
    output: Path,
    config: GeneratorConfig,
    *,
    resume: bool,
    device: str,
    experiment: str | None,
    skip_invalid: bool,
) -> Path:
    """Train both stages and write the finished generator; return its folder.

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
        for name in (HISTORY, STATE):
            for left in output.glob(f"*/{name}"):
                left.unlink()
    cohort = read_cohort(source, name="training", role="real")
    with progress(f"checking {source}", len(cohort.entries)) as advance:
        cohort = check_cohort(cohort, skip_invalid=skip_invalid, advance=advance)
    for warning in cohort.warnings if first else ():
        print(f"{source}: {warning}", file=sys.stderr)  # noqa: T201
    data = TrainingData(cohort, config)
    settings = config.model_dump(mode="json")
    if first:
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
                )
            except BaseException as error:
                track("FAILED" if isinstance(error, Exception) else "KILLED")
                raise
        track("FINISHED")
        return metrics

    autoencoder = AutoencoderStage(config, data, here)
    metrics = run(autoencoder)
    diffusion = DiffusionStage(config, data, autoencoder.model, here)
    metrics |= run(diffusion)
    if first:
        modules = {"vqgan": autoencoder.model, "denoiser": diffusion.average.module}
        tensors = checkpoint.pack(modules, {})
        sides = data.preprocessing.shape
        factor = config.vqgan.factor
        card = {
            "name": output.name,
            "config": settings,
            "preprocessing": data.preprocessing.model_dump(mode="json"),
            "spacing": _spacing(data),
            "latent_range": autoencoder.model.latent_range(),
            "latent_shape": [config.vqgan.code_dimension]
            + [side // factor for side in sides if isinstance(side, int)],
            "classes": list(data.classes),
            "data": {
                "source": source,
                "fingerprint": cohort.fingerprint,
                "training": [cohort.entries[i].id for i in data.training],
                "validation": [cohort.entries[i].id for i in data.validation],
                "skipped": [str(fault) for fault in cohort.skipped],
            },
            "metrics": metrics,
            "weights_sha256": digest(tensors),
            "environment": environment(),
            "processes": world(),
        }
        checkpoint.save(finished, tensors, card)
    distributed.barrier()
    return finished


def sample(folder: Path, output: Path, n: int, recipe: Recipe, *, device: str) -> str:
    """Write samples 0 to n - 1 into a folder, going on where an earlier call stopped.

    Returns:
        A sentence on what to do next.

    Raises:
        EvalsuiteError: if the folder holds samples of another recipe, or if samples are constant,
            not finite or all alike; sound ones are written all the same.
    """
    refuse_unwritable(output, "--output DIR")
    generator = load(folder, str(distributed.device(device)))
    recipe = generator.resolved(recipe)
    provenance = {
        "Synthetic": True,
        "Generator": generator.card["name"],
        "WeightsSHA256": generator.digest,
        **{_camel(key): value for key, value in asdict(recipe).items()},
        "IntensityUnits": "0 to 1, the normalisation of the training data",
        "TrainingDataFingerprint": generator.card["data"]["fingerprint"],
    }
    output.mkdir(parents=True, exist_ok=True)
    _refuse_another(output, provenance)
    first = rank() == 0
    faults: list[str] = []
    with (bars if first else silent)(f"sampling {output}", n) as advance:
        size = generator.config.sample_block
        for block in blocks(n, size, rank(), world()):
            wanted = [index for index in block if index < n]
            if not all(_image(output, index).exists() for index in wanted):
                faults += _write_block(generator, output, block, wanted, recipe, provenance)
            for _ in wanted:
                advance()
    distributed.barrier()
    if first:
        faults += _manifest(output, n, provenance)
    if faults:
        raise EvalsuiteError("\n".join(faults))
    shape = ",".join(str(side) for side in generator.card["preprocessing"]["shape"])
    return (
        f"Samples: {output}. Compare them with: evalsuite compute-metrics --real "
        f"{generator.card['data']['source']} --synthetic {output} --shape {shape}"
    )


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


def _write_block(
    generator: Generator,
    output: Path,
    block: list[int],
    wanted: list[int],
    recipe: Recipe,
    provenance: dict[str, Any],
) -> list[str]:
    faults = []
    for index, volume in zip(block, generator.block(block, recipe), strict=True):
        if index not in wanted:
            continue
        fault = _fault(volume)
        if fault:
            faults.append(f"Sample {index} was not written: {fault}")
            continue
        sidecar = _image(output, index).with_name(f"sample_{index:05d}.json")
        sidecar.write_text(json.dumps({**provenance, "Index": index}, indent=1) + "\n")
        write_nifti(volume, _image(output, index))
    return faults


def _fault(volume: Volume) -> str | None:
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if not np.isfinite([low, high]).all():
        return "it has voxels that are not finite. The training has diverged."
    if high - low < ALIKE:
        return f"all its voxels are {low:.3g}. The training has collapsed."
    return None


def _manifest(output: Path, n: int, provenance: dict[str, Any]) -> list[str]:
    """Write the manifest and the contact sheet; return a fault if all samples are alike."""
    from evalsuite.volumes.read import read_volume

    files = [_image(output, index) for index in range(n) if _image(output, index).exists()]
    with (output / "samples.tsv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["path", "index", "seed", "weights_sha256"])
        for path in files:
            index = int(path.name.removeprefix("sample_").removesuffix(".nii.gz"))
            writer.writerow([path.name, index, provenance["Seed"], provenance["WeightsSHA256"]])
    volumes = [read_volume(path).voxels for path in files[:8]]
    if not volumes:
        return []
    figure: Figure = mosaic({"sample": volumes})
    figure.savefig(output / "contact_sheet.png", dpi=120)
    differences = [np.abs(volumes[0] - other).mean() for other in volumes[1:]]
    if differences and max(differences) < ALIKE:
        return [
            (
                f"The samples in {output} are all alike: their intensities differ by less than "
                f"{ALIKE} on average. The training has collapsed; do not use them."
            )
        ]
    return []


def _refuse_another(output: Path, provenance: dict[str, Any]) -> None:
    for sidecar in sorted(output.glob("sample_*.json"))[:1]:
        found = json.loads(sidecar.read_text())
        differing = [key for key, value in provenance.items() if found.get(key) != value]
        if differing:
            raise EvalsuiteError(
                f"{output} holds samples of another {differing[0]} ({found.get(differing[0])}). "
                "Name another folder with --output."
            )


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


def _spacing(data: TrainingData) -> list[float]:
    spacing = data.preprocessing.spacing
    if isinstance(spacing, str):
        return list(data.cohort.infos[0].spacing)
    return list(spacing)


def _image(output: Path, index: int) -> Path:
    return output / f"sample_{index:05d}.nii.gz"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
