"""Processes that submit are killed at random; nothing that was acknowledged is lost or doubled."""

import multiprocessing
import random
import shutil
import time
from pathlib import Path

import pytest

from evalsuite.study.protocol.questions import of_templates
from evalsuite.study.storage.study_database import StudyDatabase
from tests.study.client import read_everything, told
from tests.study.conftest import fill
from tests.study.postgresql import PostgreSQL

QUESTIONS = [q.model_dump(mode="json") for q in of_templates(["paper", "marks"])]
READERS, TABS, CASES, KILLS = 4, 2, 40, 24
KILLED = -9


def run(url, folder, disturb=lambda kills: None):
    """Let 8 processes, two tabs of each reader, answer everything; return how many were killed."""
    store, _, _ = fill(
        url, readers=[f"R{i}" for i in range(READERS)], cases=CASES, questions=QUESTIONS
    )
    store.engine.dispose()
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["evalsuite.study.storage.study_database", "alembic.command"])
    tabs = [(reader, tab) for reader in range(1, READERS + 1) for tab in range(TABS)]
    journals = {place: folder / f"{place[0]}-{place[1]}.txt" for place in tabs}

    def start(place):
        arguments = (url, *place, str(journals[place]))
        client = processes.Process(target=read_everything, args=arguments)
        client.start()
        return client

    chance = random.Random(0)
    clients = {place: start(place) for place in tabs}
    kills = 0
    deadline = time.monotonic() + 120
    try:
        while any(client.exitcode != 0 for client in clients.values()):
            assert time.monotonic() < deadline, "the clients do not come to an end"
            time.sleep(chance.uniform(0.01, 0.15))
            busy = [place for place, client in clients.items() if client.is_alive()]
            if busy and kills < KILLS and any(j.exists() for j in journals.values()):
                victim = chance.choice(busy)
                clients[victim].kill()
                clients[victim].join()
                kills += clients[victim].exitcode == KILLED
                disturb(kills)
            for place, client in clients.items():
                assert client.exitcode in (None, 0, KILLED), "a client was refused"
                if client.exitcode == KILLED:
                    clients[place] = start(place)
    finally:
        for client in clients.values():
            client.kill()
    check(
        StudyDatabase(url),
        [token for journal in journals.values() for token in journal.read_text().split()],
    )
    return kills


def check(store, acknowledged):
    """Hold what is stored against what clients were told is stored."""
    rows = [row for row in store.responses("birds") if row["question"] == "appearance"]
    stored = [row["presentation"] for row in rows]
    assert set(acknowledged) <= set(stored), "acknowledged answers are lost"
    assert len(stored) == len(set(stored)), "answers are stored twice"
    assert len(stored) == READERS * CASES
    answers = {
        (r["reader"], r["position"], r["question"]): r["answer"] for r in store.responses("birds")
    }
    assert answers == {
        (f"R{reader}", position, question): answer
        for reader in range(READERS)
        for position in range(1, CASES + 1)
        for question, answer in told(position).items()
    }
    assert store.verify("birds") is None
    actions = [event.action for event in store.events("birds")]
    assert actions.count("submitted") == READERS * CASES
    assert actions.count("design locked") == 1


def in_rounds(one_round, enough=lambda: True):
    """Answer everything anew until 8 processes were killed at it; on a busy machine few are."""
    kills = 0
    for number in range(10):
        kills += one_round(number)
        if kills >= 8 and enough():
            return
    pytest.fail(f"only {kills} processes could be killed before they were done")


def test_nothing_is_lost_on_sqlite(tmp_path):
    def one_round(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        return run(f"sqlite:///{folder / 'studies.db'}", folder)

    in_rounds(one_round)


def test_nothing_is_lost_on_postgresql_which_dies_as_well(tmp_path):
    # Set up to acknowledge before the disk has it, which the store must not put up with.
    server = PostgreSQL(synchronous_commit="off", wal_writer_delay="10s")

    def disturb(kills):
        if kills == 4 and server.starts == 1:
            server.stop()
            server.start()

    def one_round(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        if number:
            server.clear()
        return run(server.url, folder, disturb)

    try:
        in_rounds(one_round, lambda: server.starts == 2)
    finally:
        server.remove()


def test_lost_answers_would_be_noticed(tmp_path):
    folder, before = tmp_path / "now", tmp_path / "before"
    url, journal = f"sqlite:///{folder / 'studies.db'}", tmp_path / "journal.txt"
    store, _, _ = fill(url, readers=["R0"], cases=3, questions=QUESTIONS)
    store.engine.dispose()
    shutil.copytree(folder, before)
    read_everything(url, 1, 0, str(journal))
    shutil.rmtree(folder)
    shutil.copytree(before, folder)
    read_everything(url, 1, 0, str(journal))
    with pytest.raises(AssertionError, match="acknowledged answers are lost"):
        check(StudyDatabase(url), Path(journal).read_text().split())
