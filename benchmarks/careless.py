"""How often honest readers look careless, and careless ones are noticed.

    python benchmarks/careless.py [--studies 200]

Simulated studies: 4 readers, 20 real and 20 synthetic cases with 5 hidden repeats, and either six
degrees of confidence that a case is real, or the three questions of the paper, or both. Ratings
have the variances of `evalsuite.study.protocol.power` between readers, cases and readings. Three
kinds of cases: synthetic ones that are told from real ones, ones that nobody can tell, and ones
that nearly all get the best answer. Honest times are log-normal with a median of 20 s or, of
readers in a hurry, of 8 s; one case in ten is glanced at (two slices), of readers in a hurry three.
The last reader of each study is honest or one of five careless ones. A reader counts once, however
many signs are raised; of studies with honest readers alone all four count. Also written to benchmarks/results/careless.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from evalsuite.statistics.careless import careless, raised

RESULTS = Path(__file__).parent / "results" / "careless.json"
READERS, CASES, REPEATS = 4, 20, 5
TURING, PAPER = {"real_or_synthetic": 6}, {"appearance": 4, "anatomy": 4, "consistency": 4}
ASKED = {"confidence": TURING, "paper": PAPER, "both": TURING | PAPER}
# Means of real and synthetic cases as places on a scale from 0 to 1.
KINDS = {"told apart": (0.7, 0.4), "alike": (0.5, 0.5), "nearly all the best": (1.15, 1.1)}
READER, CASE, READING = 0.11, 0.15, 0.44  # variances in points of a scale of four
PACES = {"honest": (20.0, 0.1), "honest, in a hurry": (8.0, 0.3)}
CARELESS = ("clicks through", "one answer", "random answers", "one slice", "all of it")


def study(rng, asked, kind, reader) -> pd.DataFrame:
    """Return the long table of a study whose last reader is of a kind."""
    rows = []
    cases = rng.normal(0, np.sqrt(CASE), 2 * CASES)
    for place in range(READERS):
        how = reader if place == READERS - 1 else "honest"
        median, glanced = PACES.get(how, PACES["honest"])
        bias = rng.normal(0, np.sqrt(READER))
        order = rng.permutation(2 * CASES)
        shown = [*order, *order[:REPEATS]]
        for position, case in enumerate(shown):
            seconds = (
                0.2
                if how in ("clicks through", "all of it")
                else (median * np.exp(rng.normal(0, 0.6)))
            )
            slices = (
                1
                if how in ("one slice", "all of it")
                else (2 if rng.random() < glanced else int(rng.integers(8, 60)))
            )
            for question, points in asked.items():
                mean = 1 + (points - 1) * KINDS[kind][int(case >= CASES)]
                rating = mean + (cases[case] + bias + rng.normal(0, np.sqrt(READING))) * points / 4
                if how == "random answers":
                    rating = rng.integers(1, points + 1)
                if how in ("one answer", "all of it"):
                    rating = 2
                rows.append((
                    f"R{place}", position, "reading", str(case),
                    position - 2 * CASES if position >= 2 * CASES else np.nan, question, "ordinal",
                    "turing" if points == 6 else "ratings",
                    int(np.clip(round(rating), 1, points)), 0, seconds, slices, 1, 1, "64x64x60",
                ))  # fmt: skip
    return pd.DataFrame(rows, columns=[
        "reader", "position", "phase", "case", "repeat_of", "question", "scale", "analysis",
        "answer", "revision", "active_seconds", "axial_slices", "coronal_slices",
        "sagittal_slices", "shape",
    ])  # fmt: skip


def main() -> None:
    """Simulate, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--studies",
        type=int,
        default=200,
        help="of each kind with honest readers, a third as many with careless ones",
    )
    studies = parser.parse_args().studies
    rows = []
    for name, asked in ASKED.items():
        for kind in KINDS:
            for reader in (*PACES, *CARELESS):
                rng = np.random.default_rng([len(rows), studies])
                honest = reader in PACES
                counted = range(READERS) if reader == "honest" else [READERS - 1]
                signs = [
                    {s.quantity for s in found if s.at("reader") == f"R{place}"}
                    for found in (
                        raised(careless(study(rng, asked, kind, reader), asked))
                        for _ in range(studies if honest else -(-studies // 3))
                    )
                    for place in counted
                ]
                share = {rule: np.mean([rule in found for found in signs])
                         for rule in sorted({rule for found in signs for rule in found})}  # fmt: skip
                rows.append({
                    "questions": name, "cases": kind, "reader": reader, "n": len(signs),
                    "any": float(np.mean([bool(found) for found in signs])),
                    **{rule: float(value) for rule, value in share.items()},
                })  # fmt: skip
                print(rows[-1], flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
