"""Networks by OpenVINO: the features of PyTorch up to rounding, known by their own fingerprint."""

import os
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors import engine, medicalnet
from evalsuite.extractors.engine import chosen_engine
from evalsuite.extractors.extractor import ExtractorOptions, load_extractor
from evalsuite.extractors.networks import by_openvino
from evalsuite.extractors.networks.squeezenet import SqueezeNet
from evalsuite.extractors.slices import Slices, slice_extractor
from evalsuite.extractors.volumetric.extractor import averaged_extractor, volume_extractor

UNTRAINED = "medicalnet-resnet10-untrained"
BOTH = [ExtractorOptions(engine=name) for name in ("torch", "openvino")]


@pytest.fixture
def _openvino():
    if find_spec("openvino") is None:
        if os.environ.get("EVALSUITE_REQUIRE_ALL") == "1":
            pytest.fail("the extra openvino is not installed")
        pytest.skip("the extra openvino is not installed")


def volumes(n, *shape):
    voxels = np.random.default_rng(0).random((n, *shape), dtype=np.float32)
    voxels[:, :3] = 0
    return voxels


def assert_same(found, expected, tolerance=1e-5):
    found, expected = (rows.reshape(-1, rows.shape[-1]) for rows in (found, expected))
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((found * expected).sum(axis=1) / lengths).min() > 0.9999
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.usefixtures("_openvino")
def test_volumes_have_the_same_features_in_batches_of_any_size():
    own, other = (load_extractor(UNTRAINED, options) for options in BOTH)
    voxels = volumes(3, 24, 20, 17)
    expected, found = own(voxels), other(voxels)
    assert_same(found, expected)
    assert_same(other(voxels[:1]), expected[:1])
    np.testing.assert_array_equal(other(voxels), found)
    larger = volumes(2, 26, 20, 17)
    assert_same(other(larger), own(larger))


@pytest.mark.usefixtures("_openvino")
def test_a_network_that_looks_at_the_size_of_its_batch_is_the_same():
    """Shortcuts of ResNet-18 are filled up with zeros for so many volumes as are in the batch."""
    parts = medicalnet.stages(medicalnet.build_network(18), raw=True)
    layers = list(parts)[:3]
    own, other = (
        averaged_extractor("eighteen", layers, lambda: parts, options, fingerprint={})
        for options in BOTH
    )
    voxels = volumes(4, 16, 17, 18)
    for rows in (2, 4, 3, 1):
        assert_same(other(voxels[:rows]), own(voxels[:rows]))


@pytest.mark.usefixtures("_openvino")
def test_other_features_than_those_of_pytorch_are_refused(monkeypatch):
    made = load_extractor(UNTRAINED, BOTH[1])
    compiled = by_openvino.ByOpenVINO._compile

    def off(self, given, counts):
        network = compiled(self, given, counts)
        return lambda batch: [1.02 * rows for rows in network(batch).values()]

    monkeypatch.setattr(by_openvino.ByOpenVINO, "_compile", off)
    with pytest.raises(EvalsuiteError, match="makes other features than by PyTorch"):
        made(volumes(1, 9, 9, 9))


@pytest.mark.usefixtures("_openvino")
def test_layers_of_one_pass_are_those_of_pytorch():
    names = (UNTRAINED, f"{UNTRAINED}@layer1", f"{UNTRAINED}@layer3")
    (own, *own_layers), (other, *layers) = (
        [load_extractor(name, options) for name in names] for options in BOTH
    )
    voxels = volumes(2, 24, 20, 17)
    expected = own.with_layers(voxels, own_layers)
    for found, rows in zip(other.with_layers(voxels, layers), expected, strict=True):
        assert_same(found, rows)
    assert other.beneath(layers) == layers
    assert other.beneath(own_layers) == []


@pytest.mark.usefixtures("_openvino")
def test_slices_have_the_same_features():
    torch.manual_seed(1)
    network = SqueezeNet(scores=False)
    own, other = (
        slice_extractor("squeeze", lambda: network, Slices(step=5), {}, options) for options in BOTH
    )
    voxels = volumes(1, 40, 36, 33)
    assert_same(other(voxels), own(voxels))


@pytest.mark.usefixtures("_openvino")
def test_the_engine_is_part_of_what_is_known_of_the_features():
    own, other = (load_extractor(UNTRAINED, options) for options in BOTH)
    assert own.fingerprint["arithmetic"] == "float32"
    assert other.fingerprint == {**own.fingerprint, "arithmetic": "float32 by OpenVINO"}
    reduced = ExtractorOptions(engine="openvino", precision="bfloat16")
    assert reduced.arithmetic == "bfloat16 by OpenVINO"
    voxels = volumes(2, 24, 20, 17)
    assert_same(load_extractor(UNTRAINED, reduced)(voxels), own(voxels), 0.02)


@pytest.mark.usefixtures("_openvino")
def test_a_network_that_cannot_be_compiled_is_told():
    class Odd(torch.nn.Module):
        def forward(self, images):
            return torch.linalg.eigvals(images[:, 0, :, :, 0]).real

    made = volume_extractor("odd", Odd, ExtractorOptions(engine="openvino"), fingerprint={})
    with pytest.raises(EvalsuiteError) as caught:
        made(volumes(1, 9, 9, 9))
    assert str(caught.value).startswith("odd: OpenVINO cannot run this network (")
    assert str(caught.value).endswith("). Pass --engine torch.")


def test_auto_is_never_what_is_recorded(monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    assert chosen_engine("auto", "cpu") == "torch"
    monkeypatch.setattr(engine, "find_spec", lambda _: "here")
    assert chosen_engine("auto", "cpu") == "openvino"
    monkeypatch.setattr(engine, "usable_device", lambda _: torch.device("cuda"))
    assert chosen_engine("auto", "auto") == "torch"
    assert chosen_engine("openvino", "auto") == "openvino"
    assert chosen_engine(None, "auto") is None


def test_what_cannot_be_used_is_told_before_any_volume(monkeypatch):
    monkeypatch.setattr(engine.extras, "require", lambda *_, **__: None)
    with pytest.raises(EvalsuiteError, match="not on cuda. Pass --device cpu or --engine torch"):
        engine.require_openvino(torch.device("cuda"))
    monkeypatch.undo()
    monkeypatch.setattr(engine.extras, "_installed", lambda name: name != "openvino")
    with pytest.raises(EvalsuiteError, match=r"needs openvino\. Install .*evalsuite\[openvino\]"):
        load_extractor(UNTRAINED, BOTH[1])
