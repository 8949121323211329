"""Coverage of the intervals of FRD by simulation.

Run `python benchmarks/frd_intervals.py`; the table is also written to
benchmarks/results/frd_intervals.json. Features share 8 factors, as radiomics do; real and synthetic
ones are Gaussian or log-normal, the same or shifted. An interval is to cover the expected value at
these numbers of volumes, here the mean over fresh pairs of cohorts.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch

from evalsuite.metrics.frd import METRIC, VERSIONS, log_distance
from evalsuite.metrics.metric import Views

RESULTS = Path(__file__).parent / "results" / "frd_intervals.json"
FACTORS, FEATURES = 8, 100
PAIRS, FRESH, REPLICATES = 100, 200, 100
CASES = [(n, shift, skew) for n in (12, 30) for shift, skew in ((0, 0), (1, 0), (0.5, 0.7))]


def cohort(rng, loadings, n, shift, skew):
    values = rng.normal(size=(n, FACTORS)) @ loadings + rng.normal(0, 0.5, (n, FEATURES))
    return torch.from_numpy((np.exp(skew * values) if skew else values) + shift)


def views(extractor, rows):
    names = [str(i) for i in range(len(rows))]
    return Views(names, {extractor: rows}, (), (1.0, 1.0, 1.0))


def main():
    rng = np.random.default_rng(0)
    loadings = rng.normal(0, FACTORS**-0.5, (FACTORS, FEATURES))
    rows = []
    print(f"{'version':18} {'n':>3} {'shift':>5} {'skew':>5} {'expected':>9} {'covered':>8}")
    for extractor, (_, scaling) in VERSIONS.items():
        for n, shift, skew in CASES:

            def pair(n=n, shift=shift, skew=skew):
                return [cohort(rng, loadings, n, s, skew) for s in (0, shift)]

            expected = np.mean([log_distance(*pair(), scaling) for _ in range(FRESH)])
            truth = expected if extractor.endswith("v1") else math.exp(expected)
            found = []
            for seed in range(PAIRS):
                sides = [views(extractor, side) for side in pair()]
                (estimate,) = METRIC.compute(*sides, seed=seed, bootstrap=REPLICATES)
                found.append(estimate.interval.low <= truth <= estimate.interval.high)
            rows.append([extractor, n, shift, skew, float(truth), float(np.mean(found))])
            print("{:18} {:3d} {:5g} {:5g} {:9.3f} {:8.1%}".format(*rows[-1]), flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
