"""What the store promises, on SQLite and on PostgreSQL."""

import threading

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from evalsuite.errors import EvalsuiteError
from evalsuite.study import access, events
from evalsuite.study.schedule import Slot
from evalsuite.study.store import Forbidden, SignInRefused, Store
from evalsuite.study.tables import APPEND_ONLY, METADATA
from tests.study.conftest import ANSWERS, fill, slots


def read_all(store, reader=1):
    while due := store.current(reader):
        store.submit(reader, due.token, f"key {due.position}", ANSWERS, {"active_seconds": 2.0})


def test_the_migrated_schema_is_the_declared_one(database):
    store, _, _ = fill(database)
    found = inspect(store.engine)
    assert set(METADATA.tables) | {"alembic_version"} == set(found.get_table_names())
    for name, table in METADATA.tables.items():
        assert {c["name"] for c in found.get_columns(name)} == {c.name for c in table.columns}


def test_an_empty_database_and_another_version_are_told_apart(database):
    with pytest.raises(EvalsuiteError, match="it holds no studies yet"):
        Store(database)
    store = Store(database, upgrade=True)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(EvalsuiteError, match="its tables are of another version"):
        Store(database)


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite"])
def test_other_databases_are_refused_with_a_sentence(url):
    with pytest.raises(EvalsuiteError, match=r"Expected sqlite:///FILE or"):
        Store(url)


def test_a_database_that_is_not_there_is_told_without_its_password():
    with pytest.raises(EvalsuiteError) as caught:
        Store("postgresql://me:hunter2@127.0.0.1:9/none")
    assert "hunter2" not in str(caught.value)
    assert "the database refuses" in str(caught.value)


def test_neither_truth_nor_path_has_a_column():
    columns = {column.name for table in METADATA.tables.values() for column in table.columns}
    assert not columns & {"cohort", "role", "truth", "path", "source", "stratum"}


def test_answers_come_out_as_they_went_in(database):
    store, _, _ = fill(database)
    read_all(store)
    rows = store.responses("birds")
    assert [(r["position"], r["question"], r["answer"]) for r in rows] == [
        (position, question, answer)
        for position in (1, 2, 3)
        for question, answer in ANSWERS.items()
    ]
    assert {row["kind"] for row in rows} == {"choice"}
    progress = store.progress("birds")[0]
    assert (progress["answered"], progress["total"], progress["finished"]) == (3, 3, 1)
    assert progress["active_seconds"] == 6.0
    assert store.current(1) is None
    assert store.verify("birds") is None


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE {} SET {}", "DELETE FROM {}"])
def test_answers_and_events_cannot_be_changed(database, table, verb):
    store, _, _ = fill(database)
    read_all(store)
    column = {"submissions": "key = 'x'", "responses": "answer = NULL", "events": "actor = 'x'"}
    with (
        pytest.raises(DBAPIError, match="append-only"),
        store.engine.begin() as connection,
    ):
        connection.execute(text(verb.format(table, column[table])))


def test_out_of_order_and_anothers_presentations_are_refused(database):
    store, _, _ = fill(database, readers=("Ada", "Bob"))
    plan = store.plan(1)
    with pytest.raises(Forbidden, match="not the one that is due"):
        store.submit(1, plan[1].token, "k", ANSWERS, {})
    with pytest.raises(Forbidden, match="no such case"):
        store.submit(2, plan[0].token, "k", ANSWERS, {})
    with pytest.raises(Forbidden):
        store.presentation(2, plan[0].token)
    assert [e.action for e in store.events("birds")][-1] == "refused a case"


def test_one_of_many_simultaneous_submissions_is_stored(database):
    store, _, _ = fill(database)
    token = store.current(1).token
    receipts = []
    barrier = threading.Barrier(8)

    def submit(number):
        barrier.wait()
        answers = {**ANSWERS, "appearance": 1 + number % 4}
        receipts.append(store.submit(1, token, f"key {number}", answers, {}))

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(receipt.stored for receipt in receipts) == 1
    assert len(store.responses("birds")) == 3
    assert store.verify("birds") is None


def test_the_design_is_locked_by_the_first_answer(database):
    store, _, _ = fill(database)
    assert store.study("birds").locked is False
    store.submit(1, store.current(1).token, "k", ANSWERS, {})
    assert store.study("birds").locked is True
    assert "design locked" in [event.action for event in store.events("birds")]


def test_a_closed_study_stays_closed(database):
    store, _, _ = fill(database)
    store.close("birds")
    with pytest.raises(EvalsuiteError, match="closed for good"):
        store.resume("birds")
    with pytest.raises(Forbidden, match="The study is closed"):
        store.submit(1, store.current(1).token, "k", ANSWERS, {})


def test_names_are_unique_and_unknown_ones_suggested(database):
    store, _, _ = fill(database)
    with pytest.raises(EvalsuiteError, match="There is a study birds in the database already"):
        fill(database)
    with pytest.raises(EvalsuiteError, match='Unknown study "brids". Did you mean "birds"'):
        store.study("brids")
    with pytest.raises(EvalsuiteError, match='Unknown reader "ada"'):
        store.invite("birds", "ada")
    with pytest.raises(EvalsuiteError, match="a reader called Ada already"):
        store.enrol("birds", "Ada", slots(["birds000"]))


def test_a_later_reader_gets_a_schedule_and_a_token(database):
    store, _, _ = fill(database)
    token = store.enrol("birds", "Eve", slots(["birds002", "birds001"]))
    session = store.session(store.sign_in(token, "here"))
    assert session.name == "Eve"
    assert [p.cases for p in store.plan(session.reader_id)] == [("birds002",), ("birds001",)]


def test_tokens_and_secrets_are_kept_as_hashes_only(database):
    store, secret, tokens = fill(database)
    cookie = store.sign_in(tokens["Ada"], "192.0.2.1")
    with store.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            content = str(connection.execute(table.select()).all())
            for told in (secret, tokens["Ada"], cookie, "192.0.2.1"):
                assert told not in content


def test_sessions_end_by_sign_out_and_by_time(database, monkeypatch):
    store, secret, tokens = fill(database)
    cookie = store.sign_in(tokens["Ada"], "here")
    assert store.session(cookie).name == "Ada"
    store.sign_out(cookie)
    assert store.session(cookie) is None
    lead = store.sign_in_lead("birds", secret, "here")
    assert store.session(lead).kind == "lead"
    later = access.time.time() + access.IDLE_SECONDS + 1
    monkeypatch.setattr(access.time, "time", lambda: later)
    assert store.session(lead) is None


def test_a_login_names_one_reader_or_none(database):
    store, _, _ = fill(database, readers=("ada@example.org",))
    token = store.invitation_of("ada@example.org")
    assert store.session(store.sign_in(token, "here")).name == "ada@example.org"
    with pytest.raises(SignInRefused, match="eve@example.org is not a reader"):
        store.invitation_of("eve@example.org")


def test_every_change_of_the_log_is_found(database):
    store, _, _ = fill(database)
    read_all(store)
    entries = store.events("birds")
    assert events.fault("birds", entries) is None
    assert events.fault("birds", entries[:2] + entries[3:]) == "entry 3 is missing."
    changed = [*entries]
    changed[2] = events.Event(**{**_fields(entries[2]), "actor": "nobody"})
    assert events.fault("birds", changed).startswith("entry 3 (")
    changed[2] = events.Event(**{**_fields(entries[2]), "previous": "0" * 64})
    assert events.fault("birds", changed) == "entry 3 does not follow on the one before."
    assert events.fault("other", entries).startswith("entry 1 (")


def test_feedback_of_a_pair_names_both_sides(database):
    store, _, _ = fill(database)
    store.enrol("birds", "Eve", [Slot(1, "training", ("birds000", "birds001"), None)])
    due = store.current(2)
    assert store.submit(2, due.token, "k", ANSWERS, {}).feedback == "This volume is real."


def test_imports_are_all_or_nothing_and_once(database):
    store, _, _ = fill(database)
    plan = store.plan(1)
    good = [(2, "Ada", plan[2].token, ANSWERS), (5, "Ada", plan[0].token, ANSWERS)]
    with pytest.raises(EvalsuiteError, match=r"^paper.csv, line 9: "):
        store.import_answers("birds", [*good, (9, "Ada", "unknown", ANSWERS)], "paper.csv")
    assert store.responses("birds") == []
    assert store.import_answers("birds", good, "paper.csv") == 2
    assert store.import_answers("birds", good, "paper.csv") == 0
    assert store.current(1).token == plan[1].token
    assert "imported" in [event.action for event in store.events("birds")]


def _fields(event):
    return {name: getattr(event, name) for name in event.__slots__}
