"""How often the intervals of the Frechet distance hold the truth, and how wide they are.

    python benchmarks/frechet_intervals.py [--pairs 400] [--only slices] [--features 512]

Pairs of cohorts are drawn anew, from one population (same) or from one that is a fifth wider and
shifted by a fifth of a standard deviation (apart); standard deviations of features fall from 2 to
0.2. The truth is the mean over pairs; what it needs is the width that holds 95 % of the values. The
table says, for distance and extrapolation, how many of the 95 % intervals hold the truth, how many
lie above and below it, and their mean width over what the truth needs. Features are

- normal;
- tailed: normal over a chi of 6 degrees of freedom, shared by a volume's features (multivariate t);
- skewed: log-normal with sigma 0.6;
- mixed: of four kinds of volumes, which lie apart;
- subjects: four volumes of each subject, correlated by 0.8.

The first table is of 2.5D: slices of three planes, correlated within a volume and between planes;
beside the intervals, those that took every slice for a subject. The Monte Carlo error is 1.1 % for
400 pairs. Also written to benchmarks/results/frechet_intervals.json, design by design.
"""

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
import torch

from evalsuite.metrics.frechet import compute
from evalsuite.metrics.frechet_influence import influence
from evalsuite.metrics.subjects import Subjects
from evalsuite.records import Estimate

RESULTS = Path(__file__).parent / "results" / "frechet_intervals.json"
KINDS = ("normal", "tailed", "skewed", "mixed", "subjects")
# Volumes, features, and the share of the pairs that are drawn.
SIZES = [
    (6, 64, 1),
    (20, 64, 1),
    (48, 64, 1),
    (20, 2048, 1),
    (100, 512, 1),
    (200, 64, 1),
    (400, 512, 0.25),
]
PLANES = ("sagittal", "coronal", "axial")
SLICES = 12
VOLUMES = [(20, 20), (20, 60), (60, 60)]

Told = dict[str, tuple[float, float, float]]


def features(rng: np.random.Generator, kind: str, n: int, d: int) -> np.ndarray:
    """Return n rows of one population."""
    z = rng.standard_normal((n, d))
    if kind == "tailed":
        z /= np.sqrt(rng.chisquare(6, (n, 1)) / 6)
    elif kind == "skewed":
        z = np.exp(0.6 * z)
    elif kind == "mixed":
        z += 1.5 * np.random.default_rng(0).standard_normal((4, d))[rng.integers(0, 4, n)]
    elif kind == "subjects":
        z = np.sqrt(0.8) * rng.standard_normal((n // 4, d)).repeat(4, axis=0) + np.sqrt(0.2) * z
    return z * np.geomspace(2, 0.2, d)


def pair(rng: np.random.Generator, kind: str, n: int, d: int, apart: bool) -> list[torch.Tensor]:
    real, synthetic = (features(rng, kind, n, d) for _ in range(2))
    if apart:
        synthetic = 1.2 * synthetic + 0.2 * np.geomspace(2, 0.2, d)
    return [torch.from_numpy(real), torch.from_numpy(synthetic)]


def intervals(kind: str, n: int, d: int, apart: bool, seed: int) -> Told:
    """Return value and ends of the intervals of one pair of cohorts, by name."""
    each = 4 if kind == "subjects" else 1
    codes = np.repeat(np.arange(n // each), each)
    subjects = Subjects(codes, codes)
    rng = np.random.default_rng([KINDS.index(kind), n, d, apart, seed])
    cohorts = pair(rng, kind, n, d, apart)
    return {e.name: ends(e) for e in compute(*cohorts, subjects=subjects, seed=seed) if e.interval}


def ends(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.interval.low, estimate.interval.high


def judged(told: list[Told]) -> dict[str, dict[str, float]]:
    """Return the shares of intervals that hold the mean value, and their relative widths."""
    found = {}
    for name in told[0]:
        values, low, high = np.array([of[name] for of in told]).T
        truth, needed = values.mean(), np.ptp(np.quantile(values, [0.025, 0.975]))
        found[name] = {
            "coverage": round(float(np.mean((low <= truth) & (truth <= high))), 4),
            "above": round(float(np.mean(low > truth)), 4),
            "below": round(float(np.mean(high < truth)), 4),
            "width": round(float(np.mean(high - low) / needed), 3),
        }
    return found


def volumes(rng: np.random.Generator, n: int, d: int) -> dict[str, np.ndarray]:
    """Return features of slices by plane: of the volume, drifting along it, and of each slice."""
    own = rng.standard_normal((n, 1, d))
    found = {}
    for plane in PLANES:
        steps = rng.standard_normal((n, SLICES, d)).cumsum(axis=1) / SLICES**0.5
        rest = rng.standard_normal((n, SLICES, d))
        found[plane] = (own + 0.7 * steps + 0.5 * rest) * np.geomspace(2, 0.2, d)
    return found


def by_slices(real: torch.Tensor, synthetic: torch.Tensor) -> tuple[float, float]:
    """Return the distance of slices and its standard error, were every slice a subject."""
    found = influence(real.flatten(0, 1), synthetic.flatten(0, 1))
    variance = sum(float(v.square().sum()) / len(v) ** 2 for v in (found.real, found.synthetic))
    return found.value, variance**0.5


def planes(m: int, n: int, d: int, apart: bool, seed: int) -> Told:
    """Return value and ends of the intervals of one pair of cohorts in 2.5D, by name."""
    rng = np.random.default_rng([9, m, n, d, apart, seed])
    real, synthetic = (
        {plane: torch.from_numpy(s) for plane, s in volumes(rng, size, d).items()}
        for size in (m, n)
    )
    if apart:
        synthetic = {plane: 1.2 * s + 0.3 for plane, s in synthetic.items()}
    cohorts = (real, synthetic)
    whole = [torch.stack([s.mean(dim=1) for s in c.values()]).mean(dim=0) for c in cohorts]
    told = {e.key: ends(e) for e in compute(*whole, slices=cohorts, seed=seed)}
    naive = np.array([by_slices(real[plane], synthetic[plane]) for plane in PLANES])
    value, error = naive[:, 0].mean(), np.sqrt(np.square(naive[:, 1]).sum()) / len(PLANES)
    told["were slices subjects"] = value, value - 1.96 * error, value + 1.96 * error
    return told


def main(pairs: int, only: str, features: int) -> None:
    torch.set_num_threads(1)
    designs = {
        "slices": [(*s, d, a, 1) for s, d, a in product(VOLUMES, (32, 4), (False, True))],
        "volumes": [
            (k, n, d, a, share)
            for n, d, share in SIZES
            for k in KINDS
            for a in (False, True)
            if k != "subjects" or n >= 8
        ],
    }
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for what, simulated in (("slices", planes), ("volumes", intervals)):
        for *design, share in designs[what] if only in ("", what) else ():
            if features and design[2] != features:
                continue
            many = round(share * pairs)
            found = judged([simulated(*design, seed) for seed in range(many)])
            others = [row for row in kept.get(what, []) if row["design"] != design]
            kept[what] = [*others, {"design": design, "pairs": many, **found}]
            RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
            cells = (f"{name} {f['coverage']:.1%} {f['width']:.2f}" for name, f in found.items())
            print(*design, *cells, sep="  ", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--only", choices=("", "slices", "volumes"), default="")
    parser.add_argument("--features", type=int, default=0, help="only designs of so many features")
    arguments = parser.parse_args()
    main(arguments.pairs, arguments.only, arguments.features)
