"""Volumes per second of our extraction against loops over MONAI's network, plain and in batches.

Run `python benchmarks/extraction.py`; the table is also written to
benchmarks/results/extraction.json. Both sides start from the same preprocessed volumes, carry the
same random weights in MedicalNet's architecture and end at features in memory. The plain loop is
what a script does: normalise by MONAI's transform, one volume at a time through MONAI's network
in evaluation mode without gradients. Beside it stands the same network fed in batches of four, so
that one sees how much batches alone bring, and OpenVINO's engine if it is installed. All take turns;
the best round of each counts, since a busy machine only ever adds time. Ratios are of the time that
the cores were busy, which other programs disturb less; those of the clock stand in the file. The
last columns say how far the features differ, relative to the largest one.
"""

import copy
import json
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from monai.transforms import NormalizeIntensity

from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.medicalnet import build_network, stages
from evalsuite.extractors.networks.foreground import StandardisedForeground
from evalsuite.extractors.volumetric.extractor import averaged_extractor
from evalsuite.machine import at_once

RESULTS = Path(__file__).parent / "results" / "extraction.json"
# The first is the median shape of the hippocampus volumes that the project is developed on.
CASES = [
    (10, (36, 50, 36)),
    (10, (64, 64, 64)),
    (10, (96, 96, 96)),
    (18, (36, 50, 36)),
    (18, (64, 64, 64)),
    (50, (36, 50, 36)),
]
VOLUMES = 16
BATCH = 4  # of the batched loop
ROUNDS = 3
STANDARDISED = StandardisedForeground()


def plain_loop(network: torch.nn.Module, volumes: np.ndarray) -> np.ndarray:
    normalise = NormalizeIntensity(nonzero=True)
    rows = []
    with torch.no_grad():
        for volume in volumes:
            tensor = torch.as_tensor(normalise(volume), dtype=torch.float32)
            rows.append(network(tensor[None, None])[0])
    return torch.stack(rows).numpy()


def in_batches(network: torch.nn.Module, volumes: np.ndarray) -> np.ndarray:
    tensor = torch.from_numpy(volumes)[:, None]
    with torch.no_grad():
        rows = [network(STANDARDISED(batch)) for batch in tensor.split(BATCH)]
    return torch.cat(rows).numpy()


def ours(extractor: Extractor, volumes: np.ndarray) -> np.ndarray:
    size = at_once(volumes[0].size)
    batches = [volumes[i : i + size] for i in range(0, len(volumes), size)]
    return np.concatenate([extractor(batch) for batch in batches])


def measure(depth: int, shape: tuple[int, int, int]) -> dict:
    volumes = np.random.default_rng(0).random((VOLUMES, *shape), dtype=np.float32)
    volumes[:, :2] = 0
    network = build_network(depth)

    def extractor(engine: str) -> Extractor:
        parts = stages(copy.deepcopy(network))
        options = ExtractorOptions(engine=engine)
        return averaged_extractor("benchmark", list(parts), lambda: parts, options, fingerprint={})

    engines = ["torch", *(["openvino"] if find_spec("openvino") else [])]
    candidates = {
        "monai_loop": lambda: plain_loop(network, volumes),
        "monai_in_batches": lambda: in_batches(network, volumes),
        **{name: partial(ours, extractor(name), volumes) for name in engines},
    }
    clock: dict[str, list[float]] = {name: [] for name in candidates}
    busy: dict[str, list[float]] = {name: [] for name in candidates}
    features = {}
    for turn in range(ROUNDS + 1):
        for name, candidate in candidates.items():
            start, cpu = time.perf_counter(), time.process_time()
            features[name] = candidate()
            if turn:  # networks are built and compiled in the first
                clock[name].append(time.perf_counter() - start)
                busy[name].append(time.process_time() - cpu)
    expected = features["monai_loop"]
    ratios = {}
    for name in engines:
        for loop in ("monai_loop", "monai_in_batches"):
            ratios[f"{name}_to_{loop}"] = min(busy[loop]) / min(busy[name])
            ratios[f"{name}_to_{loop}_by_clock"] = min(clock[loop]) / min(clock[name])
        apart = np.abs(features[name] - expected).max() / np.abs(expected).max()
        ratios[f"{name}_difference"] = float(apart)
    return {
        "depth": depth,
        "shape": list(shape),
        "volumes": VOLUMES,
        "batch": BATCH,
        "our_batch": at_once(volumes[0].size),
        "threads": torch.get_num_threads(),
        "seconds": clock,
        "busy_seconds": busy,
        **ratios,
    }


def run() -> list[dict]:
    """Return one row per depth and shape: seconds of all candidates and their ratios."""
    return [measure(depth, shape) for depth, shape in CASES]


def main() -> None:
    rows = run()
    print("volumes per busy second of the plain loop, and how many times as fast the others are")
    print(
        f"{'ResNet':>6} {'shape':>10} {'loop':>6} {'in batches':>10} {'evalsuite':>9} "
        f"{'OpenVINO':>8} {'to batches':>16} {'difference':>18}"
    )
    for row in rows:
        least = {name: min(spent) for name, spent in row["busy_seconds"].items()}
        loop, batches = least["monai_loop"], least["monai_in_batches"]
        engines = [name for name in ("torch", "openvino") if name in least]
        own = " ".join(f"{loop / least[name]:>8.2f}x" for name in engines)
        ahead = " ".join(f"{batches / least[name]:>7.2f}x" for name in engines)
        apart = " ".join(f"{row[f'{name}_difference']:>8.0e}" for name in engines)
        print(
            f"{row['depth']:>6} {'x'.join(map(str, row['shape'])):>10} "
            f"{row['volumes'] / loop:>6.2f} {loop / batches:>9.2f}x {own} {ahead} {apart}"
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    print(f"Written to {RESULTS}")


if __name__ == "__main__":
    main()
