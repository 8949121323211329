"""Signing in and out: what the routes of a session give away, and what they refuse."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient
from streamlit import config

from evalsuite.errors import EvalsuiteError
from evalsuite.study.storage.study_database import StudyDatabase
from reader_app import cookies, settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def entrance(make_study, monkeypatch):
    home, created = make_study(cases=1)
    monkeypatch.setenv("EVALSUITE_STUDIES", str(home.app.parent))
    monkeypatch.delenv("EVALSUITE_DATABASE", raising=False)
    settings.database_at.cache_clear()
    app = Starlette(routes=cookies.ROUTES)

    def client(base="http://testserver"):
        return TestClient(app, base_url=base, follow_redirects=False)

    return client, created, StudyDatabase(home.database)


@pytest.mark.parametrize("form", ["{token}", " {token}\n", "https://x.example/enter?token={token}"])
def test_a_token_or_a_whole_link_may_be_posted(entrance, form):
    client, created, store = entrance
    token = form.format(token=created.invitations["Dr. Ada"])
    entered = client().post("/enter", data={"token": token})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert store.session(entered.cookies[cookies.COOKIE]).name == "Dr. Ada"
    assert entered.headers["cache-control"] == "no-store"
    assert entered.headers["referrer-policy"] == "no-referrer"


def test_the_cookie_is_secure_where_the_connection_is(entrance):
    client, created, _ = entrance
    token = {"token": created.invitations["Dr. Ada"]}
    assert "secure" not in client().post("/enter", data=token).headers["set-cookie"].lower()
    secure = client("https://testserver").post("/enter", data=token).headers["set-cookie"].lower()
    for word in ("secure", "httponly", "samesite=strict", "path=/", "max-age="):
        assert word in secure


def test_below_a_path_the_cookie_is_for_that_path(entrance):
    client, created, _ = entrance
    config.set_option("server.baseUrlPath", "study")
    try:
        browser = client()
        entered = browser.post("/enter", data={"token": created.invitations["Dr. Ada"]})
        refused = browser.post("/enter", data={"token": "x"})
        left = browser.post("/leave")
    finally:
        config.set_option("server.baseUrlPath", "")
    assert entered.headers["location"] == left.headers["location"] == "/study/"
    assert refused.headers["location"] == "/study/?refused=1"
    for answer in (entered, left):
        assert "path=/study;" in answer.headers["set-cookie"].lower()


def test_a_lead_enters_by_the_secret_of_their_own_study_alone(entrance):
    client, created, store = entrance
    entered = client().post("/enter", data={"study": "birds", "lead": created.lead_secret})
    session = store.session(entered.cookies[cookies.COOKIE])
    assert (session.kind, session.study, session.reader_id) == ("lead", "birds", None)
    for wrong in (
        {"study": "fishes", "lead": created.lead_secret},
        {"study": "birds", "lead": created.invitations["Dr. Ada"]},
        {"lead": created.lead_secret},
        {"token": created.lead_secret},
    ):
        refused = client().post("/enter", data=wrong)
        assert refused.headers["location"] == "/?refused=1"
        assert "set-cookie" not in refused.headers


def test_guesses_are_answered_later_and_later_but_nobody_is_shut_out(entrance, monkeypatch):
    client, created, _ = entrance
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(cookies.asyncio, "sleep", sleep)
    browser = client()
    for number in range(20):
        for form in ({"token": f"guess {number}"}, {"study": "birds", "lead": f"guess {number}"}):
            assert browser.post("/enter", data=form).headers["location"] == "/?refused=1"
    assert waited == [0.5 * n for n in range(1, 11)] + [5.0] * 25
    waited.clear()
    lead = {"study": "birds", "lead": created.lead_secret}
    for form in ({"token": created.invitations["Dr. Ada"]}, lead):
        assert browser.post("/enter", data=form).headers["location"] == "/"
    assert waited == []
    monkeypatch.setattr(cookies, "HELD_BACK", asyncio.Semaphore(0))  # as many wait as may
    assert browser.post("/enter", data={"token": "x"}).headers["location"] == "/?refused=1"
    assert waited == []


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("a socket", "a socket"),
    ],
)
def test_a_machine_is_one_address(host, address):
    assert cookies.address(Request({"type": "http", "client": (host, 1)})) == address
    assert cookies.address(Request({"type": "http"})) == "unknown"


def test_a_form_that_is_too_long_is_not_read(entrance):
    client, created, _ = entrance
    token = created.invitations["Dr. Ada"]
    body = f"token={token}&filler={'x' * cookies.FORM_LIMIT}"
    refused = client().post("/enter", content=body)
    assert refused.headers["location"] == "/?refused=1"


def test_leaving_ends_the_session_and_takes_a_post(entrance):
    client, created, store = entrance
    browser = client()
    entered = browser.get("/enter", params={"token": created.invitations["Dr. Ada"]})
    cookie = entered.cookies[cookies.COOKIE]
    assert browser.get("/leave").status_code == 405  # a picture on another page could do that
    assert store.session(cookie) is not None
    left = browser.post("/leave")
    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert store.session(cookie) is None
    assert cookies.COOKIE not in browser.cookies
    assert browser.post("/leave").status_code == 303  # twice does no harm


def test_a_database_that_does_not_answer_is_told_without_its_name(entrance, monkeypatch, caplog):
    client, created, _ = entrance
    browser = client()
    assert browser.get("/healthy").text == "ok"
    browser.get("/enter", params={"token": created.invitations["Dr. Ada"]})

    def refuse(*_):
        raise EvalsuiteError("sqlite:////secret/studies.db: the database refuses: disk full.")

    for name in ("sign_in", "sign_in_lead", "sign_out", "studies"):
        monkeypatch.setattr(StudyDatabase, name, refuse)
    for told in (
        browser.get("/healthy"),
        browser.get("/enter", params={"token": "x"}),
        browser.post("/enter", data={"study": "birds", "lead": "x"}),
        browser.post("/leave"),
    ):
        assert told.status_code == 503
        assert told.text == "The database of the studies does not answer. Try again in a minute."
    assert caplog.text.count("/secret/studies.db") == 4


def test_the_app_is_served_to_this_machine_alone_from_wherever_it_is_started(tmp_path):
    script = (
        "from streamlit import config\n"
        "from pathlib import Path\n"
        "import sys\n"
        "config._main_script_path = str(Path(sys.argv[1]) / 'reader_app' / 'streamlit_app.py')\n"
        "for name in ('server.address', 'server.enableStaticServing', 'server.enableAgentApi',"
        " 'browser.gatherUsageStats', 'client.showErrorDetails', 'client.toolbarMode'):\n"
        "    print(config.get_option(name))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path), "PATH": ""},
    )
    assert told.stdout.split() == ["127.0.0.1", "False", "False", "False", "none", "minimal"]


def test_the_compose_file_opens_ports_to_this_host_alone_and_shows_no_truth():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    ports = [port for service in services.values() for port in service["ports"]]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert services["app"]["volumes"] == ["./studies/app/cases:/studies/app/cases:ro"]
    copied = re.findall(r"^COPY (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for source in " ".join(copied).split():
        assert source == "./" or (ROOT / source).exists()
        assert not source.startswith("studies")
