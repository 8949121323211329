"""Seconds of all metrics of pairs for 100 pairs of 128 cubed, beside plain loops over peers.

    python benchmarks/paired.py [--pairs 100] [--side 128] [--theirs 2] [--threads 1]

Pairs are made up: a smooth head with five ellipsoids as structures, and the same with noise, other
contrast and structures moved by up to two voxels. `paired` compares whole volume, foreground, a mask and
the five structures, `paired_labels` the label maps, `paired_features` 512 features. The loops compute the
same numbers of the same pairs one after the other: torchmetrics' PSNR, SSIM and MS-SSIM and NumPy's
MAE, MSE and correlation of the whole volume alone, scikit-image's PSNR and SSIM where it is
installed, and MONAI's Dice, Hausdorff and surface distance of each structure; fewer pairs, as they
are slow, scaled to as many. Wall-clock seconds depend on what else runs; processor seconds hold those
of all threads, which on a busy machine burn up to three times as much waiting for one another: so one by
default. Also written to benchmarks/results/paired.json.
"""

import argparse
import importlib.util
import json
import os
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from evalsuite.metrics.metric import Views
from evalsuite.metrics.paired import features, labels, voxels
from evalsuite.volumes.labels import Segmentation

RANGE = 2000.0
SCALES = (0.0448, 0.2856, 0.3001)  # as many as torchmetrics accepts of 128 voxels
SPACING = (1.0, 1.0, 1.0)


def ellipsoids(side, moved):
    """Return a label map with a head and four structures in it."""
    grid = np.indices((side,) * 3) / side - 0.5
    found = np.zeros((side,) * 3, np.int16)
    for value, (centre, radii) in enumerate((
        ((0, 0, 0), (0.42, 0.46, 0.4)), ((0, 0.05, 0.05), (0.33, 0.36, 0.3)),
        ((-0.12, 0, 0), (0.07, 0.2, 0.1)), ((0.12, 0, 0), (0.07, 0.2, 0.1)),
        ((0, -0.2, -0.1), (0.05, 0.05, 0.08)),
    ), 1):  # fmt: skip
        at = np.array(centre) + moved[value - 1] / side
        inside = sum(((grid[i] - at[i]) / radii[i]) ** 2 for i in range(3)) < 1
        found[inside] = value
    return found


def pair(i, side):
    """Return the volumes and label maps of one pair."""
    random = np.random.default_rng(i)
    maps = [ellipsoids(side, np.zeros((5, 3))), ellipsoids(side, random.uniform(-2, 2, (5, 3)))]
    bright = np.array([0, 300, 900, 1400, 1300, 1700])
    texture = ndimage.gaussian_filter(random.normal(0, 1, (side,) * 3), 3)
    texture *= 80 / texture.std()
    real, synthetic = (
        np.where(one > 0, bright[one] + texture, 0).astype(np.float32) for one in maps
    )
    synthetic = np.where(maps[1] > 0, synthetic * 1.03 + random.normal(0, 25, real.shape), 0)
    volumes = [torch.from_numpy(v.astype(np.float32)) for v in (real, synthetic)]
    return volumes, [Segmentation(one, SPACING) for one in maps]


class Made:
    """Pairs that are made when they are asked for, as files are read; the last one is kept."""

    def __init__(self, n, side, what, part):
        self.about, self.kept = (n, side, what, part), {}

    def __len__(self):
        return self.about[0]

    def __getitem__(self, i):
        _, side, what, part = self.about
        return MADE(i, side)[what][part]


def made_once(pairs, side):
    """Make some different pairs that take turns, which no metric can know."""
    some = [pair(i, side) for i in range(min(pairs, 5))]
    return lambda i, _: some[i % len(some)]


def timed(task):
    wall, processor = time.perf_counter(), time.process_time()
    result = task()
    seconds = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
    return seconds, result


def by_torchmetrics(x, y):
    from torchmetrics.functional.image import (
        multiscale_structural_similarity_index_measure,
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    one, other = y[None, None], x[None, None]
    a, b = x.numpy().astype(float), y.numpy().astype(float)
    return {
        "paired_psnr": float(peak_signal_noise_ratio(one, other, data_range=RANGE)),
        "paired_ssim": float(structural_similarity_index_measure(one, other, data_range=RANGE)),
        "paired_ms_ssim": float(
            multiscale_structural_similarity_index_measure(
                one, other, data_range=RANGE, betas=tuple(s / sum(SCALES) for s in SCALES)
            )
        ),
        "paired_mae": float(np.abs(b - a).mean()),
        "paired_mse": float(((b - a) ** 2).mean()),
        "paired_ncc": float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
    }


def by_scikit_image(x, y):
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    a, b = x.numpy().astype(float), y.numpy().astype(float)
    return {
        "paired_psnr": float(peak_signal_noise_ratio(a, b, data_range=RANGE)),
        "inside": float(structural_similarity(
            a, b, data_range=RANGE, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )),
    }  # fmt: skip


def by_monai(x, y):
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
    )

    one, other = (
        torch.stack([torch.from_numpy(m.labels == value) for value in range(6)])[None]
        for m in (y, x)
    )
    kept = {"include_background": False}
    return {
        "dice": compute_dice(one, other, **kept)[0].tolist(),
        "hd95": compute_hausdorff_distance(one, other, percentile=95, spacing=SPACING, **kept)[
            0
        ].tolist(),
        "surface": compute_average_surface_distance(
            one, other, symmetric=True, spacing=SPACING, **kept
        )[0].tolist(),
    }


def main():
    global MADE  # noqa: PLW0603
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--theirs", type=int, default=2, help="pairs that the loops do")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    n, side = arguments.pairs, arguments.side
    MADE = made_once(n, side)
    names = [f"p{i}" for i in range(n)]
    drawn = torch.randn(2, n, 512, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    real, synthetic = (
        Views(
            names, {"f": drawn[part]}, Made(n, side, 0, part), SPACING,
            labels=Made(n, side, 1, part), masks=Made(n, side, 1, part), matched=Made(n, side, 1, part), pairs=range(n) if part else None,
        )
        for part in (0, 1)
    )  # fmt: skip
    tasks = {
        "paired": lambda some: voxels.compute(*some, seed=0, data_range=RANGE),
        "paired_labels": lambda some: labels.compute(*some, seed=0),
        "paired_features": lambda some: features.compute(*some, seed=0),
    }
    seconds = {}
    for name, task in tasks.items():
        task((real.of([0]), Views(names[:1], {"f": drawn[1, :1]}, Made(1, side, 0, 1), SPACING,
                                  matched=Made(1, side, 1, 1), pairs=[0])))  # fmt: skip
        seconds[name], _ = timed(lambda task=task: task((real, synthetic)))
        print(name, seconds[name], flush=True)
    loops = {"torchmetrics and NumPy": (by_torchmetrics, 0), "MONAI": (by_monai, 1)}
    if importlib.util.find_spec("skimage"):
        loops["scikit-image"] = (by_scikit_image, 0)
    apart = {}
    for name, (task, what) in loops.items():
        pairs = [MADE(i, side)[what] for i in range(arguments.theirs)]
        used, _ = timed(lambda: [task(*one) for one in pairs])  # noqa: B023
        seconds[name] = {kind: value * n / len(pairs) for kind, value in used.items()}
        apart[name] = max(_furthest(task, i) for i in range(len(pairs)))
        print(name, seconds[name], apart[name], flush=True)
    ours = {kind: sum(seconds[name][kind] for name in tasks) for kind in ("wall", "processor")}
    print("all metrics", ours)
    record = {
        "machine": platform.machine(), "torch": torch.__version__, "pairs": n, "side": side,
        "threads": arguments.threads, "load": os.getloadavg()[0], "seconds": seconds,
        "all metrics": ours, "largest difference of values": apart,
        "ratios": {
            "voxels": seconds["torchmetrics and NumPy"]["processor"] / seconds["paired"]["processor"],
            "label maps": seconds["MONAI"]["processor"] / seconds["paired_labels"]["processor"],
        },
    }  # fmt: skip
    place = Path(__file__).parent / "results" / "paired.json"
    place.write_text(json.dumps(record, indent=1) + "\n")


def _furthest(task, i):
    """Return the largest relative difference of a peer's numbers of one pair from ours.

    Those of voxels are of the middle, 64 cubed and in double precision: of more torchmetrics would
    take 47 GB.
    """
    (x, y), (a, b) = MADE(i, 0)
    if task is by_monai:
        theirs = task(a, b)
        own = labels.of_maps(a.labels, b.labels, SPACING)
        return max(
            abs(mine - other) / max(abs(other), 1)
            for column, name in enumerate(("dice", "hd95", "surface"))
            for mine, other in zip([own[v][column] for v in own], theirs[name], strict=True)
        )
    start = x.shape[0] // 2 - 32
    x, y = (v[start:, start:, start:][:64, :64, :64].double() for v in (x, y))
    theirs = task(x, y)
    whole = np.ones(x.shape, bool)
    similar = voxels._similar(x, y, 11, 1.5, RANGE)
    own = voxels.in_region(x.numpy(), y.numpy(), whole, RANGE, similar[0])
    # scikit-image mirrors borders otherwise, and leaves them out of its mean.
    own["inside"] = similar[0][5:-5, 5:-5, 5:-5].mean(dtype=float)
    return max(
        abs(own[name] - value) / max(abs(value), 1)
        for name, value in theirs.items()
        if name != "paired_ms_ssim"  # of other scales: compared in tests/metrics/test_ms_ssim.py
    )


if __name__ == "__main__":
    main()
