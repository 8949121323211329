"""Processor seconds and peak memory of every metric as cohorts grow, beside the distance and peers.

    python benchmarks/scale.py [--sizes 500 2000 10000] [--features 512 2048] [--volumes 20 50]
                               [--spacing 4] [--side 128] [--longest 1800] [--memory 1GB]
                               [--only slices paired] [--machine "2 cores of ..."]

Each measurement is a process of its own. Its seconds are those of all its threads in the metric
alone, without imports and data, so that other work on the machine does not count; its memory is the
largest that it ever held (`ru_maxrss`), imports and data included, which the row `data` shows alone.
Metrics of features get drawn ones with a decaying spectrum, those of voxels the simulated population
(`evalsuite simulate-population`), read as an evaluation reads it; their seconds hold that reading.
With `--side` these are cubes, made quickly: eight simulated brains take turns, each time displaced by
some voxels, with another contrast and with noise; synthetic volume i stands for real volume i.
Ratios are to the plain Frechet distance of the same features, and of peers to the metric of ours that
stands for them: torchmetrics' FID and KID (100 subsets of 1,000, no p-value), MONAI's FID, MMD (one
kernel, no p-value) and MS-SSIM (of 5 pairs, scaled to as many as ours has). What takes longer than
`--longest` seconds is left out, which is told. Also written to benchmarks/results/scale.json, where
rows that are not measured anew, with `--only` or of other sizes and machines, stay as they are.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "scale.json"
METRICS = (
    "frechet", "mmd", "precision_recall", "clipped", "vendi", "realism", "paired_features", "frd",
)  # fmt: skip
SEEN_AS = {"frd": "radiomics-frd-v1"}  # extractors without which a metric has nothing to say
ON_VOLUMES = ("ms_ssim", "slices", "privacy", "paired")
OPTIONS = {"paired": {"data_range": 1.0}}  # what prepared volumes lie within
OF_PEER = {
    "torchmetrics fid": "frechet",
    "monai fid": "frechet",
    "torchmetrics kid": "mmd",
    "monai mmd": "mmd",
    "monai ms_ssim": "ms_ssim",
}
PAIRS, TIMED = 200, 5  # of MS-SSIM within both cohorts, and those of a peer that are timed
BRAINS, SHIFT, NOISE = 8, 4, 0.03  # of `--side`: kinds, voxels, share of the range
Task = Callable[[], object]


def features(n: int, d: int) -> tuple[Any, Any]:
    """Return features with a decaying spectrum, as those of networks have."""
    import torch

    generator = torch.Generator().manual_seed(0)
    scales = torch.arange(1, d + 1).double() ** -0.5
    real = torch.randn(n, d, generator=generator, dtype=torch.float64).mul_(scales)
    synthetic = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return real, synthetic.mul_(1.1 * scales).add_(0.02)


def on_features(what: str, n: int, d: int, memory: int) -> Task:
    """Return what is to be timed, with its data made and its imports done."""
    real, synthetic = features(n, d)
    if what == "data":
        return lambda: None
    if what == "distance":
        from evalsuite.metrics.frechet_distance import frechet_distance

        return lambda: frechet_distance(real, synthetic)
    if what in METRICS:
        from evalsuite.metrics.metric import Views

        views = [
            Views(range(n), {SEEN_AS.get(what, ""): rows}, [], (1.0, 1.0, 1.0), pairs=pairs)  # type: ignore[arg-type]
            for rows, pairs in ((real, None), (synthetic, range(n)))
        ]
        return _ours(what, views, memory)
    return _peer(what, real, synthetic)


def _ours(what: str, views: list[Any], memory: int) -> Task:
    from evalsuite import plugins

    metric = plugins.load("metrics", what)
    handed = OPTIONS.get(what, {}) | ({"memory": memory // 2} if metric.in_blocks else {})
    return lambda: metric.compute(*views, seed=0, **handed)


def _peer(what: str, real: Any, synthetic: Any) -> Task:
    import torch
    from monai.metrics import FIDMetric, MMDMetric
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    n, d = real.shape
    network = torch.nn.Flatten()
    if what == "monai fid":
        return lambda: FIDMetric()(synthetic, real)
    if what == "monai mmd":
        return lambda: MMDMetric()(real[:, None], synthetic[:, None])
    if what == "torchmetrics kid":
        metric: Any = KernelInceptionDistance(network, subset_size=min(n, 1000))
    else:
        network.num_features = d
        metric = FrechetInceptionDistance(network, input_img_size=(d,)).set_dtype(torch.float64)

    def in_batches() -> object:
        for start in range(0, n, 100):
            metric.update(real[start : start + 100], real=True)
            metric.update(synthetic[start : start + 100], real=False)
        return metric.compute()

    return in_batches


def on_volumes(what: str, folder: Path, memory: int) -> Task:
    """Return what is to be timed of the two halves of a folder of volumes, read when asked for."""
    from evalsuite.memory import Kept
    from evalsuite.metrics.metric import Views
    from evalsuite.preprocessed import PreprocessedVolumes
    from evalsuite.volumes.preprocessing import PRESETS
    from evalsuite.volumes.sources import read_cohort

    cohort = read_cohort(str(folder), name="all", role="real")
    affine = cohort.entries[0].read().affine
    shape = cohort.entries[0].read().shape
    steps = PRESETS["mri"].resolve([shape], [affine])
    kept, half = Kept(memory // 2), len(cohort.entries) // 2
    volumes = PreprocessedVolumes(cohort, steps, kept)
    spacing = tuple(float(abs(affine[i, i])) for i in range(3))
    whole = Views([e.id for e in cohort.entries], {}, volumes, spacing)
    synthetic = replace(whole.of(range(half, 2 * half)), pairs=range(half))
    views = [whole.of(range(half)), synthetic]
    if what == "data":
        return lambda: max(float(volumes[i].max()) for i in range(2 * half))
    if what == "monai ms_ssim":
        from monai.metrics import MultiScaleSSIMMetric

        pairs = [volumes[i][None, None] for i in range(2 * TIMED)]
        metric = MultiScaleSSIMMetric(3, kernel_size=5, weights=(0.4, 0.6))
        return lambda: [metric(pairs[2 * i], pairs[2 * i + 1]) for i in range(TIMED)]
    return _ours(what, views, memory)


def cubes(folder: Path, count: int, side: int) -> None:
    """Write so many cubes with brains in them as NIfTI of 16 bits, not compressed."""
    import nibabel
    import numpy as np

    from evalsuite.volumes.population import simulate

    folder.mkdir()
    spacing, kinds = 192 / side, []  # millimetres
    for i in range(BRAINS):
        brain = simulate(i, seed=0, spacing=spacing).voxels
        ends = [(max(0, side - n), max(0, n - side)) for n in brain.shape]
        padded = np.pad(brain / brain.max(), [(more // 2, more - more // 2) for more, _ in ends])
        middle = tuple(slice(less // 2, less // 2 + side) for _, less in ends)
        kinds.append(padded[middle].astype(np.float32))
    for i in range(count):
        random = np.random.default_rng(i)
        moved = np.roll(kinds[i % BRAINS], random.integers(-SHIFT, SHIFT + 1, 3), (0, 1, 2))
        grey = moved ** random.uniform(0.8, 1.25)
        grey += NOISE * random.standard_normal(moved.shape, np.float32)
        image = nibabel.Nifti1Image((1000 * grey).astype(np.int16), np.diag([spacing] * 3 + [1]))
        nibabel.save(image, folder / f"brain_{i:04d}.nii")


def measured(longest: int, *arguments: object) -> dict[str, float] | None:
    """Return seconds and peak of one measurement, made by another process; None if too long."""
    command = [sys.executable, __file__, "--one", *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=longest, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def one(memory: int, what: str, place: str, d: int) -> None:
    """Print seconds and peak of this process.

    Args:
        place: a folder of volumes, or how many rows of d features.
    """
    task = (
        on_volumes(what, Path(place), memory)
        if d == 0
        else on_features(what, int(place), d, memory)
    )
    cpu, wall = time.process_time(), time.perf_counter()
    task()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if what == "monai ms_ssim":
        cpu, wall = cpu * PAIRS / TIMED, wall * PAIRS / TIMED
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = peak / (1e6 if sys.platform == "darwin" else 1024 / 1.024**2)
    print(json.dumps({"seconds": cpu, "wall": wall, "peak_mb": megabytes}))


def told(design: str, rows: dict[str, dict[str, float] | None]) -> None:
    """Print the rows of one size with their ratios."""
    print(f"\n{design}\n{'':>18} {'seconds':>10} {'to distance':>12} {'to ours':>9} {'peak MB':>9}")
    distance = rows.get("distance")
    for what, row in rows.items():
        if row is None:
            print(f"{what:>18}   left out: too long")
            continue
        ours = rows.get(OF_PEER.get(what, ""))
        to_distance = f"{row['seconds'] / distance['seconds']:.1f}x" if distance else ""
        to_ours = f"{row['seconds'] / ours['seconds']:.2f}x" if ours else ""
        print(
            f"{what:>18} {row['seconds']:>10.2f} {to_distance:>12} {to_ours:>9} {row['peak_mb']:>9.0f}",
            flush=True,
        )


def kept(design: dict[str, object], rows: dict[str, dict[str, float] | None]) -> None:
    """Write rows into the results, where all others stay."""
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"tables": []}
    table = next((table for table in record["tables"] if table["design"] == design), None)
    if table is None:
        table = {"design": design, "rows": {}}
        record["tables"].append(table)
    table["rows"] |= rows
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


def main(arguments: argparse.Namespace) -> None:
    def chosen(*names: str) -> list[str]:
        return [name for name in names if not arguments.only or name in arguments.only]

    def keep(design: dict[str, object], rows: dict[str, dict[str, float] | None]) -> None:
        told(", ".join(f"{key} {value}" for key, value in design.items()), rows)
        kept(design | {"machine": arguments.machine}, rows)

    peers = tuple(peer for peer in OF_PEER if peer != "monai ms_ssim")
    for d in arguments.features:
        for n in arguments.sizes:
            rows = {
                what: measured(arguments.longest, arguments.memory, what, n, d)
                for what in chosen("data", "distance", *METRICS, *peers)
            }
            keep({"volumes of each cohort": n, "features": d}, rows)
    for n in arguments.volumes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "volumes"
            if arguments.side:
                cubes(folder, 2 * n, arguments.side)
                made: dict[str, object] = {"voxels": f"{arguments.side} cubed"}
            else:
                command = [sys.executable, "-m", "evalsuite", "simulate-population", str(folder)]
                command += ["-n", str(2 * n), "--spacing", str(arguments.spacing)]
                subprocess.run(command, check=True, capture_output=True)
                made = {"millimetres": arguments.spacing}
            rows = {
                what: measured(arguments.longest, arguments.memory, what, folder, 0)
                for what in chosen("data", *ON_VOLUMES, "monai ms_ssim")
            }
        keep({"volumes of each cohort": n, **made}, rows)
    print(f"Written to {RESULTS}")


if __name__ == "__main__":
    from evalsuite.memory import size

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[500, 2000, 10_000])
    parser.add_argument("--features", type=int, nargs="*", default=[512, 2048])
    parser.add_argument("--volumes", type=int, nargs="*", default=[20, 50])
    parser.add_argument("--spacing", type=float, default=4.0, help="millimetres of the volumes")
    parser.add_argument("--side", type=int, help="of cubes that are made quickly instead")
    parser.add_argument("--longest", type=int, default=1800, help="seconds of one measurement")
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--only", nargs="+", help="metrics and peers; by default all")
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    parser.add_argument("--machine", default=machine, help="what the results call it")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        memory, what, place, d = chosen.one
        one(size(memory), what, place, int(d))
    else:
        main(chosen)
