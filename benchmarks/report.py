"""How long does the report of a large study take?

    python benchmarks/report.py [--readers 20] [--cases 300] [--replicates 2000]

A simulated study, a third of its cases real and two thirds from two generators, every reader all
cases and a tenth of them twice, with the questions of the paper and the visual Turing test, beside
an evaluation with six scores for every case. Printed are the seconds of reading the exported
table, of the statistics and figures, and of writing page, tables and pictures. Also written to
benchmarks/results/report.json.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from evalsuite.records import CohortRecord, Estimate, Evaluation
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from reports.build import build, write_report
from reports.sources import EvaluationData, read_study

RESULTS = Path(__file__).parent / "results" / "report.json"
LEVELS = {"real": 0.0, "diffusion": 0.6, "gan": 1.4}
OFFERED = {"real_or_synthetic": 6, "appearance": 4, "anatomy": 4, "consistency": 4}
SCORES = ["realism", "nearest_real", "slice_consistency", "distance", "density", "typicality"]


def export(folder, readers, cases, random):
    """Write what `evalsuite study export` writes, and return the cases."""
    design = {
        "name": "large",
        "title": "A large study",
        "readers": [f"Reader {i + 1:02}" for i in range(readers)],
        "cohorts": [
            {
                "name": name,
                "path": str(folder / name),
                "role": "real" if name == "real" else "synthetic",
                "cases": cases // 3,
            }
            for name in LEVELS
        ],
        "template": ["turing", "paper"],
        "repeats": cases // 10,
        "margins": {"appearance": 0.5, "anatomy": 0.5, "consistency": 0.5},
    }
    known = pd.DataFrame(
        {"case": f"case{name}{i}", "cohort": name, "quality": -level + random.normal(0, 0.4)}
        for name, level in LEVELS.items()
        for i in range(cases // 3)
    )
    rows = []
    for reader in design["readers"]:
        bias = random.normal(0, 0.3)
        order = random.permutation(len(known))
        shown = [*order, *order[: design["repeats"]]]
        for position, place in enumerate(shown):
            case, cohort, quality = known.loc[place, ["case", "cohort", "quality"]]
            for question, points in OFFERED.items():
                latent = quality + bias + random.normal(0, 0.5)
                rows.append(
                    {
                        "study": "large",
                        "reader": reader,
                        "position": position + 1,
                        "phase": "reading",
                        "presentation": f"{reader}-{position}",
                        "case": case,
                        "repeat_of": position - len(known) + 1 if position >= len(known) else None,
                        "question": question,
                        "kind": "confidence" if points == 6 else "choice",
                        "answer": int(np.clip(round(points * (0.9 + latent / 4)), 1, points)),
                        "revision": 0,
                        "answered_at": "2026-01-01T00:00:00+00:00",
                        "seconds": 30.0,
                        "active_seconds": float(np.exp(random.normal(3, 0.4) - 0.001 * position)),
                        "cohort": cohort,
                        "role": "real" if cohort == "real" else "synthetic",
                        "stratum": "",
                        "real_side": None,
                        "digest": case,
                    }
                )
    path = folder / "large.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    full = read_design(design).model_dump(mode="json")
    record = {"study": "large", "state": "closed", "design": full, "design_hash": "0" * 64}
    path.with_suffix(".design.yaml").write_text(yaml.safe_dump(record))
    return path, known


def evaluation(folder, known, random):
    """Return an evaluation of the same cases, its scores ever looser tied to their quality."""
    scores = pd.concat(
        known.assign(
            role=np.where(known["cohort"] == "real", "real", "synthetic"),
            volume=known["case"],
            digest=known["case"],
            against="real",
            extractor="radiomics",
            name=name,
            value=known["quality"] + random.normal(0, 0.2 + noise, len(known)),
            direction="higher is better",
            method="made for the benchmark",
        )
        for noise, name in enumerate(SCORES)
    ).drop(columns=["case", "quality"])
    cohorts = {
        name: CohortRecord(
            name,
            "real" if name == "real" else "synthetic",
            name,
            name,
            tuple(known.loc[known["cohort"] == name, "case"]),
        )
        for name in LEVELS
    }
    estimates = [
        Estimate(
            name="frechet_distance",
            value=level,
            direction="lower is better",
            method="made for the benchmark",
            synthetic=name,
            extractor="radiomics",
            n_real=len(cohorts["real"].volumes),
            n_synthetic=len(cohorts[name].volumes),
        )
        for name, level in LEVELS.items()
        if name != "real"
    ]
    real = cohorts.pop("real")
    record = Evaluation(
        real, tuple(cohorts.values()), tuple(estimates), {}, "0" * 64, {}, "2026-01-01", 0.0
    )
    return EvaluationData(folder, record, scores, [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--replicates", type=int, default=2000)
    chosen = parser.parse_args()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, known = export(folder, chosen.readers, chosen.cases, random)
        beside = evaluation(folder, known, random)
        seconds = {}
        start = time.perf_counter()
        study = read_study(str(path), Home.at(folder / "studies"))
        seconds["reading"] = time.perf_counter() - start
        start = time.perf_counter()
        report = build(study, [beside], replicates=chosen.replicates)
        seconds["statistics and figures"] = time.perf_counter() - start
        start = time.perf_counter()
        page = write_report(report, folder / "report")
        seconds["writing"] = time.perf_counter() - start
        size = page.stat().st_size / 2**20
    seconds["in all"] = sum(seconds.values())
    told = f"{chosen.readers} readers x {chosen.cases} cases, {chosen.replicates} replicates"
    print(f"{told}; the page has {size:.1f} MiB")
    for stage, taken in seconds.items():
        print(f"{stage:24} {taken:6.1f} s")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"what": told, "seconds": seconds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
