"""What a training is about to do, told before it takes hours."""

import os
from pathlib import Path

import torch

from evalsuite.processes import world
from generator.config import GeneratorConfig
from generator.data import KEPT, TrainingData
from generator.fitting import LeftOut, by
from generator.memory import disk, refuse_full, size, training_needs

FEW = 50  # volumes; the authors of WDM call as many quite few (pfriedri/wdm-3d, issue 16)
TOLD = 0.001  # share of the foreground from which on its loss is called one
MANY = 0.2  # share of the volumes from which on their padding is called a fault


def summary(
    data: TrainingData, config: GeneratorConfig, lost: LeftOut, output: Path, device: torch.device
) -> str:
    """Return a line for each thing that is worth knowing, and what is to be doubted below.

    Raises:
        EvalsuiteError: if the disk has no room for it.
    """
    cohort, steps = data.cohort, data.preprocessing
    n = len(cohort.entries)
    subjects = len(set(cohort.subjects))
    needs = training_needs(config, data.sides, data.conditioning, world())
    latents = [config.vqgan.code_dimension, *(side // config.vqgan.factor for side in data.sides)]
    shape = by(steps.shape_seen)
    seen = "" if data.sides == steps.shape_seen else f", shown to the networks as {by(data.sides)}"
    volumes = min(KEPT, n * data.volume_bytes)
    told = [str(column) for column in data.conditioning.columns]
    if data.conditioning.structures:
        told.append(f"label maps of {', '.join(map(str, data.conditioning.structures))}")
    doubts = []
    if len(data.training) < FEW:
        doubts.append(
            f"{len(data.training)} volumes are few to train on: samples may be copies of them, "
            "which compute-metrics with --training measures."
        )
    if lost.share >= TOLD:
        pad = "fit=pad and " if config.fit == "crop" else ""
        whole = ",".join(map(str, lost.whole))
        doubts.append(
            f"The shape {shape} leaves {lost.share:.1%} of the foreground out. With "
            f"{pad}preprocessing.shape=[{whole}] (see --set) every volume is whole."
        )
    if lost.padded >= MANY and lost.padded_then < lost.padded:
        snug = ",".join(map(str, lost.snug))
        doubts.append(
            f"{lost.padded:.0%} of the volumes are shorter than {shape} and padded, for which "
            "samples come out coarser and darker than real ones. With "
            f"preprocessing.shape=[{snug}] {lost.padded_then:.0%} are padded."
        )
    free = refuse_full(output, disk(needs))
    room = _memory(device)
    most = max(one.memory for one in needs) + (volumes if device.type == "cpu" else 0)
    if most > room:
        doubts.append(
            f"Training may need {size(most)}, but {device} has {size(room)}. Use a smaller "
            "batch_size with accumulate, or checkpointing: true."
        )
    rows = {
        "Volumes": f"{n} of {subjects} subjects; {len(data.training)} to train on, "
        f"{len(data.validation)} held out",
        "Shape": f"{shape} voxels{seen}",
        "Left out": str(lost),
        "Spacing": f"{' x '.join(f'{side:.4g}' for side in data.spacing)} mm",
        "Told": ", ".join(told) or "nothing",
        "Latents": by(latents),
        "Weights": f"{needs[0].weights:,} of the VQ-GAN, {needs[1].weights:,} of the denoiser",
        "Memory": f"about {size(needs[0].memory)} for the first stage and "
        f"{size(needs[1].memory)} for the second, of {size(room)} on {device}; "
        f"{size(volumes)} of volumes are kept in memory",
        "Disk": f"at most {size(disk(needs))} in {output}, of {size(free)}",
    }
    if config.channels:
        rows = {"Channels": ", ".join(data.channels), **rows}
    lines = [f"{name:10}{text}" for name, text in rows.items()]
    return "\n".join([*lines, *doubts])


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
