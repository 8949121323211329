"""What tests and doctests share: how hypothesis draws, and folders of their own.

`make test` draws the same examples every time. `make fuzz` draws others every time, and many.
"""

import gc
import os
import random
import sys
import tempfile

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from tests import shapes

# A busy machine is no fault of the code: nothing here looks at the clock.
settings.register_profile(
    "fuzz",
    deadline=None,
    derandomize=False,
    max_examples=500,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "repeatable", settings.get_profile("fuzz"), derandomize=True, database=None, max_examples=30
)
settings.load_profile("repeatable")


@pytest.hookimpl(trylast=True)  # after --hypothesis-profile
def pytest_configure():
    if settings.get_current_profile_name() == "repeatable":
        # Hypothesis also draws the constants of whatever modules are imported by then, which
        # differ with the order of tests and from one process of xdist to the next.
        providers._get_local_constants = Constants


def pytest_collection_finish():
    """Set apart what lives as long as the process, which streamlit looks through at every run."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup():
    """Check the shapes of the first calls of every test, whatever ran before it."""
    shapes.calls.clear()


@pytest.fixture(autouse=True)
def same_chance():
    """Seed what a test draws from without a generator of its own, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def own_studies(tmp_path_factory):
    """Keep studies out of the working folder, for threads of the app that outlive a test too."""
    os.environ["EVALSUITE_STUDIES"] = str(tmp_path_factory.mktemp("studies"))
    os.environ.pop("EVALSUITE_DATABASE", None)
    os.environ.pop("EVALSUITE_CASES", None)


@pytest.fixture(autouse=True)
def no_lines_of_progress(monkeypatch):
    """Print no line of progress on a slow machine where a test reads what else is printed."""
    monkeypatch.setattr("evalsuite.progress.FIRST", float("inf"))


@pytest.fixture(scope="session")
def caches(tmp_path_factory):
    """Return the folder of all caches: pytest's own numbers would be sought among thousands."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(autouse=True)
def own_cache(caches, monkeypatch):
    """Keep every test away from the user's cache, hub and tracking server."""
    monkeypatch.setenv("EVALSUITE_CACHE", tempfile.mkdtemp(dir=caches))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
