"""Results in MLflow: what is read back is what was computed."""

import dataclasses
import hashlib
import json
import math
import os
import socket
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient, MlflowException

from evalsuite.tracking import TrackingError, server
from tests.evaluations import FEW, example, log_evaluation

COMPARED = {
    "compared.generator": "ddpm",
    "compared.n": "30",
    "compared.n_real": "40",
    "compared.extractor": "radiomics",
    "compared.seed": "7",
}


@pytest.fixture
def directory(tmp_path):
    folder = tmp_path / "results"
    (folder / "figures").mkdir(parents=True)
    (folder / "results.json").write_text("{}")
    (folder / "figures" / "cohorts.png").write_bytes(b"\x89PNG")
    return folder


def test_metrics_come_back_as_they_were(client, directory):
    tracked = log_evaluation(example("ddpm"), directory, experiment="brains")
    run = client.get_run(tracked.run_id)
    assert run.data.metrics == {
        "radiomics/frechet_distance": 3.25,
        "more/radiomics/mmd_rbf": -0.001,
        "more/volumes/ms_ssim": 0.75,
    }
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 61_500
    assert client.get_experiment(tracked.experiment_id).name == "brains"


def test_parameters_tags_and_description(client, directory):
    tracked = log_evaluation(example("ddpm"), directory, experiment="brains", run_name="first")
    data = client.get_run(tracked.run_id).data
    assert data.params == {"metrics.frechet.resamples": "200", "seed": "7", **COMPARED}
    expected = {
        "mlflow.runName": "first",
        "mlflow.source.git.commit": "abc123",
        "evalsuite.config_hash": "c0ffee",
        "evalsuite.extractors": "radiomics",
        "evalsuite.real": "real",
        "evalsuite.synthetic": "ddpm",
        "evalsuite.version": "0.1.0",
        "evalsuite.warnings": "1",
    }
    assert expected.items() <= data.tags.items()
    assert not any(name.startswith("environment.") for name in data.tags)
    path = client.download_artifacts(tracked.run_id, "environment.json")
    assert json.loads(Path(path).read_text()) == example("ddpm").environment
    assert "evalsuite.undefined" not in data.tags
    verdict, _, first, *rest = data.tags["mlflow.note.content"].splitlines()
    assert verdict == "**By frechet_distance on radiomics: ddpm 3.25 (2.5 to 4.12).**"
    assert first == (
        "**ddpm** (30 synthetic volumes from `data/ddpm`) against "
        "**real** (40 real volumes from `data/real`)."
    )
    assert f"- [1] frechet_distance on radiomics: {FEW}" in rest
    assert "| radiomics | ↓ frechet_distance [1] | 3.25 (2.5 to 4.12) | 0.5 |" in rest


def test_datasets_have_digests_and_contexts(client, directory):
    evaluation = example("ddpm")
    tracked = log_evaluation(evaluation, directory, experiment="brains")
    inputs = client.get_run(tracked.run_id).inputs.dataset_inputs
    found = {
        i.dataset.name: (i.dataset.digest, i.tags[0].value, json.loads(i.dataset.source)["uri"])
        for i in inputs
    }
    assert found == {
        "real": (evaluation.real.fingerprint[:36], "real", "data/real"),
        "ddpm": (evaluation.synthetic[0].fingerprint[:36], "synthetic", "data/ddpm"),
    }
    profile = json.loads(inputs[0].dataset.profile)
    assert profile["fingerprint"] in {
        c.fingerprint for c in (evaluation.real, *evaluation.synthetic)
    }


def test_artifacts_lie_beside_the_database(client, directory, tmp_path):
    tracked = log_evaluation(example("ddpm"), directory, experiment="brains")
    artifacts = tmp_path / "store" / "mlruns" / tracked.run_id / "artifacts"
    assert (artifacts / "figures" / "cohorts.png").read_bytes() == b"\x89PNG"
    listed = {item.path for item in client.list_artifacts(tracked.run_id)}
    assert listed == {"figures", "results.json", "environment.json"}
    digest = hashlib.sha256((directory / "results.json").read_bytes()).hexdigest()
    assert client.get_run(tracked.run_id).data.tags["evalsuite.digest"] == digest


def test_several_cohorts_make_nested_runs_and_a_comparison(client, directory):
    tracked = log_evaluation(example("gan", "ddpm"), directory, experiment="brains")
    parent = client.get_run(tracked.run_id)
    assert parent.data.metrics == {
        "gan/radiomics/frechet_distance": 3.25,
        "ddpm/radiomics/frechet_distance": 4.25,
    }
    assert parent.data.tags["mlflow.runName"] == "gan, ddpm vs real, radiomics, seed 7"
    assert len(parent.inputs.dataset_inputs) == 3
    assert list(tracked.nested) == ["gan", "ddpm"]
    for i, (name, run_id) in enumerate(tracked.nested.items()):
        nested = client.get_run(run_id)
        assert nested.data.tags["evalsuite.part_of"] == tracked.run_id
        assert "mlflow.parentRunId" not in nested.data.tags  # MLflow's list would hide it
        assert nested.data.tags["evalsuite.synthetic"] == name
        assert nested.data.tags["mlflow.runName"] == f"{name} vs real, radiomics, seed 7"
        assert nested.data.params["compared.generator"] == name
        names = {item.path for item in client.list_artifacts(run_id)}
        assert names == {"figures", "environment.json", "estimates.csv", "estimates.json"}
        assert nested.data.metrics["radiomics/frechet_distance"] == 3.25 + i
        assert {d.dataset.name for d in nested.inputs.dataset_inputs} == {"real", name}
    table = client.load_table(tracked.experiment_id, "comparison.json", [tracked.run_id])
    assert table["gan value"].tolist() == [3.25, -0.001, 0.75]
    assert table["ddpm value"].tolist() == [4.25, -0.001, 0.75]
    text = Path(client.download_artifacts(tracked.run_id, "comparison.csv")).read_text()
    head, first, *_ = text.splitlines()
    assert head.startswith("extractor,estimate,group,direction,gan value,ddpm value,gan low")
    assert first.startswith("radiomics,frechet_distance,,lower is better,3.25,4.25,2.5,")


def test_the_list_of_runs_has_a_view_that_others_may_change(client, directory):
    def shown():
        view = json.loads(client.get_experiment(place).tags["mlflow.sharedViewState.evalsuite"])
        return json.loads(view["state"])

    whole = example("gan", "ddpm")
    place = log_evaluation(whole, directory, experiment="brains").experiment_id
    params = [f"params.`compared.{name}`" for name in ("generator", "n", "n_real")]
    columns = shown()["selectedColumns"]
    assert columns[:3] == params
    assert columns[-1] == shown()["orderByKey"] == "metrics.`radiomics/frechet_distance`"
    assert "viewStateShareKey=evalsuite" in client.get_experiment(place).tags["mlflow.note.content"]
    fewer = {"selectedColumns": columns[-1:], "orderByAsc": False}
    view = {"name": "mine", "createdAt": 1, "state": json.dumps(fewer)}
    client.set_experiment_tag(place, "mlflow.sharedViewState.evalsuite", json.dumps(view))
    log_evaluation(whole, directory, experiment="brains")
    assert shown() == fewer
    other = dataclasses.replace(whole, estimates=[
        dataclasses.replace(e, extractor="medicalnet") for e in whole.estimates
    ])  # fmt: skip
    log_evaluation(other, directory, experiment="brains")
    assert shown()["selectedColumns"][0] == columns[-1]
    assert shown()["selectedColumns"][-1] == "metrics.`medicalnet/frechet_distance`"
    assert shown()["orderByAsc"] is False


def test_undefined_values_are_named_not_logged(client, directory):
    whole = example("ddpm")
    frechet, mmd, _ = whole.estimates
    changed = (
        dataclasses.replace(frechet, value=math.nan),
        dataclasses.replace(mmd, value=math.inf),
    )
    evaluation = dataclasses.replace(whole, estimates=changed)
    run = client.get_run(log_evaluation(evaluation, directory, experiment="brains").run_id)
    assert "radiomics/frechet_distance" not in run.data.metrics
    assert "more/radiomics/mmd_rbf" not in run.data.metrics
    undefined = run.data.tags["evalsuite.undefined"]
    assert undefined == "radiomics/frechet_distance, more/radiomics/mmd_rbf"
    assert "| undefined | 0.5 |" in run.data.tags["mlflow.note.content"]


def test_more_and_longer_parameters_than_one_batch_takes(client, directory):
    config = {"long": "x" * 7000} | {f"p{i}": i for i in range(250)}
    evaluation = dataclasses.replace(example("ddpm"), config=config)
    run = client.get_run(log_evaluation(evaluation, directory, experiment="brains").run_id)
    assert len(run.data.params) == 251 + len(COMPARED) - 1  # no seed
    assert run.data.params["p249"] == "249"
    assert len(run.data.params["long"]) == 6000
    assert run.data.params["long"].endswith("x ... (in full in results.json)")


def test_logging_twice_makes_one_run_and_another_start_another(client, directory):
    whole = example("gan", "ddpm")
    first, again = (log_evaluation(whole, directory, experiment="brains") for _ in range(2))
    assert again == first
    later = dataclasses.replace(whole, started="2026-11-24T10:00:00+00:00")
    other = log_evaluation(later, directory, experiment="brains")
    assert other.run_id != first.run_id
    found = client.search_runs(
        [first.experiment_id], filter_string="tags.`evalsuite.config_hash` = 'c0ffee'"
    )
    runs = {run.run_id for run in (first, other)} | {*first.nested.values(), *other.nested.values()}
    assert {run.info.run_id for run in found} == runs
    table = client.load_table(first.experiment_id, "comparison.json", [first.run_id])
    assert len(table) == 3
    (point,) = client.get_metric_history(first.nested["gan"], "more/volumes/ms_ssim")
    assert point.value == 0.75
    assert len(client.get_run(first.run_id).inputs.dataset_inputs) == 3


@pytest.mark.parametrize("sender", ["log_batch", "log_inputs", "log_artifacts", "log_table"])
def test_a_logging_that_broke_off_is_finished_not_doubled(client, directory, monkeypatch, sender):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    whole = example("gan", "ddpm")
    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, sender, fail)
        with pytest.raises(TrackingError):
            log_evaluation(whole, directory, experiment="brains")
    tracked = log_evaluation(whole, directory, experiment="brains", run_name="mended")
    runs = client.search_runs([tracked.experiment_id])
    assert {run.info.run_id for run in runs} == {tracked.run_id, *tracked.nested.values()}
    assert {run.info.status for run in runs} == {"FINISHED"}
    parent = client.get_run(tracked.run_id)
    assert parent.info.run_name == "mended"
    several = {"compared.generator": "gan, ddpm", "compared.n": "30, 30"}
    assert parent.data.params == {
        "metrics.frechet.resamples": "200",
        "seed": "7",
        **COMPARED,
        **several,
    }
    assert len(parent.inputs.dataset_inputs) == 3
    assert client.get_run(tracked.nested["ddpm"]).data.metrics["more/volumes/ms_ssim"] == 0.75
    names = {item.path for item in client.list_artifacts(tracked.run_id)}
    assert names == {
        "figures",
        "results.json",
        "environment.json",
        "comparison.csv",
        "comparison.json",
        "ranking.csv",
        "ranking.json",
    }


def test_default_is_the_database_of_the_working_folder_and_nothing_is_printed(
    tmp_path, directory, monkeypatch, capfd
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    tracked = log_evaluation(example("ddpm"), directory, experiment="brains")
    assert dict(os.environ) == before
    assert (tmp_path / "mlflow.db").is_file()
    assert (tmp_path / "mlruns" / tracked.run_id / "artifacts" / "results.json").is_file()
    page = f"http://127.0.0.1:5000/#/experiments/{tracked.experiment_id}/runs/{tracked.run_id}"
    assert tracked.url == f"{page}?workflowType=machine_learning"
    assert tracked.hint == f"run `mlflow ui`, then open {tracked.url}"
    assert capfd.readouterr() == ("", "")


def test_hint_names_a_database_elsewhere(client, directory, tmp_path):
    tracked = log_evaluation(example("ddpm"), directory, experiment="brains")
    database = tmp_path / "store" / "mlflow.db"
    assert f"`mlflow ui --backend-store-uri sqlite:///{database}`" in tracked.hint


def test_server_that_is_down_is_told_in_seconds(directory, monkeypatch):
    with socket.socket() as reserved:  # bound, but nobody listens
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
        start = time.monotonic()
        with pytest.raises(TrackingError) as caught:
            log_evaluation(example("ddpm"), directory, experiment="brains")
    assert time.monotonic() - start < 60  # MLflow itself would try for minutes
    assert str(caught.value) == (
        f"MLflow at http://127.0.0.1:{port} did not take the results: Connection refused. "
        f"They are safe in {directory}; log them later with: evalsuite log {directory}"
    )


def test_the_user_may_be_more_patient(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "9")
    with server.quiet_and_impatient():
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "9"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "9"


def test_a_file_that_is_no_database_is_told_at_once(directory, tmp_path, monkeypatch):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like one to a careless reader " * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    start = time.monotonic()
    with pytest.raises(TrackingError, match=r"notes\.txt did not take .*: file is not a database"):
        log_evaluation(example("ddpm"), directory, experiment="brains")
    assert time.monotonic() - start < 60  # MLflow itself would try for minutes


def test_a_run_that_breaks_off_is_marked_failed(client, directory, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MlflowClient, "log_artifacts", full)
    with pytest.raises(TrackingError, match="No space left on device"):
        log_evaluation(example("ddpm"), directory, experiment="brains")
    experiment = client.get_experiment_by_name("brains")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"


def test_deleted_experiment_is_told(client, directory):
    client.delete_experiment(client.create_experiment("brains"))
    with pytest.raises(TrackingError, match="Current state is deleted"):
        log_evaluation(example("ddpm"), directory, experiment="brains")


def test_jobs_that_start_together_share_the_experiment(client, directory, monkeypatch):
    other = client.create_experiment("brains")
    look_up = MlflowClient.get_experiment_by_name
    answers = iter([None])

    def too_early(self, name):
        return next(answers, look_up(self, name))

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", too_early)
    assert log_evaluation(example("ddpm"), directory, experiment="brains").experiment_id == other


def test_an_impossible_experiment_name_is_told(client, directory):
    with pytest.raises(TrackingError, match=r"did not take the results: .*500"):
        log_evaluation(example("ddpm"), directory, experiment="x" * 501)


def test_reason_is_the_root_of_the_matter():
    assert server.reason(MlflowException("first line\nsecond")) == "first line"
    assert server.reason(TimeoutError("timed out")) == "timed out"
