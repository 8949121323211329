"""Seconds of our Frechet distance against `scipy.linalg.sqrtm`, and of all that is told of it.

    python benchmarks/frechet.py [--large]

Both sides start from features and end at the number, in float64, in the same process with the
same threads. With n <= d the product of the covariances is singular, and the matrix square root,
which has no reason to be accurate there, may disagree: the last column says by how much. The second
table is of the metric as evaluated, with interval, extrapolation and reference, as a multiple of the
distance alone, beside the 1,222 distances of resampled cohorts that it took before (timed by three
of them); `--large` adds 10,000 volumes. Also written to benchmarks/results/frechet.json.

On one busy core of an x86 machine, by process time: 1.4 s against 0.16 s for 2,000 volumes a side and
512 features (8.9 times), 11 s against 4.0 s for 2,000 and 2,048 (2.7 times), 5.1 s against 0.86 s for
10,000 and 512 (5.9 times), 76 s against 9.9 s for 10,000 and 2,048 (7.7 times).
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.linalg
import torch

from evalsuite.metrics.frechet import compute
from evalsuite.metrics.frechet_distance import frechet_distance

RESULTS = Path(__file__).parent / "results" / "frechet.json"
SIZES = [(512, 100), (512, 1000), (2048, 100), (2048, 1000)]
MORE, LARGE = [(512, 2000), (2048, 2000)], [(512, 10_000), (2048, 10_000)]
BEFORE = 1222


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


def features(d: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features with a decaying spectrum, as those of networks have."""
    rng = np.random.default_rng(0)
    scales = 1 / np.sqrt(np.arange(1, d + 1))
    real = rng.standard_normal((n, d)) * scales
    return real, rng.standard_normal((n, d)) * scales * 1.2 + 0.05


def all_told(sizes: list[tuple[int, int]]) -> list[dict]:
    """Return one row per (d, n): seconds of the distance, of all that is told, and of before."""
    rows = []
    for d, n in sizes:
        real, synthetic = map(torch.from_numpy, features(d, n))
        _, distance = timed(lambda pair=(real, synthetic): frechet_distance(*pair), repeats=2)
        _, metric = timed(lambda pair=(real, synthetic): compute(*pair), repeats=1)
        drawn = np.random.default_rng(1).integers(0, n, (3, n))
        start = time.perf_counter()
        for row in drawn:
            # Rows drawn twice were weighted: about 63 % of them are left.
            kept = np.unique(row)
            frechet_distance(real[kept], synthetic[kept])
        before = (time.perf_counter() - start) / len(drawn) * BEFORE
        rows.append(
            {
                "d": d,
                "n": n,
                "distance_seconds": distance,
                "metric_seconds": metric,
                "metric_ratio": metric / distance,
                "before_seconds": before,
                "before_ratio": before / distance,
                "threads": torch.get_num_threads(),
            }
        )
    return rows


def run() -> list[dict]:
    """Return one row per (d, n): seconds of both, their ratio and the relative difference."""
    rows = []
    for d, n in SIZES:
        real, synthetic = features(d, n)
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


def main(*, large: bool = False) -> None:
    rows = run()
    print(f"{'d':>5} {'n':>6} {'evalsuite':>11} {'sqrtm':>9} {'ratio':>8} {'difference':>11}")
    for row in rows:
        print(
            f"{row['d']:>5} {row['n']:>6} {row['evalsuite_seconds']:>9.4f} s "
            f"{row['sqrtm_seconds']:>7.2f} s {row['ratio']:>7.0f}x {row['relative_difference']:>11.1e}"
        )
    told = all_told(SIZES + MORE + (LARGE if large else []))
    print(f"\n{'d':>5} {'n':>6} {'distance':>11} {'all told':>11} {'ratio':>7} {'before':>11}")
    for row in told:
        print(
            f"{row['d']:>5} {row['n']:>6} {row['distance_seconds']:>9.3f} s "
            f"{row['metric_seconds']:>9.2f} s {row['metric_ratio']:>6.1f}x "
            f"{row['before_seconds']:>9.0f} s {row['before_ratio']:>6.0f}x"
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"against sqrtm": rows, "all told": told}, indent=2) + "\n")
    print(f"Written to {RESULTS}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true")
    main(large=parser.parse_args().large)
