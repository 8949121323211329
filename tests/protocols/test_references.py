"""What evalsuite yields under a protocol is what the public code of its source yielded.

The values in `fixtures` came out of the references, see `benchmarks/references`; volumes and
weights are made again here, seeded. Everything goes through `evaluate`, so that a step out of
order, a slice too few or a network that is loaded otherwise shows.
"""

import numpy as np
import pytest
import torch

from benchmarks.references import check, clones
from benchmarks.references.inputs import KEPT, seeded, simulated
from evalsuite.extractors.networks.resnet import ResNet50
from evalsuite.extractors.slices import Slices
from evalsuite.protocols.protocol import load_protocol
from evalsuite.settings import laid_over
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.read import read_volume


def prepared(name, file, **settings):
    """Return the voxels of a volume as the protocol has them, its settings laid over."""
    steps = load_protocol(name).preprocessing.model_dump(mode="json")
    return Preprocessing.model_validate(laid_over(steps, settings)).apply(read_volume(file)).voxels


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("vlm3d-mr-2.5d", "weights seeded.pth"),
        ("wdm-3d", "shape 64 x 64 x 64, weights seeded.pth"),
        ("medmetric", "weights seeded.pth"),
        ("medical-diffusion", ""),
    ],
)
def test_features_and_distances_are_those_of_the_reference(name, changed, tmp_path):
    answer = check.run(name, tmp_path)
    called = answer[0].protocol
    assert called == (f"{name}, modified: {changed}" if changed else name)
    assert answer[0].config["protocol"]["source"] == load_protocol(name).source.told
    found = check.differences(name, answer, "simulated")
    assert found.pop("features", 0) < 1e-4
    assert found
    assert max(found.values()) < 1e-3


def test_maisi_sees_the_slices_that_its_script_sees(tmp_path):
    """Of the second volume, whose axes are flipped, and which is resampled, padded and cropped."""
    known = check.fixture("maisi-2.5d")
    files = simulated(tmp_path)
    network = ResNet50()
    network.load_state_dict(seeded(known["shapes"]))
    network.eval()
    slices = Slices(**load_protocol("maisi-2.5d").slices)
    voxels = prepared("maisi-2.5d", files["real"][1], shape=check.SIDE)
    with torch.no_grad():
        rows = [
            torch.cat([network(images) for images in slices.images(voxels, plane)])
            for plane in known["simulated"]["planes"]
        ]
    assert [len(own) for own in rows] == known["simulated"]["slices"]
    means = np.stack([own.mean(0).numpy() for own in rows])[:, ::KEPT]
    np.testing.assert_allclose(means, known["simulated"]["means"][1], rtol=1e-4, atol=1e-7)


def test_ha_gan_s_network_sees_what_its_script_shows_it(tmp_path):
    """Blank axial planes are gone, at the ends and within, and the border blends with -1."""
    known = check.fixture("ha-gan")["simulated"]["inputs"]
    files = simulated(tmp_path, low=-1024, high=600)
    for file, values in zip([*files["real"], *files["synthetic"]], known, strict=True):
        voxels = prepared("ha-gan", file, shape=check.SIDE)
        np.testing.assert_allclose(voxels[::13, ::17, ::19].ravel(), values, atol=1e-6)


def test_wdm_3d_pads_brats_and_halves_it(tmp_path):
    known = check.fixture("wdm-3d")["full"]["inputs"]
    files = simulated(tmp_path, low=0, high=1000)
    clones.framed(files["real"][:2], (240, 240, 155))
    for file, values in zip(files["real"][:2], known[:2], strict=True):
        voxels = prepared("wdm-3d", file)
        assert voxels.shape == (128, 128, 128)
        np.testing.assert_allclose(voxels[32::7, 32::7, 32::7].ravel(), values, atol=1e-6)
