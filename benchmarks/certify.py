"""Is a certificate right? Its false alarms, its power, and the time that it takes.

    python benchmarks/certify.py ../shared/data/hippocampus/images [--certificate FOLDER]

Real volumes: 199 halvings set the limit of every number, 1,000 further ones pass it by chance; and,
of limits from halvings of one half of the subjects, 1,000 halvings of the other half. Simulated
features: of many cohorts the power that halvings of one state beside that of fresh cohorts of
the same kind. With a folder of `evalsuite certify` its time and what it says are kept as well.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from evalsuite.certificate import read_certificate
from evalsuite.certification.design import split
from evalsuite.certification.faults import PLANTINGS
from evalsuite.certification.judge import limits
from evalsuite.certification.values import Seen, Task
from evalsuite.config import load_config
from evalsuite.evaluate import load_metrics, ready
from evalsuite.feature_tables import feature_tables, loaded_extractors
from evalsuite.metrics import mmd
from evalsuite.progress import bars
from evalsuite.records import FeatureTable
from evalsuite.resources import Resources

RESULTS = Path(__file__).parent / "results" / "certify.json"
EXTRACTOR = "medicalnet-resnet10-untrained"
METRICS = "frechet,mmd,precision_recall,clipped,vendi"
LIMIT, FURTHER = 199, 1000
COHORTS, SIZE, FEATURES = 100, 24, 6
SHIFTS = (0.0, 0.3, 0.6, 0.9)  # of every feature, in standard deviations


def of_real(images: Path, cache: Path, metrics: list[str]) -> dict[str, object]:
    """Return how often halves without a fault pass the limit, of each number."""
    given = {"real": str(images), "synthetic": [f"none={images}"], "extractors": [EXTRACTOR]}
    config = load_config(None, {**given, "metrics": metrics})
    resources = Resources(cache=cache, progress=bars)
    extractors = loaded_extractors(config, config.extractors, resources)
    config = config.model_copy(update={"synthetic": ()})
    found = ready(config, extractors, [], resources)
    tables = feature_tables(config, [found.real], extractors, found.preparations, resources)
    (table,) = tables.values()
    chosen = [(metric.name, options) for metric, options in load_metrics(config)]
    n = len(table.values)

    def values(rows: np.ndarray, count: int, seed: int):
        some = FeatureTable(table.cohort, table.extractor, (), table.values[rows])
        seen = [Seen(table.extractor, extractors[0].standardise, some, some)]
        whose = np.arange(len(rows))
        halves = split(whose, count, seed)
        task = Task(PLANTINGS[0], 0.0, None, halves, whose, seen, chosen, 0, 1 << 28)
        return {number.name: of for (_, number), of in task.values()[0].items()}

    everyone = np.arange(n)
    same = values(everyone, LIMIT, 0), values(everyone, FURTHER, 1)
    order = np.random.default_rng(0).permutation(n)
    others = values(order[: n // 2], LIMIT, 0), values(order[n // 2 :], FURTHER, 1)

    def rates(pair):
        known, further = pair
        return {name: float((further[name] > limits(known[name])[0]).mean()) for name in known}

    return {"further halvings": rates(same), "halvings of other subjects": rates(others)}


def number(real, synthetic) -> dict[str, float]:
    """Return the distances of simulated features."""
    pair = [torch.from_numpy(v) for v in (real, synthetic)]
    return {e.name: e.value for e in mmd.compute(*pair, seed=0, intervals=False)}


def of_simulated() -> dict[str, object]:
    """Return by number and shift the power that halvings state, and that of fresh cohorts."""
    stated: dict[str, list[list[float]]] = {}
    true: dict[str, list[list[float]]] = {}
    with bars("simulated cohorts", COHORTS) as advance:
        for cohort in range(COHORTS):
            random = np.random.default_rng(cohort)
            pool = random.normal(size=(2 * SIZE, FEATURES))
            halves = split(np.arange(2 * SIZE), 39, cohort)
            fresh = random.normal(size=(2, SIZE, FEATURES))
            known = [number(pool[of.real], pool[of.held_out]) for of in halves]
            for name in known[0]:
                limit = limits(np.array([one[name] for one in known]))[0]
                own, other = [], []
                for shift in SHIFTS:
                    planted = [
                        number(pool[of.real], pool[of.held_out] + shift)[name] for of in halves[:5]
                    ]
                    own.append(float(np.mean(np.array(planted) > limit)))
                    other.append(float(number(fresh[0], fresh[1] + shift)[name] > limit))
                stated.setdefault(name, []).append(own)
                true.setdefault(name, []).append(other)
            advance()
    return {
        name: {
            f"{shift:g}": {
                "stated": np.mean(stated[name], 0)[i],
                "fresh": np.mean(true[name], 0)[i],
            }
            for i, shift in enumerate(SHIFTS)
        }
        for name in stated
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--metrics", default=METRICS)
    arguments = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    if arguments.certificate:
        certificate = read_certificate(arguments.certificate)
        found["certificate"] = {
            "seconds": certificate.seconds,
            "volumes": certificate.real["drawn"],
            "extractors": list(certificate.record["extractors"]),
            "seen from": {
                f"{judged.extractor} {judged.key}": {t.fault: t.seen_from for t in judged.trials}
                for judged in certificate.judged
            },
        }
    else:
        with tempfile.TemporaryDirectory() as cache:
            metrics = arguments.metrics.split(",")
            found["false alarms"] = of_real(arguments.images, Path(cache), metrics)
            found["power"] = of_simulated()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
