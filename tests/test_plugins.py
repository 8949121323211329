"""Nothing beside the shell breaks it: neither another package nor a folder of the user's."""

import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite import plugins
from tests.packages import installed

BROKEN = {"broken.py": "import no_such_module\n"}
POINTS = """
[project.entry-points."evalsuite.commands"]
broken = "broken:command"
[project.entry-points."evalsuite.metrics"]
wrong = "broken:METRIC"
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Return the environment in which a package is installed that cannot be imported."""
    return installed(tmp_path_factory.mktemp("other") / "package", BROKEN, POINTS)


def shell(environment, folder, *arguments):
    """Return status, output and errors of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "evalsuite", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_package_that_cannot_be_imported_is_one_sentence_and_breaks_nothing_else(
    package, tmp_path
):
    status, out, _ = shell(package, tmp_path, "--help")
    assert status == 0
    assert "compute-metrics" in out
    assert "cannot be loaded" in " ".join(out.split())
    assert shell(package, tmp_path, "generator", "presets", "--json")[0] == 0
    cohorts = ("--real", "nowhere", "--synthetic", "nowhere")
    for arguments in (("broken",), ("compute-metrics", *cohorts, "--metrics", "wrong")):
        status, out, err = shell(package, tmp_path, *arguments)
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 1, err
        assert "No module named 'no_such_module'). Update or uninstall that package." in err


def test_a_fault_of_our_own_is_not_taken_for_one_of_another_package():
    point = next(iter(plugins.available("commands").values()))
    assert point.dist.name == "evalsuite"
    wrong = type(point)("x", "no_such_module:x", point.group)._for(point.dist)
    with pytest.raises(ModuleNotFoundError):
        plugins.loaded(wrong)


@pytest.mark.parametrize("name", ["generator", "reports", "reader_app", "torch"])
def test_a_folder_of_the_user_takes_no_package_s_place(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise ImportError('of the user')\n")
    status, out, err = shell(None, tmp_path, "generator", "presets", "--json")
    assert (status, err) == (0, "")
    assert "paper-brain" in out
    assert not list(Path(tmp_path / name).glob("__pycache__"))


def test_a_package_that_is_installed_later_is_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    assert "later" not in plugins.available("metrics")
    about = tmp_path / "later-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[evalsuite.metrics]\nlater = later:METRIC\n")
    assert "later" in plugins.available("metrics")
    monkeypatch.undo()
    assert "later" not in plugins.available("metrics")
