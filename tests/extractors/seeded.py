"""Weights and slices that anybody can make again from their names and shapes alone."""

import hashlib
import zlib

import numpy as np
import torch

PERIOD = 65_537  # a prime: rows of a matrix repeat one sequence at different places


def seeded_tensors(shapes):
    """Return a tensor per name: it depends on that name and its shape, on no order and no library.

    Deep networks stay in range: convolutions keep the variance of what passes a ReLU.
    """
    return {name: _tensor(name, tuple(shape)) for name, shape in shapes.items()}


def _tensor(name, shape):
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    size = int(np.prod(shape))
    normal = np.resize(rng.standard_normal(min(size, PERIOD)), shape)
    kind = name.rpartition(".")[2]
    if len(shape) > 1 and kind == "weight":
        values = normal * np.sqrt(2 / np.prod(shape[1:]))
    elif kind in {"bias", "running_mean"}:
        values = 0.1 * normal
    elif kind in {"weight", "running_var", "gamma"}:
        values = 0.5 + np.abs(normal) % 1
    else:  # tokens and position embeddings
        values = 0.5 * normal
    return torch.from_numpy(values.astype(np.float32))


def seeded_slices(*shape):
    """Return slices of standard normal numbers."""
    values = np.random.default_rng(sum(shape)).standard_normal(shape)
    return torch.from_numpy(values.astype(np.float32))


def shapes_of(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def shapes_sha256(shapes):
    """Return one digest of all names and shapes, whatever their order."""
    lines = sorted(f"{name} {tuple(shape)}" for name, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def summary(features):
    """Return, per slice, every n-th feature (about 64 of them) and the norm of all."""
    rows = features.double()
    return {
        "every_nth": rows[:, :: rows.shape[1] // 64].tolist(),
        "norm": rows.norm(dim=1).tolist(),
        "features": rows.shape[1],
    }
