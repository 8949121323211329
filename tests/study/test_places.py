"""Marks as a table: places in voxels and millimetres, each with the truth of its side."""

import json

import numpy as np
import pandas as pd
import pytest

from evalsuite.statistics.places import CHANCE, NEAR, agreement_of_places
from evalsuite.statistics.ratings.averages import averages
from evalsuite.statistics.result import ALL
from evalsuite.study.export import export
from evalsuite.study.places import Grid, counted_marks, marks_table
from evalsuite.study.protocol.kinds.marks import Marks
from evalsuite.study.storage.study_database import StudyDatabase
from reports.readers.marks import marks
from reports.sources import read_study
from tests.reader_app.conftest import make_study  # noqa: F401
from tests.study.test_export import table

WHERE = ("where", "marks")
ASKED = (Marks(name="where", text="?", shape="both", categories=("=1+1", "wrong"), most=9),)
GRID = Grid((11, 21, 4), (1.0, 0.5, 2.0))
POINT = {"voxel": [5, 0, 3], "category": 1}
BOX = {"voxel": [0, 10, 1.5], "end": [10, 20, 2.5], "category": 2}


def sided(mark, side):
    return mark | {"side": side}


def test_a_mark_is_in_millimetres_from_the_middle_of_the_case():
    rows = marks_table(table(("Ada", "g1", *WHERE, [POINT, BOX])), ASKED, GRID)
    assert rows["mark"].tolist() == [1, 2]
    assert rows["category"].tolist() == ["=1+1", "wrong"]
    # 5 less the middle 5, 0 less 10 in steps of 0.5, 3 less 1.5 in steps of 2.
    assert rows.loc[0, ["x_mm", "y_mm", "z_mm"]].tolist() == [0, -5, 3]
    assert rows.loc[0, ["x_end", "x_end_mm"]].isna().all()
    assert rows.loc[1, ["x_mm", "y_mm", "z_mm"]].tolist() == [-5, 0, 0]
    assert rows.loc[1, ["x_end_mm", "y_end_mm", "z_end_mm"]].tolist() == [5, 5, 2]
    assert marks_table(table(("Ada", "g1", *WHERE, [POINT])), ASKED, None)["x_mm"].isna().all()


def test_a_mark_in_a_pair_is_of_the_case_on_its_side():
    pair = table(("Ada", "r1|g1", *WHERE, json.dumps([sided(POINT, 2), sided(POINT, 1)])))
    rows = marks_table(pair, ASKED, GRID)
    assert rows[["case", "cohort", "role"]].to_numpy().tolist() == [
        ["g1", "g", "synthetic"],
        ["r1", "r", "real"],
    ]


def test_marks_are_counted_by_case_reader_and_side():
    read = table(
        ("Ada", "r1|g1", *WHERE, [sided(POINT, 2)] * 3),
        ("Ada", "g2|r2", *WHERE, [sided(POINT, 1)]),
        ("Bob", "r1|g1", *WHERE, []),
        ("Bob", "g2|r2", *WHERE, None),
    )
    counts = counted_marks(read, ASKED)
    assert sorted(counts["answer"].dropna()) == [0, 0, 0, 0, 1, 3]
    means = {
        (m.at("reader"), m.at("cohort")): m.value for m in averages(counts) if m.quantity == "mean"
    }
    assert means["Ada", "g"] == 2
    assert means["Ada", "r"] == 0
    assert means["Bob", "g"] == 0
    assert means[ALL, "g"] == 1


def test_agreement_of_places_by_hand():
    read = pd.DataFrame(
        [("where", reader, case, "g") for case in ("a", "b", "c") for reader in ("Ada", "Bob")],
        columns=["question", "reader", "case", "cohort"],
    ).iloc[:-1]  # c was read by Ada alone
    rows = [
        ("Ada", "a", 0.0),
        ("Bob", "a", 5.0),  # 5 mm from Ada's
        ("Ada", "a", 20.0),  # alone
        ("Ada", "b", 100.0),  # Bob marked nothing
        ("Ada", "c", 0.0),  # does not count
    ]
    places = pd.DataFrame(
        [("where", reader, case, "g", x, 0.0, 0.0) for reader, case, x in rows],
        columns=["question", "reader", "case", "cohort", "x_mm", "y_mm", "z_mm"],
    )
    found = {r.quantity: r for r in agreement_of_places(places, read, distance=5)}
    assert found[NEAR].value == pytest.approx(2 / 4)
    assert found[NEAR].counts == {"marks": 4, "cases": 2}
    # Ada's two in a against Bob's none in b, Bob's in a against Ada's in b, Ada's in b against
    # Bob's in a: none within 5 mm.
    assert found[CHANCE].value == 0
    closer = {
        r.quantity: r.value
        for r in agreement_of_places(places.replace({"x_mm": {100.0: 7.0}}), read, distance=5)
    }
    # Now Bob's 5 is near 7 in the other case, and 7 near 5.
    assert closer == {NEAR: pytest.approx(2 / 4), CHANCE: pytest.approx(2 / 4)}


def test_a_study_with_marks_from_the_readers_to_the_report(make_study, tmp_path):  # noqa: F811
    home, _ = make_study(template=["marks"], cases=2)
    store = StudyDatabase(home.database)
    for reader in (1, 2):
        while due := store.current(reader):
            answer = [{"voxel": [7, 7, 8], "category": 2}] if due.position % 2 else []
            store.submit(reader, due.token, f"{due.position}", {"places": answer}, {})
    output = tmp_path / "birds.csv"
    export("birds", output, home, unblind=False)
    rows = pd.read_csv(tmp_path / "birds.marks.csv")
    assert len(rows) == 4
    assert "cohort" not in rows
    # The matrix is 14 x 15 x 16 voxels of 1 mm.
    assert rows[["x_mm", "y_mm", "z_mm"]].to_numpy().tolist() == [[0.5, 0, 0.5]] * 4
    names = [
        b.name for s in marks(read_study("birds", home)) for b in s.everything if hasattr(b, "name")
    ]
    assert names == ["marks", "marks-by-reader"]  # blinded: no place, no figure
    store.close("birds")
    (section,) = marks(read_study("birds", home))
    pictures = {b.name: b.figure for b in section.blocks if hasattr(b, "figure")}
    assert list(pictures) == ["marks-map", "marks-gallery"]
    shown = pictures["marks-gallery"].axes
    rings = [{tuple(np.round(p.center, 2)) for p in axes.patches} for axes in shown[:3]]
    # Axial and coronal slices have the patient's right on the left.
    assert rings == [{(-0.5, 0)}, {(-0.5, 0.5)}, {(0, 0.5)}]
    export("birds", output, home, unblind=False)
    assert set(pd.read_csv(tmp_path / "birds.marks.csv")["role"]) <= {"real", "synthetic"}
    (section,) = marks(read_study(str(output), home))
    assert not any(hasattr(b, "figure") for b in section.blocks)
    assert any("prepared cases are not at hand" in str(b) for b in section.blocks)


def test_categories_do_not_run_as_formulas(tmp_path):
    from evalsuite.study.export import write_csv

    write_csv(marks_table(table(("Ada", "g1", *WHERE, [POINT])), ASKED, GRID), tmp_path / "m.csv")
    assert ",'=1+1," in (tmp_path / "m.csv").read_text()
