"""A kind of question that the suite has never heard of, from its design to a section of a report."""

import json
import math

import pytest

from tests.conftest import smooth_volumes
from tests.packages import installed, python

GRADE = '''
"""A school grade, with decimals."""

from typing import Literal

from evalsuite.study.protocol.kinds.numbered import is_number
from evalsuite.study.protocol.kinds.question import Question


class Grade(Question):
    """A number from 1 to 6."""

    scale = "interval"
    form = "line"
    shows = "case"
    answered = "a school grade"
    summary = "grades from 1 to 6"

    kind: Literal["grade"] = "grade"

    @property
    def ends(self):
        return 1.0, 6.0

    def taken(self, answer):
        if not is_number(answer) or not 1 <= answer <= 6:
            raise self.refusal(answer, "a grade from 1 to 6")
        return float(answer)
'''
ENTRY_POINTS = """
[project.entry-points."evalsuite.question_kinds"]
grade = "grade:Grade"
"""
SCRIPT = """
import json
from pathlib import Path

import pandas as pd

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.ratings.averages import averages
from evalsuite.study.create import create
from evalsuite.study.export import export
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import load_design, read_design
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth
from evalsuite.study.workflow import log
from reader_app.routes import form_of
from reports.build import build, write_report
from reports.sources import read_study


def refused(act, *arguments):
    try:
        act(*arguments)
    except EvalsuiteError as error:
        return str(error)


design = {
    "name": "school", "readers": ["Ada", "Bob"], "repeats": 2, "margins": {"mark": 2},
    "questions": [{"kind": "grade", "name": "mark", "text": "Which mark?"}],
    "cohorts": [
        {"name": name, "path": name, "role": role, "cases": 4}
        for name, role in (("heron", "real"), ("magpie", "synthetic"))
    ],
}
told = {"wide": refused(read_design, design | {"margins": {"mark": 5}})}
told["paired"] = refused(read_design, design | {"paired": True})
home = Home.at(Path("studies"))
create(read_design(design), home)
told["again"] = load_design(home.lead / "school/design.yaml") == read_design(design)
store = StudyDatabase(home.database)
told["form"] = [form_of(q) for q in read_design(design).questions]
truth = read_truth(home.truth("school"))
for reader in (1, 2):
    while due := store.current(reader):
        if due.position == 1:
            told["answer"] = refused(store.submit, reader, due.token, "k", {"mark": 7}, {})
        mark = {"real": 5.5, "synthetic": 2.0}[truth[due.cases[0]].role] + 0.1 * due.position % 0.5
        store.submit(reader, due.token, str(due.position), {"mark": mark}, {"active_seconds": 9})
store.close("school")
export("school", Path("school.csv"), home, unblind=False)
told["imrmc"] = export("school", Path("school.imrmc"), home, unblind=False)
study = read_study("school.csv", home)
assert study.table.equals(study.table.assign(scale="interval", lowest=1.0, highest=6.0))
means = averages(study.table)
told["means"] = [(mean.low, mean.high) for mean in means]
wrong = study.table.assign(answer=6.5)
told["statistics"] = refused(averages, wrong)
write_report(build(study, [], replicates=100), Path("report"))
log("school", home, "schools")
from mlflow import MlflowClient
client = MlflowClient()
place = client.get_experiment_by_name("schools").experiment_id
told["mlflow"] = sorted({key for run in client.search_runs([place]) for key in run.data.metrics})
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def school(tmp_path_factory, empty_database):
    """Return what a script told that takes such questions all the way, and its folder."""
    folder = tmp_path_factory.mktemp("school")
    for seed, name in enumerate(("heron", "magpie")):
        smooth_volumes(folder / name, 4, seed=seed, shift=0.5 * seed)
    environment = installed(folder / "package", {"grade.py": GRADE}, ENTRY_POINTS)
    database = folder / "mlflow.db"
    database.write_bytes(empty_database.read_bytes())
    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{database}"
    return json.loads(python(folder, environment, SCRIPT).splitlines()[-1]), folder


def test_its_design_is_judged_by_its_declaration(school):
    told, _ = school
    assert "expected less than 5" in told["wide"]
    assert 'the question "mark" is about one volume, but paired shows two' in told["paired"]
    assert told["again"]
    assert told["form"] == ["/reader/assets/forms/line.js"]


def test_its_answers_are_judged_and_exported(school):
    told, folder = school
    assert told["answer"] == (
        'The answer 7 does not fit the question "mark"; expected a grade from 1 to 6.'
    )
    lines = (folder / "school.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * (8 + 2)
    assert ",grade," in lines[1]
    assert "NM: 1" in (folder / "school.imrmc").read_text()
    assert {"mark/heron", "mark/magpie"} <= set(told["mlflow"])


def test_its_statistics_keep_to_the_ends_of_its_scale(school):
    told, _ = school
    known = [ends for ends in told["means"] if all(map(math.isfinite, ends))]
    assert known
    assert all(1 <= low <= high <= 6 for low, high in known)
    assert "expected a number from 1 to 6." in told["statistics"]


def test_it_is_in_every_section_of_the_report(school):
    _, folder = school
    page = (folder / "report/report.html").read_text(encoding="utf-8")
    assert "a school grade" in page
    assert "“Which mark?” (grades from 1 to 6)" in page
    assert "(the ends of the scale are 5 points apart)" in page
    for table, coefficient in (
        ("agreement-all", "Krippendorff alpha (interval)"),
        ("agreement-within-by-reader", "repeatability coefficient"),
        ("comparisons", "heron"),
        ("equivalence", "mark"),
        ("averages", "median"),
        ("course", "mark"),
    ):
        assert coefficient in (folder / f"report/tables/{table}.csv").read_text(), table
