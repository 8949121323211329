import numpy as np
import pytest

from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from generator.config import load_config
from generator.data import TrainingData

MICRO = {
    "preprocessing": {"shape": [8, 16, 8], "spacing": "native"},
    "validation": 2,
    "sample_block": 2,
    "steps": 10,
    "calibrate": False,
    "vqgan": {
        "channels": [16, 16],
        "bottleneck": "vq",
        "grain": 2,
        "slice_adversarial": 0.01,
        "volume_adversarial": 0.01,
        "feature_matching": 0.05,
        "restart_below": 0.5,
        "residual_layers": 1,
        "codes": 16,
        "code_dimension": 4,
        "discriminator_channels": 4,
        "discriminator_layers": 1,
        "discriminator_start": 3,
        "training": {
            "steps": 6, "batch_size": 2, "validate_every": 3, "checkpoint_every": 2,
            "precision": "float32", "warmup": 0, "learning_rate": 0.003,
        },
    },
    "diffusion": {
        "channels": [8, 16],
        "attention": [False, True],
        "residual_blocks": 1,
        "groups": 4,
        "head_channels": 8,
        "timesteps": 20,
        "training": {
            "steps": 6, "batch_size": 4, "validate_every": 3, "checkpoint_every": 2,
            "precision": "float32", "warmup": 0, "learning_rate": 0.003,
        },
    },
}  # fmt: skip


def micro(**overrides):
    """Return a configuration that trains in a second."""
    return load_config(None, {"preset": "tiny"}, MICRO | overrides)


@pytest.fixture
def cohort(make_cohort):
    folder = make_cohort("training", 8, shape=(9, 17, 10))
    return check_cohort(read_cohort(str(folder), name="training", role="real"))


@pytest.fixture
def data(cohort):
    return TrainingData(cohort, micro())


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Return the folder of a micro generator of blobs, trained until its samples differ."""
    from generator.run import train

    folder = tmp_path_factory.mktemp("trained")
    volumes = folder / "volumes"
    volumes.mkdir()
    grid = np.indices((9, 17, 10))
    for i in range(8):
        centre = np.random.default_rng(i).uniform([2, 3, 2], [6, 13, 7]).reshape(3, 1, 1, 1)
        blob = np.exp(-((grid - centre) ** 2).sum(axis=0) / 18).astype(np.float32)
        write_nifti(Volume(blob, np.eye(4)), volumes / f"v{i}.nii.gz")
    training = MICRO["vqgan"]["training"] | {"steps": 200, "validate_every": 200}
    long = {"training": training, "discriminator_start": 1000}
    train(
        str(volumes), folder / "run", micro(vqgan=MICRO["vqgan"] | long),
        resume=False, device="cpu", experiment=None, skip_invalid=False,
    )  # fmt: skip
    return folder / "run"
