import numpy as np
import torch
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from generator.augmentation import augmented, moved
from generator.autoencoder_stage import AutoencoderStage
from generator.data import TrainingData
from generator.diffusion_stage import DiffusionStage
from tests.generator.conftest import MICRO, micro

CPU = torch.device("cpu")
TURNED = MICRO["vqgan"] | {"turned": 20.0, "resized": 0.2}


def smooth(*shape):
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    x, y, z = grid
    return np.exp(-((x - 0.2) ** 2 + 2 * (y + 0.3) ** 2 + 3 * (z - 0.1) ** 2) * 3)


def test_volumes_are_moved_as_by_scipy():
    angles, sizes = [0.3, -0.2, 0.5], [1.2, 0.9, 1.1]
    volume = smooth(16, 24, 20)
    back = np.linalg.inv(Rotation.from_euler("xyz", angles).as_matrix() @ np.diag(sizes))
    middle = (np.array(volume.shape) - 1) / 2
    expected = affine_transform(volume, back, middle - back @ middle, order=1, mode="nearest")
    tensor = torch.from_numpy(volume)[None, None]
    found = moved(tensor, torch.tensor([angles]), torch.tensor([sizes]))[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_each_volume_is_moved_by_chance_within_bounds():
    volumes = torch.from_numpy(smooth(12, 12, 12)).float().expand(3, 1, 12, 12, 12)
    generator = torch.Generator().manual_seed(0)
    found = augmented(volumes, generator, turned=10, resized=0.1)
    assert not torch.equal(found[0], found[1])
    assert (found - volumes).abs().max() < 0.5
    state = generator.get_state()
    assert augmented(volumes, generator, turned=0, resized=0) is volumes
    assert torch.equal(generator.get_state(), state)  # so older trainings go on as they were


def test_only_the_first_stage_sees_moved_volumes(cohort, monkeypatch):
    seen = []
    config = micro(vqgan=TURNED)
    data = TrainingData(cohort, config)
    stage = AutoencoderStage(config, data, CPU)
    encoding = stage.model.encoding
    monkeypatch.setattr(stage.model, "encoding", lambda v: (seen.append(v.clone()), encoding(v))[1])
    stage.update(0)
    dealt = data.volumes(data.draw("vqgan", 0, 2))
    assert seen[0].shape == dealt.shape
    assert not torch.allclose(seen[0], dealt, atol=0.01)
    seen.clear()
    DiffusionStage(config, data, stage.model, CPU)
    as_they_are = {v.numpy().tobytes() for v in data.volumes(data.training)}
    assert {v[0].numpy().tobytes() for v in seen} <= as_they_are
    assert len(seen) == len(data.training)
