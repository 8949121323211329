"""How long does an evaluation take by one process and by two, and who waits for whom?

    python benchmarks/distributed.py [--volumes 40] [--side 32]

Two simulated cohorts, `radiomics` and the metrics that look at features, from an empty cache each
time, started as SLURM's `srun` starts tasks. Seconds of the clock from the start to the end of each
process, and seconds of computing, which a busy machine does not stretch; then what the first
process said of the second. Also written to benchmarks/results/distributed.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from evalsuite.processes import machine_cores
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti

RESULTS = Path(__file__).parent / "results" / "distributed.json"
LATE = 20.0  # seconds
METRICS = "frechet,mmd,precision_recall"


def cohort(folder: Path, n: int, side: int, seed: int) -> Path:
    folder.mkdir()
    for i in range(n):
        noise = np.random.default_rng([seed, i]).normal(size=(side,) * 3)
        smooth = ndimage.gaussian_filter(noise, 1.5).astype(np.float32)
        write_nifti(Volume(smooth, np.eye(4)), folder / f"v{i:03d}.nii.gz")
    return folder


class Process:
    """One of several tasks, started now; its seconds are known once it has ended."""

    def __init__(self, rank: int, world: int, data: Path, work: Path) -> None:
        command = [sys.executable, "-m", "evalsuite", "compute-metrics", "--no-tracking"]
        command += ["--real", str(data / "real"), "--synthetic", str(data / "gan")]
        command += ["--extractor", "radiomics", "--metrics", METRICS]
        command += ["--cache", str(work / "cache"), "--output", str(work / "out")]
        tasks = {"SLURM_PROCID": str(rank), "SLURM_NTASKS": str(world), "SLURM_LOCALID": str(rank)}
        self.said = (work / f"rank{rank}.txt").open("w+")
        self._begun = time.perf_counter()
        environment = {**os.environ, **tasks}
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=self.said
        )
        self.seconds = self.computing = 0.0
        self._waiting = threading.Thread(target=self._wait)
        self._waiting.start()

    def _wait(self) -> None:
        _, status, used = os.wait4(self._process.pid, 0)
        self.seconds = time.perf_counter() - self._begun
        self.computing = used.ru_utime + used.ru_stime
        self.status = os.waitstatus_to_exitcode(status)

    def ended(self) -> "Process":
        self._waiting.join()
        return self

    def kill(self) -> None:
        self._process.kill()


def two(data: Path, work: Path) -> list[Process]:
    return [Process(rank, 2, data, work) for rank in range(2)]


def killed(data: Path, work: Path) -> list[Process]:
    """Kill the second process once a few rows are there."""
    both = two(data, work)
    while len(list((work / "cache").rglob("*.npy"))) < 6:
        time.sleep(0.05)
    both[1].kill()
    return both


def late(data: Path, work: Path) -> list[Process]:
    first = Process(0, 2, data, work)
    time.sleep(LATE)
    return [first, Process(1, 2, data, work)]


CASES = {
    "one process": lambda data, work: [Process(0, 1, data, work)],
    "two processes": two,
    "the second is killed": killed,
    "the second never starts": lambda data, work: [Process(0, 2, data, work)],
    f"the second comes {LATE:.0f} s late": late,
}


def estimates(work: Path) -> list[float]:
    found = json.loads((work / "out" / "results.json").read_text())["estimates"]
    return [estimate["value"] for estimate in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volumes", type=int, default=40)
    parser.add_argument("--side", type=int, default=32)
    options = parser.parse_args()
    rows, values = [], []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for seed, name in enumerate(("real", "gan")):
            cohort(data / name, options.volumes, options.side, seed)
        for name, start in CASES.items():
            work = data / name.replace(" ", "-")
            work.mkdir()
            done = [process.ended() for process in start(data, work)]
            values.append(estimates(work))
            done[0].said.seek(0)
            said = [line.strip() for line in done[0].said if "ank 1" in line]
            rows.append(
                {
                    "case": name,
                    "seconds": [round(p.seconds, 1) for p in done],
                    "computing": [round(p.computing, 1) for p in done],
                    "status": [p.status for p in done],
                    "off": float(np.nanmax(np.abs(np.subtract(values[-1], values[0])))),
                    "said": said,
                }
            )
            print(
                f"{name:28} seconds {rows[-1]['seconds']}, of computing {rows[-1]['computing']}, "
                f"status {rows[-1]['status']}, values differ by at most {rows[-1]['off']:.2g}"
            )
            for line in said:
                print(f"    {line}")
    RESULTS.parent.mkdir(exist_ok=True)
    record = {"cores": machine_cores(), **vars(options), "rows": rows}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
