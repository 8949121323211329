"""Every extra brings what its commands need, and without it a command says which to install."""

import subprocess
import sys

import numpy as np
import pytest
import yaml

from evalsuite import extras
from tests.minimal import ROOT, closure, links, megabytes

HEAVY = {
    "diffusers", "matplotlib", "mlflow", "monai", "nilearn", "scipy", "simpleitk", "streamlit",
    "torch",
}  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return what runs the command line where only the extras named are installed."""
    made = {}

    def run(*arguments, extra=(), cwd=None, module=True):
        if extra not in made:
            made[extra] = links(tmp_path_factory.mktemp("installed") / "packages", *extra)
        program = ["-m", "evalsuite"] if module else []
        # -S: without the packages that are installed here.
        command = [sys.executable, "-S", *program, *map(str, arguments)]
        return subprocess.run(
            command, env=made[extra], cwd=cwd, capture_output=True, text=True, check=False
        )

    return run


def test_the_core_and_the_server_of_readers_are_light():
    assert not HEAVY & set(closure())
    assert HEAVY & set(closure("reader", "login", "postgresql")) == {"streamlit"}
    assert set(closure("all")) >= HEAVY
    assert megabytes("reader", "login", "postgresql") < 490  # `du` adds the rest of blocks


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["compute-metrics", "--real", "a", "--synthetic", "b", "--no-tracking"], "metrics"),
        (["compute-metrics", "--real", "a", "--synthetic", "b"], "tracking"),
        (["generator", "train", "a", "--output", "run"], "tracking"),
        (["generator", "train", "a", "--output", "run", "--no-tracking"], "generator"),
        (["generator", "sample", "run", "--output", "samples"], "tracking"),
        (["generator", "sample", "run", "--output", "samples", "--no-tracking"], "generator"),
        (["study", "serve"], "reader"),
        (["study", "demo"], "demo"),
        (["simulate-population", "brains"], "demo"),
        (["extractors"], "metrics"),
        (["metrics"], "metrics"),
        (["study", "power"], "analysis"),
        (["report", "--evaluation", "here", "--output", "there", "--no-tracking"], "analysis"),
        (["study", "status", "s", "--database", "postgresql://user@host/name"], "postgresql"),
        (["report", "--evaluation", "here", "--output", "there"], "tracking"),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(installed, command, extra, tmp_path):
    done = installed(*command, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert f"pip install 'evalsuite[{extra}]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_nrrd_names_the_extra_that_reads_it(installed, tmp_path):
    (tmp_path / "volume.nrrd").write_bytes(b"NRRD0004\n")
    ask = (
        "from pathlib import Path; from evalsuite.errors import EvalsuiteError\n"
        "from evalsuite.volumes.read import read_volume\n"
        "try: read_volume(Path('volume.nrrd'))\n"
        "except EvalsuiteError as error: print(error)"
    )
    done = installed("-c", ask, cwd=tmp_path, module=False)
    assert "pip install 'evalsuite[itk]'" in done.stdout, done


def test_cases_are_not_begun_without_what_prepares_and_audits_them(installed, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((8, 8, 8)))
    options = ["--real", ".", "--synthetic", ".", "--reader", "Ada", "--cases", "1"]
    create = ["study", "create", "--name", "birds", *options, "--no-tracking"]
    done = installed(*create, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        (
            "Preparing the cases of a study needs matplotlib, scipy. "
            "Install it with: pip install 'evalsuite[analysis]'.\n"
        ),
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize(
    ("call", "extra"),
    [
        ("frechet_distance([[0.0]], [[1.0]])", "metrics"),
        ("estimates('mmd', [[0.0]], [[1.0]])", "metrics"),
        ("compute_metrics('a', 'b')", "metrics"),
        ("audit('a', 'b', 'c')", "analysis"),
        ("compare('a')", "analysis"),
        ("report('out', study='a.csv')", "analysis"),
    ],
)
def test_a_function_names_the_extra_that_it_lacks(installed, call, extra, tmp_path):
    done = installed("-c", f"import evalsuite; evalsuite.{call}", cwd=tmp_path, module=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("evalsuite.errors.EvalsuiteError: ")
    assert f"pip install 'evalsuite[{extra}]'" in last


def test_statistics_and_reports_need_no_network(installed, tmp_path):
    study = tmp_path / "single.csv"
    study.write_bytes((ROOT / "tests/old/study/single.csv").read_bytes())
    design = yaml.safe_load((ROOT / "tests/old/study/single.yaml").read_text())
    about = {"study": "single", "state": "closed", "design": design, "design_hash": "c"}
    study.with_suffix(".design.yaml").write_text(yaml.safe_dump(about))
    done = installed("report", "--study", study, "--output", tmp_path / "out", "--no-tracking",
                     "--replicates", 100, extra=("analysis",))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/report.html").stat().st_size > 10_000


def test_what_is_of_no_extra_is_no_matter_of_installing():
    assert extras.named(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert extras.named(ModuleNotFoundError("No module named 'torch.x'", name="torch.x")) is None
    assert extras.command("torch") == "pip install 'evalsuite[metrics]'"
    assert extras.command("mlflow") == "pip install 'evalsuite[tracking]'"
    assert extras.command("colorama") == "pip install colorama"
    extras.require("metrics", purpose="This")
