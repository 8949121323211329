"""Volumes per second of our extraction against a plain loop over MONAI's network.

Run `python benchmarks/extraction.py`; the table is also written to
benchmarks/results/extraction.json. Both sides start from the same preprocessed volumes, carry the
same random weights in MedicalNet's architecture and end at features in memory. The plain loop is
what a script does: normalise by MONAI's transform, one volume at a time through MONAI's network
in evaluation mode without gradients. Beside it stands the same network fed in our batches, so that
one sees how much batches alone bring. The three take turns; the best round of each counts, since a
busy machine only ever adds time. The last column says how far the features differ, relative to the
largest one.
"""

import copy
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from monai.transforms import NormalizeIntensity

from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.medicalnet import build_network, stages
from evalsuite.extractors.networks.foreground import StandardisedForeground
from evalsuite.extractors.volumetric.extractor import averaged_extractor

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
VOLUMES = 8
BATCH = 4  # the default of `evalsuite.features.extract`
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
    batches = [volumes[i : i + BATCH] for i in range(0, len(volumes), BATCH)]
    return np.concatenate([extractor(batch) for batch in batches])


def measure(depth: int, shape: tuple[int, int, int]) -> dict:
    volumes = np.random.default_rng(0).random((VOLUMES, *shape), dtype=np.float32)
    volumes[:, :2] = 0
    network = build_network(depth)
    parts = stages(copy.deepcopy(network))
    extractor = averaged_extractor(
        "benchmark", list(parts), lambda: parts, ExtractorOptions(), fingerprint={}
    )
    candidates = {
        "monai_loop": lambda: plain_loop(network, volumes),
        "monai_in_batches": lambda: in_batches(network, volumes),
        "evalsuite": lambda: ours(extractor, volumes),
    }
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    features = {}
    for _ in range(ROUNDS):
        for name, candidate in candidates.items():
            start = time.perf_counter()
            features[name] = candidate()
            seconds[name].append(time.perf_counter() - start)
    expected = features["monai_loop"]
    return {
        "depth": depth,
        "shape": list(shape),
        "volumes": VOLUMES,
        "batch": BATCH,
        "threads": torch.get_num_threads(),
        **{f"{name}_per_second": VOLUMES / min(spent) for name, spent in seconds.items()},
        **{f"{name}_seconds": spent for name, spent in seconds.items()},
        "ratio_to_loop": min(seconds["monai_loop"]) / min(seconds["evalsuite"]),
        "ratio_of_medians": statistics.median(seconds["monai_loop"])
        / statistics.median(seconds["evalsuite"]),
        "relative_difference": float(
            np.abs(features["evalsuite"] - expected).max() / np.abs(expected).max()
        ),
    }


def run() -> list[dict]:
    """Return one row per depth and shape: volumes per second of all three and their ratio."""
    return [measure(depth, shape) for depth, shape in CASES]


def main() -> None:
    rows = run()
    print("volumes per second, best of", ROUNDS, "rounds")
    print(
        f"{'ResNet':>6} {'shape':>10} {'MONAI loop':>11} {'in batches':>11} {'evalsuite':>10} "
        f"{'ratio':>6} {'difference':>11}"
    )
    for row in rows:
        print(
            f"{row['depth']:>6} {'x'.join(map(str, row['shape'])):>10} "
            f"{row['monai_loop_per_second']:>11.2f} {row['monai_in_batches_per_second']:>11.2f} "
            f"{row['evalsuite_per_second']:>10.2f} {row['ratio_to_loop']:>5.2f}x "
            f"{row['relative_difference']:>11.1e}"
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    print(f"Written to {RESULTS}")


if __name__ == "__main__":
    main()
