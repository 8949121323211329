"""Run `mr_challenges/mrgen_evaluation/fid_2p5d.py` of VLM3D-Dockers with seeded weights.

    python -m benchmarks.references.vlm3d_mr VLM3D-Dockers \\
        ../shared/data/hippocampus/images

The first is a folder that holds the files of github.com/forithmus/VLM3D-Dockers at commit 8ffa4ab
(of no branch). `FIDAccumulator` of the script is given the volumes as its `score.py` reads them,
nibabel's axes and the units of the file, all cut and padded with zeros to 40 cubed before. Its SqueezeNet 1.1 of torchvision gets seeded weights in
place of the download. The compiled part of torchvision, which that network does not need, may be
absent.
"""

import atexit
import sys
import tempfile
import types
from pathlib import Path

import nibabel
import numpy as np
import torch

from benchmarks.references.clones import framed, hippocampi, loaded, names
from benchmarks.references.inputs import kept, save, seeded, shapes_of, simulated


def main(clone: Path, images: Path) -> None:
    _declare_operators()
    import torchvision

    make = torchvision.models.squeezenet1_1

    def with_seeded(**_: object) -> torch.nn.Module:
        network = make()
        network.load_state_dict(seeded(shapes_of(network)))
        return network

    torchvision.models.squeezenet1_1 = with_seeded
    script = loaded(clone / "mr_challenges/mrgen_evaluation/fid_2p5d.py")
    values: dict[str, object] = {"shapes": shapes_of(make())}
    with tempfile.TemporaryDirectory() as folder:
        values["simulated"] = _run(script, simulated(Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        files = hippocampi(images, Path(folder) / "in")
        values["hippocampus"] = {**_run(script, files), "files": names(files)}
    save(
        "vlm3d-mr-2.5d",
        "forithmus/VLM3D-Dockers@8ffa4ab mr_challenges/mrgen_evaluation/fid_2p5d.py",
        __doc__,
        values,
    )


def _declare_operators() -> None:
    """Let torchvision be imported without its compiled part."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    atexit.register(library._destroy)


def _run(script: types.ModuleType, cohorts: dict[str, list[Path]]) -> dict[str, object]:
    """Return means over the slices of each volume, features of some slices, and distances."""
    for files in cohorts.values():
        framed(files, (40, 40, 40))
    accumulated = script.FIDAccumulator(device="cpu")
    volumes = {name: [_read(file) for file in files] for name, files in cohorts.items()}
    for real, synthetic in zip(*volumes.values(), strict=True):
        accumulated.add_pair(real, synthetic)
    by_axis = {
        plane: [
            accumulated._extract_volume_features(volume, axis)
            for own in volumes.values()
            for volume in own
        ]
        for plane, axis in (("axial", 2), ("coronal", 1), ("sagittal", 0))
    }
    told = accumulated.finalize()
    return {
        "planes": list(by_axis),
        "slices": [[len(rows) for rows in own] for own in by_axis.values()],
        "first_slices": [kept(own[0][[0, -1]]) for own in by_axis.values()],
        "means": [
            kept(np.stack([rows.mean(0) for rows in volume]))
            for volume in zip(*by_axis.values(), strict=True)
        ],
        "frechet": [told[f"FID_2p5D_{plane}"] for plane in ("XY", "XZ", "YZ", "Avg")],
    }


def _read(file: Path) -> np.ndarray:
    return np.asanyarray(nibabel.load(str(file)).dataobj, dtype=np.float32)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
