"""How fast do volumes reach a network: read, checked and prepared, against MONAI's transforms?

    python benchmarks/reading.py [--volumes 48] [--side 128]

Volumes as scanners store them, 16 bits and compressed, half of each background. They are checked, and
then their features are extracted by an extractor that takes no time, as a network on a fast GPU: what is
left is what a GPU waits for. Then by one that takes twice as long as all cores take to read: it should wait
for its first batch alone. Beside it, the same volumes by MONAI's LoadImage, Orientation,
ScaleIntensityRangePercentiles and ResizeWithPadOrCrop, one by one. Seconds of a core for each volume,
and how much faster all cores are than one thread, which tells what cannot run beside the rest. The
table is also written to benchmarks/results/reading.json.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from monai.transforms import (
    Compose,
    EnsureChannelFirst,
    LoadImage,
    Orientation,
    ResizeWithPadOrCrop,
    ScaleIntensityRangePercentiles,
)
from scipy import ndimage

from evalsuite.features import Extraction, FeatureCache
from evalsuite.processes import cores
from evalsuite.sharing import Part
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort

RESULTS = Path(__file__).parent / "results" / "reading.json"
BATCH = 16
ROUNDS = 3


@dataclass
class Idle:
    """An extractor that looks at nothing, for some seconds each volume."""

    seconds: float = 0.0
    name: str = "idle"
    fingerprint: dict[str, object] = field(default_factory=dict)
    warnings: tuple = ()
    parallel: Literal["batch"] = "batch"
    standardise: bool = False
    wants: Mapping[str, Any] = field(default_factory=dict)
    slices: None = None

    def __call__(self, voxels: np.ndarray) -> np.ndarray:
        time.sleep(self.seconds * len(voxels))  # as a GPU, it leaves Python free
        return np.zeros((len(voxels), 512), np.float32)


def write_scans(folder: Path, side: int, n: int) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    far = sum((axis - side / 2) ** 2 for axis in np.indices((side,) * 3)) > (0.45 * side) ** 2
    smooth = ndimage.gaussian_filter(random.normal(size=far.shape), 2)
    smooth *= 200 / smooth.std()
    for number in range(n):
        voxels = 500 + np.roll(smooth, number, axis=0) + random.normal(0, 20, far.shape)
        voxels[far] = 0
        image = nib.Nifti1Image(voxels.clip(0).astype(np.int16), np.eye(4))
        nib.save(image, folder / f"{number:04}.nii.gz")


def spent(do: Callable[[], object], n: int) -> dict[str, float]:
    """Return the seconds for each of n volumes, by the clock and of busy cores, at the best."""
    found = []
    for _ in range(ROUNDS):
        clock, busy = time.perf_counter(), time.process_time()
        do()
        found.append((time.perf_counter() - clock, time.process_time() - busy))
    return {
        "clock": min(clock for clock, _ in found) / n,
        "busy": min(busy for _, busy in found) / n,
    }


def measure(n: int, side: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "scans"
        write_scans(folder, side, n)
        cohort = read_cohort(str(folder), name="scans", role="real")
        checked = check_cohort(cohort)
        infos = checked.infos
        steps = Preprocessing().resolve([i.shape for i in infos], [i.affine for i in infos])

        def extract(workers: int, seconds: float = 0.0) -> None:
            with tempfile.TemporaryDirectory() as cache:
                kept = FeatureCache(Path(cache))
                Extraction(checked, steps, Idle(seconds), kept, BATCH, workers).fill(Part())

        peer = Compose(
            [
                LoadImage(image_only=True),
                EnsureChannelFirst(),
                Orientation("RAS", labels=None),
                ScaleIntensityRangePercentiles(0.5, 99.5, 0, 1, clip=True),
                ResizeWithPadOrCrop((side,) * 3),
            ]
        )
        files = [entry.path for entry in cohort.entries]
        rows = {
            "MONAI": spent(lambda: [peer(file) for file in files], n),
            "check, one thread": spent(lambda: check_cohort(cohort, workers=1), n),
            "check, all cores": spent(lambda: check_cohort(cohort), n),
            "extract, one thread": spent(lambda: extract(1), n),
            "extract, all cores": spent(lambda: extract(cores()), n),
        }
        each = 2 * rows["extract, all cores"]["clock"]
        slow = rows["extract, behind a slow network"] = spent(lambda: extract(cores(), each), n)
        slow["network"] = each
        slow["waited_in_batches"] = (slow["clock"] - each) * n / (each * BATCH)
    return {"volumes": n, "side": side, "cores": cores(), "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, default=48)
    parser.add_argument("--side", type=int, default=128)
    arguments = parser.parse_args()
    found = measure(arguments.volumes, arguments.side)
    rows = found["rows"]
    for name, row in rows.items():
        print(f"{name:31} {row['clock'] * 1e3:7.1f} ms by the clock {row['busy'] * 1e3:7.1f} busy")
    print(
        f"MONAI / extract, busy: {rows['MONAI']['busy'] / rows['extract, one thread']['busy']:.1f}"
    )
    for name in ("check", "extract"):
        ratio = rows[f"{name}, one thread"]["clock"] / rows[f"{name}, all cores"]["clock"]
        print(f"{name}: {ratio:.2f} times as fast on {found['cores']} cores as on one")
    waited = rows["extract, behind a slow network"]["waited_in_batches"]
    print(f"a network half as fast waited for as long as it takes for {waited:.2f} batches")
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(f"Written to {RESULTS}")


if __name__ == "__main__":
    main()
