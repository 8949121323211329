"""Functions that make volumes, well and badly, as packages of others may bring them."""

import sys
from itertools import count

import numpy as np
import torch
from nibabel import Nifti1Image
from scipy import ndimage

from evalsuite.volumes.memory import Volumes
from evalsuite.volumes.volume import Volume

SHAPE = (8, 10, 6)
# Axes to the patient's left, posterior and superior, of 1, 1.5 and 2 mm, turned by 10 degrees.
TURN = np.array([[np.cos(0.17), -np.sin(0.17), 0], [np.sin(0.17), np.cos(0.17), 0], [0, 0, 1]])
AFFINE = np.eye(4)
AFFINE[:3, :3] = TURN @ np.diag([-1, -1.5, 2])
AFFINE[:3, 3] = [5, -7, 3]


def one(rng, width=2.0, shape=SHAPE):
    return ndimage.gaussian_filter(rng.normal(size=shape), width).astype(np.float32) * 100


def arrays(n, seed, width=2.0):
    """Smooth noise."""
    sys.stdout.write("a stranger's chatter")
    rng = np.random.default_rng(seed)
    return [one(rng, width) for _ in range(n)]


def declared(n, seed, device):
    assert device == "cpu"
    return arrays(n, seed)


declared.spacing, declared.orientation, declared.units = (1, 1.5, 2), "LPS", "HU"
declared.files = [__file__]


def turned(n, seed):
    return arrays(n, seed)


turned.orientation = "LAS"


def iterator(n, seed):
    rng = np.random.default_rng(seed)
    return (one(rng) for _ in count())


def batch(n, seed):
    return torch.tensor(np.stack(arrays(n, seed)))[:, None]


def images(n, seed):
    return [Nifti1Image(array, AFFINE) for array in arrays(n, seed)]


def placed(n, seed):
    return [Volume(array, AFFINE) for array in arrays(n, seed)]


def tensors(n, seed):
    from monai.data import MetaTensor

    return [MetaTensor(torch.tensor(array)[None], affine=AFFINE) for array in arrays(n, seed)]


def covariates(n, seed):
    ages = [seed % 90 + i for i in range(n)]
    return Volumes(arrays(n, seed), (1, 1.5, 2), "LPS", covariates={"age": ages})


def sequences(n, seed):
    return np.stack([np.stack([a, 2 * a]) for a in arrays(n, seed)])


sequences.channels = ("t1", "t2")


def labelled(n, seed):
    return [{"image": a, "label": a > 0} for a in arrays(n, seed)]


def global_numbers(n, seed):
    return torch.rand(n, *SHAPE).numpy() + np.random.random_sample((n, *SHAPE))  # noqa: NPY002


def unseeded(n, seed):
    return arrays(n, None)


def always_the_same(n, seed):
    return arrays(n, 7)


def copies(n, seed):
    return arrays(n, seed % 2)


def odd_shapes(n, seed):
    rng = np.random.default_rng(seed)
    return [one(rng, shape=(8, 10, 6 + seed % 3)) for _ in range(n)]


def fails(n, seed):
    raise RuntimeError("CUDA out of memory.\nTried to allocate")


def slices(n, seed):
    return [array[0] for array in arrays(n, seed)]


def too_many(n, seed):
    return arrays(n + 3, seed)


def singular(n, seed):
    return [Volume(array, np.diag([1.0, 0, 1, 1])) for array in arrays(n, seed)]


def complex_numbers(n, seed):
    return [array * 1j for array in arrays(n, seed)]


def not_finite(n, seed):
    return [array * (np.inf if seed else 0) for array in arrays(n, seed)]


def constant(n, seed):
    return [np.full(SHAPE, -1000.0) for _ in range(n)]


def mixes(n, seed):
    """What a network does whose batch normalisation was left in training mode."""
    together = np.stack(arrays(n, seed))
    return together - 0.5 * together.mean(axis=0)


def nothing(n, seed):
    return None


NO_FUNCTION = 3
