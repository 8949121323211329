"""Who may open what: tokens, sessions, and a limit on guessing."""

import pytest
from sqlalchemy import select

from evalsuite.study.storage import access
from evalsuite.study.storage.study_database import SignInRefused
from evalsuite.study.storage.tables import METADATA, refusals
from tests.study.conftest import fill

NOTHING = "This link opens nothing"
TOO_MANY = "Too many attempts. Wait a quarter of an hour"


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


def test_an_address_that_guesses_waits_and_others_do_not(database, clock):
    store, secret, tokens = fill(database)
    for _ in range(access.MOST_PER_ADDRESS):
        with pytest.raises(SignInRefused, match=NOTHING):
            store.sign_in("guess", "there")
    with pytest.raises(SignInRefused, match=TOO_MANY):
        store.sign_in(tokens["Ada"], "there")
    with pytest.raises(SignInRefused, match=TOO_MANY):
        store.sign_in_lead("birds", secret, "there")
    assert store.sign_in(tokens["Ada"], "here")
    clock.now += access.WINDOW_SECONDS + 1
    assert store.sign_in(tokens["Ada"], "there")


def test_guesses_from_many_addresses_are_limited_together(database, clock, monkeypatch):
    monkeypatch.setattr(access, "MOST_IN_ALL", 5)
    store, _, tokens = fill(database)
    for number in range(5):
        with pytest.raises(SignInRefused, match=NOTHING):
            store.sign_in("guess", f"address {number}")
    with pytest.raises(SignInRefused, match=TOO_MANY):
        store.sign_in(tokens["Ada"], "here")
    clock.now += access.WINDOW_SECONDS + 1
    assert store.sign_in(tokens["Ada"], "here")


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
