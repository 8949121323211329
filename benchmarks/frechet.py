"""Seconds of our Frechet distance against `scipy.linalg.sqrtm` on the same features.

Run `python benchmarks/frechet.py`; the table is also written to benchmarks/results/frechet.json.
Both sides start from features and end at the number, in float64, in the same process with the
same threads. With n <= d the product of the covariances is singular, and the matrix square root,
which has no reason to be accurate there, may disagree: the last column says by how much.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.linalg
import torch

from evalsuite.metrics.frechet_distance import frechet_distance

RESULTS = Path(__file__).parent / "results" / "frechet.json"
SIZES = [(512, 100), (512, 1000), (2048, 100), (2048, 1000)]


def by_sqrtm(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the distance as the common implementations do: a d x d matrix square root."""
    real_covariance = np.cov(real, rowvar=False)
    synthetic_covariance = np.cov(synthetic, rowvar=False)
    root = scipy.linalg.sqrtm(real_covariance @ synthetic_covariance)
    shift = real.mean(axis=0) - synthetic.mean(axis=0)
    spread = np.trace(real_covariance) + np.trace(synthetic_covariance)
    return float(shift @ shift + spread - 2 * np.trace(root).real)


def timed(distance: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Return the value and the least seconds of several calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = distance()
        seconds.append(time.perf_counter() - start)
    return value, min(seconds)


def run() -> list[dict]:
    """Return one row per (d, n): seconds of both, their ratio and the relative difference."""
    rows = []
    for d, n in SIZES:
        rng = np.random.default_rng(0)
        # A decaying spectrum, as features of networks have.
        scales = 1 / np.sqrt(np.arange(1, d + 1))
        real = rng.standard_normal((n, d)) * scales
        synthetic = rng.standard_normal((n, d)) * scales * 1.2 + 0.05
        tensors = torch.from_numpy(real), torch.from_numpy(synthetic)
        ours, our_seconds = timed(lambda pair=tensors: frechet_distance(*pair), repeats=5)
        theirs, their_seconds = timed(lambda x=real, y=synthetic: by_sqrtm(x, y), repeats=1)
        rows.append(
            {
                "d": d,
                "n": n,
                "evalsuite_seconds": our_seconds,
                "sqrtm_seconds": their_seconds,
                "ratio": their_seconds / our_seconds,
                "evalsuite_value": ours,
                "sqrtm_value": theirs,
                "relative_difference": abs(ours - theirs) / ours,
                "threads": torch.get_num_threads(),
            }
        )
    return rows


def main() -> None:
    rows = run()
    print(f"{'d':>5} {'n':>5} {'evalsuite':>11} {'sqrtm':>9} {'ratio':>8} {'difference':>11}")
    for row in rows:
        print(
            f"{row['d']:>5} {row['n']:>5} {row['evalsuite_seconds']:>9.4f} s "
            f"{row['sqrtm_seconds']:>7.2f} s {row['ratio']:>7.0f}x {row['relative_difference']:>11.1e}"
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    print(f"Written to {RESULTS}")


if __name__ == "__main__":
    main()
