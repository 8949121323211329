"""Run the authors' code of clipped density and coverage and of the Vendi score on seeded features.

    git clone https://github.com/nicolassalvy/ClippedDensityCoverage  # at 9920dae001b0
    git clone https://github.com/vertaix/Vendi-Score  # at c791c30d7c14
    PYTHONPATH=ClippedDensityCoverage:Vendi-Score python -m benchmarks.references.diversity

Both need scikit-learn; the second asks for a name that SciPy has dropped, which is given here. What
came out is kept in tests/metrics/fixtures/diversity.json.
"""

import json
from pathlib import Path

import numpy as np
import scipy.sparse

FIXTURE = Path(__file__).parents[2] / "tests" / "metrics" / "fixtures" / "diversity.json"
CASES = (
    {"m": 40, "n": 40, "d": 6, "shift": 0.0, "outliers": 0, "k": 5},
    {"m": 60, "n": 45, "d": 10, "shift": 0.5, "outliers": 9, "k": 3},
    {"m": 31, "n": 50, "d": 4, "shift": 1.0, "outliers": 10, "k": 5},
    {"m": 90, "n": 90, "d": 3, "shift": 0.0, "outliers": 30, "k": 10},
    {"m": 20, "n": 6, "d": 40, "shift": 0.2, "outliers": 1, "k": 5},
)


def cohorts(case, seed):
    """Return features of a real and a synthetic cohort, some of the latter far away."""
    random = np.random.default_rng(seed)
    real = random.normal(size=(case["m"], case["d"]))
    synthetic = random.normal(size=(case["n"], case["d"])) + case["shift"]
    synthetic[: case["outliers"]] += 20
    return real, synthetic


def main() -> None:
    from ClippedDensityCoverage.metrics.Clipped_Density_Coverage import ClippedDensityCoverage

    scipy.sparse.csr = scipy.sparse
    scipy.sparse.csr.csr_matrix = scipy.sparse.csr_matrix
    from vendi_score import vendi

    found = []
    for seed, case in enumerate(CASES):
        real, synthetic = cohorts(case, seed)
        clipped = ClippedDensityCoverage(real, K=case["k"], n_jobs=1)
        found.append(
            {
                **case,
                "clipped_density": float(clipped.ClippedDensity(synthetic)),
                "clipped_coverage": float(clipped.ClippedCoverage(synthetic)),
                "vendi_score": float(vendi.score_X(synthetic)),
            }
        )
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
