"""The worked examples of CONTRIBUTING.md work as the built-in things do, no other file touched."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from evalsuite.results import read_results
from evalsuite.study.home import Home
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.tracking.evaluation import metric_values
from tests.conftest import smooth_volumes
from tests.packages import commands, installed, python

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([\w.]+)`[^`]*:\n\n```\w+\n(.*?)```", TEXT, re.DOTALL)
FILES = {name: content for name, content in NAMED if name != "pyproject.toml"}
ENTRY_POINTS = "\n".join(content for name, content in NAMED if name == "pyproject.toml")
OPTIONS = ("frontal", "parietal", "temporal")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Install all examples, and return the environment that has them."""
    return installed(tmp_path_factory.mktemp("other") / "package", FILES, ENTRY_POINTS)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """Return a folder with real and synthetic volumes."""
    folder = tmp_path_factory.mktemp("work")
    smooth_volumes(folder / "real", 6)
    smooth_volumes(folder / "gan", 6, seed=1, shift=0.5)
    return folder


@pytest.fixture(scope="module")
def evaluated(package, cohorts):
    """Return what commands printed, and the words of the page of a report."""
    compute = (
        "compute-metrics --real real --synthetic gan=gan --metrics roughness,mmd "
        "--extractor grey-levels --set metrics.roughness.step=2 --output eval --no-tracking "
        "--workers 1"
    )
    report = "report --evaluation eval --output report --no-tracking"
    lines = ("metrics", "metrics --json", "extractors", compute, report)
    printed = commands(cohorts, package, *(line.split() for line in lines))
    return printed, words(cohorts / "report")


def words(folder):
    """Return the words of the page of a report."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_metric_of_a_third_party_is_first_class_everywhere(evaluated, cohorts):
    (listed, as_json, _, table, _), text = evaluated
    assert "Roughness, one per axis: mean difference of neighbouring voxels" in " ".join(
        listed.split()
    )
    (row,) = (r for r in json.loads(as_json) if r["name"] == "roughness")
    assert row["options"][0]["name"] == "step"
    assert row["quantities"][0]["chapter"] == "diversity"

    assert "≈ roughness_x" in table
    assert (cohorts / "eval/figures/estimates.png").is_file()
    estimates = [
        e for e in read_results(cohorts / "eval").estimates if e.name.startswith("roughness")
    ]
    assert [e.key for e in estimates] == ["roughness_x", "roughness_y", "roughness_z"]
    assert [e.where for e in estimates] == [(("axis", a),) for a in "xyz"]
    assert "volumes/roughness_x" in metric_values(estimates)[0]
    scores = pd.read_csv(cohorts / "eval/volume_scores.csv")
    assert "roughness" in set(scores["name"])

    assert "Do the volumes of a cohort differ as real ones do?" in text
    assert "Other numbers" not in text
    assert "Roughness, axis x" in text
    assert "Roughness: mean difference of neighbouring voxels; below that of real volumes" in text
    assert "Roughness of a volume: mean over the axes; small for a blurred volume." in text
    assert re.search(r"differences of neighbouring voxels \[\d\] \(step 2\)\.", text)
    assert "Doe J. How rough is an organ? Journal of Examples 1 (2026) 1-2." in text


def test_an_extractor_of_a_third_party_gives_features(evaluated, cohorts):
    (_, _, listed, *_), text = evaluated
    assert re.search(r"grey-levels +Shares of voxels by grey level", listed)
    evaluation = read_results(cohorts / "eval")
    assert {e.extractor for e in evaluation.estimates} == {"", "grey-levels"}
    assert '"bins": 16' in json.dumps(evaluation.config)
    assert "grey-levels" in text


def test_a_figure_of_a_third_party_is_in_the_chapter_that_it_names(evaluated, cohorts):
    assert (cohorts / "eval/figures/greys.png").read_bytes().startswith(b"\x89PNG")
    overview, _, rest = evaluated[1].rpartition("How far are the synthetic cohorts from the real")
    assert "How often each grey level occurs in the middle slices." in overview
    assert "Other figures of the evaluation" not in overview + rest


def test_a_chapter_of_a_third_party_stands_before_the_methods(evaluated, cohorts):
    before, chapter, after = evaluated[1].rpartition("How many volumes are there?")
    assert chapter
    assert "Methods, to be pasted into a paper" in after
    assert "The volumes of each cohort." in after
    counts = pd.read_csv(cohorts / "report/tables/volume-counts.csv")
    assert counts.to_dict("list") == {
        "cohort": ["real", "gan"], "role": ["real", "synthetic"], "volumes": [6, 6],
    }  # fmt: skip
    assert "Are the volumes realistic" not in before


SHOWN = """
import json, sys
from starlette.applications import Starlette
from starlette.testclient import TestClient
from reader_app import cookies, routes

reader = TestClient(Starlette(routes=[*cookies.ROUTES, *routes.ROUTES]))
reader.get("/enter", params={"token": sys.argv[1]})
state = reader.get("/reader/state").json()
wrong = {"presentation": state["presentation"], "key": "k", "answers": {"lobe": 4}, "behaviour": {}}
(question,) = state["questions"]
print(json.dumps([
    question, reader.get(question["form"]).text, reader.post("/reader/answer", json=wrong).json(),
    reader.get("/reader/forms/choice.js").status_code,
]))
"""


def test_a_question_kind_of_a_third_party_goes_all_the_way(package, cohorts):
    (cohorts / "study.yaml").write_text(FILES["study.yaml"])
    environment = package | {"EVALSUITE_STUDIES": str(cohorts / "studies")}
    commands(cohorts, environment, ["study", "create", "study.yaml", "--no-tracking"])
    store = StudyDatabase(Home.at(cohorts / "studies").database)
    token = store.invite("lobes", "Ada")
    question, form, refused, builtin = json.loads(python(cohorts, environment, SHOWN, token))
    assert question["options"] == list(OPTIONS)
    assert form == FILES["pick.js"]
    assert builtin == 404  # it has a form of the suite
    assert refused["problem"].endswith("expected a whole number from 1 to 3.")

    rows = [
        {"reader": reader, "presentation": shown.token, "question": "lobe", "answer": 1 + place % 3}
        for number, reader in enumerate(("Ada", "Bob"), 1)
        for place, shown in enumerate(sorted(store.plan(number), key=lambda p: p.cases))
    ]
    pd.DataFrame(rows).to_csv(cohorts / "answers.csv", index=False)
    commands(
        cohorts, environment,
        ["study", "import", "lobes", "answers.csv"],
        ["study", "close", "lobes", "--no-tracking", "--yes"],
        ["study", "export", "lobes", "--output", "lobes.csv"],
        ["report", "--study", "lobes.csv", "--output", "lobes", "--no-tracking"],
    )  # fmt: skip
    exported = pd.read_csv(cohorts / "lobes.csv")
    assert set(exported["kind"]) == {"pick"}
    assert sorted(exported["answer"]) == sorted(row["answer"] for row in rows)
    design = yaml.safe_load((cohorts / "lobes.design.yaml").read_text())["design"]
    assert design["questions"][0]["options"] == list(OPTIONS)

    text = words(cohorts / "lobes")
    assert "one of: frontal; parietal; temporal" in text
    assert "“Which lobe is least realistic?” (3 options)" in text
    assert "No question was asked of single cases on a scale" in text  # no order, no mean
    assert not (cohorts / "lobes/tables/averages.csv").exists()
    shares = pd.read_csv(cohorts / "lobes/tables/shares.csv")
    counts = exported.groupby("cohort")["answer"].value_counts()
    everyone = shares[shares["reader"] == "all"].set_index(["cohort", "option"])
    assert everyone["n_chosen"].to_dict() == {
        (cohort, option): counts.get((cohort, option), 0)
        for cohort in ("real", "gan")
        for option in (1, 2, 3)
    }
    agreement = pd.read_csv(cohorts / "lobes/tables/agreement-all.csv")
    assert list(agreement["quantity"]) == [
        "Fleiss kappa", "Gwet AC1", "Krippendorff alpha (nominal)",
    ]  # fmt: skip
    assert (agreement["value"] == 1).all()
