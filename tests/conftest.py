"""Cohorts on disk that the tests share."""

import sys
from pathlib import Path

import numpy as np
import pytest

from evalsuite.cli import main
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti

REAL_DATA = Path(__file__).parents[2] / "shared/data/hippocampus/images"


@pytest.fixture
def hippocampi():
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real volumes are not at {REAL_DATA}")
    return REAL_DATA


@pytest.fixture
def make_cohort(tmp_path):
    """Write n smooth random volumes into a folder; other seeds, other volumes."""

    def make(name, n=6, *, seed=0, shape=(14, 15, 16), shift=0.0, spacing=1.0):
        from scipy import ndimage

        folder = tmp_path / name
        folder.mkdir(parents=True)
        for i in range(n):
            noise = np.random.default_rng([seed, i]).normal(size=shape)
            voxels = ndimage.gaussian_filter(noise, 1 + shift).astype(np.float32)
            write_nifti(
                Volume(voxels, np.diag([spacing, spacing, spacing, 1.0])),
                folder / f"v{i:02d}.nii.gz",
            )
        return folder

    return make


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """Run the command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALSUITE_STUDIES")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["evalsuite", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as stopped:
            status = stopped.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
