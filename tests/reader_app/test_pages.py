"""The pages, from the first visit to the last thanks, in Streamlit's own test runner."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from evalsuite.errors import EvalsuiteError
from evalsuite.study.home import Home
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth
from reader_app import settings
from reader_app.app_pages import consent, reading, sign_in, welcome
from reader_app.cookies import COOKIE
from reader_app.script_path import without_script_path
from reader_app.viewer import component as viewer

APP = Path(__file__).parents[2] / "reader_app"


@pytest.fixture
def visit(monkeypatch, tmp_path):
    """Open the app with the cookies of a browser; nothing is configured at first."""
    monkeypatch.setenv("EVALSUITE_STUDIES", str(tmp_path / "studies"))
    monkeypatch.delenv("EVALSUITE_DATABASE", raising=False)
    settings.database_at.cache_clear()
    cookies = {}
    monkeypatch.setattr(ContextProxy, "cookies", cookies)
    monkeypatch.setattr(ContextProxy, "url", "https://study.example/?refused=1")

    def open_app(cookie=None, **query):
        cookies.clear()
        if cookie:
            cookies[COOKIE] = cookie
        app = AppTest.from_file(str(APP / "page.py"), default_timeout=30)
        for key, value in query.items():
            app.query_params[key] = value
        return shown(app.run())

    return open_app


@pytest.fixture
def study(make_study, visit):
    def start(**changes):
        home, created = make_study(**{"cases": 2, **changes})
        store = StudyDatabase(home.database)
        reader = store.sign_in(created.invitations["Dr. Ada"], "here")
        lead = store.sign_in_lead("birds", created.lead_secret, "here")
        return SimpleNamespace(home=home, store=store, reader=reader, lead=lead, created=created)

    return start


def shown(app):
    assert not app.exception
    return app


def texts(app):
    """Everything that is written on a page, as one text."""
    kinds = (app.title, app.subheader, app.markdown, app.text, app.caption)
    boxes = (app.info, app.success, app.error, app.code)
    return "\n".join(str(element.value) for kind in (*kinds, *boxes) for element in kind)


def components(app):
    return [block.proto.component_name for block in app.get("bidi_component")]


def forms(app):
    """What the forms of a page are given, by label."""
    protos = [block.proto for block in app.get("bidi_component")]
    told = [json.loads(p.json) for p in protos if p.component_name == "evalsuite_form"]
    return {form["label"]: form for form in told}


def button(app, label):
    return next(button for button in app.button if button.label == label)


def read(study, count=None):
    """Answer as the component would."""
    done = 0
    while (due := study.store.current(1)) and done != count:
        answers = {q["name"]: 1 for q in study.store.study("birds").design["questions"]}
        behaviour = {"active_seconds": 45.0, "seconds": 60.0}
        study.store.submit(1, due.token, f"key {due.token}", answers, behaviour)
        done += 1


def test_with_nothing_configured_the_app_explains_itself(visit):
    app = visit()
    assert "There is no study yet." in texts(app)
    assert "evalsuite study create" in texts(app)
    assert [b.label for b in app.button] == []  # served to other machines: no demonstration


def test_below_a_path_links_and_forms_are_below_it(study, visit):
    started = study()
    config.set_option("server.baseUrlPath", "/study/")
    try:
        assert forms(visit())["Sign in"]["action"] == "/study/enter"
        app = shown(button(visit(started.lead), "Make a new link").click().run())
    finally:
        config.set_option("server.baseUrlPath", "")
    assert any(c.value.startswith("https://study.example/study/enter?token=") for c in app.code)
    assert forms(app)["Sign out"]["action"] == "/study/leave"


def test_the_demonstration_is_offered_on_loopback_only_and_gives_two_ways_in(
    visit, monkeypatch, tmp_path
):
    made = []

    def demo(home):
        made.append(home)
        return SimpleNamespace(
            study="demo", invitations={"Demo reader": "READER"}, lead_secret="LEAD"
        )

    monkeypatch.setattr(welcome, "demo", demo)
    monkeypatch.setattr(welcome, "LOOPBACK", (None,))  # what the address is without a server
    app = shown(button(visit(), "Make the demonstration").click().run())
    assert made == [Home.at(tmp_path / "studies")]
    assert forms(app)["Read as the reader"]["hidden"] == {"token": "READER"}
    assert forms(app)["Open the lead's page"]["hidden"] == {"study": "demo", "lead": "LEAD"}
    assert "https://study.example/enter?token=READER" in texts(app)
    assert "Read as the reader" in forms(shown(app.run()))  # they are still there on a rerun


def test_a_demonstration_that_cannot_be_made_says_why(visit, monkeypatch):
    def demo(*_):
        raise EvalsuiteError("nilearn is not installed.")

    monkeypatch.setattr(welcome, "demo", demo)
    monkeypatch.setattr(welcome, "LOOPBACK", (None,))
    app = shown(button(visit(), "Make the demonstration").click().run())
    assert app.error[0].value == "nilearn is not installed."


def test_a_stranger_is_asked_for_a_link(study, visit):
    study()
    app = visit()
    assert list(forms(app)["Sign in"]["asked"]) == ["token"]
    assert list(forms(app)["Open the lead's page"]["asked"]) == ["study", "lead"]
    assert all(form["action"] == "/enter" for form in forms(app).values())
    assert not app.error
    assert visit(refused="1").error[0].value.startswith("That link or token opens nothing")
    assert visit("a cookie that is over").info[0].value == (
        "You are no longer signed in. What you have submitted is saved."
    )


def test_a_reader_agrees_reads_and_is_thanked(study, visit):
    started = study(training=1)
    app = visit(started.reader)
    assert app.title[0].value == "A study of birds"
    assert "Rate each volume." in texts(app)
    assert "I take part." in texts(app)
    assert "You will read 4 volumes. Before that come 2 for training" in texts(app)
    assert button(app, "Begin").disabled
    app.checkbox[0].check().run()
    app = shown(button(app, "Begin").click().run())
    assert "evalsuite_reading" in components(app)
    assert ("reader Dr. Ada", "consented") in actions(started)
    read(started, 5)
    assert "evalsuite_reading" in components(visit(started.reader))
    read(started)
    app = visit(started.reader)
    assert app.title[0].value == "Thank you"
    assert "You have read all 6 cases, in 4 minutes of reading." in texts(app)
    assert forms(app)["Sign out"]["action"] == "/leave"


def test_without_a_consent_the_instructions_are_shown_before_the_first_case(study, visit):
    started = study(consent="")
    app = visit(started.reader)
    assert "Rate each volume." in texts(app)
    assert not app.checkbox
    app = shown(button(app, "Begin").click().run())
    assert "evalsuite_reading" in components(app)
    assert ("reader Dr. Ada", "consented") not in actions(started)
    assert "evalsuite_form" in components(visit(started.reader))  # nothing is answered yet
    read(started, 1)
    assert "evalsuite_reading" in components(visit(started.reader))


def test_a_reader_sees_the_instructions_again_signs_out_or_goes_on(study, visit, monkeypatch):
    started = study()
    started.store.consent(1)
    read(started, 1)
    monkeypatch.setattr(reading, "reading", lambda: "instructions")
    app = visit(started.reader)
    assert {"Rate each volume.", "I take part."} <= {text.value for text in app.text}
    assert forms(app)["Sign out"]["action"] == "/leave"
    assert not app.checkbox
    monkeypatch.setattr(reading, "reading", viewer.reading)
    app = shown(button(app, "Back to the case").click().run())
    assert "evalsuite_reading" in components(app)


PROFILE = [
    {"name": "years", "text": "Years?", "kind": "choice", "options": ["under 5", "more"]},
    {"name": "fields", "text": "Fields?", "kind": "multiple", "options": ["CT", "MR"]},
    {"name": "seen", "text": "Seen?", "kind": "analogue", "low": "none", "high": "all"},
    {"name": "post", "text": "Post?", "kind": "text"},
]


def test_readers_are_asked_of_themselves_once_after_the_consent(study, visit):
    started = study(profile=PROFILE, training=1)
    app = visit(started.reader)
    app.checkbox[0].check().run()
    app = shown(button(app, "Begin").click().run())
    assert app.title[0].value == "About you"
    assert "evalsuite_reading" not in components(app)
    assert app.text_area[0].label == "Post? (may be left out)"
    app = shown(button(app, "Go on").click().run())
    assert app.error[0].value == "Not answered yet: Years?, Fields?, Seen?"
    app.radio[0].set_value(2)
    app.multiselect[0].set_value([1])
    assert app.number_input[0].label == "Seen? (a place on a line from 0, none, to 100, all)"
    assert app.number_input[0].value is None
    app.number_input[0].set_value(75.0)
    app = shown(button(app, "Go on").click().run())
    assert "evalsuite_reading" in components(app)
    told = {"years": 2, "fields": [1], "seen": 75.0, "post": None}
    assert started.store.profile(1) == told
    assert "evalsuite_reading" in components(visit(started.reader))
    assert started.store.profile(2) is None


def test_a_paused_or_closed_study_says_so_kindly_and_goes_on(study, visit):
    started = study()
    started.store.consent(1)
    started.store.pause("birds")
    app = visit(started.reader)
    assert "The study is paused. What you have submitted is saved" in texts(app)
    started.store.resume("birds")
    assert "evalsuite_reading" in components(shown(button(app, "Look again").click().run()))
    started.store.close("birds")
    assert "The study is closed" in texts(visit(started.reader))


def test_the_lead_follows_invites_and_withdraws(study, visit):
    started = study()
    started.store.consent(1)
    read(started, 2)
    app = visit(started.lead)
    assert [(m.label, m.value) for m in app.metric] == [
        ("Answered", "2 of 8"),
        ("Readers who are done", "0 of 2"),
        ("Active time", "2 min"),
    ]
    table = app.dataframe[0].value
    assert table["Answered"].tolist() == ["2 of 4", "0 of 4"]
    assert table["Per case"].tolist() == ["45 s", ""]
    app.selectbox[0].select("Dr. Bob").run()
    app = shown(button(app, "Make a new link").click().run())
    link = next(c.value for c in app.code if "/enter?token=" in c.value)
    assert link.startswith("https://study.example/enter?token=")
    bob = started.store.sign_in(link.partition("token=")[2], "there")
    assert started.store.session(bob).name == "Dr. Bob"
    assert started.store.session(bob) is not None
    app = shown(button(app, "Withdraw it").click().run())
    assert app.success[0].value == "Dr. Bob can no longer sign in."
    assert started.store.session(bob) is None
    assert ("lead", "invited") in actions(started)
    assert ("lead", "revoked") in actions(started)


def test_the_lead_is_told_of_signs_of_careless_reading_and_of_no_answer(study, visit):
    started = study(cases=6)
    assert "careless" not in texts(visit(started.lead))
    while due := started.store.current(1):
        answers = {"appearance": 1 + due.position % 3, "anatomy": 2, "consistency": 3}
        started.store.submit(1, due.token, due.token, answers, {"active_seconds": 0.2})
    page = texts(visit(started.lead))
    assert "Dr. Ada, too fast: 12 of 12 cases took less than 2 s of active time." in page
    assert "A sign is a reason to ask; nobody is left out for it." in page
    assert "evalsuite study enrol birds NAME" in page


def test_the_lead_pauses_resumes_and_closes_only_by_name(study, visit):
    started = study()
    app = shown(button(visit(started.lead), "Pause").click().run())
    assert started.store.study("birds").state == "paused"
    app = shown(button(app, "Resume").click().run())
    assert started.store.study("birds").state == "open"
    app.text_input[0].input("bird")
    app = shown(button(app, "Close it").click().run())
    assert app.error[0].value == "Nothing is closed: the name of this study is birds."
    app.text_input[0].input("birds")
    app = shown(button(app, "Close it").click().run())
    assert started.store.study("birds").state == "closed"
    assert "evalsuite study export birds --output birds.csv" in texts(app)
    assert {b.label for b in app.button} == {"Refresh"}


def test_the_lead_is_warned_of_a_broken_audit_log(study, visit):
    started = study()
    with started.store.engine.begin() as connection:
        for row in connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
        ).all():
            connection.exec_driver_sql(f'DROP TRIGGER "{row[0]}"')
        connection.exec_driver_sql("UPDATE events SET actor = 'nobody' WHERE seq = 1")
    assert "The audit log is broken" in texts(visit(started.lead))


def test_no_page_of_a_reader_or_lead_tells_the_truth(study, visit):
    started = study(training=1, repeats=1)
    pages = [visit(), visit(started.reader), visit(started.lead)]
    started.store.consent(1)
    pages.append(visit(started.reader))
    read(started)
    pages += [visit(started.reader), visit(started.lead)]
    secrets = {"heron", "magpie", "truth.tsv", str(started.home.app), str(started.home.lead)}
    for truth in read_truth(started.home.truth("birds")).values():
        secrets |= {truth.case, truth.source, truth.digest, truth.prepared}
    for page in pages:
        told = texts(page) + "".join(str(element) for element in page.main)
        told += "".join(str(block.proto) for block in page.get("bidi_component"))
        for secret in secrets:
            assert secret not in told


def test_what_a_database_says_of_itself_stays_in_the_log(study, visit, monkeypatch, caplog):
    started = study()

    def session(*_):
        raise EvalsuiteError("sqlite:////secret/studies.db: the database refuses: disk full.")

    monkeypatch.setattr(StudyDatabase, "session", session)
    app = visit(started.reader)
    assert app.error[0].value.startswith("The study cannot be reached at the moment.")
    assert "secret" not in texts(app)
    assert "/secret/studies.db" in caplog.text


def test_the_keys_of_the_instructions_are_keys_of_the_viewer():
    scripts = "".join(path.read_text() for path in (APP / "viewer").glob("*.js"))
    listed = re.findall(r'^\s+\["(.+?)", "', scripts, re.MULTILINE)
    viewer = {re.sub("[\N{EN DASH}\N{MINUS SIGN}]", "-", keys) for keys in listed}
    assert set(re.findall(r"`(.+?)`", consent.KEYS)) <= viewer


def test_the_path_of_the_script_is_taken_out_of_what_streamlit_sends():
    message = ForwardMsg()
    message.new_session.main_script_path = "/home/lead/study/page.py"
    message.new_session.name = "page"
    told = ForwardMsg.FromString(without_script_path(message.SerializeToString()))
    assert told.new_session.main_script_path == ""
    assert told.new_session.name == "page"
    other = ForwardMsg()
    other.script_finished = 0
    assert without_script_path(other.SerializeToString()) == other.SerializeToString()


# Streamlit's own login: what lies behind it is simulated, since it needs a provider.


@pytest.fixture
def login(monkeypatch):
    def start(**user):
        class User(dict):
            is_logged_in = bool(user)

        monkeypatch.setattr(sign_in, "login_is_configured", lambda: True)
        monkeypatch.setattr(st, "user", User(user))

    return start


def test_a_login_is_offered_only_where_one_is_configured(study, visit, login):
    study()
    label = "Sign in with your organisation"
    assert label not in [b.label for b in visit().button]
    login()
    assert label in [b.label for b in visit().button]


def test_a_login_with_the_address_of_a_reader_signs_them_in(study, visit, login):
    started = study(readers=["Dr. Ada", "ada@clinic.example"])
    login(email="ada@clinic.example", email_verified=True)
    app = visit()
    assert "Go on" not in forms(app)  # looking at the page ends no invitation
    assert started.store.session(started.reader) is not None
    form = forms(shown(button(app, "Go on to your study").click().run()))["Go on"]
    assert form["at_once"] is True
    cookie = started.store.sign_in(form["hidden"]["token"], "there")
    assert started.store.session(cookie).name == "ada@clinic.example"


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ({"email": "eve@clinic.example"}, "is not a reader of one study here"),
        ({"email": ""}, "is not a reader of one study here"),
        (
            {"email": "ada@clinic.example", "email_verified": False},
            "has not verified your address",
        ),
    ],
)
def test_a_login_with_another_or_an_unverified_address_is_refused(
    study, visit, login, user, problem
):
    study(readers=["Dr. Ada", "ada@clinic.example"])
    login(**user)
    app = shown(button(visit(), "Go on to your study").click().run())
    assert problem in app.error[0].value
    assert "Go on" not in forms(app)


def actions(started):
    return [(event.actor, event.action) for event in started.store.events("birds")]
