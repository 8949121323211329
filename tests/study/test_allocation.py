"""Studies in which not everyone reads everything, and not everything is asked of every case."""

import csv
from collections import Counter
from pathlib import Path

import pytest
import yaml

from evalsuite.study.home import Home, default_folder
from evalsuite.study.protocol.conditions import questions_of
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth
from reports.readers.overview import _missing
from reports.sources import read_study

RATED = {"kind": "likert", "text": "?", "low": "bad", "high": "good"}


@pytest.fixture
def lead(cli, make_cohort):
    """Run `evalsuite study` in a folder with two tables of eight volumes of four subjects."""
    for name, seed in (("heron", 1), ("magpie", 2)):
        folder = Path(make_cohort(name, 8, seed=seed))
        volumes = sorted(folder.glob("*.nii.gz"))
        rows = [f"{v.name},{name}{i // 2},{'ab'[i // 4]}" for i, v in enumerate(volumes)]
        (folder / "all.csv").write_text("\n".join(["path,subject,region", *rows]) + "\n")

    def run(*arguments):
        return cli("study", *arguments)

    return run


def design(**values):
    cohorts = [
        {"name": name, "path": f"{name}/all.csv", "role": role, "cases": 8, "stratify_by": "region"}
        for name, role in (("heron", "real"), ("magpie", "synthetic"))
    ]
    questions = [
        {"name": "realism", **RATED},
        {"name": "beak", **RATED, "only": {"strata": ["b"]}},
    ]
    whole = {
        "name": "birds",
        "cohorts": cohorts,
        "readers": ["Ada", "Bob", "Cid", "Dan"],
        "questions": questions,
    }
    Path("design.yaml").write_text(yaml.safe_dump(whole | values))
    return "create", "design.yaml", "--no-tracking"


def test_a_split_plot_study_from_its_design_to_the_table(lead):
    rule = {"scheme": "split-plot", "cap": 8}
    status, _, err = lead(*design(allocation=rule, repeats=1))
    assert status == 0, err
    assert lead("enrol", "birds", "Eve")[0] == 0
    assert "Did you mean" in lead("enrol", "birds", "Fay", "--in-place-of", "Eva")[2]
    assert lead("enrol", "birds", "Fay", "--in-place-of", "Bob")[0] == 0
    store, truth = (
        StudyDatabase("sqlite:///studies/app/studies.db"),
        read_truth(Home.at(default_folder()).truth("birds")),
    )
    app = store.study("birds").design
    assert "only" not in str(app["questions"])
    assert "heron" not in str(app)
    bob, fay = (store.plan(reader) for reader in (2, 6))
    assert {p.cases for p in bob} == {p.cases for p in fay}
    assert store.events("birds")[-1].detail == {
        "reader": "Fay",
        "later": True,
        "in_place_of": "Bob",
    }
    read = []
    for reader in range(1, 6):
        plan = store.plan(reader)
        cases = {p.cases[0] for p in plan}
        assert (len(plan), len(cases)) == (9, 8)
        subjects = {truth[case].subject for case in cases}
        assert cases == {case for case, t in truth.items() if t.subject in subjects}
        assert set(Counter((truth[c].cohort, truth[c].stratum) for c in cases).values()) == {2}
        read.append(frozenset(cases))
        for shown in plan[: 9 if reader > 1 else 5]:
            asked = [q.name for q in questions_of(app, shown.cases)]
            beak = truth[shown.cases[0]].stratum == "b"
            assert asked == (["realism", "beak"] if beak else ["realism"])
            store.submit(reader, shown.token, "k", dict.fromkeys(asked, 3), {})
    assert sorted(Counter(read).values()) == [2, 3]
    assert [row["finished"] for row in store.progress("birds")] == [0, 1, 1, 1, 1, 0]
    assert [reader.cases for reader in store.readers("birds")] == [8] * 6
    lead("close", "birds", "--no-tracking", "--yes")
    assert lead("export", "birds", "--output", "x.csv")[0] == 0
    rows = list(csv.DictReader(Path("x.csv").read_text().splitlines()))
    assert len({row["subject"] for row in rows}) == 8
    assert not {"heron0", "magpie0"} & {row["subject"] for row in rows}
    people = list(csv.DictReader(Path("x.readers.csv").read_text().splitlines()))
    assert [row["cases_allotted"] for row in people] == ["8"] * 6
    first = {row["case"] for row in rows if row["reader"] == "Ada" and not row["repeat_of"]}
    missing, whole = 8 - len(first), {row["case"] for row in rows if row["reader"] == "Ada"}
    assert len(whole) + len(people[0]["cases_unread"].split("; ")) == 8
    assert not whole & set(people[0]["cases_unread"].split("; "))
    assert [row["cases_unread"] for row in people[1:5]] == [""] * 4
    for source in ("birds", "x.csv"):
        assert _missing(read_study(source, Home.at(default_folder()))).startswith(
            f"{missing + 1} readings, 1 of them of hidden repeats, did not take place"
        )
    assert lead("export", "birds", "--output", "x.imrmc")[0] == 0
    assert lead("export", "birds", "--output", "x.parquet")[0] == 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"allocation": {"scheme": "split-plot", "cap": 5}, "repeats": 5},
            "by the allocation a reader has only 4 cases",
        ),
        (
            {"questions": [
                {"name": "realism", **RATED},
                {"name": "beak", **RATED, "only": {"cohorts": ["magpie"]}},
            ]},
            "that a case is synthetic by what they are asked: all 8 cases that are asked beak are.",
        ),
        (
            {"questions": [{"name": "beak", **RATED, "only": {"strata": ["b"]}}]},
            "Some cases of heron, magpie are asked nothing",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_before_anything_is_prepared(lead, values, said):
    status, _, err = lead(*design(**values))
    assert (status, said in err) == (1, True), err
    assert not Path("studies/app/cases/birds").exists()


def test_training_shows_other_subjects_and_a_subject_may_give_one_volume_only(lead):
    values = yaml.safe_load(Path(design()[1]).read_text())
    for cohort in values["cohorts"]:
        cohort |= {"cases": 3, "per_subject": 1}
    status, _, err = lead(*design(cohorts=values["cohorts"], training=1, readers=["Ada"]))
    assert status == 0, err
    truth = read_truth(Home.at(default_folder()).truth("birds")).values()
    assert set(Counter(t.subject for t in truth).values()) == {1}
    assert len(truth) == 8
    for cohort in values["cohorts"]:
        cohort["cases"] = 4
    err = lead(*design(name="more", cohorts=values["cohorts"], training=1))[2]
    assert "heron has 8 volumes of 4 subjects, but the design asks for 4 cases and 1" in err
