"""How often the 95 % intervals of metrics hold the truth where they are hardest to make.

    python benchmarks/metric_intervals.py [--replicates 1000]

Simulated cohorts, each volume of another subject, in designs of which the truth is the mean over
all replicates (or over many pairs of subjects):

- kid, mmd_rbf: normal features, and heavy-tailed ones (log-normal), of cohorts apart and of unequal
  sizes;
- precision, recall, density, coverage: normal features of a synthetic cohort as wide as the real
  one and narrower, where precision is near 1;
- pairs: similarities of pairs of subjects, some of which are unlike all others (log-normal), as of
  MS-SSIM.

Per design: how often the interval holds the truth, lies above and below it, and how often it is told
that a few subjects make most of the variance; in percent. Monte Carlo error 0.7 for 1,000
replicates. Also written to benchmarks/results/metric_intervals.json.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit

from evalsuite.metrics.mmd import compute as mmd
from evalsuite.metrics.ms_ssim import FEW_VOLUMES, draw_pairs, interval_of_pairs, mean_of_pairs
from evalsuite.metrics.precision_recall import compute as precision_recall
from evalsuite.metrics.subjects import dominated
from evalsuite.records import Estimate

RESULTS = Path(__file__).parent / "results" / "metric_intervals.json"
HEAVY = "heavy-tails-of-mmd"
DISTANCES = [  # features, sigma of their exponential (0: normal), shift
    (4, 0.0, 0.5), (4, 0.0, 1.0), (16, 0.0, 0.5), (64, 0.0, 0.5), (4, 0.5, 0.5), (16, 0.5, 0.5),
]  # fmt: skip
SIZES = [(20, 20), (40, 40), (40, 20), (12, 60), (60, 12)]
OVERLAPS = [(4, 0.5), (4, 0.7), (16, 0.7), (4, 1.0)]  # features, width of the synthetic cohort
OVERLAP_SIZES = [(30, 30), (60, 60), (20, 60), (60, 20)]
UNLIKE = [(0.3, 2.5), (0.8, 2.5), (1.2, 2.5), (0.8, 4.0), (1.2, 5.0)]  # sigma, logit of likeness
COHORTS = [8, 12, 20, 40]
PAIRS, NOISE, POPULATION = 100, 0.2, 200_000

Found = tuple[float, float, float, bool]  # value, ends, whether heavy tails are told


def distances(replicates: int, sizes, d: int, skew: float, shift: float) -> dict[str, list[Found]]:
    def features(rng, n: int, shift: float) -> torch.Tensor:
        rows = rng.standard_normal((n, d)) + shift
        return torch.from_numpy(np.exp(skew * rows) if skew else rows)

    def estimates(k: int) -> list[Estimate]:
        rng = np.random.default_rng([1, *sizes, d, k])
        real, synthetic = features(rng, sizes[0], 0.0), features(rng, sizes[1], shift)
        return mmd(real, synthetic, permutations=1)

    return _found(replicates, estimates)


def overlaps(replicates: int, sizes, d: int, width: float) -> dict[str, list[Found]]:
    def estimates(k: int) -> list[Estimate]:
        rng = np.random.default_rng([2, *sizes, d, k])
        real, synthetic = (
            torch.from_numpy(w * rng.standard_normal((n, d)))
            for n, w in zip(sizes, (1.0, width), strict=True)
        )
        return precision_recall(real, synthetic)

    return _found(replicates, estimates)


def _found(replicates: int, estimates: Callable[[int], list[Estimate]]) -> dict[str, list[Found]]:
    found: dict[str, list[Found]] = {}
    for k in range(replicates):
        for e in estimates(k):
            if not e.test:
                ends = (e.interval.low, e.interval.high) if e.interval else (np.nan, np.nan)
                told = any(caveat.code == HEAVY for caveat in e.warnings)
                found.setdefault(e.name, []).append((e.value, *ends, told))
    return found


def similarities(rng, subjects: np.ndarray, pairs: np.ndarray, likeness: float) -> np.ndarray:
    """Return how alike the subjects of each pair are; those with large numbers are like nobody."""
    noise = NOISE * rng.standard_normal(len(pairs))
    return expit(likeness - subjects[pairs].mean(axis=1) + noise)


def pairs(replicates: int, n: int, sigma: float, likeness: float) -> tuple[float, list[Found]]:
    """Return the truth and what was found."""
    rng = np.random.default_rng(3)
    everyone = np.exp(sigma * rng.standard_normal(2 * POPULATION))
    truth = similarities(rng, everyone, np.arange(2 * POPULATION).reshape(-1, 2), likeness).mean()
    found: list[Found] = []
    for k in range(replicates):
        rng = np.random.default_rng([3, n, k])
        subjects = np.exp(sigma * rng.standard_normal(n))
        drawn = draw_pairs(n, PAIRS, (k,))
        mean = mean_of_pairs(similarities(rng, subjects, drawn, likeness), drawn)
        interval = interval_of_pairs(mean, 0.0)
        told = n >= FEW_VOLUMES and dominated(mean.contributions)
        found.append((mean.value, interval.low, interval.high, told))
    return float(truth), found


def counted(found: list[Found], truth: float | None = None) -> dict[str, float]:
    """Return the percentages of a design; intervals that are not there miss on neither side."""
    value, low, high, told = np.array(found).T
    true = float(value.mean()) if truth is None else truth
    return {
        "truth": true,
        "held": 100 * float(np.mean((low <= true) & (true <= high))),
        "above": 100 * float(np.mean(low > true)),
        "below": 100 * float(np.mean(high < true)),
        "told": 100 * float(np.mean(told)),
    }


def rows(replicates: int) -> Iterator[dict[str, object]]:
    for d, skew, shift in DISTANCES:
        for sizes in SIZES:
            design = {"real": sizes[0], "synthetic": sizes[1], "features": d, "shift": shift}
            design |= {"tails": "heavy" if skew else "normal"}
            for name, found in distances(replicates, sizes, d, skew, shift).items():
                yield {"quantity": name, **design, **counted(found)}
    for d, width in OVERLAPS:
        for sizes in OVERLAP_SIZES:
            design = {"real": sizes[0], "synthetic": sizes[1], "features": d, "width": width}
            for name, found in overlaps(max(replicates // 4, 1), sizes, d, width).items():
                yield {"quantity": name, **design, **counted(found)}
    for sigma, likeness in UNLIKE:
        for n in COHORTS:
            truth, found = pairs(replicates, n, sigma, likeness)
            design = {"volumes": n, "sigma": sigma, "likeness": likeness}
            yield {"quantity": "pairs", **design, **counted(found, truth)}


def main(replicates: int) -> None:
    torch.set_num_threads(1)
    told = []
    for row in rows(replicates):
        told.append(row)
        print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
                        for k, v in row.items()), flush=True)  # fmt: skip
    RESULTS.write_text(json.dumps({"replicates": replicates, "rows": told}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    main(parser.parse_args().replicates)
