"""What happens when several do something at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.study.storage import access, events, lifecycle
from evalsuite.study.storage import database as databases
from evalsuite.study.storage.study_database import Forbidden, SignInRefused, StudyDatabase
from tests.study.conftest import ANSWERS, fill, slots


def together(act, count=8):
    """Run `act(0)`, `act(1)` ... at the same moment, each in a thread; return what came of them."""
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def meanwhile(store, first, second):
    """Do `second` while `first` is done but not yet committed; return what the second raised."""
    with ThreadPoolExecutor(1) as thread:
        with databases.writing(store.engine) as connection:
            first(connection)
            later = thread.submit(second)
            time.sleep(0.3)
            assert not later.done()
        return later.exception(timeout=30)


def close(connection):
    lifecycle.move(connection, "birds", "close")


def test_one_of_many_submissions_is_stored(database):
    store, _, _ = fill(database)
    token = store.current(1).token

    def submit(number):
        answers = {**ANSWERS, "appearance": 1 + number % 4}
        return store.submit(1, token, f"key {number}", answers, {})

    receipts = together(submit)
    assert sum(receipt.stored for receipt in receipts) == 1
    assert len(store.responses("birds")) == 3
    assert store.verify("birds") is None


def test_the_first_answers_of_many_readers_lock_the_design_once(database):
    names = [f"R{number}" for number in range(8)]
    store, _, _ = fill(database, readers=names)
    due = [store.current(number + 1).token for number in range(8)]
    receipts = together(lambda n: store.submit(n + 1, due[n], "k", ANSWERS, {}))
    assert all(receipt.stored for receipt in receipts)
    actions = [event.action for event in store.events("birds")]
    assert (actions.count("design locked"), actions.count("submitted")) == (1, 8)
    assert store.verify("birds") is None


def test_many_make_the_tables_enrol_and_consent_at_once(database):
    together(lambda _: StudyDatabase(database, upgrade=True), 4)
    store, _, _ = fill(database)
    together(lambda n: store.enrol("birds", f"R{n}", slots(["birds000"])))
    together(lambda _: store.consent(1))
    actions = [event.action for event in store.events("birds")]
    assert (actions.count("enrolled"), actions.count("consented")) == (9, 1)
    assert store.verify("birds") is None


def test_many_open_a_new_file_at_once(tmp_path):
    def write(_):
        with databases.writing(databases.connect(url)) as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS birds (name)")

    for number in range(40):  # one time in eight, SQLite on its own refused somebody
        url = f"sqlite:///{tmp_path / f'{number}.db'}"
        together(write)


def test_all_kinds_of_writing_at_once_neither_wait_for_one_another_nor_break_the_log(database):
    store, _, _ = fill(database, readers=("Ada", "Bob"), cases=12)
    acts = [
        lambda: store.sign_in(store.invite("birds", "Bob"), "here"),
        lambda: store.revoke("birds", "Bob"),
        lambda: store.consent(2),
        lambda: store.log("birds", "app", "noted", {}),
        lambda: store.submit(1, store.current(1).token, "k", ANSWERS, {}),
    ]

    def act(number):
        for _ in range(6):
            with suppress(SignInRefused):  # revoked before it was used
                acts[number]()

    together(act, len(acts))
    assert [event.action for event in store.events("birds")].count("submitted") == 6
    assert store.verify("birds") is None


def test_an_answer_that_waited_for_the_study_to_close_is_refused(database):
    store, _, _ = fill(database)
    token = store.current(1).token
    refusal = meanwhile(store, close, lambda: store.submit(1, token, "k", ANSWERS, {}))
    assert isinstance(refusal, Forbidden)
    assert "The study is closed" in str(refusal)
    assert store.events("birds")[-1].action == "closed"


def test_a_study_that_was_closed_meanwhile_is_not_resumed(database):
    store, _, _ = fill(database)
    store.pause("birds")
    refusal = meanwhile(store, close, lambda: store.resume("birds"))
    assert isinstance(refusal, EvalsuiteError)
    assert store.study("birds").state == "closed"


def test_who_is_revoked_while_signing_in_stays_outside(database):
    store, _, tokens = fill(database)

    def revoke(connection):
        events.hold(connection, "birds")
        access.withdraw(connection, 1)

    refusal = meanwhile(store, revoke, lambda: store.sign_in(tokens["Ada"], "here"))
    assert isinstance(refusal, SignInRefused)


def test_who_waits_too_long_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.1)
    store, _, _ = fill(f"sqlite:///{tmp_path / 'studies.db'}")
    with (
        databases.writing(store.engine),
        pytest.raises(databases.DatabaseError, match="the database refuses: database is locked"),
    ):
        store.pause("birds")
