"""The features of MedicalNet against a construction of the network that owes nothing to MONAI."""

import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from evalsuite.config import EvaluationConfig, load_config
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import evaluate
from evalsuite.extractors import medicalnet, weights
from evalsuite.extractors.checkpoint import load_strictly
from evalsuite.extractors.extractor import Extractor, ExtractorOptions, load_extractor
from evalsuite.extractors.networks.folding import fold_batch_norms
from evalsuite.extractors.networks.foreground import StandardisedForeground
from evalsuite.extractors.sources import WeightsError
from evalsuite.extractors.weights import WeightFile
from evalsuite.resources import Resources
from tests.caveats import sentences

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
# Channels, stride and dilation of the four stages, from Tencent's models/resnet.py.
PUBLISHED_FORMAT = {"under": "state_dict", "prefix": "module."}
STAGES = ((64, 1, 1), (128, 2, 1), (256, 1, 2), (512, 1, 4))


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Tencent:
    """MedicalNet's encoder as a function of a dictionary of tensors, and a maker of such ones."""

    def __init__(self, depth, state=None):
        self.depth = depth
        self.state = state
        self.generator = torch.Generator().manual_seed(depth)

    @classmethod
    def random(cls, depth):
        """Make the tensors by walking through the network once."""
        network = cls(depth, {})
        network.make = True
        network.features(torch.zeros(1, 1, 8, 8, 8))
        network.make = False
        return network

    make = False

    def conv(self, key, x, channels, size, stride=1, dilation=1):
        if self.make:
            shape = (channels, x.shape[1], size, size, size)
            spread = (x.shape[1] * size**3 / 2) ** -0.5
            self.state[f"{key}.weight"] = torch.randn(shape, generator=self.generator) * spread
        padding = dilation * (size // 2)
        weight = self.state[f"{key}.weight"]
        return F.conv3d(x, weight, stride=stride, padding=padding, dilation=dilation)

    def norm(self, key, x):
        if self.make:
            n = x.shape[1]
            self.state |= {
                f"{key}.weight": torch.rand(n, generator=self.generator) + 0.5,
                f"{key}.bias": torch.randn(n, generator=self.generator) * 0.1,
                f"{key}.running_mean": torch.randn(n, generator=self.generator) * 0.1,
                f"{key}.running_var": torch.rand(n, generator=self.generator) + 0.5,
                f"{key}.num_batches_tracked": torch.tensor(7),
            }
        mean, variance, weight, bias = (
            self.state[f"{key}.{part}"].view(1, -1, 1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias

    def features(self, x):
        x = self.conv("conv1", x, 64, 7, stride=2)
        x = F.max_pool3d(F.relu(self.norm("bn1", x)), 3, stride=2, padding=1)
        for stage, (planes, stride, dilation) in enumerate(STAGES):
            for block in range(BLOCKS[self.depth][stage]):
                first_stride = stride if block == 0 else 1
                x = self.block(f"layer{stage + 1}.{block}", x, planes, first_stride, dilation)
        return x.mean(dim=(2, 3, 4))

    def block(self, key, x, planes, stride, dilation):
        if self.depth == 50:
            channels = 4 * planes
            y = F.relu(self.norm(f"{key}.bn1", self.conv(f"{key}.conv1", x, planes, 1)))
            y = self.conv(f"{key}.conv2", y, planes, 3, stride, dilation)
            y = F.relu(self.norm(f"{key}.bn2", y))
            y = self.norm(f"{key}.bn3", self.conv(f"{key}.conv3", y, channels, 1))
        else:
            channels = planes
            y = self.conv(f"{key}.conv1", x, planes, 3, stride, dilation)
            y = F.relu(self.norm(f"{key}.bn1", y))
            y = self.norm(f"{key}.bn2", self.conv(f"{key}.conv2", y, planes, 3, 1, dilation))
        if stride != 1 or x.shape[1] != channels:
            if self.depth in {18, 34}:  # type A: subsample, fill up with channels of zeros
                x = x[:, :, ::stride, ::stride, ::stride]
                x = torch.cat([x, torch.zeros_like(x)[:, : channels - x.shape[1]]], dim=1)
            else:  # type B: a convolution of size 1
                x = self.conv(f"{key}.downsample.0", x, channels, 1, stride)
                x = self.norm(f"{key}.downsample.1", x)
        return F.relu(x + y)

    def checkpoint(self):
        return {"state_dict": {f"module.{key}": value for key, value in self.state.items()}}


def standardised(voxels):
    """Tencent's rule, with 0 in place of noise in the background."""
    rows = []
    for volume in voxels.astype(np.float64):
        pixels = volume[volume > 0]
        rows.append(np.where(volume > 0, (volume - pixels.mean()) / pixels.std(), 0))
    return torch.from_numpy(np.stack(rows).astype(np.float32))[:, None]


def brains(n, *shape, seed=0):
    """Positive voxels in an ellipsoid, zeros around it, each with its own scale."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, s) for s in shape], indexing="ij"))
    inside = (grid**2).sum(axis=0) < 1.2
    return (rng.uniform(0.1, 1, (n, *shape)) * inside).astype(np.float32)


def save(path, checkpoint, monkeypatch, name="medicalnet-resnet10"):
    """Write a checkpoint as PyTorch 0.4 did, and publish its hash."""
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    publish(path, monkeypatch, name)
    return ExtractorOptions(weights=path)


def publish(path, monkeypatch, name="medicalnet-resnet10"):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = dataclasses.replace(weights.published()[name], sha256=digest)
    monkeypatch.setitem(weights.published(), name, entry)


@pytest.fixture(scope="module")
def tencent10():
    return Tencent.random(10)


@pytest.fixture(scope="module")
def untrained():
    return medicalnet.resnet10_untrained(ExtractorOptions())


@pytest.mark.parametrize(
    ("depth", "suffix", "shape"),
    [
        (10, "-23datasets", (33, 40, 36)),  # 5 x 5 x 5 at the end: every dilated tap is felt
        (18, "", (40, 24, 17)),
        (50, "", (24, 17, 33)),
    ],
)
def test_features_agree_with_an_independent_network(depth, suffix, shape, tmp_path, monkeypatch):
    reference = Tencent.random(depth)
    name = f"medicalnet-resnet{depth}{suffix}"
    options = save(tmp_path / "weights.pth", reference.checkpoint(), monkeypatch, name)
    extractor = load_extractor(name, options)
    voxels = brains(2, *shape)
    features = extractor(voxels)
    with torch.no_grad():
        expected = reference.features(standardised(voxels)).numpy()
    assert features.shape == (2, 2048 if depth == 50 else 512)
    assert features.dtype == np.float32
    assert np.abs(features - expected).max() <= 1e-5 * np.abs(expected).max()
    assert isinstance(extractor, Extractor)
    assert (extractor.name, sentences(extractor)) == (name, ())
    assert extractor.fingerprint["weights_sha256"] == weights.published()[name].sha256
    json.dumps(extractor.fingerprint)


def test_shortcut_a_of_the_34_layers_is_dilated_not_strided():
    network = medicalnet.build_network(34)
    shapes = {key: tuple(value.shape) for key, value in Tencent.random(34).state.items()}
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == shapes
    volume = torch.zeros(1, 1, 64, 64, 64)
    maps = []
    network.layer4.register_forward_hook(lambda module, given, output: maps.append(output.shape))
    with torch.inference_mode():
        network(volume)
    assert maps == [(1, 512, 8, 8, 8)]


def test_resnet10_has_the_published_tensors(tencent10):
    state = medicalnet.build_network(10).state_dict()
    assert len(state) == 72
    assert sum(tensor.numel() for tensor in state.values()) == 14_361_292
    assert {k: v.shape for k, v in state.items()} == {
        k: v.shape for k, v in tencent10.state.items()
    }


def test_counters_of_batches_may_be_absent(tencent10, tmp_path, monkeypatch):
    checkpoint = tencent10.checkpoint()
    for key in [key for key in checkpoint["state_dict"] if key.endswith("num_batches_tracked")]:
        del checkpoint["state_dict"][key]
    extractor = medicalnet.resnet10(save(tmp_path / "w.pth", checkpoint, monkeypatch))
    voxels = brains(1, 16, 16, 16)
    with torch.no_grad():
        expected = tencent10.features(standardised(voxels)).numpy()
    np.testing.assert_allclose(extractor(voxels), expected, atol=1e-5 * expected.max())


def drop(state):
    del state["module.layer2.0.conv1.weight"]


def add(state):
    state["module.conv_seg.0.weight"] = torch.zeros(1)


def widen(state):
    state["module.conv1.weight"] = torch.zeros(64, 3, 7, 7, 7)


def derange(state):
    state["module.bn1.bias"] = "not a tensor"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop, 'the checkpoint lacks "layer2.0.conv1.weight", so it is not of this network.'),
        (add, 'the checkpoint has the unknown "conv_seg.0.weight", so it is not of this network.'),
        (
            widen,
            '"conv1.weight" has the shape (64, 3, 7, 7, 7), but this network needs (64, 1, 7, 7, 7).',
        ),
        (derange, '"bn1.bias" has the shape (), but this network needs (64,).'),
    ],
)
def test_a_checkpoint_of_another_network_is_one_sentence(tencent10, tmp_path, change, expected):
    checkpoint = tencent10.checkpoint()
    change(checkpoint["state_dict"])
    path = tmp_path / "w.pth"
    torch.save(checkpoint, path)
    with pytest.raises(WeightsError) as caught:
        load_strictly(path, medicalnet.build_network(10), **PUBLISHED_FORMAT)
    assert str(caught.value) == f"{path}: {expected}"


def test_the_weights_of_another_depth_are_told(tencent10, tmp_path):
    path = tmp_path / "w.pth"
    torch.save(tencent10.checkpoint(), path)
    # Four more blocks, each of 2 convolutions and 2 normalisations of 4 tensors: 4 * (2 + 8) = 40.
    with pytest.raises(WeightsError, match=r'lacks "layer1\.1\.conv1.weight" and 39 others'):
        load_strictly(path, medicalnet.build_network(18), **PUBLISHED_FORMAT)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("kept", [0, 2, 1000, 0.5, 0.999])
def test_a_truncated_file_is_one_sentence(tmp_path, monkeypatch, legacy, kept):
    path = tmp_path / "w.pth"
    checkpoint = {"state_dict": {"module.conv1.weight": torch.zeros(64, 1, 7, 7, 7)}}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    publish(path, monkeypatch)
    with pytest.raises(WeightsError) as caught:
        assert medicalnet.resnet10(ExtractorOptions(weights=path)).network
    assert str(caught.value).startswith(
        f"{path}: this is not a PyTorch checkpoint, or it is damaged ("
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{"model": {}}, [1, 2], {"state_dict": 3}])
def test_another_format_is_one_sentence(tmp_path, monkeypatch, content):
    options = save(tmp_path / "w.pth", content, monkeypatch)
    with pytest.raises(WeightsError) as caught:
        assert medicalnet.resnet10(options).network
    assert str(caught.value) == (
        f"{options.weights}: this is not a checkpoint of this network, which is a dictionary "
        'of tensors with the key "state_dict".'
    )


def test_code_in_a_checkpoint_is_not_run(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (print, ("the trap sprang",))

    options = save(tmp_path / "w.pth", {"state_dict": Trap()}, monkeypatch)
    with pytest.raises(WeightsError, match="not a PyTorch checkpoint"):
        assert medicalnet.resnet10(options).network


def test_weights_of_one_s_own_are_used_with_a_warning(tencent10, tmp_path):
    path = tmp_path / "mine.pth"
    torch.save(tencent10.checkpoint(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "mine.pth.sha256").write_text(f"{digest}  mine.pth\n")
    extractor = medicalnet.resnet10(ExtractorOptions(weights=path))
    assert extractor.fingerprint["weights_sha256"] == digest
    (warning,) = sentences(extractor)
    assert warning == (
        f"The weights are {path} (SHA-256 {digest}), not the published ones: features and "
        "distances compare only with those of the same file."
    )


def test_each_of_several_networks_takes_the_weights_under_its_name(
    tmp_path, monkeypatch, make_cohort
):
    real, synthetic = make_cohort("real", 4), make_cohort("gan", 4, seed=1)
    files = {}
    for depth in (10, 18):
        path = tmp_path / f"w{depth}.pth"
        save(path, Tencent.random(depth).checkpoint(), monkeypatch, f"medicalnet-resnet{depth}")
        files[f"medicalnet-resnet{depth}"] = str(path)
    config = load_config(
        None,
        {
            "real": str(real),
            "synthetic": [str(synthetic)],
            "extractors": list(files),
            "weights": [f"{name}={file}" for name, file in files.items()],
            "metrics": ["mmd"],
        },
    )
    evaluation, _ = evaluate(config, Resources(cache=tmp_path / "cache", offline=True))
    for name in files:
        recorded = evaluation.config["extractors"][name]["weights_sha256"]
        assert recorded == weights.published()[name].sha256


def test_row_i_depends_on_volume_i_alone(untrained):
    voxels = brains(4, 24, 20, 28)
    together = untrained(voxels)
    scale = np.abs(together).max()
    for i, volume in enumerate(voxels):
        np.testing.assert_allclose(untrained(volume[None])[0], together[i], atol=1e-5 * scale)
    np.testing.assert_allclose(untrained(voxels[::-1]), together[::-1], atol=1e-5 * scale)
    assert np.abs(together[0] - together[1]).max() > 1e-3 * scale


def test_brightness_and_contrast_have_no_effect(untrained):
    voxels = brains(1, 20, 20, 20)
    rescaled = np.where(voxels > 0, 1000 * voxels + 3, 0).astype(np.float32)
    features = untrained(voxels)
    np.testing.assert_allclose(untrained(rescaled), features, atol=1e-5 * features.max())


def test_the_foreground_is_standardised():
    voxels = brains(3, 9, 8, 7)
    ours = StandardisedForeground()(torch.from_numpy(voxels)[:, None])
    torch.testing.assert_close(ours, standardised(voxels))
    # By hand: 1, 2, 3 have the mean 2 and the standard deviation sqrt(2/3).
    line = torch.tensor([0.0, 1, 2, 3]).view(1, 1, 1, 1, 4)
    expected = torch.tensor([0, -1.224745, 0, 1.224745]).view(1, 1, 1, 1, 4)
    torch.testing.assert_close(StandardisedForeground()(line), expected)


def test_an_empty_or_constant_foreground_gives_finite_features(untrained):
    voxels = brains(3, 16, 16, 16)
    voxels[0] = 0
    voxels[1] = np.where(voxels[1] > 0, 0.1, 0)
    features = untrained(voxels)
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features[0], features[1], rtol=1e-5)


def test_volumes_of_a_few_voxels_have_features(untrained):
    assert untrained(brains(2, 3, 1, 2)).shape == (2, 512)


def test_folding_changes_nothing_but_rounding(tencent10):
    network = medicalnet.build_network(10)
    network.load_state_dict(tencent10.state)
    volume = torch.randn(2, 1, 24, 24, 24, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = network(volume)
        after = fold_batch_norms(network)(volume)
    assert (after - before).abs().max() <= 1e-5 * before.abs().max()
    assert not any(isinstance(m, torch.nn.BatchNorm3d) for m in network.modules())


def test_untrained_weights_warn_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    extractor = medicalnet.resnet10_untrained(ExtractorOptions())
    assert torch.equal(torch.get_rng_state(), before)
    assert extractor.name == "medicalnet-resnet10-untrained"
    assert len(sentences(extractor)) == 1
    assert sentences(extractor)[0].startswith("The network is untrained: its weights are random")


def test_untrained_features_are_the_same_in_another_process_that_has_not_seeded(untrained):
    program = (
        "import sys, numpy as np, torch\n"
        "from evalsuite.extractors import medicalnet\n"
        "from evalsuite.extractors.extractor import ExtractorOptions\n"
        "torch.set_num_threads(1)\n"
        "extractor = medicalnet.resnet10_untrained(ExtractorOptions())\n"
        "print(extractor.fingerprint['weights_sha256'])\n"
        "voxels = np.linspace(0, 1, 4096, dtype=np.float32).reshape(1, 16, 16, 16)\n"
        "print(extractor(voxels)[0].tolist())\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    voxels = np.linspace(0, 1, 4096, dtype=np.float32).reshape(1, 16, 16, 16)
    assert answer[0] == untrained.fingerprint["weights_sha256"]
    np.testing.assert_allclose(json.loads(answer[1]), untrained(voxels)[0], rtol=1e-6)


def test_an_unusable_device_is_one_sentence():
    with pytest.raises(EvalsuiteError) as caught:
        medicalnet.resnet10_untrained(ExtractorOptions(device="tricorder"))
    assert str(caught.value) == 'The device "tricorder" cannot be used: torch finds cpu here.'


def test_listing_extractors_needs_neither_torch_nor_monai():
    program = (
        "import sys\n"
        "import evalsuite.extractors.medicalnet, evalsuite.extractors.module_file\n"
        "assert not {'torch', 'monai'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_bfloat16_stays_near_and_is_told_apart():
    volumes = np.random.default_rng(0).random((2, 20, 24, 20), dtype=np.float32)
    full = medicalnet.resnet10_untrained(ExtractorOptions())
    half = medicalnet.resnet10_untrained(ExtractorOptions(precision="bfloat16"))
    exact, near = full(volumes), half(volumes)
    assert near.dtype == np.float32
    assert 0 < np.linalg.norm(near - exact) / np.linalg.norm(exact) < 0.01
    assert half.fingerprint["arithmetic"] == "bfloat16"
    assert full.fingerprint != half.fingerprint


def test_no_network_is_built_where_every_row_is_cached(make_cohort, tmp_path, monkeypatch):
    """Building one imports MONAI, which takes longer than all else of a second evaluation."""
    build, built = medicalnet.build_network, []

    def counted(depth):
        built.append(depth)
        return build(depth)

    monkeypatch.setattr(medicalnet, "build_network", counted)
    names = ("medicalnet-resnet10-untrained", "medicalnet-resnet10-untrained@layer1")
    config = EvaluationConfig(
        real=str(make_cohort("real", 3)),
        synthetic=[str(make_cohort("gan", 3, seed=1))],
        extractors=names,
        metrics={"mmd": {}},
    )
    first, _ = evaluate(config, Resources(cache=tmp_path / "cache"))
    assert built
    built.clear()
    second, _ = evaluate(config, Resources(cache=tmp_path / "cache"))
    assert built == []
    assert second.config == first.config
    assert [e.value for e in second.estimates] == [e.value for e in first.estimates]


def test_only_published_weights_wait_until_a_volume_comes(tmp_path):
    path = tmp_path / "w.pth"
    path.touch()
    asked = []
    for trust, at_once in (("published", 0), ("own", 1), ("first use", 1)):
        asked.clear()
        network = WeightFile(path, "0", trust).checked(lambda: asked.append(1) or len(asked))
        assert len(asked) == at_once
        assert network() == network() == 1
        assert len(asked) == 1
