"""A PostgreSQL server of the tests' own, as Debian installs it."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


def binaries():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        if os.environ.get("EVALSUITE_REQUIRE_ALL") == "1":
            pytest.fail("PostgreSQL is not installed, and no test may be skipped")
        pytest.skip("PostgreSQL is not installed")
    return found[-1].parent


class PostgreSQL:
    """A running server; `url` names its database."""

    def __init__(self, **settings):
        self.bin = binaries()
        # The server refuses to run as root, and so needs a folder of its own user's. Not one of
        # pytest's: whenever pytest starts, it closes the folder above them to all but its user.
        self.user = "postgres" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="evalsuite-postgresql-"))
        if self.user:
            shutil.chown(self.folder, self.user)
        self.data = self.folder / "data"
        self.running, self.starts = False, 0
        try:
            self.run("initdb", "-D", self.data, "-A", "trust", "-U", "tests", "--no-sync")
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
            settings = {"listen_addresses": "127.0.0.1", **settings}
            self.options = f"-p {self.port} -k {self.folder} " + " ".join(
                f"-c {name}={value}" for name, value in settings.items()
            )
            self.start()
        except BaseException:
            self.remove()
            raise
        self.url = f"postgresql://tests@127.0.0.1:{self.port}/postgres"

    def run(self, program, *arguments):
        done = subprocess.run(
            [self.bin / program, *map(str, arguments)],
            check=False,
            user=self.user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert done.returncode == 0, f"{program} failed: {done.stderr}"

    def clear(self):
        """Empty the database, whoever still holds something in it."""
        others = "FROM pg_stat_activity WHERE usename = 'tests' AND pid <> pg_backend_pid()"
        statements = (
            f"SELECT pg_terminate_backend(pid) {others}",
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
            "ALTER DATABASE postgres RESET ALL",
        )
        where = ("-h", "127.0.0.1", "-p", self.port, "-U", "tests", "-d", "postgres")
        commands = [part for statement in statements for part in ("-c", statement)]
        self.run("psql", *where, "-v", "ON_ERROR_STOP=1", *commands)

    def start(self):
        log = self.folder / "log"
        self.run("pg_ctl", "-D", self.data, "-l", log, "-w", "-o", self.options, "start")
        self.running = True
        self.starts += 1

    def stop(self):
        """Stop the server as if it had been killed."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        self.running = False

    def remove(self):
        if self.running:
            self.stop()
        shutil.rmtree(self.folder)
