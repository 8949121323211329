"""Whether two volumes have equally much detail at each place, wherever it lies there."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

SCALES = 2
REGION = 2  # coefficients along each axis over which energy is averaged
FLOOR = 1e-6  # keeps the gradient of a root finite; 0.1 % of the range of intensities


def texture_difference(
    volumes: Float[Tensor, "b 1 x y z"],
    others: Float[Tensor, "b 1 x y z"],
    shift: tuple[int, int, int] = (0, 0, 0),
) -> Float[Tensor, ""]:
    """Return the mean absolute difference of the local strength of detail of two sets of volumes.

    Strength is the root mean square of the Haar wavelet's coefficients within a small region, for
    each of its seven bands of detail and at two scales. A blur cannot satisfy it, grain can,
    whatever its phase.

    Args:
        shift: 0 or 1 voxel along each axis that is cut first, so that no voxel is always the
            first of its pair.
    """
    found = []
    one, other = (v[:, :, shift[0] :, shift[1] :, shift[2] :].float() for v in (volumes, others))
    for _ in range(SCALES):
        if min(one.shape[2:]) < 2:
            break
        mine, theirs = haar(one), haar(other)
        found.append((_strength(mine[:, 1:]) - _strength(theirs[:, 1:])).abs().mean())
        one, other = (bands[:, :1] / math.sqrt(8) for bands in (mine, theirs))  # means of eight
    return torch.stack(found).sum()


def haar(volumes: Float[Tensor, "b 1 x y z"]) -> Float[Tensor, "b 8 u v w"]:
    """Return the eight bands of the orthonormal Haar wavelet, the smooth one first.

    Example:
        >>> haar(torch.ones(1, 1, 2, 2, 2)).flatten().tolist()[:2]  # 8 / sqrt(8), and no detail
        [2.8284270763397217, 0.0]
    """
    u, v, w = (side // 2 for side in volumes.shape[2:])
    even = volumes[..., : 2 * u, : 2 * v, : 2 * w]
    corners = even.reshape(-1, u, 2, v, 2, w, 2).permute(0, 2, 4, 6, 1, 3, 5)
    pair = torch.tensor([[1.0, 1.0], [1.0, -1.0]], device=volumes.device) / math.sqrt(2)
    bands: Tensor = torch.kron(pair, torch.kron(pair, pair))
    return torch.einsum("ij,bjuvw->biuvw", bands, corners.reshape(-1, 8, u, v, w))


def _strength(bands: Float[Tensor, "b 7 u v w"]) -> Float[Tensor, "b 7 _ _ _"]:
    region = [min(REGION, side) for side in bands.shape[2:]]
    energy = functional.avg_pool3d(bands.square(), region)
    return (energy + FLOOR).sqrt()
