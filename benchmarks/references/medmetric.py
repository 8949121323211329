"""Run the package medmetric 0.1.1 on volumes in [0, 1], as its README shows, with seeded weights.

    PYTHONPATH=FOLDER python -m benchmarks.references.medmetric ../shared/data/hippocampus/images

FOLDER holds the package (`pip install --no-deps --target FOLDER medmetric==0.1.1`), which has no
loader: volumes are given as nibabel reads them, cut to one shape, mapped from their minimum
and maximum to 0 and 1. From there on all is the code of the package and the function of its README
(per-volume z-score, whose deviation has n - 1 below).
"""

import re
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import nibabel
import numpy as np
import torch

from benchmarks.references.clones import framed, hippocampi, names
from benchmarks.references.inputs import kept, save, seeded, shapes_of, simulated

SHAPE = (32, 44, 28)


def main(images: Path) -> None:
    from medmetric.extractors.medicalnet import MedicalNetFeatureExtractor

    readme = distribution("medmetric").read_text("METADATA") or ""
    code = re.search(r"(def zscore_per_volume.*?\n)\n", readme, re.DOTALL)
    space: dict[str, object] = {"torch": torch}
    exec(code[1], space)
    options = {"depth": 50, "layers": [3, 4, 6, 3], "block": "Bottleneck", "shortcut_type": "B"}
    shapes = {
        f"module.{name}": shape
        for name, shape in shapes_of(MedicalNetFeatureExtractor(**options).model.backbone).items()
    }
    values: dict[str, object] = {"shapes": shapes, "shape": SHAPE}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "resnet_50_23dataset.pth"
        torch.save({"state_dict": seeded(shapes)}, weights)
        network = MedicalNetFeatureExtractor.from_pretrained(
            depth=50, weights_path=str(weights), strip_prefix=["module."]
        )
        values["simulated"] = _run(network, space, simulated(Path(folder) / "simulated"))
        files = hippocampi(images, Path(folder) / "real")
        values["hippocampus"] = {**_run(network, space, files), "files": names(files)}
    save("medmetric", "medmetric 0.1.1 (package index)", __doc__, values)


def _run(
    network: torch.nn.Module, space: dict[str, object], cohorts: dict[str, list[Path]]
) -> dict[str, object]:
    from medmetric.metrics import FID, MMD

    images = {}
    for name, files in cohorts.items():
        framed(files, SHAPE)
        read = [np.asarray(nibabel.load(file).dataobj, dtype=np.float32) for file in files]
        scaled = [(voxels - voxels.min()) / (voxels.max() - voxels.min()) for voxels in read]
        images[name] = torch.from_numpy(np.stack(scaled))[:, None]
    features = {
        name: torch.cat(
            [network(space["zscore_per_volume"](own[i : i + 1])) for i in range(len(own))]
        )
        for name, own in images.items()
    }
    return {
        "features": kept(torch.cat(list(features.values())).numpy()),
        "frechet": float(FID()(features["synthetic"], features["real"])),
        "mmd": float(MMD()(features["synthetic"], features["real"])),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
