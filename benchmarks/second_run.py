"""How long does an evaluation take whose features are there already?

    python benchmarks/second_run.py [--volumes 200]

Simulated brains of some 32 voxels a side, so many real and so many synthetic ones, are compared by
frechet and mmd twice, each time by the command in a fresh process: the first reads, checks and extracts,
the second finds what it needs in the cache. A third reads and checks all volumes again. Seconds by
the clock and of busy cores, and their ratio to the first; also written to
benchmarks/results/second_run.json.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "second_run.json"
EXTRACTOR = "medicalnet-resnet10-untrained"


def command(*arguments: object) -> None:
    line = [sys.executable, "-m", "evalsuite", *map(str, arguments)]
    subprocess.run(line, check=True, capture_output=True)


def spent(*arguments: object) -> tuple[float, float]:
    """Return the seconds of a command by the clock, and those of the cores it kept busy."""

    def busy() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    start, before = time.perf_counter(), busy()
    command(*arguments)
    return time.perf_counter() - start, busy() - before


def run(folder: Path, volumes: int) -> list[dict]:
    for name, seed in (("real", 0), ("synthetic", 1)):
        made = ("simulate-population", folder / name, "-n", volumes, "--spacing", 6)
        command(*made, "--seed", seed)
    time.sleep(3)  # the last of them are not younger than their clock can tell
    evaluate = (
        "compute-metrics", "--real", folder / "real", "--synthetic", folder / "synthetic",
        "--extractor", EXTRACTOR, "--metrics", "frechet,mmd", "--cache", folder / "cache",
        "--no-tracking", "--output",
    )  # fmt: skip
    rows = []
    for name, more in (("first", ()), ("second", ()), ("second --reread", ("--reread",))):
        clock, busy = spent(*evaluate, folder / name, *more)
        rows.append({"run": name, "volumes": 2 * volumes, "seconds": clock, "busy_seconds": busy})
    for row in rows:
        row["ratio"] = rows[0]["busy_seconds"] / row["busy_seconds"]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volumes", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = run(Path(folder), given.volumes)
    for row in rows:
        print(
            f"{row['run']:>16} {row['seconds']:>7.1f} s, cores busy for {row['busy_seconds']:>6.1f} "
            f"s: {row['ratio']:.1f} times as fast"
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
