"""What a report is made from: exports come back as they were, and what is none is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from evalsuite.errors import EvalsuiteError
from evalsuite.study.home import Home
from evalsuite.study.protocol.questions import KINDS
from reports.document import Table
from reports.evaluations import evaluation_sections
from reports.glossary import title
from reports.readers import StudyResults, study_sections
from reports.sources import case_scores, fingerprint, read_evaluation, read_study


@pytest.fixture
def exported(tmp_path, make_study):
    """Write a study as `evalsuite study export` does, and return it with its path."""

    def export(ending=".csv", **changes):
        study = make_study(**({"cases": 3, "repeats": 2} | changes))
        path = tmp_path / f"table{ending}"
        if ending == ".csv":
            study.table.to_csv(path, index=False)
        else:
            answers = study.table["answer"].map(str, na_action="ignore")
            study.table.assign(answer=answers).to_parquet(path)
        about = {"study": "made-up", "state": study.state, "design": study.design}
        record = yaml.safe_dump(about | {"design_hash": "c0ffee"})
        path.with_suffix(".design.yaml").write_text(record)
        return study, path

    return export


def home(tmp_path):
    return Home.at(tmp_path / "studies")


def refused(path, tmp_path):
    with pytest.raises(EvalsuiteError) as caught:
        read_study(str(path), home(tmp_path))
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_an_export_gives_the_same_statistics_as_the_study(exported, tmp_path, ending):
    study, path = exported(ending, templates=("turing", "multiple", "text", "analogue"))
    back = read_study(str(path), home(tmp_path))
    assert (back.name, back.state, back.design_hash) == ("made-up", "closed", "c0ffee")
    for one, other in zip(
        study_sections(StudyResults(study, 100)),
        study_sections(StudyResults(back, 100)),
        strict=True,
    ):
        tables = [[b for b in s.everything if isinstance(b, Table)] for s in (one, other)]
        assert [t.name for t in tables[0]] == [t.name for t in tables[1]]
        for mine, its in zip(*tables, strict=True):
            pd.testing.assert_frame_equal(mine.frame, its.frame, check_dtype=False)


def test_names_that_look_like_numbers_or_like_nothing_stay_names(exported, tmp_path):
    _, path = exported(readers=["007", "None", "1e5"], cases=2)
    back = read_study(str(path), home(tmp_path))
    assert back.readers == ("007", "None", "1e5")
    _, path = exported(readers=["7", "8"], cases=2)
    assert read_study(str(path), home(tmp_path)).readers == ("7", "8")


def test_cases_are_known_again_by_digests_that_are_all_digits(exported, tmp_path, make_evaluation):
    study, path = exported(cases=2)
    digests = study.table["digest"].map({d: f"{i:02}" for i, d in
                                         enumerate(sorted(set(study.table["digest"])))})  # fmt: skip
    study.table["digest"] = digests
    study.table.to_csv(path, index=False)
    scores = case_scores(read_study(str(path), home(tmp_path)), [make_evaluation(study)])
    assert scores["case"].nunique() == 6


def test_a_real_case_compared_with_several_cohorts_has_its_mean_score(make_study, make_evaluation):
    study = make_study(cases=1)
    evaluation = make_evaluation(study)
    twice = evaluation.scores.query("role == 'real'").assign(against="blur2")
    rows = pd.concat([twice.assign(value=value) for value in (1.0, 4.0, np.nan)])
    scores = case_scores(study, [replace(evaluation, scores=rows)])
    assert scores["value"].tolist() == [2.5, 2.5]
    assert scores["case"].tolist() == ["real0", "real0"]


def test_before_unblinding_no_case_has_scores(make_study, make_evaluation):
    evaluation = make_evaluation(make_study(cases=1))
    assert case_scores(make_study(cases=1, state="open"), [evaluation]).empty


def test_the_fingerprint_knows_every_answer(make_study):
    study = make_study(cases=1)
    before = fingerprint(study.table)
    assert fingerprint(study.table.copy()) == before
    changed = study.table.copy()
    changed.loc[0, "answer"] = 1 if changed.loc[0, "answer"] != 1 else 2
    assert fingerprint(changed) != before


def test_what_is_no_table_is_refused(exported, tmp_path):
    assert refused(tmp_path / "no.csv", tmp_path) == (
        "no.csv: it cannot be read as a table: No such file or directory."
    )
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\xd8")
    (tmp_path / "text.parquet").write_text("no Parquet")
    for name in ("empty.csv", "bytes.csv", "text.parquet"):
        assert refused(tmp_path / name, tmp_path).startswith(
            f"{name}: it cannot be read as a table"
        )
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert refused(tmp_path / "other.csv", tmp_path) == (
        "other.csv: it has no column study. Name a table of `evalsuite study export`."
    )


def test_a_table_without_its_design_is_refused(exported, tmp_path):
    _, path = exported()
    record = tmp_path / "table.design.yaml"
    for text in ("[1, 2]", "a: [", "study: x\n"):
        record.write_text(text)
        assert refused(path, tmp_path).startswith(
            "table.design.yaml: this is no design of `evalsuite study export`"
        )
    about = {"study": "x", "state": "closed", "design_hash": "c"}
    record.write_text(yaml.safe_dump(about | {"design": {"questions": [{"kind": "sorcery"}]}}))
    *kinds, last = sorted(KINDS)
    assert refused(path, tmp_path) == (
        "In table.design.yaml, questions.0: expected a table whose kind is "
        f"{', '.join(kinds)} or {last}, but found "
        '{"kind": "sorcery"}. A kind of question that another package declares needs that package.'
    )
    record.write_text(yaml.safe_dump(about | {"design": "birds"}))
    assert refused(path, tmp_path).startswith("table.design.yaml: its design is no table.")
    record.write_text(yaml.safe_dump(about | {"design": {}}))
    assert 'the question "real_or_synthetic" is not in table.design.yaml' in refused(path, tmp_path)
    record.unlink()
    assert refused(path, tmp_path) == (
        "table.design.yaml: the design that was exported with the table cannot be read: No such "
        "file or directory. Keep both files together."
    )


@pytest.mark.parametrize(
    "text", ["", "reader_number,years\n1,2\n", "reader_number,enrolled\nx,later\n"]
)
def test_a_table_of_readers_that_is_none_is_refused(exported, tmp_path, text):
    _, path = exported()
    (tmp_path / "table.readers.csv").write_text(text)
    assert refused(path, tmp_path).startswith("table.readers.csv: this is no table of readers")


def test_words_where_numbers_belong_are_refused(exported, tmp_path):
    study, path = exported()
    study.table.assign(position="first").to_csv(path, index=False)
    assert refused(path, tmp_path).startswith("table.csv: where numbers belong, unable to parse")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(EvalsuiteError, match="^[^\n]+$"):
        read_evaluation(tmp_path)


def test_numbers_of_an_evaluation_of_before_have_words_and_chapters():
    old = read_evaluation(Path(__file__).parents[1] / "old")  # made by commit 1d59aba
    assert [title(e) for e in old.evaluation.estimates] == [
        "Fréchet distance",
        "KID, p-value",
        "Likeness of neighbours, axial",
        "Consistency",
        "Neighbours out of range, sagittal",
        "Volume apart, structure 3",
        "Position apart, left to right, 3 to 5",
        "Faulty structures, structure 3",
    ]
    chapters = [section.name for section in evaluation_sections([old])]
    assert "evaluation-other" not in chapters
    assert {"evaluation-distance", "evaluation-slices", "evaluation-anatomy"} <= {*chapters}
