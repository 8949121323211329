"""Run NVIDIA's `scripts/compute_fid_2-5d_ct.py` as it is, on the CPU and with seeded weights.

    python -m benchmarks.references.maisi NV-Generate-CTMR radimagenet-models \\
        ../shared/data/hippocampus/images

The first two are clones of github.com/NVIDIA-Medtech/NV-Generate-CTMR (commit da438fe) and of
github.com/Warvito/radimagenet-models (commit 0639bca). The whole `main` of the script runs, in one
process: gloo stands for NCCL, the CPU for the graphics card, and the network of the second clone
with seeded weights for the download. Needs the package fire, and gdown or a stub of it.
"""

import importlib.util
import os
import shutil
import sys
import tempfile
import types
from pathlib import Path

import torch

from benchmarks.references.inputs import kept, save, seeded, shapes_of, simulated

SHAPE = 64
CALL = {"enable_center_slices_ratio": 0.4, "enable_resampling_spacing": "1.0x1.0x1.0"}


def main(nvidia: Path, radimagenet: Path, images: Path) -> None:
    sys.modules.setdefault("gdown", types.ModuleType("gdown"))
    resnet = _loaded(radimagenet / "radimagenet_models/models/resnet.py")
    network = resnet.ResNet50()
    network.load_state_dict(seeded(shapes_of(network)))
    script = _on_cpu(_loaded(nvidia / "scripts/compute_fid_2-5d_ct.py"), network)
    values = {"shapes": shapes_of(network), "shape": SHAPE, "call": CALL}
    with tempfile.TemporaryDirectory() as folder:
        values["simulated"] = _run(script, simulated(Path(folder) / "in"), Path(folder) / "out")
    chosen = sorted(images.glob("*.nii.gz"))
    cohorts = {"real": chosen[:4], "synthetic": chosen[4:8]}
    with tempfile.TemporaryDirectory() as folder:
        copied = {name: _copied(files, Path(folder) / name) for name, files in cohorts.items()}
        values["hippocampus"] = _run(script, copied, Path(folder) / "out")
        values["hippocampus"]["files"] = {
            name: [file.name for file in files] for name, files in cohorts.items()
        }
    save(
        "maisi-2.5d",
        "NVIDIA-Medtech/NV-Generate-CTMR@da438fe scripts/compute_fid_2-5d_ct.py",
        __doc__,
        values,
    )


def _run(script: types.ModuleType, cohorts: dict[str, list[Path]], out: Path) -> dict[str, object]:
    """Return features of each volume by plane and the distances that the script prints."""
    out.mkdir()
    lists = {}
    for name, files in cohorts.items():
        lists[name] = out / f"{name}.txt"
        lists[name].write_text("\n".join(file.name for file in files))
    distances: list[float] = []
    metric = script.FIDMetric

    class Noted(metric):
        def __call__(self, *args: object) -> torch.Tensor:
            value = super().__call__(*args)
            distances.append(float(value))
            return value

    script.FIDMetric = Noted
    script.main(
        real_dataset_root=str(cohorts["real"][0].parent),
        real_filelist=str(lists["real"]),
        real_features_dir="real",
        synth_dataset_root=str(cohorts["synthetic"][0].parent),
        synth_filelist=str(lists["synthetic"]),
        synth_features_dir="synthetic",
        output_root=str(out),
        target_shape=f"{SHAPE}x{SHAPE}x{SHAPE}",
        ignore_existing=True,
        **CALL,
    )
    script.FIDMetric = metric
    first = [
        torch.load(next((out / name).rglob(files[0].name.replace(".nii.gz", ".pt"))))
        for name, files in cohorts.items()
    ]
    means = [
        torch.stack([plane.mean(0) for plane in torch.load(file)])
        for name, files in cohorts.items()
        for file in (next((out / name).rglob(f.name.replace(".nii.gz", ".pt"))) for f in files)
    ]
    return {
        "planes": ["axial", "sagittal", "coronal"],
        "slices": [plane.shape[0] for plane in first[0]],
        "first_slices": [kept(plane[[0, -1]].numpy()) for plane in first[0]],
        "means": [kept(volume.numpy()) for volume in means],
        "frechet": distances,
    }


def _on_cpu(script: types.ModuleType, network: torch.nn.Module) -> types.ModuleType:
    os.environ |= {"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "1"}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "29571"}
    start = script.dist.init_process_group
    script.dist.init_process_group = lambda **more: start(**more | {"backend": "gloo"})
    patched = types.ModuleType("torch")
    patched.__dict__.update(torch.__dict__)
    patched.device = lambda *_: torch.device("cpu")
    patched.cuda = types.SimpleNamespace(set_device=lambda _: None)
    patched.hub = types.SimpleNamespace(load=lambda *_, **__: network)
    script.torch = patched
    loader = script.monai.data.DataLoader
    script.monai.data.DataLoader = lambda data, **more: loader(data, **more | {"num_workers": 0})
    return script


def _loaded(file: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem.replace("-", "_"), file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _copied(files: list[Path], folder: Path) -> list[Path]:
    folder.mkdir()
    return [Path(shutil.copy(file, folder)) for file in files]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
