"""The pages of MLflow as a user sees them, in headless Chromium."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from evalsuite.records import Evaluation
from evalsuite.results import write_results
from reports.figures.cohorts import cohorts
from reports.figures.embedding import embedding
from reports.figures.estimates import estimates
from tests.evaluations import FEW, example, log_evaluation
from tests.reports.test_figures import evidence

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TIMEOUT = 30_000  # milliseconds


@pytest.fixture(scope="module")
def page():
    """Return a browser page, or skip where there is no browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _skip_or_fail("playwright is not installed: pip install playwright")
    if CHROMIUM is None:
        _skip_or_fail("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1600})
        page.set_default_timeout(TIMEOUT)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def logged(page, tmp_path_factory):
    """Return a folder in which an evaluation was logged to MLflow's own default, and the run."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        evaluation = example("ddpm")
        directory = _results(evaluation, folder / "results")
        return folder, log_evaluation(evaluation, directory, experiment="brains")


@pytest.fixture(scope="module")
def server(logged):
    """Run what the hint says in that folder and return the address."""
    folder, tracked = logged
    assert tracked.hint.startswith("run `mlflow ui`, then open http")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # One worker, no jobs: the pages are the same and start in a quarter of the time.
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"]
    unset = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    extra = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=unset | extra, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_a_run_shows_metrics_datasets_warnings_and_figures(page, logged, server, tmp_path):
    _, tracked = logged
    page.goto(tracked.url.replace("http://127.0.0.1:5000", server))
    page.get_by_role("heading", name="ddpm vs real, radiomics, seed 7").wait_for()
    page.get_by_text("radiomics/frechet_distance", exact=True).first.wait_for()
    page.get_by_text("Metrics (3)").wait_for()
    verdict = "By frechet_distance on radiomics: ddpm 3.25 (2.5 to 4.12)."
    page.get_by_text(verdict).first.wait_for()
    evaluation = example("ddpm")
    page.get_by_text(f"real ({evaluation.real.fingerprint[:36]})").wait_for()
    page.get_by_text("+1", exact=True).click()
    page.get_by_text(f"ddpm ({evaluation.synthetic[0].fingerprint[:36]})").wait_for()
    page.get_by_text("Show more").click()
    page.get_by_text(str(FEW)).wait_for()
    page.screenshot(path=tmp_path / "overview.png")

    page.get_by_role("tab", name="Model metrics").click()
    page.get_by_text(re.compile("^(radiomics/)?frechet_distance$")).first.wait_for()  # by version
    page.screenshot(path=tmp_path / "metrics.png")

    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("figures", exact=True).click()
    for name in ("cohorts.png", "embedding.png", "estimates.png"):
        page.get_by_text(name, exact=True).first.click()
        page.wait_for_function(
            "() => [...document.images].some(i => i.naturalWidth > 500 && i.height > 100)"
        )
        page.screenshot(path=tmp_path / name)


def test_a_server_takes_nested_runs_in_silence(page, server, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    evaluation = example("gan", "ddpm")
    directory = _results(evaluation, tmp_path / "results")
    tracked = log_evaluation(evaluation, directory, experiment="remote")
    assert capfd.readouterr() == ("", "")
    assert tracked.hint == tracked.url
    page.goto(tracked.url)
    page.get_by_role("heading", name="gan, ddpm vs real, radiomics, seed 7").wait_for()
    page.screenshot(path=tmp_path / "parent.png")
    runs = f"{server}/#/experiments/{tracked.experiment_id}/runs"
    page.goto(f"{runs}/{tracked.run_id}/artifacts/comparison.json")
    page.get_by_text("gan value", exact=True).wait_for()
    page.get_by_text("3.25", exact=True).wait_for()
    page.screenshot(path=tmp_path / "comparison.png")
    page.get_by_text("ranking.json", exact=True).click()
    page.get_by_text("generator", exact=True).first.wait_for()
    page.screenshot(path=tmp_path / "ranking.png")
    page.goto(runs)
    for name in ("gan", "ddpm"):
        page.get_by_role("link", name=f"{name} vs real, radiomics, seed 7", exact=True).wait_for()
    page.goto(f"{server}/#/experiments/{tracked.experiment_id}/runs?viewStateShareKey=evalsuite")
    for column in ("compared.generator", "compared.seed", "radiomics/frechet_distance"):
        page.get_by_text(column).first.wait_for()
    page.screenshot(path=tmp_path / "list.png")
    page.goto(f"{runs}/{tracked.nested['ddpm']}")
    page.get_by_text("radiomics/frechet_distance", exact=True).wait_for()
    page.get_by_title("4.25", exact=True).wait_for()
    page.screenshot(path=tmp_path / "nested.png")


def _results(evaluation: Evaluation, folder: Path) -> Path:
    """Write an evaluation with all its figures."""
    kept = evidence(evaluation)
    drawn = {f.__name__: f(evaluation, kept) for f in (cohorts, embedding)}
    (drawn["estimates"],) = estimates(evaluation, kept)
    write_results(evaluation, kept, drawn, {"real": "data/real"}, folder)
    return folder


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"mlflow ui did not start:\n{log.read_text()}")


def _skip_or_fail(reason: str) -> None:
    if os.environ.get("EVALSUITE_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
