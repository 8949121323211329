import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from generator.conditions import OF_MIRRORING, Column, Conditioning, conditioning_of
from generator.data import TrainingData
from generator.diffusion_stage import DiffusionStage
from tests.generator.conftest import MICRO, micro


@pytest.fixture(scope="module")
def one_sided(tmp_path_factory):
    """Return a cohort whose volumes are bright at low x, each in a way of its own."""
    folder = tmp_path_factory.mktemp("one_sided")
    for i in range(8):
        voxels = 0.2 * np.random.default_rng(i).random((8, 16, 8))
        voxels[:4] += 0.8
        write_nifti(Volume(voxels.astype(np.float32), np.eye(4)), folder / f"v{i}.nii.gz")
    return check_cohort(read_cohort(str(folder), name="training", role="real"))


class Averages(nn.Module):
    """In place of an autoencoder: a latent is the mean of its voxels, in four channels."""

    def encode(self, volumes):
        return F.avg_pool3d(volumes, 4).expand(-1, 4, -1, -1, -1)


def sides_of_samples(cohort, **settings):
    """Return how much brighter samples are at low x than at high x, after a short training."""
    diffusion = MICRO["diffusion"] | {
        "prediction": "v_prediction", "scaling": "standard", "loss": "l2", "timesteps": 100,
        "channels": [16], "attention": [True],
    }  # fmt: skip
    config = micro(diffusion=diffusion, sampler="ddim", steps=10, mirrored="x", **settings)
    stage = DiffusionStage(config, TrainingData(cohort, config), Averages(), torch.device("cpu"))
    for step in range(100):
        stage.update(step)
    low, high = stage._drawn(list(range(16))).mean((1, 3, 4)).unbind(1)
    return low - high


def test_mirrored_volumes_of_which_the_network_is_told_do_not_leak_into_samples(one_sided):
    told = sides_of_samples(one_sided, mirrored_told=True)
    assert (told > 0).all()
    untold = sides_of_samples(one_sided)
    assert 2 <= int((untold > 0).sum()) <= 14  # about as often as volumes were


def test_the_network_is_told_which_volumes_are_mirrored(one_sided):
    data = TrainingData(one_sided, micro(mirrored="x", mirrored_told=True))
    assert data.condition([3, 8 + 3, 0]).columns.tolist() == [[0], [1], [0]]
    plain = TrainingData(one_sided, micro(mirrored="x"))
    assert plain.condition([3, 8 + 3]) is None


def test_samples_are_not_mirrored_unless_asked_for():
    told = Conditioning((Column("sex", ("f", "m")), OF_MIRRORING))
    assert told.coded({"sex": "m"}) == [1, 0]
    assert told.coded({"sex": "f", "mirrored": "yes"}) == [0, 1]
    assert conditioning_of({"conditioning": told.card()}) == told
    assert np.isnan(told.coded({})[0])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "set mirrored to x, y or z"),
        (
            {"mirrored": "x", "diffusion": MICRO["diffusion"] | {"condition": "mirrored"}},
            "which diffusion.condition has taken",
        ),
    ],
)
def test_telling_of_no_mirroring_is_refused(settings, reason):
    with pytest.raises(EvalsuiteError, match=reason):
        micro(mirrored_told=True, **settings)
