"""Run HA-GAN's `preprocess.py`, `evaluation/resnet3D.py` and `evaluation/fid_score.py`.

    python -m benchmarks.references.ha_gan HA-GAN ../shared/data/hippocampus/images

The first is a clone of github.com/batmanlab/HA-GAN (commit 1d4f226). `fid_score.py` cannot be
imported as it is: `Sub_Encoder(args.latent_dim=...)` is no Python, `OrderedDict` and `Brain_dataset`
are never imported, and its generator is not needed here; these four places are replaced, nothing
else. The side of `preprocess.py` is set to 64, SimpleITK reads the volumes as it does there, and
the network gets seeded weights in the published layout (names that start with `module.`). Needs
scikit-image.
"""

import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import SimpleITK
import torch

from benchmarks.references.clones import hippocampi, loaded, names
from benchmarks.references.inputs import kept, save, seeded, shapes_of, simulated

SIDE = 64


def main(clone: Path, images: Path) -> None:
    preprocess = loaded(clone / "preprocess.py")
    preprocess.IMG_SIZE = SIDE
    sys.modules["resnet3D"] = resnet = loaded(clone / "evaluation/resnet3D.py")
    network = resnet.resnet50(shortcut_type="B")
    network.conv_seg = torch.nn.Identity()
    shapes = {f"module.{name}": shape for name, shape in shapes_of(network).items()}
    sys.argv = sys.argv[:1]
    score = loaded(
        clone / "evaluation/fid_score.py",
        {
            "Sub_Encoder(args.latent_dim=args.latent_dim)": "None",
            "from volume_dataset import Volume_Dataset": "from collections import OrderedDict",
            "from models.Model_HA_GAN_256 import Generator, Encoder, Sub_Encoder": "",
            'torch.load("../gnn_shared/ckpt/pretrain/resnet_50.pth")': "WEIGHTS",
            ".cuda()": "",
        },
    )
    score.WEIGHTS = {"state_dict": seeded(shapes)}
    score.nn.DataParallel = lambda module: module
    values: dict[str, object] = {"shapes": shapes, "side": SIDE}
    low = preprocess.LOW_THRESHOLD
    with tempfile.TemporaryDirectory() as folder:
        files = simulated(Path(folder), low=low, high=preprocess.HIGH_THRESHOLD)
        values["simulated"] = _run(preprocess, score, files)
    preprocess.LOW_THRESHOLD, preprocess.HIGH_THRESHOLD = 0, 255
    with tempfile.TemporaryDirectory() as folder:
        files = hippocampi(images, Path(folder) / "in")
        values["hippocampus"] = {
            **_run(preprocess, score, files),
            "files": names(files),
            "thresholds": [0, 255],
        }
    save(
        "ha-gan",
        "batmanlab/HA-GAN@1d4f226 evaluation/fid_score.py, preprocess.py, evaluation/resnet3D.py",
        __doc__,
        values,
    )


def _run(
    preprocess: types.ModuleType, score: types.ModuleType, cohorts: dict[str, list[Path]]
) -> dict[str, object]:
    network = score.get_feature_extractor()
    inputs, features = [], {}
    for name, files in cohorts.items():
        prepared = [
            preprocess.resize_img(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(file))))
            for file in files
        ]
        inputs += prepared
        batches = [torch.from_numpy(array)[None, None] for array in prepared]
        options = types.SimpleNamespace(num_samples=len(files), dims=2048, batch_size=1)
        features[name] = score.get_activations_from_dataloader(network, batches, options)
    statistics = [value for own in features.values() for value in score.post_process(own)]
    return {
        "inputs": [
            [float(f"{v:.8g}") for v in array[::13, ::17, ::19].ravel()] for array in inputs
        ],
        "features": kept(np.concatenate(list(features.values()))),
        "frechet": float(score.calculate_frechet_distance(*statistics)),
    }


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
