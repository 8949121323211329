"""Processes that submit are killed at random; nothing that was acknowledged is lost or doubled."""

import os
import random
import signal
import subprocess
import sys
import time

from evalsuite.study.store import Store
from tests.study.conftest import fill
from tests.study.postgresql import PostgreSQL

READERS, CASES, KILLS = 8, 20, 8
CLIENT = """
import os, sys
from evalsuite.study.store import Store
url, reader, journal = sys.argv[1], int(sys.argv[2]), sys.argv[3]
store = Store(url)
log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
while due := store.current(reader):
    answers = {"appearance": 1 + due.position % 4, "anatomy": 2, "consistency": 3}
    store.submit(reader, due.token, f"try {os.getpid()}", answers, {"seconds": 1})
    os.write(log, f"{due.token}\\n".encode())
    os.fsync(log)
"""


def run(url, folder, disturb=lambda number: None):
    """Let 8 processes answer everything while they are killed and started again."""
    fill(url, readers=[f"R{i}" for i in range(READERS)], cases=CASES)
    journals = [folder / f"{reader}.txt" for reader in range(READERS)]

    def start(reader):
        arguments = [url, str(reader + 1), str(journals[reader])]
        return subprocess.Popen(
            [sys.executable, "-c", CLIENT, *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.DEVNULL,
        )

    chance = random.Random(0)
    clients = [start(reader) for reader in range(READERS)]
    kills = 0
    deadline = time.monotonic() + 120
    while any(client.poll() != 0 for client in clients):
        assert time.monotonic() < deadline
        time.sleep(chance.uniform(0.05, 0.4))
        if kills < KILLS and any(journal.exists() for journal in journals):
            victim = chance.randrange(READERS)
            if clients[victim].poll() is None:
                clients[victim].send_signal(signal.SIGKILL)
                clients[victim].wait()
                kills += 1
                disturb(kills)
        for reader, client in enumerate(clients):
            if client.poll() not in (None, 0):
                clients[reader] = start(reader)
    acknowledged = [line for j in journals for line in j.read_text().split()]
    check(Store(url), acknowledged)
    return kills


def check(store, acknowledged):
    rows = store.responses("birds")
    stored = [row["presentation"] for row in rows if row["question"] == "appearance"]
    assert len(stored) == len(set(stored)) == READERS * CASES
    assert set(acknowledged) <= set(stored)
    assert len(rows) == 3 * READERS * CASES
    for row in rows:
        if row["question"] == "appearance":
            assert row["answer"] == 1 + row["position"] % 4
    assert store.verify("birds") is None
    actions = [event.action for event in store.events("birds")]
    assert actions.count("submitted") == READERS * CASES


def test_nothing_is_lost_on_sqlite(tmp_path):
    assert run(f"sqlite:///{tmp_path / 'studies.db'}", tmp_path) > 3


def test_nothing_is_lost_on_postgresql_which_dies_as_well(tmp_path, tmp_path_factory):
    server = PostgreSQL(tmp_path_factory.mktemp("dying"))

    def disturb(number):
        if number == 4:
            server.stop("immediate")
            server.start()

    try:
        assert run(server.url, tmp_path, disturb) > 3
    finally:
        server.stop()
