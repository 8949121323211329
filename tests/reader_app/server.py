"""The app as `streamlit run reader_app` serves it, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Server:
    """Starts, kills and restarts the app on one port."""

    def __init__(self, home, log, *, root=ROOT, **environment):
        self.log = log
        self.root = root
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
        command = [sys.executable, "-m", "streamlit", "run", "reader_app"]
        self.process = subprocess.Popen(
            [*command, "--server.port", str(self.port)],
            cwd=self.root,
            env=self.environment,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
        )
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/healthy", timeout=5).read()
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError(self.log.read_text())

    def kill(self):
        self.process.kill()
        self.process.wait()
