"""`evalsuite report` from the command to the page, over real volumes and over made-up tables."""

import hashlib
import json
import re
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import yaml

import evalsuite as ev
from evalsuite.study.create import create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth
from evalsuite.volumes.population import degrade
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.write import write_nifti
from reports.build import build, write_report
from reports.document import Section, Table, Text
from reports.sources import read_evaluation, read_study
from tests.reports.conftest import visible
from tests.reports.test_document import digests, loads

BLUR = {"real": 0.0, "blur1": 0.8, "blur2": 2.0}


@pytest.fixture
def table(tmp_path, make_study):
    """Write a small study as it would be exported."""
    study = make_study(cases=3)
    study.table.to_csv(tmp_path / "made-up.csv", index=False)
    about = {"study": "made-up", "state": "closed", "design": study.design, "design_hash": "c"}
    (tmp_path / "made-up.design.yaml").write_text(yaml.safe_dump(about))
    return tmp_path / "made-up.csv"


def test_a_study_is_read_and_reported_in_python(table, tmp_path):
    study = ev.read_study(table)
    assert (study.name, study.state) == ("made-up", "closed")
    page = ev.report(tmp_path / "report", study=study, title="Ours", replicates=100)
    again = ev.report(tmp_path / "again", study=table, title="Ours", replicates=100)
    assert "<h1>Ours" in page.read_text(encoding="utf-8")
    assert digests(tmp_path / "again" / "tables") == digests(page.parent / "tables")
    assert again.name == page.name


def volumes(folder, source, cases):
    """Write real volumes, and others blurred."""
    files = sorted(source.glob("*.nii.gz"))
    for place, (name, blur) in enumerate(BLUR.items()):
        (folder / name).mkdir()
        for i, path in enumerate(files[place * cases : (place + 1) * cases]):
            write_nifti(
                degrade(read_volume(path), blur=blur, noise=0, seed=i), folder / name / path.name
            )


def answers(home, name):
    """Let three readers answer, the blurrier the lower."""
    truth, store = read_truth(home.truth(name)), StudyDatabase(home.database)
    order = sorted(truth, key=lambda case: truth[case].digest)  # whatever order a study draws
    errors = np.random.default_rng(0).normal(0, 0.3, (3, len(order)))
    for reader in (1, 2, 3):
        for shown in store.plan(reader):
            case = shown.cases[0]
            latent = -BLUR[truth[case].cohort] + errors[reader - 1, order.index(case)]
            given = {"real_or_synthetic": int(np.clip(round(5 + 2 * latent), 1, 6))}
            store.submit(reader, shown.token, "k", given, {"seconds": 9, "active_seconds": 8.5})
    store.close(name)


def test_over_real_and_blurred_volumes_concordance_is_found_and_by_chance_it_is_not(
    hippocampi, cli, tmp_path
):
    volumes(tmp_path, hippocampi, 6)
    home = Home.at(tmp_path / "studies")
    cohorts = [
        {"name": n, "path": str(tmp_path / n), "role": "real" if n == "real" else "synthetic",
         "cases": 6} for n in BLUR
    ]  # fmt: skip
    declared = {"name": "blur", "title": "Blurred hippocampi", "readers": ["A", "B", "C"],
                "cohorts": cohorts, "template": "turing"}  # fmt: skip
    create(read_design(declared), home)
    answers(home, "blur")
    status, _, err = cli(
        "compute-metrics", "--real", tmp_path / "real", "--synthetic", f"blur1={tmp_path}/blur1",
        "--synthetic", f"blur2={tmp_path}/blur2", "--extractor", "radiomics", "--metrics",
        "realism", "--output", "eval", "--no-tracking",
    )  # fmt: skip
    assert status == 0, err
    status, out, err = cli(
        "report", "--study", "blur", "--evaluation", "eval", "--output", "out", "--replicates",
        "100", "--no-tracking",
    )  # fmt: skip
    assert (status, out.strip()) == (0, "out/report.html"), err
    page = visible((tmp_path / "out/report.html").read_text())
    assert re.search(r"metrics? agrees? with the readers within the synthetic cases beyond", page)

    status, _, err = cli("report", "--study", "blurr", "--output", "other", "--no-tracking")
    assert status == 1
    assert re.fullmatch(r'[^\n]*"?blurr"?[^\n]*\n', err)
    status, _, err = cli("report", "--study", "blur", "--leave-out", "Z", "--output", "other")
    assert status == 1
    assert err.startswith('Unknown reader "Z".')

    study, evaluation = read_study("blur", home), read_evaluation(tmp_path / "eval")
    shuffled = study.table.copy()
    random = np.random.default_rng(1)
    shuffled["answer"] = shuffled.groupby("reader")["answer"].transform(
        lambda own: random.permutation(own.to_numpy())
    )
    chance = build(replace(study, table=shuffled), [evaluation], replicates=100)
    assert any("No automatic metric was found to agree" in said for said in chance.summary)


def test_a_report_of_a_table_is_the_same_but_for_the_date(cli, table):
    for name in ("one", "two"):
        status, _, err = cli("report", "--study", table, "--output", name, "--replicates", 100,
                             "--no-tracking")  # fmt: skip
        assert status == 0, err
    files = [digests(table.parent / name) for name in ("one", "two")]
    pages = [(table.parent / name / "report.html").read_text() for name in ("one", "two")]
    dated = [re.sub(r"<dt>made</dt><dd>[^<]+</dd>", "", page) for page in pages]
    assert dated[0] == dated[1]
    assert len(dated[0]) < len(pages[0])
    abouts = [json.loads((table.parent / x / "report.json").read_text()) for x in ("one", "two")]
    for about in abouts:
        assert about["record"].pop("made")
        ((_, tag, design),) = about["made_from"]
        assert (tag, design) == ("evalsuite.study", about["record"]["design"])
    assert abouts[0] == abouts[1]
    for name in (files[0].keys() | files[1].keys()) - {"report.html", "report.json"}:
        assert files[0][name] == files[1][name], name
    assert hashlib.sha256(dated[0].encode()).hexdigest() in {
        hashlib.sha256(page.encode()).hexdigest() for page in dated
    }


def test_the_record_names_what_it_was_made_from(make_study, make_evaluation):
    study = make_study(cases=2)
    evaluation = make_evaluation(study)
    record = build(study, [evaluation], replicates=100).record
    assert record["study"] == "made-up, closed"
    assert record["design"] == "c0ffee"
    assert re.fullmatch("[0-9a-f]{64}", record["answers (SHA-256 of the table)"])
    assert record[f"evaluation {evaluation.folder}"].startswith("configuration c0ffee")
    assert record["bootstrap"] == "100 replicates, seed 0"


def test_the_first_page_has_findings_and_then_limits_before_everything_else(make_study, tmp_path):
    report = build(make_study(cases=3), [], replicates=100)
    page = visible(write_report(report, tmp_path / "out").read_text())
    places = [
        page.index(text)
        for text in ("3 readers read 9 cases", "There are only 3 readers", "Each reader read the")
    ]
    assert places == sorted(places)


def test_utility_experiments_are_appended(monkeypatch, tmp_path):
    module = ModuleType("reports.utility")
    module.utility_findings = lambda folder: [f"Found in {folder.name}."]
    module.utility_sections = lambda folder: [
        Section("utility", "Utility", (Text((f"From {folder.name}.",)),))
    ]
    monkeypatch.setitem(sys.modules, "reports.utility", module)
    one, two = tmp_path / "one", tmp_path / "two"
    assert [s.name for s in build(None, [], utilities=[one]).sections] == ["utility"]
    two.mkdir()
    (two / "results.json").write_text("{}")
    report = build(None, [], utilities=[one, two])
    digest = hashlib.sha256(b"{}").hexdigest()
    assert report.made_from == ((f"utility experiment {two}", "evalsuite.digest", digest),)
    assert [s.name for s in report.sections] == ["utility-1", "utility-2"]
    assert [s.title for s in report.sections] == [f"Utility (experiment {i})" for i in (1, 2)]
    assert report.record["utility experiment 2"] == str(two)
    assert report.summary == ("Found in one.", "Found in two.")
    page = write_report(report, tmp_path / "out").read_text()
    assert "From two." in visible(page)
    assert loads(page).active == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "There is nothing to report on. Name a study with --study, results of"),
        (["--study", "nobody"], "studies.db: it holds no studies yet."),
        (["--study", "nothing.csv"], "nothing.csv: it cannot be read as a table"),
        (["--study", "foreign.csv"], "foreign.csv: it has no column study."),
        (["--evaluation", "empty"], "empty"),
        (["--utility", "empty"], "empty"),
        (["--study", "made-up.csv", "--evaluation", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_told_in_one_line(cli, table, arguments, sentence):
    (table.parent / "foreign.csv").write_text("a,b\n1,2\n")
    (table.parent / "empty").mkdir()
    status, out, err = cli("report", *arguments, "--output", "out", "--no-tracking")
    assert (status, out) == (1, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert not (table.parent / "out").exists()


@pytest.mark.parametrize("arguments", [["--study", "made-up.csv"], []])
def test_a_folder_that_is_used_is_refused_before_anything_is_computed(
    cli, table, arguments, monkeypatch
):
    monkeypatch.setattr("reports.build.build", None)
    (table.parent / "out").mkdir()
    (table.parent / "out/mine.txt").write_text("mine")
    status, _, err = cli("report", *arguments, "--output", "out", "--no-tracking")
    assert (status, err) == (1, "out is not empty. Name another folder with --output DIR.\n")


def test_too_few_replicates_are_wrong_usage(cli, table):
    status, _, err = cli("report", "--study", table, "--output", "out", "--replicates", 5)
    assert status == 2
    assert "100" in err


def test_the_report_is_an_mlflow_run(cli, table, client, runs):
    status, _, err = cli("report", "--study", table, "--output", "out", "--replicates", 100)
    assert status == 0
    run = runs("evalsuite-reports")["A made-up study"]
    assert f"MLflow run: {run.info.run_id} (run `mlflow ui" in err
    assert run.data.params["study"] == "made-up, closed"
    assert "report.html" in {file.path for file in client.list_artifacts(run.info.run_id)}


def test_every_table_and_figure_of_a_whole_report_is_a_file(make_study, make_evaluation, tmp_path):
    study = make_study(cases=4, templates=("turing", "analogue", "text"))
    report = build(study, [make_evaluation(study)], replicates=100)
    write_report(report, tmp_path / "out")
    blocks = list(report.blocks())
    tables = {block.name for block in blocks if isinstance(block, Table)}
    for ending in ("csv", "tex"):
        assert {p.stem for p in (tmp_path / "out/tables").glob(f"*.{ending}")} == tables
    drawn = {p.stem for p in (tmp_path / "out/figures").glob("*.png")}
    assert drawn == {p.stem for p in (tmp_path / "out/figures").glob("*.svg")}
    assert {"flow", "effects", "concordance", "concordance-cases", "roc", "differences"} <= drawn
