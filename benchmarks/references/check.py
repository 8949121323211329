"""Compare what evalsuite yields under each protocol with what the reference yielded.

    python -m benchmarks.references.check ../shared/data/hippocampus/images [PROTOCOL ...]

The references are not needed: their values are kept in tests/protocols/fixtures. Without the real
volumes only the simulated ones are looked at.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.references.clones import framed, hippocampi
from benchmarks.references.inputs import FIXTURES, KEPT, seeded, simulated
from benchmarks.references.wdm_3d import halved
from evalsuite.config import load_config
from evalsuite.evaluate import evaluate
from evalsuite.records import Evaluation, Evidence
from evalsuite.resources import Resources

Files = dict[str, list[Path]]


def _as_they_are(_: Files, __: Path) -> None:
    pass


def _framed(*shape: int) -> Callable[[Files, Path], None]:
    def frame(files: Files, _: Path) -> None:
        for own in files.values():
            framed(own, shape)

    return frame


@dataclass(frozen=True)
class Recipe:
    """How a reference was run, in the words of evalsuite.

    Args:
        settings: beside the protocol.
        simulated: how the simulated volumes are made.
        prepare: what was done to the files before.
        on_hippocampus: further settings for the real volumes.
    """

    settings: dict[str, Any]
    simulated: dict[str, float]
    prepare: Callable[[Files, Path], None] = _as_they_are
    on_hippocampus: dict[str, Any] | None = None


SIDE = [64, 64, 64]
RECIPES = {
    "maisi-2.5d": Recipe({"preprocessing.shape": SIDE}, {}),
    "vlm3d-mr-2.5d": Recipe({"preprocessing.shape": [40, 40, 40]}, {}, _framed(40, 40, 40)),
    "ha-gan": Recipe(
        {"preprocessing.shape": SIDE},
        {"low": -1024, "high": 600},
        on_hippocampus={"preprocessing.intensity.low": 0, "preprocessing.intensity.high": 255},
    ),
    "wdm-3d": Recipe(
        {"preprocessing.shape": SIDE}, {"low": 0, "high": 1000}, lambda files, _: halved(files)
    ),
    "medmetric": Recipe(
        {"preprocessing.orientation": "native", "preprocessing.spacing": "native"},
        {},
        _framed(32, 44, 28),
    ),
    "medical-diffusion": Recipe({"preprocessing.shape": [48, 48, 32]}, {"bright": 2.0}),
}


def fixture(name: str) -> dict[str, Any]:
    """Return what a reference yielded."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


def weights(name: str, folder: Path) -> list[str]:
    """Write the seeded weights of a protocol with their SHA-256; none where it has no network."""
    shapes = fixture(name).get("shapes")
    if not shapes:
        return []
    state = seeded(shapes)
    file = folder / "seeded.pth"
    wrapped = any(key.startswith("module.") for key in state)
    torch.save({"state_dict": state} if wrapped else state, file)
    file.with_name(f"{file.name}.sha256").write_text(hashlib.sha256(file.read_bytes()).hexdigest())
    return [str(file)]


def run(
    name: str, folder: Path, images: Path | None = None, **settings: object
) -> tuple[Evaluation, Evidence]:
    """Return an evaluation of the volumes that the reference was run on.

    Args:
        folder: an empty one.
        images: folder of the hippocampus volumes; None for the simulated ones.
        settings: further ones.
    """
    recipe = RECIPES[name]
    files = hippocampi(images, folder) if images else simulated(folder, **recipe.simulated)
    recipe.prepare(files, folder)
    overrides = {
        "real": str(folder / "real"),
        "synthetic": [str(folder / "synthetic")],
        "protocol": name,
        **recipe.settings,
        **((recipe.on_hippocampus or {}) if images else {}),
        **settings,
    }
    if files := weights(name, folder):
        overrides["weights"] = files
    return evaluate(load_config(None, overrides), Resources(folder / "cache", tell=lambda _: None))


def differences(name: str, answer: tuple[Evaluation, Evidence], kind: str) -> dict[str, float]:
    """Return the largest relative difference of features, and that of each distance."""
    evaluation, evidence = answer
    known = fixture(name)[kind]
    found = {e.key: e.value for e in evaluation.estimates}
    if name == "medical-diffusion":
        mean = float(np.mean(known["synthetic"]))
        return {"ms_ssim": abs(found["ms_ssim"] / mean - 1)}
    told: dict[str, float] = {}
    if "planes" in known:
        tables = [table.slices or {} for table in evidence.features]
        means = np.concatenate(
            [np.stack([t[plane].mean(axis=1) for plane in known["planes"]], axis=1) for t in tables]
        )[..., ::KEPT]
        ends = np.stack([tables[0][plane][0, [0, -1]] for plane in known["planes"]])[..., ::KEPT]
        told["features"] = max(
            _relative(means, known["means"]), _relative(ends, known["first_slices"])
        )
        keys = [f"frechet_distance_{plane}" for plane in known["planes"]] + ["frechet_distance"]
        values = [*known["frechet"][:3], float(np.mean(known["frechet"][:3]))]
        told |= {k: abs(found[k] / v - 1) for k, v in zip(keys, values, strict=True)}
        return told
    rows = np.concatenate([table.values for table in evidence.features])[:, ::KEPT]
    distance = abs(found["frechet_distance"] / known["frechet"] - 1)
    return {"features": _relative(rows, known["features"]), "frechet_distance": distance}


def _relative(found: np.ndarray, known: object) -> float:
    """Return the largest relative difference; of numbers near 0, by a thousandth of the largest."""
    values = np.asarray(known)
    floor = 1e-3 * np.abs(values).max()
    return float(np.max(np.abs(found - values) / np.maximum(np.abs(values), floor)))


def main(images: Path, names: list[str]) -> None:
    for name in names or RECIPES:
        for kind in ("simulated", "hippocampus"):
            if kind == "hippocampus" and not images.is_dir():
                continue
            with tempfile.TemporaryDirectory() as folder:
                own = images if kind == "hippocampus" else None
                answer = run(name, Path(folder), own)
            print(f"{name}, {kind} ({answer[0].protocol})")
            for what, value in differences(name, answer, kind).items():
                print(f"  {what}: {value:.2g}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
