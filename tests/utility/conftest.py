"""Cohorts with label maps, small enough to train on in a test."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest
from scipy import ndimage

from evalsuite import plugins
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti

BAR = "━"
POINTS = {
    "commands": ("utility", "evalsuite.utility.commands:app"),
    "utility_figures": ("learning_curves", "reports.figures.utility:learning_curves"),
}


def blobs(seed, shape=(16, 16, 16)):
    """Return a noisy volume with two bright ellipsoids, and their labels 1 and 2."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(side) for side in shape), indexing="ij"))
    labels = np.zeros(shape, dtype=int)
    for value, where in ((1, 0.3), (2, 0.7)):
        centre = np.array(shape) * [where, 0.5, 0.5] + rng.uniform(-1, 1, 3)
        radii = rng.uniform(2, 3.5, 3)
        inside = (((grid - centre[:, None, None, None]) / radii[:, None, None, None]) ** 2).sum(0)
        labels[inside < 1] = value
    clean = ndimage.gaussian_filter(labels.astype(float), 0.5)
    return (clean + rng.normal(scale=0.1, size=shape)).astype(np.float32), labels


@pytest.fixture
def labelled(tmp_path):
    """Write n volumes and their label maps into two folders."""

    def make(name, n, *, seed=0, shape=(16, 16, 16)):
        folders = tmp_path / name, tmp_path / f"{name}-labels"
        for folder in folders:
            folder.mkdir(parents=True)
        for i in range(n):
            for folder, voxels in zip(folders, blobs([seed, i], shape), strict=True):
                write_nifti(Volume(voxels, np.eye(4)), folder / f"v{i:02d}.nii.gz")
        return folders

    return make


@pytest.fixture
def utility(cli, monkeypatch):
    """Run `evalsuite utility segmentation` on few steps of a tiny network."""
    installed = plugins.available

    def available(group):
        found = installed(group)
        if group in POINTS:
            name, value = POINTS[group]
            found.setdefault(name, EntryPoint(name, value, f"evalsuite.{group}"))
        return found

    monkeypatch.setattr(plugins, "available", available)
    small = ("--channels", "4,8", "--steps", 3, "--pretraining-steps", 2, "--repeats", 2)

    def run(real, labels, synthetic, *arguments, tracked=False):
        of_real = ("--real", real, *(("--real-labels", labels) if labels else ()))
        rest = ("--synthetic", synthetic, *small, *([] if tracked else ["--no-tracking"]))
        status, out, err = cli("utility", "segmentation", *of_real, *rest, *arguments)
        lines = [line for line in err.splitlines(keepends=True) if BAR not in line]
        return status, out, "".join(lines)

    return run
