"""Run WDM-3D's `eval/fid.py`, `eval/model.py` and `guided_diffusion/bratsloader.py`.

    python -m benchmarks.references.wdm_3d wdm-3d ../shared/data/hippocampus/images

The first is a clone of github.com/pfriedri/wdm-3d (commit a93a7ef). Real volumes are cut and padded
to BraTS' 240 x 240 x 155 voxels, which its loader takes as they are; it pads them to 256 cubed and
halves that (`--img_size 128`). So that features are made in a short time, a second run has the sizes
of the loader divided by four (60 x 60 x 38 voxels in 64 cubed, halved to 32); the numbers in the
text of the loader are replaced, nothing else. Synthetic volumes are of the final size already, with
values as a generator yields them. The network gets seeded weights in the published layout.
"""

import sys
import tempfile
import types
from pathlib import Path

import nibabel
import numpy as np
import torch

from benchmarks.references.clones import framed, hippocampi, loaded, names
from benchmarks.references.inputs import kept, save, seeded, shapes_of, simulated

SMALL = {
    "image = torch.zeros(1, 256, 256, 256)": "image = torch.zeros(1, 64, 64, 64)",
    "image[:, 8:-8, 8:-8, 50:-51] = out": "image[:, 2:-2, 2:-2, 13:-13] = out",
}


def main(clone: Path, images: Path) -> None:
    torch.Tensor.cuda = lambda self, *_: self
    loader = loaded(clone / "guided_diffusion/bratsloader.py")
    small = loaded(clone / "guided_diffusion/bratsloader.py", SMALL)
    resnet = loaded(clone / "eval/models/resnet.py")
    sys.modules |= {"models": types.SimpleNamespace(resnet=resnet), "models.resnet": resnet}
    sys.modules["guided_diffusion.bratsloader"] = loader
    sys.modules["guided_diffusion.lidcloader"] = loaded(clone / "guided_diffusion/lidcloader.py")
    sys.modules["guided_diffusion"] = types.ModuleType("guided_diffusion")
    sys.modules["model"] = loaded(clone / "eval/model.py")
    script = loaded(clone / "eval/fid.py")
    sys.argv = ["fid.py", "--dataset", "brats", "--img_size", "128", "--data_root_real", "-"]
    sys.argv += ["--data_root_fake", "-", "--pretrain_path", "-", "--path_to_activations", "-"]
    options = script.parse_opts()
    options.phase, options.no_cuda, options.dims = "test", True, 2048
    network, _ = sys.modules["model"].generate_model(options)
    shapes = {f"module.{name}": shape for name, shape in shapes_of(network).items()}
    state = seeded(shapes)
    network.load_state_dict({name.removeprefix("module."): v for name, v in state.items()})
    network.eval()
    values: dict[str, object] = {"shapes": shapes}
    with tempfile.TemporaryDirectory() as folder:
        files = simulated(Path(folder), low=0, high=1000)
        framed(files["real"], (240, 240, 155))
        values["full"] = {"inputs": [_sampled(v) for v in _volumes(loader, files["real"], "real")]}
    with tempfile.TemporaryDirectory() as folder:
        values["simulated"] = _run(script, small, network, options, _small(Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        files = hippocampi(images, Path(folder) / "in")
        halved(files)
        values["hippocampus"] = {
            **_run(script, small, network, options, files),
            "files": names(files),
        }
    save(
        "wdm-3d",
        "pfriedri/wdm-3d@a93a7ef eval/fid.py, eval/models/resnet.py, guided_diffusion/bratsloader.py",
        __doc__,
        values,
    )


def _small(folder: Path) -> dict[str, list[Path]]:
    files = simulated(folder, low=0, high=1000)
    halved(files)
    return files


def halved(files: dict[str, list[Path]]) -> None:
    """Give real volumes the small frame, and synthetic ones 32 cubed and values of a generator."""
    framed(files["real"], (60, 60, 38))
    framed(files["synthetic"], (32, 32, 32))
    for file in files["synthetic"]:
        image = nibabel.load(file)
        voxels = np.asarray(image.dataobj, dtype=np.float32)
        voxels = voxels / np.quantile(voxels, 0.9, method="linear")
        nibabel.save(nibabel.Nifti1Image(voxels.astype(np.float32), image.affine), file)


def _volumes(loader: types.ModuleType, files: list[Path], mode: str) -> list[torch.Tensor]:
    data = loader.BRATSVolumes("-", mode=mode, img_size=128)
    data.database = [{"t1n": str(file)} for file in files]
    items = [data[i] for i in range(len(files))]
    return [item[0] if isinstance(item, tuple) else item for item in items]


def _run(
    script: types.ModuleType,
    loader: types.ModuleType,
    network: torch.nn.Module,
    options: object,
    cohorts: dict[str, list[Path]],
) -> dict[str, object]:
    options.num_samples, options.batch_size = 4, 1
    inputs, features = [], {}
    for name, mode in (("real", "real"), ("synthetic", "fake")):
        volumes = _volumes(loader, cohorts[name], mode)
        inputs += volumes
        batches = [volume[None].float() for volume in volumes]
        features[name] = script.get_activations(network, batches, options)
    statistics = [value for own in features.values() for value in script.process_feature_vecs(own)]
    return {
        "inputs": [_sampled(volume) for volume in inputs],
        "features": kept(np.concatenate(list(features.values()))),
        "frechet": float(script.calculate_frechet_distance(*statistics)),
    }


def _sampled(volume: torch.Tensor) -> list[float]:
    """Return some voxels of the input of the network."""
    shape = volume.shape[1:]
    middle = tuple(slice(side // 4, None, 7) for side in shape)
    return [float(f"{v:.8g}") for v in volume[0][middle].ravel().tolist()]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
