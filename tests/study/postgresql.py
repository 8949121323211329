"""A PostgreSQL server of the tests' own, as Debian installs it."""

import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path

import pytest


def binaries():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        if os.environ.get("EVALSUITE_REQUIRE_ALL"):
            pytest.fail("PostgreSQL is not installed, and no test may be skipped")
        pytest.skip("PostgreSQL is not installed")
    return found[-1].parent


class PostgreSQL:
    """A server in a folder; `url` names its database."""

    def __init__(self, folder):
        self.bin = binaries()
        self.data = folder / "data"
        # The server refuses to run as root, and so needs a folder of its own user's.
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            owner = pwd.getpwnam(self.user)
            for parent in (folder, *folder.parents):
                if parent == Path("/tmp") or not os.access(parent, os.W_OK):
                    break
                parent.chmod(0o755)
            shutil.chown(folder, owner.pw_uid, owner.pw_gid)
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "tests", "--no-sync")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.start()
        self.url = f"postgresql://tests@127.0.0.1:{self.port}/postgres"

    def run(self, program, *arguments):
        subprocess.run(
            [self.bin / program, *map(str, arguments)],
            user=self.user,
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-o", options, "start")

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")
