import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.kinds.analogue import Analogue
from evalsuite.study.protocol.kinds.choice import Choice
from evalsuite.study.protocol.kinds.confidence import Confidence
from evalsuite.study.protocol.kinds.forced_choice import ForcedChoice
from evalsuite.study.protocol.kinds.likert import Likert
from evalsuite.study.protocol.kinds.multiple import Multiple as Several
from evalsuite.study.protocol.kinds.text import FreeText
from evalsuite.study.protocol.questions import (
    TEMPLATES,
    check_answers,
    parse_questions,
    spelled_out,
)

CHOICE = Choice(name="q", text="?", options=("a", "b", "c"))
MULTIPLE = Several(name="q", text="?", options=("a", "b", "c"))
TEXT = FreeText(name="q", text="?", max_length=10)
ANALOGUE = Analogue(name="q", text="?", low="l", high="h")
ALL = [question for template in TEMPLATES.values() for question in template]


def refusal(question, answer):
    with pytest.raises(EvalsuiteError) as caught:
        question.check(answer)
    return str(caught.value)


def test_the_paper_asks_three_questions_of_four_ordered_options():
    assert [len(question.options) for question in TEMPLATES["paper"]] == [4, 4, 4]
    assert [question.text for question in TEMPLATES["paper"]] == [
        "Realistic image appearance",
        "Anatomical correctness",
        "Consistency between slices",
    ]
    appearance, anatomy, consistency = (q.options for q in TEMPLATES["paper"])
    assert appearance[3] == "Can't tell whether fake or not"
    assert anatomy[0] == "Region not recognisable"
    assert consistency[1:3] == (
        "Only few (up to 3) consistent",
        "Majority (more than 10) consistent",
    )


def test_every_kind_has_a_template():
    kinds = {question.kind for question in ALL}
    assert kinds == {
        "choice",
        "confidence",
        "likert",
        "analogue",
        "marks",
        "multiple",
        "text",
        "forced_choice",
    }


@pytest.mark.parametrize("question", ALL, ids=lambda question: question.name)
def test_questions_survive_json(question):
    assert parse_questions(json.loads(json.dumps([question.model_dump(mode="json")]))) == (
        question,
    )
    json.dumps(question.shown())


@pytest.mark.parametrize(
    ("question", "lowest", "highest", "widest"),
    [
        (CHOICE, 1, 3, 2),
        (Confidence(name="q", text="?", points=5), 1, 5, 4),
        (Confidence(name="q", text="?"), 1, 6, 5),
        (Likert(name="q", text="?"), 1, 5, 4),
        (ForcedChoice(name="q", text="?"), 1, 2, 0.5),
    ],
)
def test_ordinal_answers_are_whole_numbers_from_1(question, lowest, highest, widest):
    assert question.widest == widest
    assert [question.check(answer) for answer in range(lowest, highest + 1)] == list(
        range(lowest, highest + 1)
    )
    assert type(question.check(2.0)) is int
    for wrong in (0, highest + 1, 1.5, True, "1", [1], float("nan"), float("inf"), -1):
        assert f"expected a whole number from 1 to {highest}." in refusal(question, wrong)


def test_confidence_runs_from_synthetic_to_real():
    for points in (5, 6):
        shown = Confidence(name="q", text="?", points=points).shown()
        assert len(shown["options"]) == len(set(shown["options"])) == points
        assert (shown["options"][0], shown["options"][-1]) == (
            "Definitely synthetic",
            "Definitely real",
        )
    assert ForcedChoice(name="q", text="?").shown()["options"] == ["Left", "Right"]


def test_an_analogue_answer_is_a_number_from_0_to_100():
    assert (ANALOGUE.check(0), ANALOGUE.check(100), ANALOGUE.check(33.5)) == (0.0, 100.0, 33.5)
    assert type(ANALOGUE.check(7)) is float
    for wrong in (-0.1, 100.1, float("nan"), float("inf"), True, "5"):
        assert refusal(ANALOGUE, wrong).endswith("expected a number from 0 to 100.")


@given(st.lists(st.sampled_from([1, 2, 3, 2.0]), max_size=4))
def test_multiple_answers_come_back_sorted_and_distinct(answer):
    if answer and len(set(answer)) == len(answer):
        assert MULTIPLE.check(answer) == sorted(answer)
        assert all(type(item) is int for item in MULTIPLE.check(answer))
    else:
        refusal(MULTIPLE, answer)


def test_wrong_multiple_answers_are_refused():
    for wrong in (1, "1", [0], [4], [1, None], [True], [[1]]):
        assert refusal(MULTIPLE, wrong).endswith(
            "expected a list of whole numbers from 1 to 3, each at most once."
        )


def test_an_exclusive_option_goes_with_no_other():
    faults = Several(name="q", text="?", options=("None", "a", "b"), exclusive="None")
    assert faults.check([1]) == [1]
    assert faults.check([3, 2]) == [2, 3]
    for wrong in ([1, 2], [3, 1.0]):
        assert refusal(faults, wrong).endswith('expected nothing beside "None".')
    assert faults.shown()["exclusive"] == "None"
    assert parse_questions([faults.model_dump(mode="json")]) == (faults,)
    # Where it is not used, a design is what it was before there was one.
    assert "exclusive" not in MULTIPLE.model_dump()
    assert "exclusive" not in MULTIPLE.model_dump(mode="json")
    with pytest.raises(EvalsuiteError, match='exclusive is "c", which is none of the options; exp'):
        parse_questions([{**faults.model_dump(), "exclusive": "c"}])
    assert TEMPLATES["multiple"][0].exclusive == "Nothing"


def test_templates_are_spelled_out_for_a_design():
    text = spelled_out(["multiple", "paper"])
    assert parse_questions(yaml.safe_load(text)["questions"]) == (
        *TEMPLATES["multiple"],
        *TEMPLATES["paper"],
    )
    with pytest.raises(EvalsuiteError, match='Unknown template "papr"\\. Did you mean "paper"\\?'):
        spelled_out(["papr"])


def test_words_that_yaml_takes_for_something_else_are_told_with_the_mend():
    values = {"kind": "choice", "name": "q", "text": "?", "options": [False, "Yes"]}
    with pytest.raises(EvalsuiteError) as refused:
        parse_questions([values], "study.yaml")
    assert str(refused.value).startswith(
        "In study.yaml, questions.0.options.0: expected text, but found false; "
        "put it in quotes, as YAML reads No as false."
    )


@given(st.text(alphabet=st.characters(), max_size=12))
def test_stored_text_fits_every_database(answer):
    try:
        stored = TEXT.check(answer)
    except EvalsuiteError as error:
        assert "expected at most 10." in str(error)  # noqa: PT017
        return
    if stored is not None:
        assert stored.encode()
        assert "\0" not in stored
        assert "\r" not in stored
        assert stored == stored.strip() != ""
        assert TEXT.check(stored) == stored


def test_text_is_kept_as_written():
    assert TEXT.check(" <b>'é\r\nx\0\ud800 ") == "<b>'é\nx"
    assert TEXT.check(" \n") is None
    assert refusal(TEXT, "x" * 11) == (
        'The answer to the question "q" has 11 characters; expected at most 10.'
    )
    assert refusal(TEXT, 3) == 'The answer 3 does not fit the question "q"; expected text.'


@pytest.mark.parametrize("question", ALL, ids=lambda question: question.name)
def test_only_what_is_required_must_be_answered(question):
    missing = f'The question "{question.name}" has no answer; it needs one.'
    assert question.model_copy(update={"required": False}).check(None) is None
    assert refusal(question.model_copy(update={"required": True}), None) == missing
    if question.kind == "multiple":
        assert question.model_copy(update={"required": False}).check([]) == []
        assert refusal(question, []) == missing


def test_a_refusal_does_not_repeat_a_long_answer():
    assert len(refusal(CHOICE, "x" * 100_000)) < 200


def test_all_answers_of_a_presentation_are_checked():
    questions = (CHOICE, FreeText(name="remarks", text="Remarks"))
    assert check_answers(questions, {"q": 2}) == {"q": 2, "remarks": None}
    assert list(check_answers(questions, {"remarks": "x", "q": 1})) == ["q", "remarks"]
    with pytest.raises(EvalsuiteError, match='answer to "r", which is no question of this study'):
        check_answers(questions, {"q": 1, "r": 2})
    with pytest.raises(EvalsuiteError, match='The question "q" has no answer'):
        check_answers(questions, {})
    with pytest.raises(EvalsuiteError, match="The answers are no table"):
        check_answers(questions, [1])


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "choice", "name": "q", "text": "?", "options": ["a", "a"]},
        {"kind": "choice", "name": "q", "text": "?", "options": ["a"]},
        {"kind": "choice", "name": "Q q", "text": "?", "options": ["a", "b"]},
        {"kind": "confidence", "name": "q", "text": "?", "points": 4},
        {"kind": "confidence", "name": "q", "text": "?", "options": ["a", "b"]},
        {"kind": "guess", "name": "q", "text": "?"},
    ],
)
def test_impossible_questions_are_refused(values):
    with pytest.raises(EvalsuiteError, match="In the design of the study, .*questions.0"):
        parse_questions([values])
