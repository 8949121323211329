"""What `sample` does from end to end."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.weights import sha256
from evalsuite.processes import rank, world
from evalsuite.progress import bars, silent
from evalsuite.volumes.check import problem_of
from evalsuite.volumes.read import load
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from evalsuite.writable import refuse_unwritable, write_whole
from generator import distributed
from generator.figures import mosaic
from generator.model import Recipe
from generator.sampling import blocks
from generator.sources.opening import open_source
from generator.sources.source import Sample, Source, SourceOptions

ALIKE = 1e-3  # share of the span of intensities below which images count as one
RECORD = "generator.json"
SHEET = 8  # samples on the contact sheet


def sample(folder: Path, output: Path, n: int, recipe: Recipe, *, device: str) -> str:
    """Write samples of a generator of ours; see `write_samples`."""
    return sample_from(str(folder), output, n, asdict(recipe), SourceOptions(device=device))


def sample_from(
    name: str, output: Path, n: int, recipe: Mapping[str, Any], options: SourceOptions
) -> str:
    """Write samples of any generator; see `open_source` and `write_samples`.

    Args:
        recipe: fields of `Recipe`; of generators of others `seed` alone.
    """
    refuse_unwritable(output, "--output DIR")
    options = replace(options, device=str(distributed.device(options.device)))
    source = open_source(name, recipe, options)
    return write_samples(source, output, n, seed=recipe["seed"])


def write_samples(source: Source, output: Path, n: int, *, seed: int) -> str:
    """Write samples 0 to n - 1 into a folder, going on where an earlier call stopped.

    The first image of sample i is `sample_0000i.nii.gz`, others lie under that name in folders of
    their own. Each sample, and each of its channels, has a sidecar; `samples.tsv` lists them all.

    Returns:
        Sentences on what to know of the samples and to do next.

    Raises:
        EvalsuiteError: if the folder holds samples of other settings, or if samples are constant,
            not finite or alike; sound ones are written all the same.
    """
    provenance = {"Synthetic": True, **source.record, "Seed": seed}
    output.mkdir(parents=True, exist_ok=True)
    _refuse_another(output, provenance)
    first = rank() == 0
    faults: list[str] = []
    remarks: list[str] = []
    with (bars if first else silent)(f"sampling {output}", n) as advance:
        for block in blocks(n, source.block_size, rank(), world()):
            wanted = [index for index in block if index < n]
            if not all(_image(output, index).exists() for index in wanted):
                made = source.block(block, seed)
                if block[0] == 0:
                    remarks += _repeated(source, made, output, block, seed, provenance)
                faults += _write_block(made, source, output, block, wanted, provenance)
            for _ in wanted:
                advance()
    distributed.barrier()
    if first:
        told, wrong = _finish(source, output, n, provenance)
        remarks, faults = remarks + told, faults + wrong
    if faults:
        raise EvalsuiteError("\n".join(faults + remarks))
    return " ".join([f"Samples: {output}.", *remarks, source.hint.replace("{output}", str(output))])


def _write_block(
    made: Sequence[Sample],
    source: Source,
    output: Path,
    block: Sequence[int],
    wanted: Sequence[int],
    provenance: dict[str, Any],
) -> list[str]:
    faults = []
    for index, one in zip(block, made, strict=True):
        if index not in wanted:
            continue
        (first, image), *others = one.images.items()
        wrong = {name: _fault(one.images[name], source.span) for name in one.channels or (first,)}
        if any(wrong.values()):
            told = [
                f"of {k}, {fault}" if one.channels else fault for k, fault in wrong.items() if fault
            ]
            faults.append(f"Sample {index} was not written: {' '.join(told)}")
            continue
        file = _image(output, index)
        columns = dict(one.columns)
        if one.channels:
            columns[first] = file.name
        columns |= {name: f"{name}/{file.name}" for name, _ in others}
        own = {"Index": index, "Columns": columns, "Unstated": list(one.unstated)}
        if one.channels:
            own["Channels"] = list(one.channels)
        sidecar = json.dumps({**provenance, **own}, indent=1) + "\n"
        for name, other in others:
            write_nifti(other, output / columns[name], one.unstated)
            if name in one.channels:
                _sidecar(output / columns[name]).write_text(sidecar)
        _sidecar(file).write_text(sidecar)
        write_nifti(image, file, one.unstated)
    return faults


def _fault(volume: Volume, span: float | None) -> str | None:
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if not np.isfinite([low, high]).all():
        return "it has voxels that are not finite. The training has diverged."
    if high - low < ALIKE * (span or max(abs(low), abs(high))):
        return f"all its voxels are {low:.4g}. The training has collapsed."
    return problem_of(volume)


def _repeated(
    source: Source,
    made: Sequence[Sample],
    output: Path,
    block: Sequence[int],
    seed: int,
    provenance: dict[str, Any],
) -> list[str]:
    """Make the first block once more, record whether it is the same, and tell if it is not."""
    record: dict[str, Any] = {
        **provenance,
        "Files": dict(source.files),
        "Environment": environment(),
    }
    remarks = []
    if not source.repeatable:
        images = [
            [next(iter(one.images.values())).voxels for one in many]
            for many in (made, source.block(block, seed))
        ]
        differences = [_difference(a, b, source.span) for a, b in zip(*images, strict=True)]
        record["DifferenceWhenRepeated"] = max(differences)
        record["Repeatable"] = max(differences) < ALIKE
        if not record["Repeatable"]:
            remarks.append(
                f"Two runs of {source.name} with one seed differ by {max(differences):.1%} of the "
                f"intensities: it does not follow the seed, so these samples cannot be made again. "
                f"{RECORD} says so."
            )
    content = json.dumps(record, indent=1).encode() + b"\n"
    write_whole(output / RECORD, content, "Make room or name another folder.")
    return remarks


def _difference(a: np.ndarray, b: np.ndarray, span: float | None) -> float:
    """Return the mean difference of two images as a share of the span of their intensities."""
    if a.shape == b.shape and np.array_equal(a, b, equal_nan=True):
        return 0.0
    if a.shape != b.shape or not np.isfinite([a, b]).all():
        return 1.0
    return float(np.abs(a - b).mean() / (span or max(np.ptp(a), np.ptp(b))))


def _finish(
    source: Source, output: Path, n: int, provenance: dict[str, Any]
) -> tuple[list[str], list[str]]:
    """Write manifest and contact sheet; return remarks and faults of all samples together."""
    files = [_image(output, index) for index in range(n) if _image(output, index).exists()]
    sidecars = [json.loads(_sidecar(file).read_text()) for file in files]
    _manifest(output, files, sidecars, provenance)
    if not files:
        return [], []
    unstated = {part for sidecar in sidecars for part in sidecar.get("Unstated", ())}
    title = "sample" if source.span else "sample, each in its own window"
    faults: list[str] = []
    rows: dict[str, list[np.ndarray]] = {}
    for name, own in _channels(output, files, sidecars).items():
        volumes = [load(file).volume for file in own[:SHEET]]
        shown = [_windowed(_in_ras(volume), source.span) for volume in volumes]
        rows[f"{title}, {name}" if name else title] = shown
        where = f"{output} ({name})" if name else str(output)
        faults += _alike(where, own, volumes, source.span)
    figure: Figure = mosaic(rows, sides="orientation" not in unstated)
    figure.savefig(output / "contact_sheet.png", dpi=120)
    return _geometry(source, files, sorted(unstated, reverse=True)), faults


def _channels(
    output: Path, files: Sequence[Path], sidecars: Sequence[Any]
) -> dict[str, list[Path]]:
    """Return the files of each channel; without channels the first image of each sample, as ""."""
    names = sidecars[0].get("Channels", ())
    if not names:
        return {"": list(files)}
    return {name: [output / sidecar["Columns"][name] for sidecar in sidecars] for name in names}


def _alike(
    where: str, files: Sequence[Path], volumes: Sequence[Volume], span: float | None
) -> list[str]:
    """Return what is wrong with a set of samples that are alike, looking at the first volumes."""
    span = span or max(float(np.ptp(volume.voxels)) for volume in volumes)
    differences = [_difference(volumes[0].voxels, other.voxels, span) for other in volumes[1:]]
    if differences and max(differences) < ALIKE:
        told = (
            f"The samples in {where} are all alike: their intensities differ by less than "
            f"{ALIKE} on average. The training has collapsed; do not use them."
        )
        return [told]
    if copies := _copies(files):
        told = (
            f"Samples in {where} are copies of one another: {', '.join(copies)}. "
            "The generator repeats itself; do not use them."
        )
        return [told]
    return []


def _manifest(
    output: Path, files: Sequence[Path], sidecars: Sequence[Any], provenance: dict[str, Any]
) -> None:
    extra = [sidecar.get("Columns", {}) for sidecar in sidecars]
    names = list(dict.fromkeys(name for columns in extra for name in columns))
    with (output / "samples.tsv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["path", "index", "seed", "weights_sha256", *names])
        for path, sidecar, columns in zip(files, sidecars, extra, strict=True):
            fixed = [path.name, sidecar["Index"], provenance["Seed"], provenance["WeightsSHA256"]]
            writer.writerow([*fixed, *(columns.get(name, "") for name in names)])


def _copies(files: Sequence[Path]) -> list[str]:
    """Return the first few groups of files with the same bytes."""
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(sha256(file), []).append(file.name)
    return [" and ".join(group) for group in groups.values() if len(group) > 1][:3]


def _geometry(source: Source, files: Sequence[Path], unstated: Sequence[str]) -> list[str]:
    """Return what is to be told of the grids of all samples."""
    remarks = []
    if unstated:
        options = {
            "spacing": "--assume-spacing X,Y,Z",
            "orientation": "--assume-orientation CODE",
        }
        remarks.append(
            f"{source.name} does not state the {' and '.join(map(_worded, unstated))} of its "
            "volumes, so their files do not either. State it with "
            f"{' and '.join(options[part] for part in unstated)}."
        )
    grids = Counter(map(_grid, files))
    if len(grids) > 1:
        told = ", ".join(f"{count} of {grid}" for grid, count in islice(grids.most_common(), 4))
        remarks.append(f"The samples lie on several grids: {told}.")
    return remarks


def _worded(part: str) -> str:
    return {"spacing": "voxel spacing"}.get(part, part)


def _grid(path: Path) -> str:
    """Return shape, spacing and orientation of a file from its header."""
    from nibabel import aff2axcodes
    from nibabel import load as open_image

    image: Any = open_image(path)
    shape = " x ".join(map(str, image.shape))
    spacing = " x ".join(f"{step:.3g}" for step in image.header.get_zooms())
    return f"{shape} at {spacing} mm, {''.join(aff2axcodes(image.affine))}"


def _in_ras(volume: Volume) -> np.ndarray:
    """Return the voxels with their axes in the order and directions nearest to RAS+."""
    from nibabel.orientations import apply_orientation, io_orientation

    turned: np.ndarray = apply_orientation(volume.voxels, io_orientation(volume.affine))
    return turned


def _windowed(voxels: np.ndarray, span: float | None) -> np.ndarray:
    """Return intensities from 0 to 1, those of an unknown scale between two of their own."""
    low, high = (0.0, span) if span else np.percentile(voxels, [0.5, 99.5])
    windowed: np.ndarray = (voxels - low) / max(high - low, np.finfo(np.float32).tiny)
    return windowed


def _refuse_another(output: Path, provenance: dict[str, Any]) -> None:
    for sidecar in sorted(output.glob("sample_*.json"))[:1]:
        found = json.loads(sidecar.read_text())
        plain = json.loads(json.dumps(provenance))
        differing = [key for key, value in plain.items() if found.get(key) != value]
        if differing:
            raise EvalsuiteError(
                f"{output} holds samples of another {differing[0]} ({found.get(differing[0])}). "
                "Name another folder with --output."
            )


def _image(output: Path, index: int) -> Path:
    return output / f"sample_{index:05d}.nii.gz"


def _sidecar(image: Path) -> Path:
    return image.with_name(f"{image.name.removesuffix('.nii.gz')}.json")
