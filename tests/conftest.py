"""Cohorts on disk that the tests share."""

import shutil
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
    """Write smooth random volumes into a folder of the test, see `smooth_volumes`."""
    return lambda name, *args, **settings: smooth_volumes(tmp_path / name, *args, **settings)


def smooth_volumes(folder, n=6, *, seed=0, shape=(14, 15, 16), shift=0.0, spacing=1.0):
    """Write n smooth random volumes into a new folder; other seeds, other volumes."""
    from scipy import ndimage

    folder.mkdir(parents=True)
    for i in range(n):
        noise = np.random.default_rng([seed, i]).normal(size=shape)
        voxels = ndimage.gaussian_filter(noise, 1 + shift).astype(np.float32)
        write_nifti(
            Volume(voxels, np.diag([spacing, spacing, spacing, 1.0])), folder / f"v{i:02d}.nii.gz"
        )
    return folder


@pytest.fixture(scope="session")
def kept_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shared_features(kept_cache, own_cache, monkeypatch):
    """Extract once for all tests that ask what becomes of features, not how they are made."""
    monkeypatch.setenv("EVALSUITE_CACHE", str(kept_cache))


@pytest.fixture
def undrawn(monkeypatch):
    """Leave figures out where a test asks for numbers: drawing takes half of a small evaluation."""
    monkeypatch.setattr("evalsuite.workflow.draw", lambda _evaluation, _evidence: {})


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


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """Return a database of MLflow with its tables: copying one is quick, making one is not."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def client(empty_database, tmp_path, monkeypatch):
    """Return a client of a fresh database, to which `MLFLOW_TRACKING_URI` points."""
    from mlflow import MlflowClient

    (tmp_path / "store").mkdir()
    database = shutil.copy(empty_database, tmp_path / "store" / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    return MlflowClient(f"sqlite:///{database}")


@pytest.fixture
def runs(client):
    """Return the runs of an experiment by name."""

    def found(experiment):
        place = client.get_experiment_by_name(experiment)
        return {run.info.run_name: run for run in client.search_runs([place.experiment_id])}

    return found
