"""Volumes turned and resized at random, for the first stage to see more than there are.

The second stage learns the latents of volumes as they are, so that no sample is turned: what the
first stage has seen besides reaches samples only as what its decoder can draw.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from evalsuite.processes import world
from generator import distributed

Volumes = Float[Tensor, "b c x y z"]


def augmented(
    volumes: Volumes, generator: torch.Generator, *, turned: float, resized: float
) -> Volumes:
    """Return the volumes, each turned about every axis and resized along it by chance.

    Args:
        volumes: of this process.
        generator: on the processor, the same in all processes.
        turned: largest angle, in degrees.
        resized: largest relative change of a side.
    """
    if not turned and not resized:
        return volumes
    shape = (world() * len(volumes), 6)
    chance = distributed.own(2 * torch.rand(shape, generator=generator) - 1)
    angles = chance[:, :3] * math.radians(turned)
    sizes = 1 + chance[:, 3:] * resized
    return moved(volumes, angles, sizes)


def moved(volumes: Volumes, angles: Float[Tensor, "b 3"], sizes: Float[Tensor, "b 3"]) -> Volumes:
    """Return volumes resized along the axes, then turned about x, y and z, around the middle.

    What comes from outside repeats the outermost voxels; voxels are taken to be cubes.

    Args:
        angles: in radians.
        sizes: factors of the sides.
    """
    turns = torch.stack([_turn(*three) for three in angles.tolist()])
    # Where in the given volume a voxel of the new one comes from, in voxels from the middle.
    back = (turns @ torch.diag_embed(sizes)).inverse()
    sides = torch.tensor(volumes.shape[2:], dtype=back.dtype)
    # grid_sample takes shares of half a side, and its axes in the other order.
    shares = (back * sides[None, None, :] / sides[None, :, None]).flip(1, 2)
    matrices = functional.pad(shares, (0, 1)).to(volumes)
    grid = functional.affine_grid(matrices, list(volumes.shape), align_corners=False)
    return functional.grid_sample(volumes, grid, padding_mode="border", align_corners=False)


def _turn(x: float, y: float, z: float) -> Float[Tensor, "3 3"]:
    found = torch.eye(3)
    for axis, angle in enumerate((x, y, z)):
        found = _about(axis, angle) @ found
    return found


def _about(axis: int, angle: float) -> Float[Tensor, "3 3"]:
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = torch.eye(3)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[first, second], matrix[second, first] = -math.sin(angle), math.sin(angle)
    return matrix
