"""Seconds and peak memory of every metric as cohorts grow, beside the plain distance and peers.

    python benchmarks/scale.py [--sizes 500 2000 10000] [--features 512 2048] [--volumes 50 200]

Each measurement is a process of its own: its time is that of the metric alone, without imports and
data; its memory the largest the process ever held (`ru_maxrss`), imports and data included, which
the row `data` shows alone. Metrics of features get drawn ones with a decaying spectrum, those of
voxels the simulated population (`evalsuite simulate-population`), written once and read as an
evaluation reads it. Ratios are to the plain Frechet distance of the same cohorts, and to peers where
there are any: torchmetrics' FID and KID (its default 100 subsets of 1,000, without a p-value), MONAI's
FID, MMD and MS-SSIM. What a peer cannot do is left out. Also written to benchmarks/results/scale.json.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "scale.json"
ON_FEATURES = ("frechet", "mmd", "precision_recall", "realism")
ON_VOLUMES = ("ms_ssim", "slices", "privacy")
PEERS_ON_FEATURES = ("torchmetrics_fid", "torchmetrics_kid", "monai_fid", "monai_mmd")
PEERS_ON_VOLUMES = ("monai_ms_ssim",)
OF_PEER = {
    "torchmetrics_fid": "frechet",
    "monai_fid": "frechet",
    "torchmetrics_kid": "mmd",
    "monai_mmd": "mmd",
    "monai_ms_ssim": "ms_ssim",
}
PAIRS = 100  # of MS-SSIM, as ours has by default


def features(n: int, d: int):
    """Return features with a decaying spectrum, as those of networks have."""
    import torch

    generator = torch.Generator().manual_seed(0)
    scales = torch.arange(1, d + 1).double() ** -0.5
    real = torch.randn(n, d, generator=generator, dtype=torch.float64) * scales
    synthetic = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return real, synthetic * (1.1 * scales) + 0.02


def on_features(what: str, n: int, d: int) -> Callable[[], object]:
    """Return what is to be timed, with its data made and its imports done."""
    real, synthetic = features(n, d)
    if what == "data":
        return lambda: None
    if what == "distance":
        from evalsuite.metrics.frechet_distance import frechet_distance

        return lambda: frechet_distance(real, synthetic)
    if what in ON_FEATURES:
        from evalsuite import plugins
        from evalsuite.functions import estimates

        metric = plugins.load("metrics", what)
        if what == "realism":
            views = [_views(rows) for rows in (real, synthetic)]
            return lambda: metric.compute(*views, seed=0)
        return lambda: estimates(what, real, synthetic)
    if what == "torchmetrics_fid":
        import torch
        from torchmetrics.image.fid import FrechetInceptionDistance

        fid = FrechetInceptionDistance(_Flat(), input_img_size=(1, 1, d)).set_dtype(torch.float64)

        def update_and_compute() -> object:
            for start in range(0, n, 100):
                fid.update(real[start : start + 100], real=True)
                fid.update(synthetic[start : start + 100], real=False)
            return fid.compute()

        return update_and_compute
    if what == "torchmetrics_kid":
        from torchmetrics.image.kid import KernelInceptionDistance

        kid = KernelInceptionDistance(_Flat(), subset_size=min(n, 1000))

        def subsets() -> object:
            kid.update(real, real=True)
            kid.update(synthetic, real=False)
            return kid.compute()

        return subsets
    if what == "monai_fid":
        from monai.metrics import FIDMetric

        return lambda: FIDMetric()(synthetic, real)
    from monai.metrics import MMDMetric

    return lambda: MMDMetric()(real[:, None], synthetic[:, None])


def _views(rows):
    from evalsuite.metrics.metric import Views

    return Views([str(i) for i in range(len(rows))], {"": rows}, [], (1.0, 1.0, 1.0))


def _Flat():  # noqa: N802 - a module, made late
    import torch

    class Flat(torch.nn.Module):
        num_features = 0

        def forward(self, x):
            return x.flatten(1)

    return Flat()


def on_volumes(what: str, folder: Path, side: int) -> Callable[[], object]:
    """Return what is to be timed of the two halves of a folder of volumes, read when asked for."""
    from evalsuite import plugins
    from evalsuite.metrics.metric import Views
    from evalsuite.preprocessed import PreprocessedVolumes
    from evalsuite.volumes.cohort import Cohort, Entry
    from evalsuite.volumes.preprocessing import Preprocessing

    files = sorted(folder.glob("*.nii.gz"))
    steps = Preprocessing(shape=(side,) * 3)
    halves = []
    for half in (files[: len(files) // 2], files[len(files) // 2 :]):
        entries = tuple(Entry(path.stem, path) for path in half)
        volumes = PreprocessedVolumes(Cohort("half", "real", entries), steps)
        halves.append(Views([e.id for e in entries], {}, volumes, (1.0, 1.0, 1.0)))
    if what == "data":
        return lambda: [halves[0].volumes[i] for i in range(min(10, len(halves[0].volumes)))]
    if what == "monai_ms_ssim":
        from monai.metrics import MultiScaleSSIMMetric

        one, two = (halves[0].volumes[i][None, None] for i in (0, 1))
        metric = MultiScaleSSIMMetric(3, kernel_size=4, weights=(0.5, 0.5))
        # As many pairs as ours within both cohorts, timed by one.
        return lambda: metric(one, two)
    metric = plugins.load("metrics", what)
    return lambda: metric.compute(*halves, seed=0)
