"""How often the intervals of agreement between readers hold the truth where readers differ most.

    python benchmarks/agreement_intervals.py [--studies 500]

Readers and cases by the model of `coverage.py`, among them readers whose levels lie far apart and
means near the end of the scale. `held`: of the intervals that are there, how many hold the truth;
`no interval`: how many are not; in percent. Also written to
benchmarks/results/agreement_intervals.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from coverage import AGREEMENT, Study, rounded, studies

from evalsuite.statistics.jackknife import jackknife
from evalsuite.statistics.resample import Draws

RESULTS = Path(__file__).parent / "results" / "agreement_intervals.json"
COMPONENTS = {  # variances of reader, reader x cohort, case, reader x case
    "typical": (0.11, 0.035, 0.15, 0.44),
    "readers differ": (0.2, 0.2, 0.15, 0.4),
    "readers far apart": (1.0, 0.05, 0.15, 0.4),
    "readers far apart, cases alike": (1.0, 0.05, 0.05, 0.2),
}
MEANS = (2.5, 2.9, 3.6)  # before rounding to 1 to 4
DESIGNS = [(3, 15), (4, 20), (6, 20), (10, 40)]
MANY = 150, 200  # cases and readers of the truth


def measured(number: int, readers: int, cases: int, components, mean: float) -> list[dict]:
    """Return a row for each coefficient."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in AGREEMENT}
    for study in studies(number, 11, readers, cases, components, (mean, mean)):
        ratings = rounded(study.x)
        for name, of in AGREEMENT.items():
            ends = jackknife(
                lambda draws, of=of, x=ratings: of(x, draws)[:, None], cases=cases, readers=readers
            )
            found[name].append((float(ends.low[0]), float(ends.high[0])))
    rows = []
    for name, ends in found.items():
        truth, (low, high) = true(name, components, mean), np.array(ends).T
        there = np.isfinite(low)
        held = (low <= truth) & (truth <= high)
        rows.append(
            {
                "quantity": name,
                "truth": truth,
                "held": 100 * float(held[there].mean()),
                "no interval": 100 * float(1 - there.mean()),
            }
        )
    return rows


def true(name: str, components, mean: float) -> float:
    """Return a coefficient in a large population of readers and cases."""
    cases, readers = MANY
    values = []
    for k in range(2):
        study = Study(np.random.default_rng([12, k]), readers, cases, components, (mean, mean))
        values.append(AGREEMENT[name](rounded(study.x), Draws.once(cases, readers))[0])
    return float(np.mean(values))


def main(number: int) -> None:
    rows = []
    for name, components in COMPONENTS.items():
        for mean in MEANS:
            for readers, cases in DESIGNS:
                for row in measured(number, readers, cases, components, mean):
                    about = {"components": name, "mean": mean, "readers": readers, "cases": cases}
                    rows.append(about | row)
                    print("  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}"
                                    for k, v in rows[-1].items()), flush=True)  # fmt: skip
    RESULTS.write_text(json.dumps({"studies": number, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=500)
    main(parser.parse_args().studies)
