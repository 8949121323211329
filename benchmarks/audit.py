"""False alarms, counts and power of `evalsuite audit` on real volumes.

    python -m benchmarks.audit IMAGES [--splits 1000] [--disguises NAME ...] [--moves] [--cache DIR]

Features of all volumes, as they are and disguised, with --moves moved as well, are made once; then the volumes are split
at random by subject, into training, hold-out and synthetic ones, as often as asked, and every split
is audited: nothing is planted among the synthetic ones in the first part, so each flag is a false
alarm and each conviction wrong. In the second part copies in random disguises replace 1, 5 and 20 % of
the synthetic volumes, and it is counted how often the interval holds their number, and how often they
convict. In the third the least leak that the audit says it finds with a power of 80 % is planted, of
exact copies. Also written to benchmarks/results/audit.json, of moved or disguised ones to
audit_disguises.json.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from evalsuite.auditing.audit import planted_cohorts
from evalsuite.auditing.moves import MOVES, VERSION
from evalsuite.config import load_config
from evalsuite.evaluate import ready
from evalsuite.feature_tables import feature_tables, loaded_extractors
from evalsuite.memory import Kept
from evalsuite.metrics.privacy import METRIC
from evalsuite.metrics.privacy.distances import coarse, voxel_distances
from evalsuite.metrics.privacy.indices import of_blends, of_distances, of_features, voxel_rows
from evalsuite.preprocessed import PreprocessedVolumes
from evalsuite.progress import bars
from evalsuite.resources import Resources
from evalsuite.statistics import memorisation
from evalsuite.volumes.changed import changed

RESULTS = Path(__file__).parent / "results"
EXTRACTORS = ["medicalnet-resnet10-untrained@layer2", "medicalnet-resnet10-untrained@layer3"]
TRAINING, HOLDOUT, SYNTHETIC = 70, 70, 40
SHARES = (0.01, 0.05, 0.2)
RATE = 0.05
EXACT = "as they are"
OTHERS = 5  # of so many splits one has copies planted as well


def material(images: Path, cache: Path, *, moves: bool, kinds: list[str]) -> dict[str, np.ndarray]:
    """Return features, voxels and distances of all volumes, moved and disguised."""
    config = load_config(
        None, {"real": str(images), "synthetic": [f"none={images}"], "extractors": EXTRACTORS}
    )
    resources = Resources(cache, progress=bars)
    extractors = loaded_extractors(config, config.extractors, resources)
    found = ready(config, extractors, [METRIC], resources)
    real, n = found.real, len(found.real.entries)
    moved = [
        changed(real, f"moved {name}", [move] * n, [f"{VERSION} {name}"] * n)
        for name, move in (MOVES.items() if moves else ())
    ]
    # All of them, in an order of their own: back in that of the cohort.
    disguised = {name: c for name, c in planted_cohorts(real, n, 0).items() if name in kinds}
    places = {entry.id: place for place, entry in enumerate(real.entries)}
    order = np.argsort([places[e.id] for e in next(iter(disguised.values())).entries])
    tables = feature_tables(
        config, [real, *moved, *disguised.values()], extractors, found.preparations, resources
    )
    steps, kept = found.own.of(real), Kept(10**9)
    known = coarse(PreprocessedVolumes(real, steps, kept), steps.shape)
    made = {"rows": voxel_rows(known), "within": voxel_distances(known, known)}
    others = np.roll(order_of(disguised), 1)[order]
    made["partner"] = others
    for e in extractors:
        made[f"{e.name}|real"] = tables[e.name, real.name].values.astype(float)
        rows = [tables[e.name, c.name].values for c in moved]
        made[f"{e.name}|moved"] = np.array(rows, dtype=float).reshape(
            len(moved), *made[f"{e.name}|real"].shape
        )
        for name, cohort in disguised.items():
            values = tables[e.name, cohort.name].values.astype(float)
            made[f"{e.name}|{name}"] = values[order]
    for name, cohort in disguised.items():
        grid = coarse(PreprocessedVolumes(cohort, steps, kept), steps.shape)
        made[f"rows|{name}"] = voxel_rows(grid)[order]
        made[f"distances|{name}"] = voxel_distances(grid, known)[order]
        print(name, flush=True)
    return made


def order_of(disguised) -> np.ndarray:
    """Return the place in the cohort of each disguised volume."""
    entries = next(iter(disguised.values())).entries
    ids = sorted(entry.id for entry in entries)
    return np.array([ids.index(entry.id) for entry in entries])


def audited(made, training, holdout, synthetic, copies) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of hold-out and synthetic volumes, among these the copies.

    Args:
        copies: place of the training volume and name of the disguise of each.
    """
    subjects = np.arange(len(training))

    def gathered(real, disguised, columns=None):
        rows = [real[synthetic], *(disguised(name)[[place]] for place, name in copies)]
        rows = np.concatenate(rows)
        return rows if columns is None else rows[:, columns]

    within = made["within"]
    spaces = [
        of_distances(
            within[np.ix_(training, training)],
            subjects,
            {
                "holdout": within[np.ix_(holdout, training)],
                "synthetic": gathered(within, lambda n: made[f"distances|{n}"], training),
            },
        ),
        of_blends(
            made["rows"][training],
            subjects,
            {
                "holdout": made["rows"][holdout],
                "synthetic": gathered(made["rows"], lambda n: made[f"rows|{n}"]),
            },
        ),
    ]
    for name in EXTRACTORS:
        real = made[f"{name}|real"]
        others = {
            "holdout": real[holdout],
            "synthetic": gathered(real, lambda n, e=name: made[f"{e}|{n}"]),
        }
        spaces.append(
            of_features(real[training], list(made[f"{name}|moved"][:, training]), subjects, others)
        )
    return tuple(
        np.min([space[key].values for space in spaces], axis=0) for key in ("holdout", "synthetic")
    )


def one_split(seed: int) -> list[dict[str, object]]:
    """Return what became of one split, without copies and with some."""
    made, random = MATERIAL, np.random.default_rng(seed)
    order = random.permutation(len(made["rows"]))
    training, holdout = order[:TRAINING], order[TRAINING : TRAINING + HOLDOUT]
    rest = order[TRAINING + HOLDOUT :][:SYNTHETIC]
    names = [key.partition("|")[2] for key in made if key.startswith("rows|")]
    trials = []
    law = memorisation.alarm(np.arange(float(HOLDOUT)), RATE)
    leak = memorisation.least_leak(SYNTHETIC, law, 1.0)
    plans = [("none", 0, names), *((f"{s:.0%}", round(s * SYNTHETIC) or 1, names) for s in SHARES)]
    plans.append(("least leak, exact", leak, [EXACT]))
    if seed % OTHERS:
        plans = plans[:1]
    for what, count, kinds in plans:
        # The partner of a blend must not be a volume of the hold-out: others are training or unused.
        places = random.choice(training, count, replace=False)
        copies = [(int(p), kinds[random.integers(len(kinds))]) for p in places]
        held, scores = audited(made, training, holdout, rest[: SYNTHETIC - count], copies)
        alarm = memorisation.alarm(np.sort(held), RATE)
        hits = scores < alarm.threshold
        value, low, high = memorisation.copies(int(hits.sum()), SYNTHETIC, alarm)
        planted = hits[SYNTHETIC - count :]
        trials.append(
            {
                "planted": what,
                "copies": count,
                "rate": alarm.rate,
                "false alarms": int(hits[: SYNTHETIC - count].sum()),
                "found": int(planted.sum()),
                "value": value,
                "low": low,
                "high": high,
                "by disguise": [(n, bool(h)) for (_, n), h in zip(copies, planted, strict=True)],
            }
        )
    return trials


MATERIAL: dict[str, np.ndarray] = {}


def _start(path: Path) -> None:
    threadpool_limits(1)
    with np.load(path) as stored:
        MATERIAL.update({key: stored[key] for key in stored.files})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("images", type=Path)
    parser.add_argument("--splits", type=int, default=1000)
    parser.add_argument("--disguises", nargs="+", default=[EXACT], help="of planted copies")
    parser.add_argument("--moves", action="store_true", help="sixteen passes more")
    parser.add_argument("--cache", type=Path, default=Path("build/audit"))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    kinds = "-".join(name.split(" ")[0] for name in given.disguises)
    stored = given.cache / f"material-{VERSION}-{kinds}{'-moves' if given.moves else ''}.npz"
    if not stored.is_file():
        given.cache.mkdir(parents=True, exist_ok=True)
        np.savez(
            stored,
            **material(
                given.images, given.cache / "features", moves=given.moves, kinds=given.disguises
            ),
        )
    begun = time.monotonic()
    with ProcessPoolExecutor(given.workers, initializer=_start, initargs=(stored,)) as pool:
        trials = [t for some in pool.map(one_split, range(given.splits), chunksize=5) for t in some]
    summary = []
    for what in dict.fromkeys(t["planted"] for t in trials):
        own = [t for t in trials if t["planted"] == what]
        copies = own[0]["copies"]
        alarms = sum(t["false alarms"] for t in own) / (len(own) * (SYNTHETIC - copies))
        summary.append(
            {
                "planted": what,
                "copies": copies,
                "splits": len(own),
                "nominal rate": own[0]["rate"],
                "false-alarm rate": round(alarms, 4),
                "copies found": round(sum(t["found"] for t in own) / max(len(own) * copies, 1), 3),
                "interval holds": round(np.mean([t["low"] <= copies <= t["high"] for t in own]), 3),
                "low end above": round(np.mean([t["low"] > copies for t in own]), 4),
                "convicted": round(np.mean([t["low"] > 0 for t in own]), 3),
            }
        )
        print(summary[-1])
    told = [pair for t in trials if t["planted"].endswith("%") for pair in t["by disguise"]]
    shares = {
        disguise: round(float(np.mean([hit for name, hit in told if name == disguise])), 3)
        for disguise in given.disguises
    }
    print(shares)
    about = {
        "volumes": {"training": TRAINING, "hold-out": HOLDOUT, "synthetic": SYNTHETIC},
        "extractors": EXTRACTORS,
        "asked rate": RATE,
        "moves": given.moves,
        "seconds": round(time.monotonic() - begun),
        "parts": summary,
        "found by disguise": shares,
    }
    plain = given.disguises == [EXACT] and not given.moves
    name = "audit.json" if plain else "audit_disguises.json"
    (RESULTS / name).write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
