"""Remarks are quoted where they were made of results, as they were last written."""

from dataclasses import replace

import pandas as pd
import pytest

from reports.build import build
from reports.document import Notice, Table


def blocks(study):
    return list(build(study, [], replicates=100).blocks())


def remarks(study):
    (table,) = (b for b in blocks(study) if isinstance(b, Table) and b.name == "remarks")
    return table


def training_first(row):
    """Make the first four presentations of each reader those of the training."""
    row["phase"] = "training" if row["position"] < 4 else "reading"
    return True


@pytest.mark.parametrize("state", ["closed", "open"])
def test_remarks_on_training_cases_are_no_results(make_study, state):
    study = make_study(
        cases=6,
        readers=["A", "B"],
        templates=("turing", "text"),
        state=state,
        answer=lambda row: f"at {row['position']}" if row["kind"] == "text" else row["answer"],
        keep=training_first,
    )
    left = study.table[(study.table["kind"] == "text") & (study.table["phase"] == "training")]
    found = remarks(study)
    assert len(left) > 0
    assert not set(found.frame["remark"]) & set(left["answer"])
    assert (
        f"{len(found.frame)} remarks; {len(left)} on training cases are left out" in found.caption
    )


def test_where_all_remarks_are_on_training_cases_it_is_said(make_study):
    study = make_study(
        cases=6,
        readers=["A", "B"],
        templates=("turing", "text"),
        answer=lambda row: (
            (f"at {row['position']}" if row["position"] < 4 else None)
            if row["kind"] == "text"
            else row["answer"]
        ),
        keep=training_first,
    )
    told = " ".join(s for b in blocks(study) if isinstance(b, Notice) for s in b.sentences)
    assert "Readers could write remarks, but none did; 8 on training cases are left out." in told


def test_a_remark_that_was_taken_back_is_gone(make_study):
    study = make_study(cases=3, readers=["A", "B"], templates=("turing", "text"), answer=wrote)
    rows = study.table.to_dict("records")
    written = [row for row in rows if row["kind"] == "text"]
    back = {**written[0], "revision": 1, "answer": None}
    changed = replace(study, table=pd.DataFrame([*rows, back]))
    assert set(remarks(changed).frame["remark"]) == {row["answer"] for row in written[1:]}


def wrote(row):
    return f"{row['reader']} at {row['position']}" if row["kind"] == "text" else row["answer"]
