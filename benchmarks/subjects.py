"""Error rates, coverage and yardsticks of metrics on features where subjects have several volumes.

    python benchmarks/subjects.py [--replicates 1000]

Features of a volume are those of its subject and its own, correlated within subjects, normal or
log-normal. Three tables:

- tests: how often the p-values of MMD and KID are at most 5 % where both cohorts come from one
  distribution (Monte Carlo error 0.7 % for 1,000 replicates);
- intervals: how often the 95 % intervals hold the expected value at these sizes (MMD, KID,
  frechet_distance) or that of the populations (frechet_distance_infinity), the cohorts apart;
- yardsticks: mean reference of the Frechet distance against that of fresh real samples, as a
  difference in percent, with that of plain halves.

Also written to benchmarks/results/subjects.json.
"""

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
import torch

from evalsuite.metrics.frechet import compute as frechet
from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.frechet_within import expected_distance
from evalsuite.metrics.kernels import cubic_kernel, median_distance, rbf_kernel
from evalsuite.metrics.mmd import WIDTHS
from evalsuite.metrics.mmd import compute as mmd
from evalsuite.metrics.squared_mmd import (
    permutation_p_value,
    relabellings,
    sign_flip_p_value,
    signs,
    summed,
    tiles_of,
)
from evalsuite.metrics.subjects import Subjects

RESULTS = Path(__file__).parent / "results" / "subjects.json"
VOLUMES = [(1, 1), (2, 2), (5, 5), (2, 1), (5, 1)]  # per real and per synthetic subject
SIZES = [(20, 40), (40, 20), (30, 30)]  # subjects
DRAWS = 199
SHIFT = 0.5  # where the cohorts differ, in standard deviations before the exponential


def features(rng, subjects, volumes, d, within, *, skew=0.0, shift=0.0) -> torch.Tensor:
    """Return features of subjects with so many volumes; log-normal with sigma `skew` if not 0."""
    own, rest = (rng.standard_normal((subjects, k, d)) for k in (1, volumes))
    rows = (np.sqrt(within) * own + np.sqrt(1 - within) * rest + shift).reshape(-1, d)
    return torch.from_numpy(np.exp(skew * rows) if skew else rows)


def whose(sizes, volumes) -> Subjects:
    return Subjects(*(np.repeat(np.arange(s), v) for s, v in zip(sizes, volumes, strict=True)))


def tests(replicates: int, volumes, sizes, d, within, skew) -> dict:
    """Return the shares of rejections in percent."""
    subjects = whose(sizes, volumes)
    rejected: dict[str, list[bool]] = {}
    for seed in range(replicates):
        rng = np.random.default_rng([1, *sizes, *volumes, d, round(10 * within), seed])
        pair = [
            features(rng, s, v, d, within, skew=skew) for s, v in zip(sizes, volumes, strict=True)
        ]
        sigma = median_distance(pair[0], subjects.real)
        kernels = {
            "mmd_rbf": lambda t, sigma=sigma: rbf_kernel(t.squares, sigma, WIDTHS),
            "kid": lambda t: cubic_kernel(t.products, d),
        }
        alike = volumes[0] == volumes[1]
        labels = (relabellings if alike else signs)(*sizes, DRAWS, seed)
        for name, sums in summed(tiles_of(*pair, kernels), subjects, labels).items():
            p = permutation_p_value(sums) if alike else sign_flip_p_value(sums)
            rejected.setdefault(name, []).append(p <= 0.05)
    return {name: 100 * float(np.mean(values)) for name, values in rejected.items()}


def intervals(replicates: int, volumes, sizes, d, within) -> dict:
    """Return the shares of intervals that hold the truth in percent; Frechet by a tenth of them."""
    subjects = whose(sizes, volumes)
    drawn: dict[str, list] = {}
    for seed in range(replicates):
        rng = np.random.default_rng([2, *sizes, *volumes, d, round(10 * within), seed])
        real = features(rng, sizes[0], volumes[0], d, within)
        synthetic = features(rng, sizes[1], volumes[1], d, within, shift=SHIFT)
        found = mmd(real, synthetic, subjects=subjects, permutations=1, bandwidth=2.0 * d**0.5)
        if seed < replicates // 10:
            found += frechet(real, synthetic, subjects=subjects, seed=seed)
        for e in found:
            if e.interval:
                drawn.setdefault(e.name, []).append((e.value, e.interval.low, e.interval.high))
    truth = {name: np.mean([value for value, *_ in rows]) for name, rows in drawn.items()}
    truth["frechet_distance_infinity"] = d * SHIFT**2
    return {
        name: 100 * float(np.mean([low <= truth[name] <= high for _, low, high in rows]))
        for name, rows in drawn.items()
    }


def yardsticks(replicates: int, n: int, other: int, d: int, skew: float) -> dict:
    """Return how far the reference and plain halves lie from the truth, in percent."""
    rng = np.random.default_rng([3, n, other, d])
    cohort = [features(rng, n, 1, d, 0, skew=skew) for _ in range(replicates)]
    fresh = [features(rng, other, 1, d, 0, skew=skew) for _ in range(replicates)]
    truth = np.mean([frechet_distance(a, b) for a, b in zip(cohort, fresh, strict=True)])
    own = np.arange(n)
    found = np.mean([expected_distance(c, own, (n, other), seed=0) for c in cohort])
    halves = np.mean([frechet_distance(c[: n // 2], c[n // 2 :]) for c in cohort])
    return {
        "truth": float(truth),
        "reference": float(100 * (found / truth - 1)),
        "halves": float(100 * (halves / truth - 1)),
    }


def main(replicates: int) -> None:
    torch.set_num_threads(1)
    rows = []

    def told(what: str, design: dict, found: dict) -> None:
        rows.append({"what": what, **design, **found})
        cells = "  ".join(f"{name} {value:.1f}" for name, value in found.items())
        print(", ".join(f"{k} {v}" for k, v in design.items()), cells, sep="  ", flush=True)

    print(f"tests at 5 %, {replicates} replicates, percent")
    for volumes, sizes, skew, within, d in product(
        VOLUMES, SIZES, (0.0, 0.8), (0.3, 0.6, 0.9), (8, 64)
    ):
        design = {"volumes": volumes, "subjects": sizes, "skew": skew, "within": within, "d": d}
        told("test", design, tests(replicates, volumes, sizes, d, within, skew))
    print("\n95 % intervals, percent")
    for volumes, sizes in product(VOLUMES, SIZES):
        design = {"volumes": volumes, "subjects": sizes, "within": 0.6, "d": 4}
        told("interval", design, intervals(replicates, volumes, sizes, 4, 0.6))
    print("\nreference of the Frechet distance, percent above the truth")
    for skew, d, n in product((0.0, 0.5), (8, 64, 512), (16, 40, 200)):
        for other in (n // 2, n, 2 * n):
            design = {"skew": skew, "d": d, "real": n, "synthetic": other}
            told("reference", design, yardsticks(max(10, replicates // 25), n, other, d, skew))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"replicates": replicates, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    main(parser.parse_args().replicates)
