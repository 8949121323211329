"""What `sample` does from end to end."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evalsuite.errors import EvalsuiteError
from evalsuite.machine import rank, world
from evalsuite.progress import bars, silent
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from evalsuite.writable import refuse_unwritable
from generator import distributed
from generator.figures import mosaic
from generator.model import Generator, Recipe, load
from generator.sampling import blocks

ALIKE = 1e-3  # mean difference of intensities below which samples count as one


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


def _image(output: Path, index: int) -> Path:
    return output / f"sample_{index:05d}.nii.gz"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
