"""The app as `streamlit run reader_app` or `evalsuite study serve` serves it, in its own process."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Server:
    """Starts, kills and restarts the app on one port.

    Args:
        options: of `evalsuite study serve`; without any, Streamlit runs the clone.
        path: below which `options` put the app.
        root: the folder in which it is started.
        python: the interpreter, with its own options.
    """

    def __init__(
        self, home, log, *options, path="", root=ROOT, python=(sys.executable,), **environment
    ):
        self.log, self.options, self.path, self.root = log, options, path, root
        self.python = python
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "EVALSUITE_STUDIES": str(home.app.parent),
            "EVALSUITE_DATABASE": home.database,
            "EVALSUITE_STUDY_TRACKING": "off",
            **environment,
        }
        self.process = None
        self.start()

    def start(self):
        if self.options:
            command = ["evalsuite", "study", "serve", *self.options, "--port"]
        else:
            command = ["streamlit", "run", "reader_app", "--server.port"]
        self.process = subprocess.Popen(
            [*self.python, "-m", *command, str(self.port)],
            cwd=self.root,
            env=self.environment,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
        )
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}{self.path}/healthy", timeout=5).read()
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError(self.log.read_text())

    def kill(self):
        self.process.kill()
        self.process.wait()
