"""Studies that version 0.1.0 made (commit 8e7df48) open as they did: database, design, export."""

import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
import yaml

from evalsuite.spreadsheets import unguarded_table
from evalsuite.study.export import BEHAVIOUR, export
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import load_design, write_design
from evalsuite.study.protocol.questions import parse_questions
from evalsuite.study.storage.study_database import StudyDatabase
from reports.build import build
from reports.sources import read_study

OLD = Path(__file__).parents[1] / "old" / "study"
STUDIES = ("single", "pairs")  # every kind of question that there was


@pytest.fixture
def home(tmp_path):
    """Return the home of the old studies, made of the text that is kept of it."""
    home = Home.at(tmp_path / "studies")
    home.app.mkdir(parents=True)
    with sqlite3.connect(home.app / "studies.db") as database:
        database.executescript((OLD / "studies.sql").read_text(encoding="utf-8"))
    for study in STUDIES:
        lead = home.lead / study
        lead.mkdir(parents=True)
        shutil.copy(OLD / f"{study}.tsv", home.truth(study))
        shutil.copy(OLD / f"{study}.yaml", lead / "design.yaml")
    return home


@pytest.mark.parametrize("study", STUDIES)
def test_an_old_study_is_exported_cell_for_cell_as_before(study, home, tmp_path):
    store = StudyDatabase(home.database)
    assert store.verify(study) is None
    export(study, tmp_path / "again.csv", home, unblind=False)
    old, again = (
        pd.read_csv(path, dtype=str, keep_default_na=False)
        for path in (OLD / f"{study}.csv", tmp_path / "again.csv")
    )
    assert set(again.columns) - set(old.columns) == {*BEHAVIOUR, "subject"}
    # Tokens may begin with a minus sign.
    pd.testing.assert_frame_equal(unguarded_table(again)[list(old.columns)], old)
    assert any(token.startswith("-") for token in old["presentation"]) == (study == "single")


@pytest.mark.parametrize("study", STUDIES)
def test_an_old_export_is_read_as_a_new_one(study, home, tmp_path):
    export(study, tmp_path / f"{study}.csv", home, unblind=False)
    new = read_study(str(tmp_path / f"{study}.csv"), home)
    shutil.copy(OLD / f"{study}.csv", tmp_path / f"{study}.csv")
    old = read_study(str(tmp_path / f"{study}.csv"), home)
    pd.testing.assert_frame_equal(new.table[list(old.table.columns)], old.table)


def holds(new, old):
    """Tell whether all of the old is in the new; designs may have learnt further settings."""
    if isinstance(old, dict):
        return all(key in new and holds(new[key], value) for key, value in old.items())
    if isinstance(old, list):
        return len(new) == len(old) and all(map(holds, new, old))
    return new == old


@pytest.mark.parametrize("study", STUDIES)
def test_an_old_design_is_the_same_design(study, home, tmp_path):
    design = load_design(OLD / f"{study}.yaml")
    about = StudyDatabase(home.database).study(study)
    # What readers may be told has become more since.
    assert design.public().items() >= about.design.items()
    assert parse_questions(about.design["questions"]) == design.questions
    write_design(design, tmp_path / "again.yaml")
    kept, again = (
        yaml.safe_load(path.read_text())
        for path in (OLD / f"{study}.yaml", tmp_path / "again.yaml")
    )
    assert holds(again, kept)
    assert load_design(tmp_path / "again.yaml") == design


@pytest.mark.parametrize("study", STUDIES)
def test_a_report_is_made_of_an_old_study(study, home):
    read = read_study(study, home)
    assert {row["kind"] for row in read.design["questions"]} == set(read.table["kind"])
    report = build(read, [], replicates=20)
    assert {"study", "ratings", "agreement", "course"} <= {s.name for s in report.sections}
