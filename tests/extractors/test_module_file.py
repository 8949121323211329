import hashlib
import json
import zipfile

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import Extractor, ExtractorOptions, load_extractor
from evalsuite.extractors.module_file import load_module

VOXELS = np.random.default_rng(0).random((3, 6, 7, 8)).astype(np.float32)


class Map(torch.nn.Module):
    """Four channels of the volume, as a convolutional encoder gives them."""

    def forward(self, x):
        return torch.cat([x, 2 * x, x * x, x + 1], dim=1)


class Vector(torch.nn.Module):
    """Two features; in training mode they depend on the other volumes of the batch."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(2)

    def forward(self, x):
        values = x.flatten(1)
        return self.norm(torch.stack([values.mean(1), values.max(1).values], dim=1))


class Pair(torch.nn.Module):
    def forward(self, x):
        return x, x


class Flat(torch.nn.Module):
    def forward(self, x):
        return x.flatten()


class Mixed(torch.nn.Module):
    def forward(self, x):
        return x.flatten(1).mean(0)[None, None]


def script(module, path):
    torch.jit.script(module).save(str(path))
    return path


def export(module, path):
    example = torch.zeros(1, 1, *VOXELS.shape[1:])
    torch.export.save(torch.export.export(module.eval(), (example,)), path)
    return path


def features_of_map():
    rows = VOXELS.reshape(3, -1).astype(np.float64)
    mean = rows.mean(axis=1)
    return np.stack([mean, 2 * mean, (rows**2).mean(axis=1), mean + 1], axis=1)


@pytest.mark.parametrize(("write", "suffix"), [(script, ".pt"), (script, ".ts"), (export, ".pt2")])
def test_a_map_is_averaged(tmp_path, write, suffix):
    path = write(Map(), tmp_path / f"map{suffix}")
    extractor = load_extractor(str(path), ExtractorOptions())
    assert isinstance(extractor, Extractor)
    assert extractor.name == str(path)
    features = extractor(VOXELS)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, features_of_map(), rtol=1e-5)
    np.testing.assert_allclose(extractor(VOXELS[1:2]), features[1:2], rtol=1e-6)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert extractor.fingerprint["module_sha256"] == digest
    json.dumps(extractor.fingerprint)


def test_the_format_is_read_from_the_contents(tmp_path):
    exported = export(Map(), tmp_path / "a.pt2").rename(tmp_path / "a.pt")
    features = load_module(exported, ExtractorOptions())(VOXELS)
    np.testing.assert_allclose(features, features_of_map(), rtol=1e-5)


def test_a_module_saved_in_training_mode_does_not_mix_volumes(tmp_path):
    extractor = load_module(script(Vector().train(), tmp_path / "v.pt"), ExtractorOptions())
    rows = VOXELS.reshape(3, -1)
    # Fresh running statistics are 0 and 1, and 1e-5 is added to the variance.
    expected = np.stack([rows.mean(axis=1), rows.max(axis=1)], axis=1) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(extractor(VOXELS), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (Pair(), r"the module returns tuple, but one tensor of shape \(1, d\) or"),
        (Flat(), r"turns \(1, 1, 6, 7, 8\) into \(336,\), but \(1, d\) or \(1, d, x, y, z\) was"),
        (Mixed(), r"turns \(1, 1, 6, 7, 8\) into \(1, 1, 336\), but \(1, d\) or"),
        (
            torch.nn.Conv3d(2, 1, 1),
            r"failed on an input of shape \(1, 1, 6, 7, 8\): RuntimeError: Given groups=1.*\.$",
        ),
    ],
)
def test_a_module_that_does_not_fit_is_told(tmp_path, module, expected):
    extractor = load_module(script(module, tmp_path / "m.pt"), ExtractorOptions())
    with pytest.raises(EvalsuiteError, match=expected) as caught:
        extractor(VOXELS)
    assert str(caught.value).startswith(str(tmp_path / "m.pt"))
    assert "\n" not in str(caught.value)


def test_another_shape_than_exported_is_told(tmp_path):
    extractor = load_module(export(Map(), tmp_path / "m.pt2"), ExtractorOptions())
    with pytest.raises(EvalsuiteError, match=r"input of shape \(1, 1, 5, 7, 8\): Guard failed"):
        extractor(VOXELS[:, 1:])


@pytest.mark.parametrize("name", ["m.pt", "m.pt2"])
def test_what_is_not_a_module_is_one_sentence(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(EvalsuiteError, match=r"cannot be read: No such file or directory\.$"):
        load_module(path, ExtractorOptions())
    path.write_bytes(b"not a module")
    with pytest.raises(EvalsuiteError, match="or an exported program, found neither"):
        load_module(path, ExtractorOptions())
    torch.save({"state_dict": {}}, path)
    with pytest.raises(EvalsuiteError) as caught:
        load_module(path, ExtractorOptions())
    assert str(caught.value) == (
        f"{path}: expected a TorchScript module or an exported program, found a checkpoint of "
        "tensors. Write one with torch.export.save(torch.export.export(module, (volume,)), path)."
    )


def test_a_damaged_module_is_one_sentence(tmp_path):
    whole = script(Map(), tmp_path / "whole.pt")
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"????" if name.endswith(".py") else source.read(name))
    with pytest.raises(EvalsuiteError) as caught:
        load_module(path, ExtractorOptions())
    assert str(caught.value).startswith(f"{path}: this TorchScript module cannot be loaded: ")
    assert "\n" not in str(caught.value)
