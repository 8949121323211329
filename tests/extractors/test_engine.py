"""OpenVINO in a process of its own: its threads must not outlive the tests in a worker of many."""

import subprocess
import sys
from pathlib import Path


def test_networks_by_openvino():
    """Run `by_openvino.py` beside this file, which pytest collects only when it is named."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
    file = Path(__file__).with_name("by_openvino.py")
    done = subprocess.run(
        [*command, "-n", "0", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
