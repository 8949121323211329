"""What the presets need on a GPU, measured: memory beside what is counted, and seconds per step.

    python benchmarks/gpu.py [--presets small paper-brain ...] [--steps 20] [--volumes 96]

Both stages of each preset are trained for a few steps on noise of its shape, with the critics on
and every volume encoded, as in the middle of a training. Then features are extracted from files
on disk, as a cohort comes, and beside it stands the time of the network alone on the same batches:
what is missing to all of it is how long the GPU waited. The table is also written to
benchmarks/results/gpu.json, with the machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch

from evalsuite.extractors.extractor import ExtractorOptions, load_extractor
from evalsuite.machine import at_once
from evalsuite.processes import cores
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.sources import read_cohort
from generator.autoencoder_stage import AutoencoderStage
from generator.config import GeneratorConfig, load_config
from generator.data import TrainingData
from generator.diffusion_stage import DiffusionStage
from generator.memory import training_needs

RESULTS = Path(__file__).parent / "results" / "gpu.json"
EXTRACTOR = "medicalnet-resnet10-untrained"
WARM = 3  # steps that are not timed
OWN_SIDE = 96  # of presets that take the shape of the volumes
GIB = 2**30


def write_noise(folder: Path, shape: tuple[int, ...], n: int) -> None:
    """Write volumes as scanners do: 16 bits, compressed."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(n):
        voxels = random.integers(0, 1000, shape, dtype=np.int16)
        voxels[:4] = 0
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), folder / f"{number:04}.nii.gz")


def stepped(update: Callable[[int], object], first: int, steps: int) -> dict[str, float]:
    """Return seconds of a step and the most memory that was allocated, in GiB."""
    for step in range(first, first + WARM):
        update(step)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    clock = time.perf_counter()
    for step in range(first + WARM, first + WARM + steps):
        update(step)
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - clock) / steps
    return {
        "seconds_per_step": seconds,
        "allocated_gib": torch.cuda.max_memory_allocated() / GIB,
        "reserved_gib": torch.cuda.max_memory_reserved() / GIB,
    }


def training(preset: str, steps: int, scratch: Path) -> dict[str, Any]:
    """Return what both stages of a preset need, and what was counted before."""
    config: GeneratorConfig = load_config(None, {"preset": preset, "validation": 2})
    wanted = config.preprocessing.shape
    shape = (OWN_SIDE,) * 3 if isinstance(wanted, str) else wanted
    folder = scratch / preset
    write_noise(folder, shape, 12)
    cohort = check_cohort(read_cohort(str(folder), name="noise", role="real"))
    data = TrainingData(cohort, config)
    counted = training_needs(config, data.sides)
    device = torch.device("cuda")
    first = AutoencoderStage(config, data, device)
    begun = config.vqgan.discriminator_start + config.vqgan.discriminator_ramp
    rows: dict[str, Any] = {"shape": list(shape)}
    rows["vqgan"] = stepped(first.update, begun, steps) | {
        "batch": config.vqgan.training.batch_size,
        "counted_gib": counted[0].memory / GIB,
    }
    autoencoder = first.model
    del first
    torch.cuda.empty_cache()
    second = DiffusionStage(config, data, autoencoder, device)
    rows["diffusion"] = stepped(second.update, 0, steps) | {
        "batch": config.diffusion.training.batch_size,
        "counted_gib": counted[1].memory / GIB,
    }
    return rows


def extraction(n: int, side: int, scratch: Path) -> dict[str, Any]:
    """Return seconds of features of files, of the network alone, and the share of waiting."""
    folder = scratch / "cohort"
    write_noise(folder, (side,) * 3, n)
    command = [sys.executable, "-m", "evalsuite", "features", "extract", "--real", str(folder)]
    command += ["--extractor", EXTRACTOR, "--device", "cuda"]

    def whole(name: str, real: Path) -> float:
        again = [str(real) if part == str(folder) else part for part in command]
        clock = time.perf_counter()
        subprocess.run([*again, "--cache", str(scratch / name)], check=True, capture_output=True)
        return time.perf_counter() - clock

    few = scratch / "few"
    write_noise(few, (side,) * 3, 4)
    started = whole("warm", few)  # imports, CUDA and the choice of algorithms
    total = whole("cold", folder)
    extractor = load_extractor(EXTRACTOR, ExtractorOptions(device="cuda"))
    size = at_once(side**3, torch.device("cuda"))
    batch = np.random.default_rng(0).random((min(size, n), side, side, side), dtype=np.float32)
    extractor(batch)
    clock = time.perf_counter()
    for _ in range(3):
        extractor(batch)
    alone = (time.perf_counter() - clock) / 3 / len(batch) * n
    return {
        "volumes": n,
        "side": side,
        "cores": cores(),
        "batch": size,
        "start_seconds": started,
        "seconds": total,
        "network_alone_seconds": alone,
        "volumes_per_second": n / max(total - started, 1e-9),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    presets = ["small", "paper-brain", "paper-chest", "paper-breast"]
    parser.add_argument("--presets", nargs="*", default=presets)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--volumes", type=int, default=96)
    parser.add_argument("--side", type=int, default=128)
    arguments = parser.parse_args()
    found: dict[str, Any] = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    print(f"{'':14} {'':9} {'s/step':>8} {'allocated':>9} {'reserved':>9} {'counted':>8}  GiB")
    with tempfile.TemporaryDirectory() as scratch:
        for preset in arguments.presets:
            found[preset] = training(preset, arguments.steps, Path(scratch))
            for stage in ("vqgan", "diffusion"):
                row = found[preset][stage]
                print(
                    f"{preset:14} {stage:9} {row['seconds_per_step']:>8.3f} "
                    f"{row['allocated_gib']:>9.1f} {row['reserved_gib']:>9.1f} "
                    f"{row['counted_gib']:>8.1f}",
                    flush=True,
                )
        found["extraction"] = extraction(arguments.volumes, arguments.side, Path(scratch))
        print(found["extraction"], flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(f"Written to {RESULTS}")


if __name__ == "__main__":
    main()
