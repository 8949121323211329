"""The routes as a browser, or somebody who is up to no good, calls them."""

import gzip
import hashlib
import json
import posixpath
import re
import struct

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from evalsuite.study.blinding.cases import decode
from evalsuite.study.storage.database import DatabaseError
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth
from reader_app import cookies, routes, settings

GOOD = {"appearance": 1, "anatomy": 2, "consistency": 3}


@pytest.fixture
def study(make_study, monkeypatch):
    monkeypatch.setenv("EVALSUITE_STUDY_TRACKING", "off")

    def start(**changes):
        asked = {} if "questions" in changes else {"template": "paper"}
        home, created = make_study(**{**asked, "consent": "", **changes})
        monkeypatch.setenv("EVALSUITE_STUDIES", str(home.app.parent))
        settings.database_at.cache_clear()
        routes._stored.cache_clear()
        routes._plain.cache_clear()
        app = Starlette(routes=[*cookies.ROUTES, *routes.ROUTES])

        def client(token=None):
            made = TestClient(app, follow_redirects=False)
            if token:
                made.get("/enter", params={"token": token})
            return made

        return home, created, client

    return start


def answer(client, state, answers=None, key="k", **changes):
    sent = {
        "presentation": state["presentation"],
        "key": key + state["presentation"],
        "answers": answers or {q["name"]: 1 for q in state["questions"]},
        "behaviour": {"seconds": 2, "active_seconds": 1.5},
        **changes,
    }
    return client.post("/reader/answer", json=sent)


def test_a_token_becomes_a_cookie_that_no_script_can_read(study):
    _, created, client = study()
    entered = client().get("/enter", params={"token": created.invitations["Dr. Ada"]})
    assert entered.status_code == 303
    assert entered.headers["location"] == "/"
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert created.invitations["Dr. Ada"].lower() not in cookie


def test_nothing_is_told_without_a_session(study):
    _, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    token = reader.get("/reader/state").json()["presentation"]
    stranger = client()
    for path in ("state", f"voxels/{token}/0"):
        told = stranger.get(f"/reader/{path}")
        assert told.status_code == 401
        assert told.json() == {"problem": "You are not signed in. Open your link again."}
    assert answer(stranger, reader.get("/reader/state").json()).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "' OR 1=1 --", "../..", "é" * 50])
def test_wrong_tokens_open_nothing(study, token):
    _, _, client = study()
    told = client().get("/enter", params={"token": token})
    assert told.headers["location"] == "/?refused=1"
    assert "set-cookie" not in told.headers


def test_a_revoked_token_and_its_sessions_end(study):
    home, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    assert reader.get("/reader/state").status_code == 200
    StudyDatabase(home.database).revoke("birds", "Dr. Ada")
    assert reader.get("/reader/state").status_code == 401
    again = client().get("/enter", params={"token": created.invitations["Dr. Ada"]})
    assert again.headers["location"] == "/?refused=1"


def test_the_state_says_what_a_browser_needs_and_no_more(study):
    home, created, client = study()
    state = client(created.invitations["Dr. Ada"]).get("/reader/state")
    assert state.headers["cache-control"] == "no-store"
    assert set(state.json()) == {
        *("finished", "study", "phase", "position", "total", "presentation", "sides", "shape"),
        *("spacing", "grey", "windows", "questions", "next", "back", "earlier"),
    }
    assert state.json()["grey"] == {"levels": 4095, "low": 0, "high": 100, "unit": "%"}
    assert state.json()["windows"][0] == ["full range", 0, 100]
    assert state.json()["total"] == 12
    for truth in read_truth(home.truth("birds")).values():
        assert truth.case not in state.text
        assert truth.cohort not in state.text


def test_voxels_of_the_due_and_the_next_case_alone_are_served(study):
    home, created, client = study()
    ada, bob = (client(created.invitations[name]) for name in ("Dr. Ada", "Dr. Bob"))
    state = ada.get("/reader/state").json()
    voxels = ada.get(f"/reader/voxels/{state['presentation']}/0")
    assert voxels.status_code == 200
    assert voxels.headers["cache-control"] == "no-store"
    prepared = {truth.prepared for truth in read_truth(home.truth("birds")).values()}
    assert hashlib.sha256(voxels.content).hexdigest() in prepared
    assert ada.get(f"/reader/voxels/{state['next']}/0").status_code == 200
    assert ada.get(f"/reader/voxels/{state['presentation']}/1").status_code == 404
    later = StudyDatabase(home.database).plan(1)[5].token
    assert ada.get(f"/reader/voxels/{later}/0").status_code == 404
    assert bob.get(f"/reader/voxels/{state['presentation']}/0").status_code == 404
    assert answer(bob, state).status_code == 409
    actions = [(e.actor, e.action) for e in StudyDatabase(home.database).events("birds")]
    assert ("reader Dr. Ada", "refused a case") in actions
    assert ("reader Dr. Bob", "refused a case") in actions


def test_an_answer_is_stored_once_whatever_is_sent_again(study):
    home, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    state = reader.get("/reader/state").json()
    first = answer(reader, state, GOOD)
    assert first.status_code == 200
    assert first.json()["state"]["presentation"] == state["next"]
    assert answer(reader, state, GOOD).status_code == 200
    assert answer(reader, state, {**GOOD, "anatomy": 4}, key="other").status_code == 200
    rows = StudyDatabase(home.database).responses("birds")
    assert {row["question"]: row["answer"] for row in rows} == GOOD


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({"appearance": 1}, 422),
        ({**GOOD, "appearance": 5}, 422),
        ({**GOOD, "appearance": "1; DROP TABLE responses"}, 422),
        ({**GOOD, "truth": 1}, 422),
    ],
)
def test_answers_that_fit_no_question_are_refused_with_a_sentence(study, answers, status):
    home, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    told = answer(reader, reader.get("/reader/state").json(), answers)
    assert told.status_code == status
    assert told.json()["problem"].endswith(".")
    assert StudyDatabase(home.database).responses("birds") == []


@pytest.mark.parametrize(
    "behaviour",
    [
        {"active_seconds": "a while"},
        {"active_seconds": -1},
        {"seconds": float("nan")},
        {"slices": {"oblique": 3}},
        {"viewer": "<script>"},
        {"imported": True},
        [],
    ],
)
def test_a_behaviour_that_no_viewer_has_is_refused(study, behaviour):
    home, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    state = reader.get("/reader/state").json()
    sent = {"presentation": state["presentation"], "key": "k", "answers": GOOD}
    told = reader.post(
        "/reader/answer",
        content=json.dumps({**sent, "behaviour": behaviour}),
        headers={"Content-Type": "application/json"},
    )
    if behaviour == []:
        assert told.status_code == 400
        assert told.json()["problem"].startswith("The answer is not in the form of this app.")
    else:
        assert told.status_code == 422
        assert told.json()["problem"].startswith("In the record of the reading, ")
    assert StudyDatabase(home.database).responses("birds") == []


def test_an_answer_nested_without_end_is_refused(study):
    _, created, client = study()
    told = client(created.invitations["Dr. Ada"]).post(
        "/reader/answer",
        content=b"[" * 90_000,
        headers={"Content-Type": "application/json"},
    )
    assert told.status_code == 400


def test_voxels_are_sent_as_they_were_compressed_and_all_in_one_length(study):
    home, created, client = study(template="paper")
    reader = client(created.invitations["Dr. Ada"])
    lengths = set()
    while not (state := reader.get("/reader/state").json())["finished"]:
        sent = reader.get(f"/reader/voxels/{state['presentation']}/0")
        assert sent.headers["content-encoding"] == "gzip"
        lengths.add(int(sent.headers["content-length"]))
        voxels, spacing = decode(sent.content)
        assert (voxels.dtype, list(voxels.shape)) == (np.dtype("<u2"), state["shape"])
        assert list(spacing) == state["spacing"]
        answer(reader, state, GOOD, key=state["presentation"])
    assert len(lengths) == 1
    assert {file.stat().st_size for file in home.cases("birds").iterdir()} == lengths


def test_who_takes_no_gzip_gets_the_same_voxels(study):
    _, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    token = reader.get("/reader/state").json()["presentation"]
    plain = reader.get(f"/reader/voxels/{token}/0", headers={"Accept-Encoding": "identity"})
    assert plain.headers["content-encoding"] == "identity"
    assert plain.content == reader.get(f"/reader/voxels/{token}/0").content


def test_a_browser_learns_the_unit_of_the_study(study):
    ct = {"preset": "ct", "preparation": {"intensity": {"low": -8, "high": 248}}}
    _, created, client = study(**ct, windows=[{"name": "narrow", "low": 0, "high": 2}])
    reader = client(created.invitations["Dr. Ada"])
    state = reader.get("/reader/state").json()
    assert state["grey"] == {"levels": 256, "low": -8, "high": 248, "unit": "HU"}
    assert state["windows"] == [["narrow", 0, 2]]


def test_a_study_of_eight_bit_cases_goes_on(study):
    """As `create` made them before: plain files, and a design that tells nothing of grey levels."""
    home, created, client = study()
    store = StudyDatabase(home.database)
    design = {k: v for k, v in store.study("birds").design.items() if k not in ("grey", "windows")}
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE studies SET design = ?", (json.dumps(design),))
    for file in home.cases("birds").iterdir():
        content = bytearray(gzip.decompress(file.read_bytes()))
        voxels = decode(bytes(content))[0]
        struct.pack_into("<2h", content, 70, 2, 8)  # the code and the bits of unsigned bytes
        eight = (voxels >> 4).astype("u1").tobytes("F")
        file.with_suffix("").write_bytes(content[:352] + eight)
        file.unlink()
    reader = client(created.invitations["Dr. Ada"])
    state = reader.get("/reader/state").json()
    assert state["grey"] == {"levels": 255, "low": 0, "high": 100, "unit": "%"}
    assert [name for name, *_ in state["windows"]] == [
        "full range", "brighter", "darker", "contrast"
    ]  # fmt: skip
    token = state["presentation"]
    sent = reader.get(f"/reader/voxels/{token}/0")
    assert sent.headers["content-encoding"] == "identity"
    voxels, _ = decode(sent.content)
    assert voxels.dtype == np.uint8


def test_every_script_of_the_viewer_is_served(study):
    _, _, client = study()
    for name in routes.SCRIPTS:
        told = client().get(f"/reader/assets/{name}")
        assert told.status_code == 200
        assert told.headers["content-type"].startswith("text/javascript")
        for imported in re.findall(r'from "\./([^"]+)"', told.text):
            assert posixpath.join(posixpath.dirname(name), imported) in routes.SCRIPTS


def test_free_text_is_kept_as_it_is(study):
    home, created, client = study(template="text")
    reader = client(created.invitations["Dr. Ada"])
    state = reader.get("/reader/state").json()
    nasty = "<script>alert(1)</script>'; DROP TABLE responses; --"
    name = state["questions"][0]["name"]
    assert answer(reader, state, {name: nasty}).status_code == 200
    assert StudyDatabase(home.database).responses("birds")[0]["answer"] == nasty


def test_malformed_requests_are_refused(study):
    _, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    assert reader.post("/reader/answer", content=b"{}").status_code == 415
    assert reader.post("/reader/answer", json={"presentation": "x"}).status_code == 400
    assert reader.post("/reader/answer", json=["x" * 200_000]).status_code == 413
    assert reader.get("/reader/assets/..%2Froutes.py").status_code == 404


def test_a_paused_and_a_closed_study_take_no_answers(study):
    home, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    state = reader.get("/reader/state").json()
    store = StudyDatabase(home.database)
    store.pause("birds")
    assert reader.get("/reader/state").json()["study"]["paused"] is True
    assert answer(reader, state).json()["problem"] == (
        "The study is paused; it takes no answers now."
    )
    store.resume("birds")
    assert answer(reader, state).status_code == 200


def test_consent_comes_first(study):
    home, created, client = study(consent="I agree.")
    reader = client(created.invitations["Dr. Ada"])
    assert reader.get("/reader/state").status_code == 403
    StudyDatabase(home.database).consent(1)
    assert reader.get("/reader/state").status_code == 200


def test_feedback_comes_after_a_training_answer_only(study):
    home, created, client = study(training=1)
    reader = client(created.invitations["Dr. Ada"])
    truths = read_truth(home.truth("birds"))
    plan = StudyDatabase(home.database).plan(1)
    for number in range(3):
        state = reader.get("/reader/state").json()
        told = answer(reader, state).json()["feedback"]
        if number < 2:
            role = truths[plan[number].cases[0]].role
            assert told == f"This volume is {role}."
        else:
            assert told is None


def test_a_revisable_study_keeps_every_revision(study):
    home, created, client = study(revisable=True)
    reader = client(created.invitations["Dr. Ada"])
    first = reader.get("/reader/state").json()
    answer(reader, first, GOOD)
    second = reader.get("/reader/state").json()
    assert second["back"] == first["presentation"]
    earlier = reader.get("/reader/state", params={"presentation": second["back"]}).json()
    assert earlier["earlier"] == GOOD
    answer(reader, earlier, {**GOOD, "anatomy": 4}, key="again")
    rows = [
        r for r in StudyDatabase(home.database).responses("birds") if r["question"] == "anatomy"
    ]
    assert [(r["answer"], r["revision"]) for r in rows] == [(2, 0), (4, 1)]
    assert reader.get("/reader/state").json()["presentation"] == second["presentation"]


def test_the_last_answer_ends_the_study_and_logs_it_once(study, monkeypatch):
    told = []
    monkeypatch.setattr(routes, "reader_finished", told.append)
    _, created, client = study(cases=1)
    reader = client(created.invitations["Dr. Ada"])
    for _ in range(2):
        state = reader.get("/reader/state").json()
        last = answer(reader, state)
    assert last.json()["state"]["finished"] is True
    answer(reader, state)
    assert told == ["birds"]


def test_a_case_that_points_out_of_its_folder_is_refused(study):
    home, created, client = study()
    (home.app / "secret.nii").write_bytes(b"x" * 400)
    store = StudyDatabase(home.database)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("""UPDATE presentations SET cases = '["../../secret"]'""")
    reader = client(created.invitations["Dr. Ada"])
    assert reader.get("/reader/state").status_code == 404


def test_the_lead_sees_no_case(study):
    _, created, client = study()
    lead = client()
    entered = lead.get("/enter", params={"study": "birds", "lead": created.lead_secret})
    assert entered.headers["location"] == "/"
    assert lead.get("/reader/state").status_code == 401
    wrong = client().get("/enter", params={"study": "birds", "lead": "x"})
    assert wrong.headers["location"] == "/?refused=1"


def test_a_database_that_fails_is_not_named_to_readers(study, monkeypatch):
    _, created, client = study()
    reader = client(created.invitations["Dr. Ada"])
    state = reader.get("/reader/state").json()

    def fail(*_):
        raise DatabaseError("sqlite:////secret/studies.db: the database refuses: disk full.")

    monkeypatch.setattr(StudyDatabase, "submit", fail)
    told = answer(reader, state)
    assert told.status_code == 503
    assert told.json() == {"problem": "The server's database does not answer."}


def test_marks_lie_within_the_case_and_as_many_as_allowed_fit(study):
    asked = {"kind": "marks", "name": "q", "text": "?", "shape": "both", "most": 100}
    home, created, client = study(questions=[asked])
    reader = client(created.invitations["Dr. Ada"])
    state = reader.get("/reader/state").json()
    beyond = {"voxel": [0, 0, state["shape"][2]]}
    for marks in ([beyond], [{"voxel": [0, 0, 0], "side": 1}]):
        told = answer(reader, state, {"q": marks})
        assert told.status_code == 422
        assert "does not fit the question" in told.json()["problem"]
    assert StudyDatabase(home.database).responses("birds") == []
    box = {"voxel": [0.123456789] * 3, "end": [11.123456789] * 3}
    told = answer(reader, state, {"q": [box] * 100})
    assert told.status_code == 200
    (row,) = StudyDatabase(home.database).responses("birds")
    assert row["answer"] == [{"voxel": [0.12] * 3, "end": [11.12] * 3}] * 100
    assert answer(reader, told.json()["state"], {"q": []}, key="l").status_code == 200
