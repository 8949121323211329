"""Marks: what is an answer, and where it may lie."""

import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.design import read_design
from evalsuite.study.protocol.kinds.marks import Marks

POINTS = Marks(name="q", text="?")
BOXES = Marks(name="q", text="?", shape="box", most=2)
NAMED = Marks(name="q", text="?", shape="both", categories=("blurred", "wrong"))
POINT, BOX = {"voxel": [1, 2, 3]}, {"voxel": [1, 5, 3], "end": [2, 4, 3.126]}


def refusal(act, *arguments):
    with pytest.raises(EvalsuiteError) as caught:
        act(*arguments)
    return str(caught.value)


def test_nothing_to_mark_is_an_answer_and_no_answer_is_none():
    assert POINTS.check([]) == []
    assert refusal(POINTS.check, None) == 'The question "q" has no answer; it needs one.'
    assert Marks(name="q", text="?", required=False).check(None) is None


def test_marks_are_stored_with_the_lower_corner_first():
    assert POINTS.check([POINT]) == [{"voxel": [1.0, 2.0, 3.0]}]
    assert BOXES.check([BOX]) == [{"voxel": [1.0, 4.0, 3.0], "end": [2.0, 5.0, 3.13]}]
    assert NAMED.check([BOX | {"category": 2.0, "side": 1}, POINT | {"category": 1}]) == [
        {"voxel": [1.0, 4.0, 3.0], "end": [2.0, 5.0, 3.13], "category": 2, "side": 1},
        {"voxel": [1.0, 2.0, 3.0], "category": 1},
    ]


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        (POINTS, {}, "a list of at most 20 marks"),
        (BOXES, [BOX] * 3, "a list of at most 2 marks"),
        (POINTS, [[1, 2, 3]], "a mark with the three numbers of its voxel"),
        (POINTS, [{"voxel": [1, 2]}], "a mark with the three numbers of its voxel"),
        (POINTS, [{"voxel": [1, 2, True]}], "a mark with the three numbers of its voxel"),
        (POINTS, [{"voxel": [1, 2, float("nan")]}], "a mark with the three numbers of its voxel"),
        (POINTS, [POINT | {"note": "x"}], "a mark with the three numbers of its voxel"),
        (POINTS, [BOX], "a point, not a box"),
        (BOXES, [POINT], "two corners"),
        (BOXES, [BOX | {"end": [1]}], "three numbers for the opposite corner of a box"),
        (NAMED, [POINT], "a category from 1 to 2"),
        (NAMED, [POINT | {"category": 3}], "a category from 1 to 2"),
        (POINTS, [POINT | {"category": 1}], "no category, as the question has none"),
        (POINTS, [POINT | {"side": 3}], "the side 1 or 2"),
    ],
)
def test_what_is_no_mark_is_refused(question, answer, expected):
    assert refusal(question.check, answer).endswith(f"expected {expected}.")


def test_marks_lie_within_the_case_and_on_a_side_of_a_pair():
    shape = (10, 10, 4)
    POINTS.check_places([{"voxel": [-0.5, 9.5, 3.5]}], shape, 1)
    for voxel in ([-0.6, 0, 0], [0, 9.6, 0], [0, 0, 3.6]):
        told = refusal(POINTS.check_places, [{"voxel": voxel}], shape, 1)
        assert told.endswith("expected a place within the 10 x 10 x 4 voxels of the case.")
    far = {"voxel": [0, 0, 0], "end": [0, 0, 4]}
    assert "within the 10" in refusal(BOXES.check_places, [far], shape, 1)
    POINTS.check_places([POINT | {"side": 2}], shape, 2)
    for mark, sides in ((POINT, 2), (POINT | {"side": 1}, 1)):
        assert "a side for each mark in a pair" in refusal(
            POINTS.check_places, [mark], shape, sides
        )


def test_readers_are_not_asked_to_mark_themselves():
    design = {
        "name": "birds",
        "readers": ["Ada"],
        "profile": [{"kind": "marks", "name": "where", "text": "Where?"}],
        "cohorts": [{"name": n, "path": n, "role": n, "cases": 1} for n in ("real", "synthetic")],
    }
    told = refusal(read_design, design)
    assert 'profile asks "where" of readers, but its kind marks is about cases' in told
