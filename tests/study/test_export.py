"""What counts as a result, once each: in MLflow and in the format of iMRMC."""

import pandas as pd
import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.study.export import COLUMNS, SCALES, TRUTH, counted, imrmc
from evalsuite.study.workflow import _means
from tests.kinds import scales

ROLE = {"r": "real", "q": "real", "g": "synthetic", "v": "synthetic"}


def table(*rows):
    """Return a long table of (reader, case, question, kind, answer) and what else differs.

    Cases are called after their cohort: r1, g2, or r1|g2 for a pair.
    """
    whole = []
    for place, (reader, case, question, kind, answer, *more) in enumerate(rows):
        cohorts = [part[0] for part in case.split("|")]
        roles = [ROLE[cohort] for cohort in cohorts]
        whole.append(
            {
                **dict.fromkeys([*COLUMNS, *TRUTH]),
                "reader": reader,
                "position": place,
                "phase": "reading",
                "presentation": f"{reader} {case}",
                "case": case,
                "question": question,
                "kind": kind,
                **scales(kind),
                "answer": answer,
                "revision": 0,
                "cohort": "|".join(cohorts),
                "role": "|".join(roles),
                "real_side": roles.index("real") + 1 if len(roles) > 1 else None,
                **(more[0] if more else {}),
            }
        )
    return pd.DataFrame(whole)


REALISM = ("realism", "likert")
READ = table(
    ("Ada", "r1", *REALISM, 1),
    ("Ada", "r1", *REALISM, 5, {"revision": 1}),  # supersedes the 1
    ("Ada", "r2", *REALISM, 4),
    ("Ada", "r2", *REALISM, None, {"revision": 1}),  # taken back: not 4 again
    ("Ada", "g1", *REALISM, 2),
    ("Ada", "g1", *REALISM, 5, {"repeat_of": 4, "presentation": "again"}),
    ("Ada", "g9", *REALISM, 1, {"phase": "training"}),
    ("Bob", "r1", *REALISM, 4),
    ("Bob", "g1", *REALISM, 1),
)


def test_each_reading_counts_once_with_its_last_answer():
    found = counted(READ)
    assert list(zip(found["reader"], found["case"], found["answer"], strict=True)) == [
        ("Ada", "g1", 2),
        ("Bob", "r1", 4),
        ("Bob", "g1", 1),
        ("Ada", "r1", 5),
    ]


def test_mlflow_gets_the_means_of_what_counts():
    assert _means(READ) == {"realism/r": (5 + 4) / 2, "realism/g": (2 + 1) / 2}


def test_a_forced_choice_is_the_share_of_right_answers_of_each_cohort():
    choice = ("which", "forced_choice")
    found = _means(
        table(
            ("Ada", "r1|g1", *choice, 1),  # left, right: the real one
            ("Ada", "g2|r2", *choice, 2),  # right, right
            ("Ada", "g3|r3", *choice, 1),  # left, wrong
            ("Ada", "r4|v1", *choice, 2),  # wrong
            ("Ada", "r1|g1", "faults", "multiple", [1, 2]),
            ("Ada", "r1|g1", "alike", "likert", 1),
            ("Ada", "g2|r2", "alike", "likert", 4),
            ("Ada", "r4|v1", "remark", "text", "no"),
        )
    )
    assert found == {"which/g/right": 2 / 3, "which/v/right": 0.0, "alike/r-g": 2.5}


def parsed(text):
    """Return the head of an iMRMC file, the truth by case, and reader, case, modality, answer."""
    head, _, data = text.partition("BEGIN DATA:\n")
    numbers = dict(line.split(": ") for line in head.splitlines()[1:])
    rows = [line.split(",") for line in data.splitlines()]
    truth = {case: int(value) for reader, case, _, value in rows if reader == "-1"}
    scores = {tuple(row[:3]): float(row[3]) for row in rows if row[0] != "-1"}
    return {key: int(value) for key, value in numbers.items()}, truth, scores


def test_imrmc_holds_what_counts():
    text, note = imrmc(READ, "birds")
    assert note == ""
    head, truth, scores = parsed(text)
    assert head == {"NR": 2, "N0": 1, "N1": 1, "NM": 1}
    assert truth == {"r1": 1, "g1": 0}
    assert scores == {
        ("Ada", "r1", "realism"): 5,
        ("Ada", "g1", "realism"): 2,
        ("Bob", "r1", "realism"): 4,
        ("Bob", "g1", "realism"): 1,
    }


def test_every_synthetic_cohort_is_a_modality_of_its_own():
    rows = [
        (reader, f"{cohort}{i}", question, "likert", 1 + (i + place) % 5)
        for place, reader in enumerate(("Ada", "Bob"))
        for question in ("realism", "quality")
        for cohort in "rqgv"
        for i in range(3)
    ]
    text, note = imrmc(table(*rows), "birds")
    head, truth, scores = parsed(text)
    assert head == {"NR": 2, "N0": 6, "N1": 6, "NM": 4}
    assert sum(truth.values()) == 6
    modalities = {modality for _, _, modality in scores}
    assert modalities == {f"{q}:{c}" for q in ("realism", "quality") for c in "gv"}
    for modality in modalities:
        question, _, cohort = modality.partition(":")
        own = {(r, c): score for (r, c, m), score in scores.items() if m == modality}
        assert own == {
            (r, c): a for r, c, q, _, a in rows if q == question and c[0] in ("r", "q", cohort)
        }
    for told in ("a modality with each of g, v", "the real cohorts q, r are taken as one"):
        assert told in note
        assert told in text.splitlines()[0]


def test_readers_whose_names_differ_in_a_comma_stay_two():
    rows = [(n, c, *REALISM, 3) for n in ("Lee, Ann", "Lee  Ann") for c in ("r1", "g1")]
    head, _, scores = parsed(imrmc(table(*rows), "birds")[0])
    assert head["NR"] == len({reader for reader, *_ in scores}) == 2
    assert len(scores) == 4


PAIR = ("r1|g1", "g2|r2")
EMPTY = {
    "nobody answered": [],
    "only remarks": [("Ada", c, "remark", "text", "x") for c in ("r1", "g1")],
    "forced choices": [("Ada", c, "which", "forced_choice", 1) for c in PAIR],
    "ratings of pairs": [("Ada", c, *REALISM, 3) for c in PAIR],
    "training only": [("Ada", c, *REALISM, 3, {"phase": "training"}) for c in ("r1", "g1")],
    "answers taken back": [("Ada", c, *REALISM, None) for c in ("r1", "g1")],
    "several answers": [("Ada", c, "faults", "multiple", [1]) for c in ("r1", "g1")],
}


@pytest.mark.parametrize("rows", EMPTY.values(), ids=EMPTY)
def test_a_study_without_a_rating_is_refused(rows):
    whole = table(*rows) if rows else pd.DataFrame(columns=[*COLUMNS, *TRUTH, *SCALES])
    with pytest.raises(EvalsuiteError, match="birds has no ratings of real or synthetic cases"):
        imrmc(whole, "birds")


@pytest.mark.parametrize("role", ["real", "synthetic"])
def test_a_study_of_one_kind_of_case_is_refused(role):
    case = {"real": "g1", "synthetic": "r1"}[role]
    with pytest.raises(EvalsuiteError, match=f"birds has no ratings of {role} cases"):
        imrmc(table(("Ada", case, *REALISM, 3)), "birds")
