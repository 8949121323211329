"""How good is the generator that a preset trains, stage by stage, with several seeds?

    python benchmarks/generator_quality.py NAME IMAGES --work DIR [--real DIR] [--seeds 3]
        [--preset tiny] [--set KEY=VALUE] [--samples 60] [--sets 1]

Trains on IMAGES once for each seed, into DIR/NAME-0 and so on, and counts the seconds of processor
that it took; those that are there are taken as they are. Then, against real volumes the generator
never saw (those held out, or those of --real): training volumes, which is as good as it gets;
reconstructions of the real volumes, the ceiling of the first stage; samples, as `evalsuite generator
sample` makes them; and the obvious cheats: noise with the real mean and variance of every voxel, the
real mean volume with noise, training volumes blurred by 2 voxels. Then how near samples lie to
training volumes, by the metric of privacy, and how long a sample takes beside one of DDPM, the
paper's sampler, which evaluates the network at all moments of the process. Some volumes of each kind
are drawn side by side into DIR/NAME-0/looked_at.png, to be looked at.

Recall, MS-SSIM and parity of 60 samples move by chance. With --sets K they are means over K sets of
samples, each against as many real volumes of its own where --real has K times as many as there are
samples, else against the same. The results go to benchmarks/results/generator_quality_NAME.json.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import evalsuite as ev
from evalsuite.records import Estimate
from evalsuite.volumes.population import degrade
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from generator.figures import mosaic
from generator.model import Generator, load
from generator.reconstruction_report import parity

UNTRAINED, RADIOMICS, TRAINED = (
    "medicalnet-resnet10-untrained", "radiomics", "efficientnet-lite0",
)  # fmt: skip
TOLD = ("frechet_distance", "precision", "recall", "coverage", "ms_ssim_difference")
# All pairs of volumes: with 100, the same real volumes differ from themselves by up to 0.035.
MS_SSIM: dict[str, dict[str, Any]] = {"ms_ssim": {"pairs": 3000}}
TIMED = 4  # samples of DDPM, whose time is told
SHOWN = 8
RESULTS = Path(__file__).parent / "results"
Rows = dict[str, dict[str, float]]


def train(folder: Path, images: Path, seed: int, preset: str, settings: Sequence[str]) -> None:
    """Train a generator unless it is there, and note the seconds of processor beside it."""
    if (folder / "generator").is_dir():
        return
    command = [sys.executable, "-m", "evalsuite", "generator", "train", str(images)]
    command += ["--output", str(folder), "--seed", str(seed), "--preset", preset, "--no-tracking"]
    command += [part for setting in settings for part in ("--set", setting)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (folder / "processor_seconds.json").write_text(json.dumps(seconds) + "\n")


def volumes_of(
    source: Path, steps: Preprocessing, ids: Sequence[str] | None = None
) -> list[Volume]:
    cohort = read_cohort(str(source), name="volumes", role="real")
    return [steps.apply(e.read()) for e in cohort.entries if ids is None or e.id in ids]


def cheats(training: list[Volume], n: int) -> dict[str, list[Volume]]:
    voxels = np.stack([volume.voxels for volume in training])
    mean, deviation = voxels.mean(axis=0), voxels.std(axis=0)
    random = np.random.default_rng(0)
    noise = [mean + deviation * random.normal(size=mean.shape) for _ in range(n)]
    around = [mean + 0.05 * random.normal(size=mean.shape) for _ in range(n)]
    affine = training[0].affine
    return {
        "noise": [Volume(np.clip(v, 0, 1).astype(np.float32), affine) for v in noise],
        "mean": [Volume(np.clip(v, 0, 1).astype(np.float32), affine) for v in around],
        "blurred": [degrade(volume, blur=2.0, noise=0.0, seed=0) for volume in training[:n]],
    }


@torch.no_grad()
def reconstructed(generator: Generator, volumes: list[Volume]) -> list[Volume]:
    from generator.fitting import cut_back, widened

    factor = generator.config.vqgan.factor
    sides = [side * factor for side in generator.card["latent_shape"][1:]]
    found = []
    for number, volume in enumerate(volumes):
        seen = widened(torch.from_numpy(volume.voxels)[None], sides)[None]
        again = generator.autoencoder.reconstruct(seen, [number])[0, 0]
        found.append(Volume(cut_back(again, volume.voxels.shape).numpy(), volume.affine))
    return found


def drawn(generator: Generator, n: int, **recipe: Any) -> tuple[list[Volume], float]:
    clock = time.process_time()
    return generator.sample(n, seed=1, **recipe), time.process_time() - clock


def measured(
    run: Path, images: Path, real_source: Path | None, n: int, sets: int
) -> dict[str, Any]:
    generator = load(run)
    data = generator.card["data"]
    steps = Preprocessing.model_validate(generator.card["preprocessing"])
    training = volumes_of(images, steps, data["training"])
    real = volumes_of(real_source or images, steps, None if real_source else data["validation"])
    samples, short = drawn(generator, n * sets)
    if generator.config.diffusion.prediction == "rectified_flow":
        long = {"sampler": "euler", "steps": generator.config.diffusion.timesteps - 1}
    else:
        long = {"sampler": "ddpm"}
    _, ancestral = drawn(generator, TIMED, start=1.0, **long)
    pictures = {
        "real": real[:SHOWN],
        "reconstructions": reconstructed(generator, real[:SHOWN]),
        "samples": samples[:SHOWN],
    }
    shown = {name: [v.voxels for v in of] for name, of in pictures.items()}
    mosaic(shown).savefig(run / "looked_at.png", dpi=150)
    found = []
    for start in range(0, n * sets, n):
        part = slice(start, start + n)
        own = real[part] if len(real) >= n * sets else real
        cohorts = {
            "training": training[:n],
            "reconstructions": reconstructed(generator, own),
            "samples": samples[part],
            **(cheats(training, n) if not found else {}),
        }
        found.append(_rows(own, cohorts))

    private = ev.compute_metrics(
        held(real),
        {"samples": held(samples[:n])},
        training=held(training, "training "),
        extractors=[UNTRAINED],
        metrics=["privacy"],
        settings=_settings(real),
    )
    similar = {
        name: ev.compute_metrics(
            held(volumes), {"samples": held(samples)}, metrics=MS_SSIM, settings=_settings(real),
        )
        for name, volumes in (("real", real), ("training", training))
    }  # fmt: skip
    noted = run / "processor_seconds.json"
    return {
        "training, seconds of processor": json.loads(noted.read_text()) if noted.exists() else None,
        "one sample, seconds of processor": {
            "default": short / len(samples),
            "ddpm": ancestral / TIMED,
        },
        "rows": _means(found),
        "of each set": [rows["samples"] for rows in found],
        "ms_ssim_difference of all samples": {
            f"to {name}": _told(one)
            for name, evaluation in similar.items()
            for one in evaluation.estimates
            if one.name == "ms_ssim_difference"
        },
        "privacy": {f"{e.key} {e.extractor}".strip(): _told(e) for e in private.estimates},
    }


def held(volumes: list[Volume], of: str = "") -> ev.Volumes:
    return ev.Volumes(volumes, subjects=[f"{of}{number}" for number in range(len(volumes))])


def _settings(real: list[Volume]) -> dict[str, Any]:
    return {
        "preprocessing.shape": list(real[0].voxels.shape),
        "preprocessing.spacing": "native",
        "allow_leakage": True,
    }


def _rows(real: list[Volume], cohorts: dict[str, list[Volume]]) -> Rows:
    """Return the figures of each cohort against real volumes."""
    evaluation = ev.compute_metrics(
        held(real),
        {name: held(volumes) for name, volumes in cohorts.items()},
        extractors=[UNTRAINED, RADIOMICS, TRAINED],
        metrics={"frechet": {}, "precision_recall": {}, **MS_SSIM},
        settings=_settings(real),
    )
    of_all = {**cohorts, "real": real}
    rows: Rows = {name: {"parity": parity([v.voxels for v in of])} for name, of in of_all.items()}
    for estimate in evaluation.estimates:
        if estimate.name in TOLD:
            column = " ".join(filter(None, (estimate.name, estimate.extractor)))
            rows[estimate.synthetic][column] = estimate.value
    return rows


def _means(found: list[Rows]) -> Rows:
    """Return the means over the sets; cheats are in the first alone."""
    return {
        name: {c: float(np.mean([rows[name][c] for rows in found if name in rows])) for c in row}
        for name, row in found[0].items()
    }


def _told(estimate: Estimate) -> dict[str, float | None]:
    interval = estimate.interval
    return {
        "value": estimate.value,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "reference": estimate.reference,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("images", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--sets", type=int, default=1)
    arguments = parser.parse_args()
    found = {}
    for seed in range(arguments.seeds):
        run = arguments.work / f"{arguments.name}-{seed}"
        train(run, arguments.images, seed, arguments.preset, arguments.settings)
        found[seed] = measured(
            run, arguments.images, arguments.real, arguments.samples, arguments.sets
        )
        show(found[seed]["rows"], f"{arguments.name}, seed {seed}")
        for key in [key for key in found[seed] if key not in ("rows", "of each set")]:
            print(f"{key}: {found[seed][key]}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"generator_quality_{arguments.name}.json"
    told = {"preset": arguments.preset, "settings": arguments.settings, "seeds": found}
    target.write_text(json.dumps(told, indent=1) + "\n")


def show(rows: Rows, title: str) -> None:
    print(f"\n{title:52s}" + "".join(f"{name[:15]:>17s}" for name in rows))
    for column in dict.fromkeys(column for row in rows.values() for column in row):
        values = (row.get(column) for row in rows.values())
        print(f"{column:52s}" + "".join(f"{'' if v is None else f'{v:.4g}':>17s}" for v in values))


if __name__ == "__main__":
    main()
