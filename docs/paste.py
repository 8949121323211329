"""Run README and tutorials as a new user does, who pastes their blocks one by one.

    python docs/paste.py [PAGE ...]      # see `make test-tutorials`

Each page is run in an empty folder, that of the README with the volumes that its user has, block
by block, as a shell and an interpreter of the environment that this is run with would take them.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from builder.tutorials import BLOCK, ROOT, pages

README = ROOT / "README.md"
VOLUMES = """\
evalsuite simulate-population data/real -n 12 --seed 1 --spacing 6
evalsuite simulate-population out/a -n 12 --seed 2 --spacing 6 --blur 0.5 --noise 0.01
evalsuite simulate-population out/b -n 12 --seed 3 --spacing 6 --variability 0.5
"""


def paste(page: Path) -> None:
    """Run the blocks of a page; raise at the first that fails, with what it printed."""
    before = ""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with tempfile.TemporaryDirectory(prefix="paste-") as folder:
        # Nothing of the user's own, nor of this clone, is in the way.
        foreign = ("MLFLOW_", "EVALSUITE_", "PYTHONPATH")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        environment = clean | {"PATH": path, "EVALSUITE_CACHE": f"{folder}/.cache"}
        blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
        if page == README:
            blocks.insert(0, ("sh", "", VOLUMES))
        for language, options, code in blocks:
            if "no-run" in options.split():
                continue
            start = time.monotonic()
            if language == "sh":
                command = ["bash", "-e", "-o", "pipefail", "-c", code]
            else:  # one interpreter for all blocks: those before are told again
                before += code
                command = [sys.executable, "-c", before]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            seconds = time.monotonic() - start
            first = code.strip().partition("\n")[0]
            print(f"{page.relative_to(ROOT)}: {seconds:5.0f} s  {first}", flush=True)  # noqa: T201
            if done.returncode:
                sys.exit(f"It ended with {done.returncode}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    for one in [Path(name).resolve() for name in sys.argv[1:]] or [README, *pages()]:
        paste(one)
