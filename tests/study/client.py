"""A reader's browser as the crash tests run it: it sends again until it is acknowledged."""

import os
import time
from pathlib import Path

from evalsuite.study.storage.database import DatabaseError
from evalsuite.study.storage.study_database import StudyDatabase


def told(position):
    """Return the answers to the presentation at a position."""
    mark = {"voxel": [position, 2.5, 3], "end": [position + 4, 6, 4], "category": 1 + position % 4}
    return {
        "appearance": 1 + position % 4,
        "anatomy": 1 + position // 4 % 4,
        "consistency": 3,
        "places": [mark] * (position % 3),
    }


def read_everything(url, reader, tab, journal):
    """Answer a reader's whole schedule, and note on the disk what was acknowledged.

    What is noted is not sent again, so that an answer that was lost stays lost.
    """
    # A file is never away; a client of a server does what the browser does, and tries again.
    do = once if url.startswith("sqlite") else stubborn
    noted = set(Path(journal).read_text().split()) if Path(journal).exists() else set()
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    store = do(lambda: StudyDatabase(url))
    for shown in do(lambda: store.plan(reader)):
        if shown.token in noted:
            continue
        sent = (reader, shown.token, f"tab {tab}", told(shown.position), {"seconds": 1})
        do(lambda sent=sent: store.submit(*sent))
        os.write(log, f"{shown.token}\n".encode())
        os.fsync(log)


def once(act):
    return act()


def stubborn(act):
    while True:
        try:
            return act()
        except DatabaseError:
            time.sleep(0.05)
