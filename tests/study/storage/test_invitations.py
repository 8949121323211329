"""Who may open what: tokens, sessions, and what guesses cannot do."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from evalsuite.spreadsheets import guarded
from evalsuite.study.storage import access
from evalsuite.study.storage import database as databases
from evalsuite.study.storage.study_database import SignInRefused, StudyDatabase
from evalsuite.study.storage.tables import METADATA, refusals
from tests.study.conftest import fill

NOTHING = "This link opens nothing"


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that the test turns on."""

    class Clock:
        now = 1e9

    monkeypatch.setattr(access.time, "time", lambda: Clock.now)
    return Clock


def test_tokens_are_256_bits_and_never_the_same():
    tokens = {access.fresh_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {43}  # 32 bytes in base64
    assert {guarded(token) for token in tokens} == tokens, "a table has them as they are"


def test_tokens_and_secrets_are_kept_as_hashes_only(database):
    store, secret, tokens = fill(database)
    cookie = store.sign_in(tokens["Ada"], "192.0.2.1")
    with store.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            content = str(connection.execute(table.select()).all())
            for told in (secret, tokens["Ada"], cookie, "192.0.2.1"):
                assert told not in content


@pytest.mark.parametrize("guess", ["", "x", "' OR 1=1 --", "\x00", "%", "é" * 1000])
def test_guesses_open_nothing_and_are_kept(database, guess):
    store, _, _ = fill(database)
    for attempt in (
        lambda: store.sign_in(guess, "here"),
        lambda: store.sign_in_lead("birds", guess, "here"),
        lambda: store.sign_in_lead(guess.replace("\x00", "0"), "secret", "here"),
    ):
        with pytest.raises(SignInRefused, match=NOTHING):
            attempt()
    with store.engine.connect() as connection:
        assert len(connection.execute(select(refusals)).all()) == 3
    assert store.session(guess) is None


def test_a_reader_is_no_lead_and_a_lead_leads_their_own_study(database):
    store, secret, tokens = fill(database)
    _, other, _ = fill(database, name="fish")
    for study, tried in (("birds", tokens["Ada"]), ("birds", other), ("fish", secret)):
        with pytest.raises(SignInRefused, match=NOTHING):
            store.sign_in_lead(study, tried, "here")
    with pytest.raises(SignInRefused, match=NOTHING):
        store.sign_in(secret, "here")
    session = store.session(store.sign_in_lead("fish", other, "here"))
    assert (session.kind, session.study, session.reader_id) == ("lead", "fish", None)


def test_a_new_invitation_ends_the_old_one_and_its_sessions(database):
    store, _, tokens = fill(database, readers=("Ada", "Bob"))
    ada, bob = (store.sign_in(tokens[name], "here") for name in ("Ada", "Bob"))
    fresh = store.invite("birds", "Ada")
    assert store.session(ada) is None
    assert store.session(bob).name == "Bob"
    with pytest.raises(SignInRefused, match=NOTHING):
        store.sign_in(tokens["Ada"], "here")
    assert store.session(store.sign_in(fresh, "here")).name == "Ada"
    assert [e.action for e in store.events("birds")][-2:] == ["invited", "signed in"]


def test_a_revoked_token_opens_nothing_and_its_sessions_end(database):
    store, _, tokens = fill(database)
    cookie = store.sign_in(tokens["Ada"], "here")
    store.revoke("birds", "Ada")
    assert store.session(cookie) is None
    with pytest.raises(SignInRefused, match=NOTHING):
        store.sign_in(tokens["Ada"], "here")
    assert store.events("birds")[-1].action == "revoked"


def refuse(store, guess, address):
    with pytest.raises(SignInRefused, match=NOTHING) as refused:
        store.sign_in(guess, address)
    return refused.value


def rows(store):
    with store.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(refusals)).scalar_one()


def test_whatever_was_refused_a_valid_link_opens_at_once(tmp_path, clock):
    store, secret, tokens = fill(f"sqlite:///{tmp_path / 'studies.db'}")
    for number in range(1050):  # the attack that once shut every reader of every study out
        refuse(store, f"guess {number}", f"192.0.2.{number // 50}")
    for address in ("192.0.2.0", "192.0.2.7", "198.51.100.1"):
        assert store.session(store.sign_in(tokens["Ada"], address)).name == "Ada"
        assert store.session(store.sign_in_lead("birds", secret, address)).kind == "lead"


def test_refusals_get_slower_by_address_and_forget(database, clock):
    store, _, _ = fill(database)
    delays = [refuse(store, f"guess {number}", "there").delay for number in range(20)]
    assert delays[:7] == [0, 0, 0, 0, 0, 0.5, 1.0]
    assert delays[-6:] == [5.0] * 6
    assert refuse(store, "guess", "here").delay == 0
    with pytest.raises(SignInRefused) as lead:
        store.sign_in_lead("birds", "guess", "there")
    assert lead.value.delay == 5.0
    clock.now += access.WINDOW_SECONDS + 1
    assert refuse(store, "guess 1", "there").delay == 0
    assert rows(store) == 1


def test_the_same_wrong_link_again_adds_nothing(database, clock, caplog):
    store, _, _ = fill(database)
    assert {refuse(store, "an old link", "there").refusals for _ in range(30)} == {1}
    assert refuse(store, "an old link", "here").refusals == 1
    assert refuse(store, "another", "there").refusals == 2
    assert rows(store) == 3
    assert [r.getMessage() for r in caplog.records if "refused" in r.getMessage()] == [
        "A sign-in from there was refused, number 1 within a quarter of an hour.",
        "A sign-in from here was refused, number 1 within a quarter of an hour.",
        "A sign-in from there was refused, number 2 within a quarter of an hour.",
    ]


def test_refusals_fill_neither_table_nor_log_and_hold_up_no_writer(
    database, clock, caplog, monkeypatch
):
    monkeypatch.setattr(access, "MOST_IN_ALL", 20)
    store, _, _ = fill(database)
    with databases.writing(store.engine) as connection:  # by a version that kept all of them
        old = [{"at": clock.now - 1e5, "address": "x", "reason": "sign-in"}] * 3000
        connection.execute(refusals.insert(), old)
    for number in range(60):
        refuse(store, f"guess {number}", "there" if number < 40 else f"address {number}")
    assert rows(store) == 20
    assert caplog.text.count("was refused") == 20
    with databases.writing(store.engine):  # SQLite has one writer at a time
        refuse(store, "one more", "here")


def test_processes_count_together_and_at_once(database):
    fill(database)
    stores = [StudyDatabase(database) for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        attempts = [(stores[n % 4], f"guess {n % 5}", "there") for n in range(40)]
        list(threads.map(lambda attempt: refuse(*attempt), attempts))
    assert rows(stores[0]) == 5
    assert refuse(stores[1], "a sixth", "there").delay == 0.5


def test_sessions_end_by_sign_out_and_when_idle(database, clock):
    store, secret, tokens = fill(database)
    ada = store.sign_in(tokens["Ada"], "here")
    store.sign_out(ada)
    assert store.session(ada) is None
    lead = store.sign_in_lead("birds", secret, "here")
    for _ in range(3):
        clock.now += access.IDLE_SECONDS - 1
        assert store.session(lead).kind == "lead"
    clock.now += access.IDLE_SECONDS + 1
    assert store.session(lead) is None


def test_a_login_names_one_reader_or_none(database):
    store, _, _ = fill(database, readers=("ada@example.org",))
    token = store.invitation_of("ada@example.org")
    assert store.session(store.sign_in(token, "here")).name == "ada@example.org"
    with pytest.raises(SignInRefused, match="eve@example.org is not a reader"):
        store.invitation_of("eve@example.org")


def test_a_login_that_names_readers_of_two_studies_opens_neither(database):
    fill(database, readers=("ada@example.org",))
    store, _, _ = fill(database, readers=("ada@example.org",), name="bees")
    with pytest.raises(SignInRefused, match="ada@example.org is not a reader of one study here"):
        store.invitation_of("ada@example.org")
    store.close("bees")
    token = store.invitation_of("ada@example.org")
    assert store.session(store.sign_in(token, "here")).study == "birds"
