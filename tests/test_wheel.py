"""What is published installs and runs outside a clone, and is whole."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import PurePosixPath

import pytest

from tests.minimal import ROOT

PACKAGES = ("evalsuite", "generator", "reader_app", "reports")
BUILD = """
import sys
from setuptools import build_meta
build_meta.build_{kind}(sys.argv[1])
"""
EVERY_HELP = """
from importlib.metadata import distribution
from pathlib import Path
from typer.testing import CliRunner
import evalsuite
from evalsuite.cli import _app
for name in ("evalsuite", "generator", "reader_app", "reports"):
    assert Path(__import__(name).__file__).is_relative_to(Path.cwd() / "installed"), name
points = distribution("evalsuite").entry_points.select(group="evalsuite.commands")
import click.testing
for name in points.names:
    done = click.testing.CliRunner().invoke(_app(), [name, "--help"])
    assert done.exit_code == 0, (name, done.output, done.exception)
print(len(points.names), evalsuite.__version__)
"""


def git_files(*below):
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", *below], capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def build(kind, source, folder):
    code = BUILD.format(kind=kind)
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = (path for path in folder.iterdir() if path.is_file())
    return made


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Return the sdist of what git holds, and the wheel that is built of that sdist."""
    folder = tmp_path_factory.mktemp("published")
    clone = folder / "clone"
    for name in git_files():
        if (ROOT / name).is_file():
            target = clone / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    for made in ("sdist", "wheel", "unpacked"):
        (folder / made).mkdir()
    sdist = build("sdist", clone, folder / "sdist")
    shutil.unpack_archive(sdist, folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    return unpacked, build("wheel", unpacked, folder / "wheel")


def test_the_sdist_holds_all_that_its_tests_and_documents_need(published):
    unpacked, _ = published
    held = {str(p.relative_to(unpacked)) for p in unpacked.rglob("*") if p.is_file()}
    apart = {name for name in git_files() if name.startswith(".") or "/." in name}
    assert git_files() - held - apart <= {"Dockerfile", "compose.yaml"}


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(published):
    with zipfile.ZipFile(published[1]) as file:
        names = set(file.namelist())
    assert git_files(*PACKAGES) <= names
    others = {PurePosixPath(name).parts[0] for name in names} - set(PACKAGES)
    assert all(other.endswith(".dist-info") for other in others)


def test_every_command_runs_outside_a_clone(published, tmp_path):
    with zipfile.ZipFile(published[1]) as file:
        file.extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    run = [sys.executable, "-P", "-c", EVERY_HELP]
    done = subprocess.run(
        run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 12
    command = ["simulate-population", "brains", "-n", "2", "--spacing", "8"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "evalsuite", *command],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "brains").glob("*.nii.gz"))) == 2
