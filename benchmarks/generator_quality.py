"""Is a trained generator better than the obvious cheats, and how few steps will do?

    python benchmarks/generator_quality.py RUN IMAGES [--samples 100] [--start 0.9]

RUN is a folder of `evalsuite generator train`, IMAGES what it was trained on. Three tables, all
against the real volumes that were held out: (1) the Frechet distance of the samples beside that
of Gaussian noise with the real mean and variance of every voxel, of the real mean volume with
noise, and of training volumes blurred by 2 voxels; (2) steps, seconds and distance of each sampler,
DDPM and `of all` from the end of the noising process, the others from where the preset says or
--start;
(3) how near samples lie to training volumes, beside how near held-out real volumes do.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from evalsuite.config import load_config
from evalsuite.evaluate import Resources, evaluate
from evalsuite.volumes.population import degrade
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from generator.model import Generator, Recipe, load

BEST = "dpm++ 40"
EXTRACTORS = ("radiomics", "medicalnet-resnet10-untrained")
RECIPES = {
    "ddpm 300": Recipe(sampler="ddpm", start=1.0),
    "dpm++ 40 of all": Recipe(sampler="dpm++", steps=40, start=1.0),
    "ddim 50": Recipe(sampler="ddim", steps=50),
    "dpm++ 50": Recipe(sampler="dpm++", steps=50),
    "dpm++ 40": Recipe(sampler="dpm++", steps=40),
    "dpm++ 30": Recipe(sampler="dpm++", steps=30),
    "dpm++ 20": Recipe(sampler="dpm++", steps=20),
    "dpm++sde 30": Recipe(sampler="dpm++sde", steps=30),
}


def write_all(volumes: list[Volume], folder: Path) -> None:
    folder.mkdir(parents=True)
    for i, volume in enumerate(volumes):
        write_nifti(volume, folder / f"v{i:04d}.nii.gz")


def baselines(training: list[Volume], n: int) -> dict[str, list[Volume]]:
    voxels = np.stack([volume.voxels for volume in training])
    mean, deviation = voxels.mean(axis=0), voxels.std(axis=0)
    random = np.random.default_rng(0)
    noise = [mean + deviation * random.normal(size=mean.shape) for _ in range(n)]
    around = [mean + 0.05 * random.normal(size=mean.shape) for _ in range(n)]
    affine = training[0].affine
    blurred = [degrade(volume, blur=2.0, noise=0.0, seed=0) for volume in training[:n]]
    return {
        "noise, real mean and variance": [Volume(np.clip(v, 0, 1), affine) for v in noise],
        "real mean with noise": [Volume(np.clip(v, 0, 1), affine) for v in around],
        "training blurred by 2": blurred,
    }


def sampled(generator: Generator, recipe: Recipe, n: int) -> tuple[list[Volume], float]:
    clock = time.perf_counter()
    size = generator.config.sample_block
    volumes: list[Volume] = []
    for start in range(0, n, size):
        volumes += generator.block(range(start, start + size), recipe)
    return volumes[:n], time.perf_counter() - clock


@torch.no_grad()
def reconstructed(generator: Generator, volumes: list[Volume]) -> list[Volume]:
    """Return the volumes after the autoencoder, which takes noise away as it does from samples."""
    found = []
    for number, volume in enumerate(volumes):
        voxels = torch.from_numpy(volume.voxels)[None, None].float()
        again = generator.autoencoder.reconstruct(voxels, [number])
        found.append(Volume(again[0, 0].numpy(), volume.affine))
    return found


def smoothed(volumes: list[Volume], blur: float) -> np.ndarray:
    """Return one row of voxels per volume, without the noise that only real ones have."""
    return np.stack([degrade(v, blur=blur, noise=0.0, seed=0).voxels.ravel() for v in volumes])


def nearest(some: np.ndarray, others: np.ndarray, same: bool) -> np.ndarray:
    """Return the root mean squared difference to the nearest of the others, itself left out."""
    squares = (some**2).mean(axis=1)[:, None] + (others**2).mean(axis=1)
    squares -= 2 * some @ others.T / some.shape[1]
    if same:
        np.fill_diagonal(squares, np.inf)
    return np.sqrt(np.maximum(squares, 0)).min(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--start", type=float, help="of the process; default: that of the preset")
    arguments = parser.parse_args()
    generator = load(arguments.run)
    data = generator.card["data"]
    steps = Preprocessing.model_validate(generator.card["preprocessing"])
    training, held_out = (
        [steps.apply(read_volume(arguments.images / name)) for name in data[part]]
        for part in ("training", "validation")
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_all(held_out, folder / "held out")
        write_all(training, folder / "training")
        seconds, names = {}, []
        samples: dict[str, list[Volume]] = {}
        for name, given in RECIPES.items():
            recipe = given if given.start else replace(given, start=arguments.start)
            samples[name], seconds[name] = sampled(generator, recipe, arguments.samples)
            print(f"{name}: {seconds[name]:.1f} s for {arguments.samples} samples", flush=True)
        for name, volumes in {**samples, **baselines(training, arguments.samples)}.items():
            write_all(volumes, folder / name)
            names.append(name)
        names.append("training")
        config = load_config(
            None,
            {
                "real": str(folder / "held out"),
                "synthetic": [{"name": n, "path": str(folder / n)} for n in names],
                "extractors": list(EXTRACTORS),
                "preprocessing": {"shape": list(held_out[0].shape)},
                "allow_leakage": True,
            },
        )
        evaluation, _ = evaluate(config, Resources(cache=folder / "cache"))
    rows = []
    keys = dict.fromkeys((e.extractor, e.name) for e in evaluation.estimates)
    print(f"\n{'':58s}" + "".join(f"{n[:14]:>15s}" for n in names))
    for extractor, estimate in keys:
        found = {
            e.synthetic: e
            for e in evaluation.estimates
            if (e.extractor, e.name) == (extractor, estimate)
        }
        label = f"{extractor or 'volumes'} {estimate}"
        print(f"{label:58s}" + "".join(f"{found[n].value:15.4g}" for n in names))
        if estimate == "ms_ssim":
            reference = found[names[0]].reference
            print(f"{'  within the held-out volumes':58s}{reference:15.4g}")
        rows.append(
            {"extractor": extractor, "name": estimate, **{n: found[n].value for n in names}}
        )
    seen = reconstructed(generator, held_out)
    for blur in (0.0, 1.0):
        known, unseen = smoothed(training, blur), smoothed(held_out, blur)
        ours = smoothed(samples[BEST], blur)
        to_known = nearest(ours, known, same=False)
        fair = nearest(smoothed(seen, blur), known, same=False)
        own = nearest(known, known, same=True)
        nearer = int((to_known < nearest(ours, unseen, same=False)).sum())
        chance = len(training) / (len(training) + len(held_out))
        print(
            f"\nNearest training volume, RMS after a blur of {blur:g} voxels (median, least): "
            f"samples {np.median(to_known):.4f} {to_known.min():.4f}; held-out volumes through the "
            f"autoencoder {np.median(fair):.4f} {fair.min():.4f}; another training volume "
            f"{np.median(own):.4f} {own.min():.4f}.\n"
            f"{(to_known < own.min()).sum()} of {len(ours)} samples are nearer than any two "
            f"training volumes are to each other; {nearer} have a training volume as nearest real "
            f"one, {chance * len(ours):.0f} by chance (p = "
            f"{stats.binomtest(nearer, len(ours), chance, 'greater').pvalue:.3f}); Mann-Whitney "
            "against the held-out volumes through the autoencoder: p = "
            f"{stats.mannwhitneyu(to_known, fair, alternative='less').pvalue:.3f}"
        )
    output = Path(__file__).parent / "results" / "generator_quality.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps({"estimates": rows, "seconds": seconds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
