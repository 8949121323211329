"""What a result was computed with: versions, machine, git commits."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import evalsuite

PACKAGES = [
    "evalsuite",
    "matplotlib",
    "mlflow",
    "monai",
    "nibabel",
    "numpy",
    "openvino",
    "pandas",
    "PyWavelets",
    "scipy",
    "SimpleITK",
    "torch",
    "torchmetrics",
]


def environment() -> dict[str, object]:
    """Return versions, platform and git commits, JSON-serialisable."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "absent"
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": versions,
        "evalsuite_commit": git_commit(Path(evalsuite.__file__).parent),
        "working_folder_commit": git_commit(Path.cwd()),
    }


def git_commit(folder: Path) -> str | None:
    """Return the commit of the repository around a folder, `-dirty` added if it has changes.

    None outside a repository, without git, and for a folder that the repository ignores (an
    installed package inside somebody's virtual environment is not that repository's code).
    """

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603
                ["git", "-C", str(folder), *arguments],  # noqa: S607
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if commit is None or git("check-ignore", "-q", str(folder)) is not None:
        return None
    return f"{commit}-dirty" if git("status", "--porcelain") else commit
