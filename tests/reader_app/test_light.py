"""A study is read to its end where only the server of readers is installed."""

import hashlib
import subprocess
import sys

import httpx
import pytest

from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth
from tests.minimal import ROOT, closure, links
from tests.reader_app.server import Server

PAGES = """
import sys
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest
from reader_app.cookies import COOKIE

ContextProxy.cookies, ContextProxy.url = {}, "https://study.example/"
for cookie in sys.argv[2:]:
    ContextProxy.cookies[COOKIE] = cookie
    app = AppTest.from_file(sys.argv[1], default_timeout=60).run()
    assert not app.exception, app.exception
    print(*(title.value for title in app.title))
"""
COMMANDS = """
import sys
from evalsuite.cli import main

for command in sys.argv[1:]:
    sys.argv = ["evalsuite", "study", *command.split()]
    try:
        main()
    except SystemExit as stopped:
        assert not stopped.code, command
"""


@pytest.fixture
def light(tmp_path):
    """Return interpreter and environment that see what the extra brings, and no more.

    Streamlit takes itself for a clone of its own unless its folder is called so.
    """
    assert not {"scipy", "matplotlib", "torch", "mlflow"} & set(closure("reader"))
    return (sys.executable, "-S"), links(tmp_path / "site-packages", "reader")


def test_a_study_is_served_read_followed_closed_and_exported(light, make_study, tmp_path):
    home, created = make_study(template="paper", consent="", cases=2)
    prepared = {truth.prepared for truth in read_truth(home.truth("birds")).values()}
    python, environment = light
    environment["EVALSUITE_STUDIES"] = str(home.app.parent)
    server = Server(home, tmp_path / "log", python=python, **environment)
    try:
        with httpx.Client(base_url=server.url, timeout=60) as reader:
            reader.get("/enter", params={"token": created.invitations["Dr. Ada"]})
            while not (state := reader.get("/reader/state").json())["finished"]:
                voxels = reader.get(f"/reader/voxels/{state['presentation']}/0").content
                assert hashlib.sha256(voxels).hexdigest() in prepared
                answer = {
                    "presentation": state["presentation"],
                    "key": state["presentation"],
                    "answers": {question["name"]: 1 for question in state["questions"]},
                    "behaviour": {"seconds": 2, "active_seconds": 1.5},
                }
                assert reader.post("/reader/answer", json=answer).status_code == 200
    finally:
        server.kill()
    store = StudyDatabase(home.database)
    cookies = [
        store.sign_in_lead("birds", created.lead_secret, "here"),
        store.sign_in(created.invitations["Dr. Ada"], "here"),
        store.sign_in(created.invitations["Dr. Bob"], "here"),
    ]

    def run(*arguments):
        done = subprocess.run(
            [*python, "-c", *arguments], env=environment, cwd=tmp_path, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(PAGES, ROOT / "reader_app/page.py", *cookies).splitlines() == [
        "A study of birds", "Thank you", "A study of birds",
    ]  # fmt: skip
    run(
        COMMANDS, "enrol birds Eve", "status birds", "close birds --yes --no-tracking",
        "export birds --output answers.csv",
    )  # fmt: skip
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 1 + 4 * 3
