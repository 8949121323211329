"""Every extra brings what its commands need, and without it a command says which to install."""

import subprocess
import sys

import pytest
import yaml

from evalsuite import extras
from tests.minimal import ROOT, closure, links

HEAVY = {"torch", "monai", "mlflow", "simpleitk", "streamlit", "diffusers", "nilearn"}


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
    assert HEAVY & set(closure("reader")) == {"streamlit"}
    assert set(closure("all")) >= HEAVY


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


def test_the_core_reports_a_study(installed, tmp_path):
    study = tmp_path / "single.csv"
    study.write_bytes((ROOT / "tests/old/study/single.csv").read_bytes())
    design = yaml.safe_load((ROOT / "tests/old/study/single.yaml").read_text())
    about = {"study": "single", "state": "closed", "design": design, "design_hash": "c"}
    study.with_suffix(".design.yaml").write_text(yaml.safe_dump(about))
    done = installed("report", "--study", study, "--output", tmp_path / "out", "--no-tracking",
                     "--replicates", 100)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/report.html").stat().st_size > 10_000


def test_the_server_of_readers_needs_its_extra_alone(installed):
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "reader_app").rglob("*.py")
        if path.stem not in ("__main__", "__init__", "streamlit_app")
    )
    assert len(modules) > 10
    done = installed("-c", f"import {', '.join(modules)}", extra=("reader",), module=False)
    assert done.returncode == 0, done.stderr


def test_what_is_of_no_extra_is_no_matter_of_installing():
    assert extras.named(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert extras.named(ModuleNotFoundError("No module named 'torch.x'", name="torch.x")) is None
    assert extras.command("torch") == "pip install 'evalsuite[metrics]'"
    assert extras.command("colorama") == "pip install colorama"
    extras.require("metrics", purpose="This")
