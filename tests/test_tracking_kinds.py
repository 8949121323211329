"""Every kind of run: no fault of tracking is a traceback, none leaves a run that seems to run."""

import dataclasses
import json
import re
import shlex
from contextlib import suppress

import pytest
import yaml
from mlflow import MlflowClient, MlflowException

from evalsuite import tracking
from evalsuite.errors import EvalsuiteError
from evalsuite.records import Evidence
from evalsuite.results import write_results
from evalsuite.tracking import RunRecord, TrackingError
from evalsuite.tracking import report as reports
from evalsuite.tracking import samples as sampled
from evalsuite.tracking import training as trainings
from evalsuite.tracking.record import digest_of
from evalsuite.utility.results import write_results as write_utility
from evalsuite.utility.tracked import run_record as utility_record
from tests.evaluations import example, log_evaluation
from tests.utility.made_up import example as utility_example

SETTINGS = {"seed": 3, "vqgan": {"training": {"steps": 6}}}


def evaluation(folder):
    write_results(example("gan", "ddpm"), Evidence((), {}, (), ()), {}, {}, folder)
    return folder


def report(folder):
    folder.mkdir()
    about = {"title": "Brains", "record": {"study": "birds, closed", "made": "today"}}
    (folder / "report.json").write_text(json.dumps(about))
    (folder / "report.html").write_text("<p>")
    return folder


def utility(folder):
    write_utility(utility_example(), {}, folder)
    return folder


def training(folder, steps=(3, 6)):
    stage = folder / "vqgan"
    stage.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(SETTINGS))
    lines = [json.dumps({"step": s, "learning_rate": 0.1, "loss": 10.0 - s}) for s in steps]
    (stage / "history.jsonl").write_text("\n".join(lines) + "\n")
    (stage / "mosaic.png").write_bytes(b"\x89PNG")
    return stage


def samples(folder, weights="ab" * 32):
    folder.mkdir()
    (folder / "sample_00000.nii.gz").write_bytes(b"voxels")
    (folder / "samples.tsv").write_text("path\tindex\nsample_00000.nii.gz\t0\n")
    record = {"Generator": "run", "Seed": 3, "WeightsSHA256": weights, "Files": {"w": "12"}}
    (folder / "generator.json").write_text(json.dumps(record))
    return folder


def study(folder):
    return folder


def log_report(folder, to):
    return tracking.log(reports.run_record(folder), experiment=to, kept=folder)


def log_training(folder, to, status=None):
    record = trainings.run_record(folder, status=status)
    return tracking.log(record, experiment=to, kept=folder).run_id


ON_DISK = {
    "evaluation": (evaluation, "evalsuite"),
    "report": (report, "evalsuite-reports"),
    "utility": (utility, "evalsuite-utility"),
    "training": (training, "evalsuite-generator"),
    "samples": (samples, "evalsuite-generator"),
}
LOGGED = {
    "evaluation": lambda folder, to: log_evaluation(example("gan", "ddpm"), folder, experiment=to),
    "report": log_report,
    "utility": lambda folder, to: tracking.log(
        utility_record(utility_example(), folder), experiment=to, kept=folder
    ),
    "training": lambda folder, to: log_training(folder, to, "RUNNING"),
    "samples": lambda folder, to: tracking.log(
        sampled.run_record(folder), experiment=to, kept=folder
    ),
    "study": lambda folder, to: tracking.log(
        RunRecord(
            "birds",
            {"evalsuite.study": to * 8, "evalsuite.reader": ""},
            config={"name": "birds"},
            points=[("answered", 2.0, 0)],
            nested={
                "Ada": RunRecord(
                    "birds: Ada",
                    {"evalsuite.study": to * 8, "evalsuite.reader": "Ada"},
                    points=[("answered", 2.0, 0)],
                )
            },
        ),
        experiment=to,
        kept="the database of the study",
        command="evalsuite study log birds",
    ),
}


@pytest.fixture(params=LOGGED)
def logged(request, tmp_path):
    """Return what logs one kind of run to an experiment."""
    make = ON_DISK.get(request.param, (study,))[0]
    folder = make(tmp_path / "made")

    def log(to):
        # Each time as for the first time.
        (folder / "mlflow-run.txt").unlink(missing_ok=True)
        return LOGGED[request.param](folder, to)

    return log


ERRORS = [TypeError("a bug"), KeyboardInterrupt()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_a_run_that_breaks_off_anywhere_is_over(client, logged, monkeypatch, error):
    """Each call that sends something fails in turn; afterwards no run is left running."""
    senders = ("log_batch", "log_artifacts", "log_artifact", "log_text", "log_inputs")
    real = {name: getattr(MlflowClient, name) for name in senders}
    for last in range(1, 40):
        left = [last]

        def counting(name, left=left):
            def send(*arguments, **named):
                left[0] -= 1
                if left[0] == 0:
                    raise error
                return real[name](*arguments, **named)

            return send

        for name in senders:
            monkeypatch.setattr(MlflowClient, name, counting(name))
        place = f"e{last}"
        with suppress(TrackingError, KeyboardInterrupt):
            logged(place)
        if left[0] > 0:  # the last call there is has come through
            break
        experiment = client.get_experiment_by_name(place)
        found = client.search_runs([experiment.experiment_id])
        statuses = {run.info.status for run in found}
        assert "RUNNING" not in statuses
        assert ("FAILED" if isinstance(error, Exception) else "KILLED") in statuses
    assert 1 < last < 39


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MlflowException("no room\nat all"), "no room"),
        (TypeError("a bug"), "TypeError: a bug"),
        (ModuleNotFoundError("No module named 'driver'"), "ModuleNotFoundError: No module named"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (RuntimeError(), "RuntimeError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_error_is_told_by_what_it_says_or_is(client, tmp_path, monkeypatch, error, told):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(MlflowClient, "log_artifacts", fail)
    with pytest.raises(TrackingError, match=f"did not take the results: {told}") as caught:
        log_report(report(tmp_path / "made"), "e")
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "uri",
    ["postgresql://me:secret@localhost/x", "nonsense://me:secret@x", "sqlite:////proc/no/x.db"],
)
def test_whatever_is_wrong_with_the_address_is_one_sentence(logged, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TrackingError) as caught:
        logged("x")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert re.search(r"log them later with: evalsuite (study )?log \S+$", str(caught.value))


@pytest.mark.parametrize("kind", ON_DISK)
def test_the_command_that_is_advised_does_log_it(client, runs, cli, tmp_path, monkeypatch, kind):
    make, experiment = ON_DISK[kind]
    folder = make(tmp_path / "made")
    good = client.tracking_uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://localhost/x")
    with pytest.raises(TrackingError) as caught:
        LOGGED[kind](folder, experiment)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", good)
    command = str(caught.value).rpartition("log them later with: evalsuite ")[2]
    status, _, err = cli(*shlex.split(command))
    assert (status, "MLflow" in err) == (0, True), err
    assert {run.info.status for run in runs(experiment).values()} == {"FINISHED"}


def test_a_report_is_logged_with_its_title_and_what_it_was_made_from(client, runs, cli, tmp_path):
    cli("log", report(tmp_path / "made"), "--experiment", "e")
    run = runs("e")["Brains"]
    assert run.data.params == {"study": "birds, closed", "made": "today"}
    note = run.data.tags["mlflow.note.content"]
    assert note == "**Brains**\n\nIts record:\n- study: birds, closed\n- made: today"
    assert {f.path for f in client.list_artifacts(run.info.run_id)} == {
        "report.html",
        "report.json",
    }


@pytest.mark.parametrize("kind", ON_DISK)
def test_the_experiment_of_the_environment_is_honoured(runs, cli, tmp_path, monkeypatch, kind):
    make, _ = ON_DISK[kind]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    status, _, err = cli("log", make(tmp_path / "made"))
    assert (status, bool(runs("ours"))) == (0, True), err


def test_a_folder_that_holds_nothing_is_told_what_would_do(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    status, _, err = cli("log", "empty")
    assert status == 1
    assert err.startswith("empty holds nothing that can be logged.")
    assert "evalsuite study log STUDY" in err


def test_runs_lead_to_what_they_were_made_from(client, runs, cli, tmp_path):
    weights = "ab" * 32
    whole = example("gan", "ddpm")
    drawn = samples(tmp_path / "samples", weights)
    fingerprint = sampled.run_record(drawn).identity["evalsuite.sampled_sha256"]
    gan = dataclasses.replace(whole.synthetic[0], weights_sha256=weights, fingerprint=fingerprint)
    made = dataclasses.replace(whole, synthetic=(gan, whole.synthetic[1]))
    folder = tmp_path / "results"
    write_results(made, Evidence((), {}, (), ()), {}, {}, folder)
    about = {
        "title": "Brains",
        "record": {"made": "today"},
        "made_from": [
            ["evaluation [1]", "evalsuite.digest", digest_of(folder)],
            ["study birds", "evalsuite.study", "cd" * 32],
        ],
    }
    told = report(tmp_path / "report") / "report.json"
    told.write_text(json.dumps(about))
    cli("log", folder, "--experiment", "brains")
    training(tmp_path / "run")
    (tmp_path / "run/generator").mkdir()
    (tmp_path / "run/generator/card.json").write_text(json.dumps({"weights_sha256": weights}))

    def note(name, experiment):
        return runs(experiment)[name].data.tags["mlflow.note.content"]

    parent = "gan, ddpm vs real, radiomics, seed 7"
    sought = (
        f'Made from:\n- samples gan: `tags."evalsuite.sampled_sha256" = "{gan.fingerprint}"`\n'
        f'- training of gan: `tags."evalsuite.weights_sha256" = "{weights}"`\n\n'
    )
    assert note(parent, "brains").partition("**\n\n")[2].startswith(sought)
    cli("log", tmp_path / "run")
    cli("log", drawn)
    cli("log", folder, "--experiment", "brains")  # once more, as the training is there now
    cli("log", tmp_path / "report")
    generated = runs("evalsuite-generator")
    trained, one = generated["run vqgan"], generated["1 sample of run, seed 3"]
    link = "#/experiments/{0.experiment_id}/runs/{0.run_id}?workflowType=machine_learning"
    origin = f"[run vqgan]({link.format(trained.info)})\n\n"
    found = (
        f"Made from:\n- samples gan: [{one.info.run_name}]({link.format(one.info)})\n"
        f"- training of gan: {origin}"
    )
    assert f"Made from:\n- training of run: {origin}".strip() in note(
        one.info.run_name, "evalsuite-generator"
    )
    evaluations = runs("brains")
    for name in (parent, "gan vs real, radiomics, seed 7"):
        assert found in note(name, "brains")
        assert evaluations[name].data.tags["evalsuite.made_from"] == (
            f"{one.info.run_id}, {trained.info.run_id}"
        )
    alone = evaluations["ddpm vs real, radiomics, seed 7"].data.tags
    assert "evalsuite.made_from" not in alone
    assert alone["evalsuite.samples_sha256"] == whole.synthetic[1].fingerprint
    assert note("Brains", "evalsuite-reports") == (
        f"**Brains**\n\nMade from:\n"
        f"- evaluation \\[1\\]: [{parent}]({link.format(evaluations[parent].info)})\n"
        f'- study birds: `tags."evalsuite.study" = "{"cd" * 32}"`\n\n'
        "Its record:\n- made: today"
    )


def history(client, run_id, name="loss"):
    return sorted((p.step, p.value) for p in client.get_metric_history(run_id, name))


def test_a_training_makes_up_for_what_mlflow_missed_and_repeats_nothing(
    client, tmp_path, monkeypatch
):
    folder = training(tmp_path / "run", steps=(1, 2))
    first = log_training(folder, "e", "RUNNING")
    assert client.get_run(first).info.status == "RUNNING"
    good = client.tracking_uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://localhost/x")
    training(tmp_path / "run", steps=(1, 2, 3))
    with pytest.raises(TrackingError):
        log_training(folder, "e", "RUNNING")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", good)
    # Killed and resumed: step 3 was done twice.
    training(tmp_path / "run", steps=(1, 2, 3, 3, 4))
    assert log_training(folder, "e") == first
    assert history(client, first) == [(1, 9.0), (2, 8.0), (3, 7.0), (4, 6.0)]
    assert client.get_run(first).info.status == "KILLED"
    training(tmp_path / "run", steps=(1, 2, 3, 3, 4, 6))
    log_training(folder, "e")
    assert history(client, first)[-1] == (6, 4.0)
    assert client.get_run(first).info.status == "FINISHED"
    assert client.get_run(first).data.params == {"seed": "3", "vqgan.training.steps": "6"}
    assert client.get_run(first).info.run_name == "run vqgan"


def test_a_training_whose_run_another_server_has_gets_a_new_one(client, tmp_path, monkeypatch):
    folder = training(tmp_path / "run")
    log_training(folder, "e")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    run_id = log_training(folder, "e")
    assert history(MlflowClient(), run_id) == [(3, 7.0), (6, 4.0)]


def test_a_report_of_a_newer_version_is_told(tmp_path):
    folder = report(tmp_path / "report")
    (folder / "report.json").write_text(json.dumps({"schema": 2, "title": "x", "record": {}}))
    with pytest.raises(EvalsuiteError, match="one of a newer version of evalsuite"):
        reports.run_record(folder)
