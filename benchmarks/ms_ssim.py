"""Seconds for MS-SSIM of 100 pairs, ours and torchmetrics', on the same volumes in one run.

Both run in single precision with the same number of threads; torchmetrics gets one pair at a time
and as many scales as it accepts, and fewer pairs, as it is slow (times are scaled to 100).

    python benchmarks/ms_ssim.py [--sides 64 128] [--theirs 5] [--threads 2]
"""

import argparse
import json
import platform
import time
from pathlib import Path

import torch
import torchmetrics
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from evalsuite.metrics.ms_ssim import compute, draw_pairs
from evalsuite.metrics.structural_similarity import fit_settings, pyramid, similarity

PAIRS = 100
VOLUMES = 90


def population(side: int) -> list[torch.Tensor]:
    """One smooth volume, and as many variations of it."""
    generator = torch.manual_seed(0)

    def smooth() -> torch.Tensor:
        noise = torch.rand(side + 8, side + 8, side + 8, generator=generator)
        return torch.nn.functional.avg_pool3d(noise[None], 9, 1)[0] * 5 - 2

    common = smooth()
    return [(0.7 * common + 0.3 * smooth()).clamp(0, 1) for _ in range(VOLUMES)]


def seconds(task) -> tuple[float, object]:
    start = time.perf_counter()
    result = task()
    return time.perf_counter() - start, result


def measure(side: int, theirs: int) -> dict[str, float | int]:
    volumes = population(side)
    pairs = draw_pairs(VOLUMES, PAIRS, (0, 0))
    # torchmetrics wants side // (scales - 1)^2 > 10 with a window of 11 voxels.
    scales = max(s for s in (2, 3, 4, 5) if side // (s - 1) ** 2 > 10)
    chosen = fit_settings((side,) * 3, 11, 1.5, scales, 0.01, 0.03)

    def ours_of(some):
        kept = {i: pyramid(volumes[i], chosen) for i in dict.fromkeys(some.ravel().tolist())}
        return [similarity(kept[i], kept[j], chosen, 1.0)[0] for i, j in some.tolist()]

    def theirs_of(some):
        return [
            float(
                multiscale_structural_similarity_index_measure(
                    volumes[i][None, None],
                    volumes[j][None, None],
                    data_range=1.0,
                    betas=chosen.weights,
                )
            )
            for i, j in some.tolist()
        ]

    ours_of(pairs[:2])
    theirs_of(pairs[:1])
    our_seconds, our_values = seconds(lambda: ours_of(pairs))
    their_seconds, their_values = seconds(lambda: theirs_of(pairs[:theirs]))
    both_cohorts, _ = seconds(lambda: compute(volumes, volumes, pairs=PAIRS))
    their_seconds *= PAIRS / theirs
    apart = max(abs(a - b) for a, b in zip(our_values, their_values, strict=False))
    return {
        "side": side,
        "scales": scales,
        "ours_seconds_per_100_pairs": our_seconds,
        "torchmetrics_seconds_per_100_pairs": their_seconds,
        "ratio": their_seconds / our_seconds,
        "compute_both_cohorts_seconds": both_cohorts,
        "largest_difference_of_values": apart,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--theirs", type=int, default=5, help="pairs that torchmetrics does")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    print("side scales  ours s/100  torchmetrics s/100  ratio  both cohorts s  difference")
    for side in arguments.sides:
        row = measure(side, arguments.theirs)
        rows.append(row)
        print(
            f"{side:4d} {row['scales']:6d} {row['ours_seconds_per_100_pairs']:11.2f}"
            f" {row['torchmetrics_seconds_per_100_pairs']:19.1f} {row['ratio']:6.1f}"
            f" {row['compute_both_cohorts_seconds']:15.2f}"
            f" {row['largest_difference_of_values']:11.1e}"
        )
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    record = {
        "torch": torch.__version__,
        "torchmetrics": torchmetrics.__version__,
        "machine": platform.machine(),
        "threads": arguments.threads,
        "rows": rows,
    }
    (results / "ms_ssim.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
