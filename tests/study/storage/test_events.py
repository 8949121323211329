"""The audit log: nothing in it, nor in the answers that it tells of, is changed unseen."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from evalsuite.study.storage import events
from tests.study.conftest import ANSWERS, fill, read_all

APPEND_ONLY = ("submissions", "responses", "events")
ACTIONS = st.lists(
    st.tuples(st.text(max_size=8), st.dictionaries(st.text(max_size=4), st.integers())),
    min_size=1,
    max_size=6,
)


def chain(actions):
    """Return the entries that `append` would make."""
    found = []
    for seq, (action, detail) in enumerate(actions, 1):
        content = {
            "seq": seq,
            "at": events.now(),
            "actor": "lead",
            "action": action,
            "detail": detail,
            "previous": found[-1].hash if found else events.FIRST,
        }
        found.append(events.Event(**content, hash=events.digest({"study": "birds", **content})))
    return found


def disable_triggers(store):
    """Do what only the owner of the database can do."""
    with store.engine.begin() as connection:
        for table in APPEND_ONLY:
            if store.engine.dialect.name == "postgresql":
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
                continue
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER {table}_no_{verb}"))


def test_the_digest_is_that_of_canonical_json():
    # printf '{"a":"\\u00e4","b":[1,null]}' | sha256sum
    expected = "847d613442ae70ec251d2ed0647cb38a4f17e66567bc2204cb21a3670a2ef6a5"
    assert events.digest({"b": [1, None], "a": "ä"}) == expected


@given(actions=ACTIONS, data=st.data())
def test_any_change_of_one_entry_is_found(actions, data):
    entries = chain(actions)
    assert events.fault("birds", entries) is None
    place = data.draw(st.integers(0, len(entries) - 1))
    field, value = data.draw(
        st.sampled_from(
            [
                ("seq", 99),
                ("at", "2001-01-01"),
                ("actor", "nobody"),
                ("action", "nothing at all"),
                ("detail", {"other": 1}),
                ("previous", "1" * 64),
                ("hash", "1" * 64),
            ]
        )
    )
    changed = [*entries]
    changed[place] = dataclasses.replace(entries[place], **{field: value})
    assert events.fault("birds", changed) is not None


@given(actions=ACTIONS, data=st.data())
def test_any_entry_that_is_left_out_or_moved_is_found(actions, data):
    entries = chain([*actions, ("last", {})])
    place = data.draw(st.integers(0, len(entries) - 2))
    assert events.fault("birds", entries[:place] + entries[place + 1 :]) is not None
    swapped = [*entries]
    swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    assert events.fault("birds", swapped) is not None


def test_every_change_of_the_log_is_found(database):
    store, _, _ = fill(database)
    read_all(store)
    entries = store.events("birds")
    assert events.fault("birds", entries) is None
    assert events.fault("birds", entries[:2] + entries[3:]) == "entry 3 is missing."
    changed = [*entries]
    changed[2] = dataclasses.replace(entries[2], actor="nobody")
    assert events.fault("birds", changed).startswith("entry 3 (")
    changed[2] = dataclasses.replace(entries[2], previous="0" * 64)
    assert events.fault("birds", changed) == "entry 3 does not follow on the one before."
    assert events.fault("other", entries).startswith("entry 1 (")


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


def test_the_tables_cannot_be_emptied_nor_rows_replaced(database):
    store, _, _ = fill(database)
    read_all(store)
    row = "(1, 'appearance', '4')"
    forbidden = {
        "postgresql": "TRUNCATE events, submissions, responses",
        "sqlite": f"INSERT OR REPLACE INTO responses VALUES {row}",
    }[store.engine.dialect.name]
    with (
        pytest.raises(DBAPIError, match="append-only"),
        store.engine.begin() as connection,
    ):
        connection.execute(text(forbidden))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE responses SET answer = '4' WHERE submission = 2", "are not those of the log"),
        ("DELETE FROM responses WHERE question = 'anatomy'", "are not those of the log"),
        ("DELETE FROM responses; DELETE FROM submissions", "are missing"),
        ("DELETE FROM events WHERE action = 'submitted'", "the log knows no answers to"),
        ("UPDATE events SET action = 'x' WHERE seq = 3", "entry 3"),
    ],
)
def test_what_the_owner_of_the_database_changes_is_found(database, change, sentence):
    store, _, _ = fill(database)
    read_all(store)
    assert store.verify("birds") is None
    disable_triggers(store)
    with store.engine.begin() as connection:
        for statement in change.split(";"):
            connection.execute(text(statement))
    assert sentence in store.verify("birds")


def test_only_a_hash_that_was_noted_shows_that_the_end_was_taken_away(database):
    store, _, _ = fill(database)
    read_all(store)
    noted = store.events("birds")[-1].hash
    assert store.verify("birds", noted) is None
    disable_triggers(store)
    with store.engine.begin() as connection:
        for statement in (
            "DELETE FROM responses WHERE submission = (SELECT MAX(id) FROM submissions)",
            "DELETE FROM submissions WHERE id = (SELECT MAX(id) FROM submissions)",
            "DELETE FROM events WHERE seq = (SELECT MAX(seq) FROM events)",
        ):
            connection.execute(text(statement))
    assert store.verify("birds") is None
    assert "taken away from its end" in store.verify("birds", noted)


def test_an_empty_log_is_not_whole(database):
    store, _, _ = fill(database)
    disable_triggers(store)
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM events"))
    assert store.verify("birds") == "it is empty."


def test_the_log_tells_who_did_what(database):
    store, secret, tokens = fill(database)
    store.sign_in(tokens["Ada"], "here")
    store.sign_in_lead("birds", secret, "here")
    store.consent(1)
    store.consent(1)
    store.submit(1, store.current(1).token, "k", ANSWERS, {})
    store.pause("birds")
    store.resume("birds")
    store.close("birds")
    assert [(e.actor, e.action) for e in store.events("birds")] == [
        ("lead", "study created"),
        ("lead", "enrolled"),
        ("reader Ada", "signed in"),
        ("lead", "signed in"),
        ("reader Ada", "consented"),
        ("app", "design locked"),
        ("reader Ada", "submitted"),
        ("lead", "paused"),
        ("lead", "open"),
        ("lead", "closed"),
    ]
