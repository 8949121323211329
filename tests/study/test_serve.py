"""`evalsuite study serve`, and what asks before it does what cannot be taken back."""

import asyncio
import io
import os
import sys
from pathlib import Path

import pytest
from starlette.requests import Request
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from evalsuite.study import serve
from evalsuite.study.storage.study_database import StudyDatabase
from reader_app import cookies
from tests.study.conftest import fill

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(cli, monkeypatch):
    """Return what would be run in place of this process, and its environment."""

    def run(*arguments):
        told = []
        monkeypatch.setattr(serve.os, "execv", lambda *command: told.append(command))
        monkeypatch.setattr(serve.os, "environ", dict(os.environ))
        status, _, err = cli("study", "serve", *arguments)
        assert status == 0, err
        ((program, command),) = told
        assert (program, command[:5]) == (
            sys.executable, [sys.executable, "-P", "-m", "streamlit", "run"]
        )  # fmt: skip
        assert Path(command[5], "streamlit_app.py").is_file()
        options = dict(option.removeprefix("--").split("=", 1) for option in command[6:])
        return options, serve.os.environ

    return run


def test_without_options_the_app_is_for_this_machine_alone(started):
    options, environment = started()
    assert options == {
        "server.address": "127.0.0.1",
        "server.port": "8501",
        "server.baseUrlPath": "",
        "browser.serverAddress": "127.0.0.1",
    }
    assert environment["EVALSUITE_STUDIES"] == "studies"
    assert environment["EVALSUITE_DATABASE"] == "sqlite:///studies/app/studies.db"
    assert environment["FORWARDED_ALLOW_IPS"] == ""  # no proxy is believed unless it is named


def test_options_say_where_and_what(started, tmp_path):
    options, environment = started(
        *("--host", "0.0.0.0", "--port", "80", "--base-path", "/study/"),
        *("--trusted-proxies", "10.0.0.0/8", "--home", tmp_path / "mine"),
        *("--database", "postgresql://me@db/studies"),
    )
    assert options == {
        "server.address": "0.0.0.0",
        "server.port": "80",
        "server.baseUrlPath": "study",
        "browser.serverAddress": "localhost",
    }
    assert environment["EVALSUITE_STUDIES"] == str(tmp_path / "mine")
    assert environment["EVALSUITE_DATABASE"] == "postgresql://me@db/studies"
    assert environment["FORWARDED_ALLOW_IPS"] == "10.0.0.0/8"


@pytest.mark.parametrize(
    ("trusted", "address"),
    [("", "10.0.0.5"), ("10.0.0.0/8", "203.0.113.9"), ("10.0.0.6", "10.0.0.5")],
)
def test_a_proxy_is_believed_only_where_it_is_named(trusted, address):
    seen = []

    async def app(scope, receive, send):
        seen.append((cookies.address(Request(scope)), scope["scheme"]))

    scope = {
        "type": "http",
        "scheme": "http",
        "client": ("10.0.0.5", 1),
        # What a visitor made up stands before what the proxy saw.
        "headers": [
            (b"x-forwarded-for", b"1.2.3.4, 203.0.113.9"),
            (b"x-forwarded-proto", b"https"),
        ],
    }
    asyncio.run(ProxyHeadersMiddleware(app, trusted)(scope, None, None))
    assert seen == [(address, "https" if address == "203.0.113.9" else "http")]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def birds(tmp_path, monkeypatch):
    monkeypatch.setenv("EVALSUITE_DATABASE", f"sqlite:///{tmp_path / 'studies.db'}")
    store, _, tokens = fill(f"sqlite:///{tmp_path / 'studies.db'}")
    return store, tokens


@pytest.mark.parametrize(
    ("command", "consequence"),
    [
        (
            ("revoke", "birds", "Ada"),
            "Ada will be signed out of birds and need a new link.",
        ),
        (
            ("close", "birds", "--no-tracking"),
            "birds has answers to 0 of 3 presentations and will never take another.",
        ),
    ],
)
def test_withdrawing_and_closing_ask_first(birds, cli, monkeypatch, command, consequence):
    store, tokens = birds

    def unchanged():
        assert StudyDatabase(os.environ["EVALSUITE_DATABASE"]).study("birds").state == "open"
        assert store.sign_in(tokens["Ada"], "here")

    status, _, err = cli("study", *command)  # pytest's input is no terminal
    assert (status, err) == (1, f"{consequence} Add --yes to do it without being asked.\n")
    unchanged()
    for answer in ("n\n", "\n", ""):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        status, _, err = cli("study", *command)
        assert status == 1
        assert f"{consequence} Go on? [y/N]" in err
        unchanged()
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert cli("study", *command)[0] == 0
    if command[0] == "close":
        assert store.study("birds").state == "closed"
    else:
        with pytest.raises(Exception, match="opens nothing"):
            store.sign_in(tokens["Ada"], "here")


def test_links_lead_to_the_address_that_readers_know(birds, cli, monkeypatch):
    assert cli("study", "invite", "birds", "Ada")[1].startswith(
        "http://127.0.0.1:8501/enter?token="
    )
    monkeypatch.setenv("EVALSUITE_STUDY_ADDRESS", "https://hospital.example/study/")
    told = cli("study", "invite", "birds", "Ada")[1]
    assert told.startswith("https://hospital.example/study/enter?token=")


def test_who_says_yes_beforehand_is_not_asked_and_what_is_not_there_is_told_first(birds, cli):
    store, _ = birds
    for command in ("revoke", "close"):
        rest = ("Ada",) if command == "revoke" else ("--no-tracking",)
        status, _, err = cli("study", command, "bird", *rest)
        assert (status, "Unknown study" in err) == (1, True)
    assert cli("study", "close", "birds", "--no-tracking", "--yes")[0] == 0
    assert store.study("birds").state == "closed"
