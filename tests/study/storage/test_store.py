"""What the store promises, on SQLite and on PostgreSQL."""

import math

import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.study.export import BEHAVIOUR, long_table
from evalsuite.study.protocol.schedule import Slot
from evalsuite.study.storage.answering import Behaviour
from evalsuite.study.storage.study_database import Forbidden
from evalsuite.study.storage.tables import METADATA
from tests.study.conftest import ANSWERS, fill, read_all, slots


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
    assert [(r.number, r.name, r.later) for r in store.readers("birds")] == [
        (1, "Ada", False),
        (2, "Eve", True),
    ]
    enrolled = [event for event in store.events("birds") if event.action == "enrolled"]
    assert [event.detail for event in enrolled] == [
        {"reader": "Ada"},
        {"reader": "Eve", "later": True},
    ]
    assert store.verify("birds") is None


def test_nobody_is_enrolled_in_a_closed_study(database):
    store, _, _ = fill(database)
    store.pause("birds")
    store.enrol("birds", "Eve", slots(["birds001"]))  # a pause is no end
    store.close("birds")
    with pytest.raises(EvalsuiteError, match="birds is closed for good; nobody can be enrolled"):
        store.enrol("birds", "Zoe", slots(["birds001"]))
    assert [reader.name for reader in store.readers("birds")] == ["Ada", "Eve"]


PROFILE = [{"name": "years", "text": "Years?", "kind": "choice", "options": ["under 5", "more"]}]


def test_a_profile_is_told_once_and_stands_in_the_log(database):
    store, _, _ = fill(database, readers=("Ada", "Bob"), profile=PROFILE)
    assert store.profile(1) is None
    with pytest.raises(EvalsuiteError, match='"years"; expected a whole number from 1 to 2'):
        store.tell_profile(1, {"years": 3})
    with pytest.raises(EvalsuiteError, match='"years" has no answer'):
        store.tell_profile(1, {})
    store.tell_profile(1, {"years": 2})
    store.tell_profile(1, {"years": 1})
    assert store.profile(1) == {"years": 2}
    assert store.profile(2) is None
    assert [reader.profile for reader in store.readers("birds")] == [{"years": 2}, None]
    told = [event for event in store.events("birds") if event.actor == "reader Ada"]
    assert [(e.action, e.detail) for e in told] == [
        ("told of themselves", {"answers": {"years": 2}})
    ]
    assert store.verify("birds") is None


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


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ({"active_seconds": "long"}, "active_seconds: expected a number from 0 to 1000000000"),
        (
            {"seconds": -1},
            "seconds: expected a number from 0 to 1000000000 or null, but found -1",
        ),
        ({"seconds": 10**400}, "seconds: expected a number"),
        ({"seconds": math.nan}, "seconds: expected a number"),
        ({"slices": {"axial": object()}}, "slices"),
        ({"viewer": "x" * 20_000}, 'viewer: expected webgl2, .* or null, but found "xxx'),
    ],
)
def test_a_record_that_no_viewer_makes_is_refused(database, behaviour, sentence):
    store, _, _ = fill(database)
    due = store.current(1)
    with pytest.raises(EvalsuiteError, match=sentence):
        store.submit(1, due.token, "k", ANSWERS, behaviour)
    assert store.submit(1, due.token, "k", ANSWERS, {"seconds": 0, "active_seconds": None}).stored
    assert store.progress("birds")[0]["active_seconds"] == 0


def test_all_that_is_recorded_of_a_reading_is_in_every_row(database):
    store, _, _ = fill(database)
    behaviour = {
        "seconds": 9.5,
        "active_seconds": 8,
        "slices": {"axial": 3, "coronal": 2, "sagittal": 1},
        "window_changes": 4,
        "viewer": "canvas",
        "tools": {"zooms": 5, "layouts": 6, "cine": 7, "distances": 8},
        "small_screen": True,
        "screen": {"width": 1366, "height": 768, "ratio": 1.5},
        "shape": (30, 20, 10),
    }
    assert set(behaviour) == set(Behaviour.model_fields)
    store.submit(1, store.current(1).token, "k", ANSWERS, behaviour)
    row = long_table(store.responses("birds"), None).to_dict("records")[0]
    assert {name: row[name] for name in ["seconds", "active_seconds", *BEHAVIOUR]} == {
        "seconds": 9.5,
        "active_seconds": 8,
        "reader_number": 1,
        "axial_slices": 3,
        "coronal_slices": 2,
        "sagittal_slices": 1,
        "shape": "30x20x10",
        "window_changes": 4,
        "viewer": "canvas",
        "screen": "1366x768@1.5",
        "small_screen": True,
        "zooms": 5,
        "layouts": 6,
        "cine": 7,
        "distances": 8,
    }


def test_text_is_kept_as_it_is_but_for_what_no_database_stores(database):
    said = '\'; DROP TABLE responses; -- <script> ä 漢 𝄞 \\ "%s" :name'
    store, _, _ = fill(database, questions=[{"kind": "text", "name": "note", "text": "Why?"}])
    store.submit(1, store.current(1).token, "k", {"note": f"\x00{said}\ud800"}, {})
    assert store.responses("birds")[0]["answer"] == said
    assert store.verify("birds") is None


def test_what_was_answered_in_training_is_not_corrected(database):
    store, _, _ = fill(database, revisable=True)
    store.enrol("birds", "Eve", [Slot(1, "training", ("birds000",), None)])
    token = store.current(2).token
    assert store.submit(2, token, "a", ANSWERS, {}).feedback == "This volume is real."
    again = store.submit(2, token, "b", {**ANSWERS, "appearance": 4}, {})
    assert (again.stored, again.revision) == (False, 0)
    assert store.answers(2, token)["appearance"] == ANSWERS["appearance"]


def test_a_correction_may_take_an_answer_back(database):
    questions = [
        {"kind": "choice", "name": "sharp", "text": "?", "options": ["no", "yes"]},
        {"kind": "text", "name": "note", "text": "Why?"},
    ]
    store, _, _ = fill(database, revisable=True, questions=questions)
    token = store.current(1).token
    store.submit(1, token, "a", {"sharp": 1, "note": "blurred"}, {})
    store.submit(1, token, "b", {"sharp": 2}, {})
    assert store.answers(1, token)["sharp"] == 2
    assert not store.answers(1, token).get("note")


def test_a_correction_is_added_and_the_first_answer_stays(database):
    store, _, _ = fill(database, revisable=True)
    token = store.current(1).token
    assert store.submit(1, token, "a", ANSWERS, {}).revision == 0
    assert store.submit(1, token, "b", {**ANSWERS, "appearance": 4}, {}).revision == 1
    again = store.submit(1, token, "a", ANSWERS, {})
    assert (again.stored, again.revision) == (False, 0)
    rows = [r for r in store.responses("birds") if r["question"] == "appearance"]
    assert [(r["revision"], r["answer"]) for r in rows] == [(0, 1), (1, 4)]
    assert store.answers(1, token)["appearance"] == 4
    assert store.verify("birds") is None
    assert store.events("birds")[-1].action == "corrected"


def test_a_schedule_counts_each_phase_apart(database):
    store, _, _ = fill(database)
    phases = ("training", "training", "reading", "reading", "reading")
    shown = [Slot(i, phase, ("birds000",), None) for i, phase in enumerate(phases, 1)]
    store.enrol("birds", "Eve", shown)
    plan = store.plan(2)
    assert [(p.phase_position, p.phase_total) for p in plan] == [
        (1, 2),
        (2, 2),
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert [p.following for p in plan] == [p.token for p in plan[1:]] + [None]
