"""Every room of the house stands on a floor, so that import-linter sees what it imports."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
APART = {"evalsuite", "evalsuite.study", "evalsuite.study.migrations"}


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
