"""How long do imports take beside Python itself?

    python benchmarks/start.py [--times 20]

Each line is a fresh interpreter, in turn with one that does nothing. Its time of the processor is
taken, as that hardly grows on a busy machine and an import waits for nothing else: the median of
milliseconds and of the ratio to Python's own start. Also written to
benchmarks/results/start.json.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "start.json"
LINES = {
    "import evalsuite": "import evalsuite",
    "evalsuite.Volumes": "import evalsuite; evalsuite.Volumes",
    "evalsuite.compute_metrics": "import evalsuite; evalsuite.compute_metrics",
    "evalsuite.frechet_distance([[0], [1]], [[1], [2]])": (
        "import evalsuite; evalsuite.frechet_distance([[0.], [1.]], [[1.], [2.]])"
    ),
    "evalsuite --help": "import sys; sys.argv = ['evalsuite', '--help']\n"
    "from evalsuite.cli import main; main()",
}


def seconds(line):
    """Return how long the processor works on a line in a fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", line], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(line, times):
    """Return the median milliseconds beyond Python's own, and the median ratio to it."""
    seconds(line)  # byte code is written and files are in memory
    pairs = [(seconds("pass"), seconds(line)) for _ in range(times)]
    return {
        "milliseconds_more": statistics.median(1000 * (own - bare) for bare, own in pairs),
        "ratio": statistics.median(own / bare for bare, own in pairs),
    }


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    found = {name: measured(line, times) for name, line in LINES.items()}
    for name, row in found.items():
        print(
            f"{name:52} {row['milliseconds_more']:8.1f} ms more, {row['ratio']:6.2f} times Python"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
