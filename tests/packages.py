"""A package of somebody else, beside the suite as pip would install it, and commands run there."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = """
import json, sys
from evalsuite.cli import main

for arguments in json.loads(sys.argv[1]):
    sys.argv = ["evalsuite", *arguments]
    try:
        main()
    except SystemExit as stopped:
        if stopped.code:
            raise
    print("\\f", end="", flush=True)
"""


def installed(folder, files, entry_points):
    """Write a package, and return the environment in which Python finds it.

    Args:
        folder: a new one.
        files: contents by name.
        entry_points: of its pyproject.toml, as TOML.
    """
    about = folder / "example-1.0.dist-info"
    about.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    groups = tomllib.loads(entry_points)["project"]["entry-points"]
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups.items()
    ]
    (about / "entry_points.txt").write_text("".join(lines))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 1.0\n")
    path = os.pathsep.join([str(folder), str(ROOT)])
    return {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def commands(folder, environment, *lines):
    """Run commands of the suite in one process, and return what each printed.

    Args:
        folder: to run them in.
        environment: of `installed`.
        lines: arguments of each command, as a list.
    """
    return python(folder, environment, COMMANDS, json.dumps(lines)).split("\f")[:-1]


def python(folder, environment, script, *arguments):
    """Run a script, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
