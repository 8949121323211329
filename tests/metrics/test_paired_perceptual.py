"""The perceptual distance: its formula, its pairs and strangers, and that places count."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import lpips

import evalsuite as ev
from evalsuite.extractors.extractor import ExtractorOptions, Mapped, load_extractor
from evalsuite.extractors.module_file import load_module
from evalsuite.metrics.metric import UndefinedError, Views
from evalsuite.metrics.paired import perceptual
from evalsuite.metrics.paired.perceptual import map_distance
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti

pytestmark = pytest.mark.usefixtures("undrawn")

RESNET = "medicalnet-resnet10-untrained"


def test_by_hand():
    """(3, 4) against (0, 2): (0.6, 0.8) less (0, 1) is 0.36 + 0.04; opposite vectors: 4; mean 2.2."""
    real = torch.tensor([[3.0, 1.0], [4.0, 0.0]])
    synthetic = torch.tensor([[0.0, -5.0], [2.0, 0.0]])
    assert map_distance(real, synthetic) == pytest.approx(2.2, abs=1e-12)
    assert map_distance(real, 7 * real) == pytest.approx(0, abs=1e-12)
    assert map_distance(torch.zeros(2, 3), torch.zeros(2, 3)) == 0


def test_it_is_lpips_with_weights_of_one():
    x, y = torch.rand(2, 1, 16, 7, 9, dtype=torch.float64, generator=torch.manual_seed(0))
    apart = (lpips._normalize_tensor(x) - lpips._normalize_tensor(y)) ** 2
    theirs = lpips._spatial_average(apart.sum(dim=1, keepdim=True))
    assert map_distance(x[0], y[0]) == pytest.approx(float(theirs), rel=1e-6)


def test_layers_are_averaged_and_strangers_without_a_number_left_out():
    own = np.array([[0.2, 0.4], [0.1, 0.1], [0.6, 0.8]])
    strange = np.array([[1.0, 0.8], [np.nan, np.nan], [0.5, 0.5]])
    features, volumes = {"f": torch.zeros(3, 1)}, [torch.zeros(1, 1, 1)] * 3
    real = Views(list("abc"), features, volumes, (1.0, 1.0, 1.0), apart={"f": strange})
    synthetic = Views(
        list("abc"), features, volumes, (1.0, 1.0, 1.0), apart={"f": own}, pairs=[2, 0, 1]
    )
    found, scores = perceptual.compute(real, synthetic, seed=0)
    assert found.value == pytest.approx((0.3 + 0.1 + 0.7) / 3)
    assert found.reference == pytest.approx(0.7)
    assert "mean over 2 real volumes" in found.method
    assert scores.synthetic == pytest.approx([0.3, 0.1, 0.7])
    part = perceptual.compute(real, replace(synthetic.of([2]), pairs=[1]), seed=0)[0]
    assert part.value == pytest.approx(0.7)
    with pytest.raises(UndefinedError, match="no feature maps"):
        perceptual.compute(real, Views(["a"], features, [], (1.0, 1.0, 1.0), pairs=[0]), seed=0)


def test_the_means_of_maps_are_the_features_of_their_layers():
    volume = np.random.default_rng(0).random((24, 20, 28), dtype=np.float32)
    layers = [load_extractor(f"{RESNET}@{n}", ExtractorOptions()) for n in ("stem", "layer2")]
    whole = load_extractor(RESNET, ExtractorOptions())
    assert isinstance(whole, Mapped)
    maps = whole.maps(volume)
    assert [len(m) for m in maps] == [64, 64, 128, 256, 512]
    for extractor, i in zip(layers, (0, 2), strict=True):
        (alone,) = extractor.maps(volume)
        np.testing.assert_allclose(alone, maps[i], atol=1e-5)
        expected = extractor(volume[None])[0]
        np.testing.assert_allclose(alone.mean(axis=(1, 2, 3)), expected, atol=1e-5)


def test_a_module_that_answers_with_a_map_has_one_and_one_with_a_vector_is_refused(tmp_path):
    class Double(torch.nn.Module):
        def forward(self, x):
            return torch.cat([2 * x, x], dim=1)

    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3, 4))

    volume = np.random.default_rng(0).random((4, 5, 6), dtype=np.float32)
    for name, module in (("map", Double()), ("vector", Mean())):
        torch.jit.script(module).save(tmp_path / f"{name}.pt")
    (found,) = load_module(tmp_path / "map.pt", ExtractorOptions()).maps(volume)
    np.testing.assert_array_equal(found, np.stack([2 * volume, volume]))
    with pytest.raises(ev.EvalsuiteError, match="answers with a vector"):
        load_module(tmp_path / "vector.pt", ExtractorOptions()).maps(volume)


@pytest.fixture
def translated(cli, make_cohort, tmp_path):
    """Run the comparison of 4 volumes with themselves, but for one that is mirrored."""
    real = make_cohort("real", 4, shape=(24, 25, 26))
    shutil.copytree(real, tmp_path / "gan")
    file = tmp_path / "gan/v02.nii.gz"
    volume = read_volume(file)
    write_nifti(Volume(volume.voxels[::-1].copy(), volume.affine), file)

    def run(*options):
        status, out, err = cli(
            "compute-metrics", "--real", "real", "--synthetic", "gan", "--paired", "file",
            "--metrics", "paired_perceptual", "--no-tracking", "--json", "--allow-leakage", *options,
        )  # fmt: skip
        return status, json.loads(out)["estimates"] if status == 0 else out, err

    return run


def test_places_count_and_a_second_run_reads_the_cache(translated, monkeypatch, tmp_path):
    network = load_extractor(f"{RESNET}@layer1", ExtractorOptions())
    x, y = (
        network.maps(read_volume(tmp_path / side / "v02.nii.gz").voxels)[0]
        for side in ("real", "gan")
    )
    apart = map_distance(torch.from_numpy(x), torch.from_numpy(y))
    options = ("--extractor", f"{RESNET}@layer1", "--output")
    status, (found,), err = translated(*options, "one")
    assert status == 0, err
    assert found["value"] == pytest.approx(apart / 4, rel=1e-4)
    assert apart > 0.01
    assert found["reference"] > 0
    scores = (tmp_path / "one/volume_scores.csv").read_text()
    assert scores.count("paired_perceptual") == 4

    def forget(*_):
        pytest.fail("the network was asked again")

    monkeypatch.setattr(type(network), "maps", forget)
    status, again, err = translated(*options, "two")
    assert status == 0, err
    assert again == [found]


def test_extractors_without_maps_are_refused_before_any_volume_is_read(translated):
    status, _, err = translated("--extractor", "radiomics", "--real", "nowhere")
    assert status == 1
    assert "is of feature maps, and radiomics has none" in err
