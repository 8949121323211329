"""Databases and a filled store."""

import pytest

from evalsuite.study.protocol.questions import TEMPLATES
from evalsuite.study.protocol.schedule import Slot
from evalsuite.study.storage.study_database import StudyDatabase
from tests.study.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def postgresql():
    server = PostgreSQL()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """Return the URL of an empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'studies.db'}"
        return
    server = request.getfixturevalue("postgresql")
    yield server.url
    server.clear()


DESIGN = {
    "name": "birds",
    "title": "Birds",
    "questions": [question.model_dump(mode="json") for question in TEMPLATES["paper"]],
    "paired": False,
    "revisable": False,
    "instructions": "",
    "consent": "",
    "idle_seconds": 30,
}
ANSWERS = {"appearance": 1, "anatomy": 2, "consistency": 3}


def slots(cases):
    return [Slot(i, "reading", (case,), None) for i, case in enumerate(cases, 1)]


def fill(url, *, readers=("Ada",), cases=3, name="birds", **design):
    """Return a store with one study, and its secrets."""
    store = StudyDatabase(url, upgrade=True)
    ids = [f"{name}{i:03d}" for i in range(cases)]
    secret, tokens = store.create_study(
        name,
        {**DESIGN, "name": name, **design},
        "f" * 64,
        dict.fromkeys(ids, "0" * 64),
        {ids[0]: "This volume is real."},
        {reader: slots(ids) for reader in readers},
    )
    return store, secret, tokens


def read_all(store, reader=1):
    """Answer all that is due."""
    while due := store.current(reader):
        store.submit(reader, due.token, f"key {due.position}", ANSWERS, {"active_seconds": 2.0})
