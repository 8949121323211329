"""The rooms of the house stand on floors that import-linter sees, and their words fit all readers."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
APART = {"evalsuite", "evalsuite.study", "evalsuite.study.migrations"}
FOLDERS = ("evalsuite", "generator", "reader_app", "reports", "tests", "benchmarks", "docs")
WRITTEN = {".py", ".md", ".html", ".js", ".css", ".yaml", ".toml"}
GENDERED = re.compile(r"(?<![A-Za-z])([Ss]h|[Hh])(e|er|ers|erself|is|im|imself)(?![A-Za-z])")


def test_every_room_has_a_floor():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    floors = {room.strip() for layer in layers for room in layer.replace("|", ":").split(":")}
    rooms = {"generator", "reader_app", "reports"}
    for package in ("evalsuite", "evalsuite/study"):
        for path in (ROOT / package).iterdir():
            if path.suffix == ".py" or (path / "__init__.py").is_file():
                rooms.add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert {r.removesuffix(".__init__") for r in rooms} - APART == floors


def test_readers_and_attackers_are_they():
    files = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.suffix in WRITTEN]
    files += [path for path in ROOT.iterdir() if path.suffix in WRITTEN]
    assert len(files) > 400
    gendered = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if GENDERED.search(line)
    ]
    assert gendered == []
