"""Tutorials are executed when the site is built; what their blocks print stands below them.

A page whose front matter says `run: true` is run from top to bottom in an empty folder. A block of
`sh` is run statement by statement, commands of the suite in one process, as importing torch once is
enough; a block of `python` shares its names with those before it. After the language may stand
`no-run`, or `head=N` for the first lines of a long output. `run:PATH` in a link or picture is a file
that the blocks wrote. Results are kept in `build/tutorials` until the page or the code changes.
"""

import hashlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
KEPT = ROOT / "build/tutorials"
PACKAGES = ("evalsuite", "generator", "reports", "reader_app")
ASKED = re.compile(r"\A---\n(?:.*\n)*?run: true\n(?:.*\n)*?---\n")
BLOCK = re.compile(r"^```(sh|python)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WRITTEN = re.compile(r"\]\(run:([^)\s]+)\)")
HEREDOC = re.compile(r"<<'?(\w+)'?")
PIPED = {"|", "||", "&&", ">", ";"}  # what needs a shell
WIDTH = "100"  # characters of a line of output
# Nothing of ours, which looks for entry points when it is imported: a page may install some.
HEAVY = ("matplotlib.figure", "pandas", "scipy.stats", "sqlalchemy", "torch", "torchmetrics")


@dataclass(frozen=True)
class Ran:
    """What a page's blocks printed, in their order, and the files that the page shows."""

    outputs: list[str]
    folder: Path


def pages() -> list[Path]:
    """Return the pages that are to be run."""
    return sorted(p for p in DOCS.rglob("*.md") if ASKED.match(p.read_text(encoding="utf-8")))


def ran(page: Path) -> Ran:
    """Return what is kept of a page."""
    folder = _kept(page)
    return Ran(json.loads((folder / "outputs.json").read_text(encoding="utf-8")), folder)


def run_all() -> None:
    """Run the pages that changed or whose code did, each in a process of its own.

    Raises:
        RuntimeError: if a block fails, with the page and what it printed.
    """
    if new := [str(page) for page in pages() if not (_kept(page) / "outputs.json").is_file()]:
        _start(new)


def _start(new: list[str]) -> None:
    paths = os.pathsep.join([str(DOCS), str(ROOT), os.environ.get("PYTHONPATH", "")])
    # Nothing of the user's own is touched or shown.
    ours = {"PYTHONPATH": paths, "COLUMNS": WIDTH, "EVALSUITE_CACHE": str(KEPT / "cache")}
    foreign = ("MLFLOW_", "EVALSUITE_", "FORCE_COLOR")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)} | ours
    command = [sys.executable, "-m", "builder.tutorials", *new]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"A page failed:\n{done.stderr[-4000:]}")


def shown(text: str, found: Ran, place: str) -> str:
    """Return a page with outputs below its blocks.

    Args:
        text: of the page.
        found: of running it.
        place: of the files that it shows, relative to it.
    """
    outputs = iter(found.outputs)

    def block(fence: re.Match[str]) -> str:
        language, options, code = fence.groups()
        told = f"```{language}\n{code}```"
        if "no-run" in options.split():
            return told
        printed = next(outputs).rstrip()
        if most := re.search(r"head=(\d+)", options):
            lines = printed.splitlines()
            printed = "\n".join([*lines[: int(most[1])], "…"][: len(lines)])
        return f"{told}\n\n```{{.text .output}}\n{printed}\n```" if printed else told

    return WRITTEN.sub(rf"]({place}/\1)", BLOCK.sub(block, text))


def statements(code: str) -> Iterator[str]:
    r"""Yield the statements of a block of `sh`: lines, with what continues them.

    Example:
        >>> list(statements("a \\\\\\n  b\\ncat > c <<'END'\\nd\\nEND\\ne\\n"))
        ['a \\\\\\n  b', "cat > c <<'END'\\nd\\nEND", 'e']
    """
    lines = iter(code.splitlines())
    for line in lines:
        statement = line
        while statement.endswith("\\"):
            statement += "\n" + next(lines)
        if heredoc := HEREDOC.search(statement):
            for more in lines:
                statement += "\n" + more
                if more == heredoc[1]:
                    break
        if statement.strip():
            yield statement


def _run(page: Path) -> None:
    """Run one page and keep what it printed and the files that it shows."""
    text = page.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "tutorial"}
    outputs = []
    with tempfile.TemporaryDirectory(prefix="tutorial-") as scratch, chdir(scratch):
        for language, options, code in BLOCK.findall(text):
            if "no-run" in options.split():
                continue
            printed = io.StringIO()
            with redirect_stdout(printed):
                if language == "python":
                    exec(compile(code, str(page), "exec"), names)
                else:
                    for statement in statements(code):
                        _shell(statement, printed)
            outputs.append(printed.getvalue())
        folder = _kept(page)
        shutil.rmtree(folder.parent, ignore_errors=True)
        for name in WRITTEN.findall(text):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, folder / name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outputs.json").write_text(json.dumps(outputs), encoding="utf-8")


def _shell(statement: str, printed: io.StringIO) -> None:
    words = shlex.split(statement.replace("\\\n", " "), comments=True)
    if words[:1] == ["evalsuite"] and not PIPED & set(words):
        from evalsuite.cli import main

        sys.argv = words
        try:
            main()
        except SystemExit as stopped:
            if stopped.code:
                raise RuntimeError(f"`{statement}` ended with {stopped.code}.") from None
        return
    if words[:2] == ["pip", "install"]:  # into a folder, as the environment is not ours
        target = Path("installed").resolve()
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target",
                 str(target), "--no-build-isolation", *words[2:]]  # fmt: skip
        sys.path.append(str(target))
        statement = shlex.join(words)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-ec", statement], env=os.environ | {"PATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    printed.write(done.stdout)
    if done.returncode:
        raise RuntimeError(f"`{statement}` failed: {done.stderr}")


def _kept(page: Path) -> Path:
    """Return the folder of what a page yields, of another name once page or code change."""
    seen = hashlib.sha256(page.read_bytes())
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    for path in sorted([*sources, Path(__file__)]):
        seen.update(path.read_bytes())
    return KEPT / page.relative_to(DOCS).with_suffix("") / seen.hexdigest()[:16]


if __name__ == "__main__":
    for name in HEAVY:
        import_module(name)
    for path in sys.argv[1:]:
        child = os.fork()  # a process of its own, which has imported all of that
        if not child:
            _run(Path(path))
            sys.exit()
        if os.waitpid(child, 0)[1]:
            sys.exit(f"That was {path}.")
