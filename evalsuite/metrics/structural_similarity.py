"""Multi-scale structural similarity of two volumes (MS-SSIM) as a formula.

Filtering with a separable Gaussian is three products with banded matrices, whose rows hold the
reflection at the border, some rows at a time without the zeros; on a CPU this is 1.5 to 6 times
faster than three one-dimensional convolutions. What depends on one volume only is its pyramid, which its pairs share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from evalsuite.metrics.metric import UndefinedError

Convention = Literal["wang", "medical-diffusion"]
STANDARD_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang 2003, section 3.2

FEWEST_VOXELS = 16  # along a side that is halved four times
ROWS = 24  # of a banded matrix at a time


@dataclass(frozen=True, slots=True)
class Settings:
    """Window and scales of MS-SSIM.

    Args:
        kernel_size: side of the Gaussian window in voxels, odd.
        sigma: its standard deviation in voxels of each scale.
        scales: number of scales, each half as fine as the one before.
        k1, k2: constants that keep the luminance and the contrast term stable.
        convention: `wang` as published; `medical-diffusion` as `msssim_3d` of the repository
            FirasGit/medicaldiffusion: borders mirrored with the outer voxel twice and averaged
            over like the rest, and the coarsest scale multiplied in once for each finer one.
    """

    kernel_size: int = 11
    sigma: float = 1.5
    scales: int = 5
    k1: float = 0.01
    k2: float = 0.03
    convention: Convention = "wang"

    @property
    def exponents(self) -> tuple[float, ...]:
        """The powers to which the means of the scales are raised, the finest first."""
        *finer, coarsest = self.weights
        return *finer, coarsest * (1 if self.convention == "wang" else len(finer))

    @property
    def weights(self) -> tuple[float, ...]:
        """The first `scales` standard weights, renormalised to sum to 1 if some are left out.

        All five are kept as published, so that the value is the standard one.
        """
        first = STANDARD_WEIGHTS[: self.scales]
        return first if self.scales == 5 else tuple(weight / sum(first) for weight in first)


class Level(NamedTuple):
    """One volume at one scale.

    Args:
        voxels: intensities less `offset`, which keeps E[x^2] - E[x]^2 exact in single precision.
        mean, variance: local moments of `voxels` in the Gaussian window.
        offset: mean intensity of the volume.
    """

    voxels: Float[Tensor, "x y z"]
    mean: Float[Tensor, "x y z"]
    variance: Float[Tensor, "x y z"]
    offset: float


def odd(value: int) -> int:
    """Return the value, or raise ValueError if it is even."""
    if value % 2 == 0:
        raise ValueError(f"must be odd, but is {value}.")
    return value


def fit_settings(
    shape: tuple[int, ...],
    kernel_size: int,
    sigma: float,
    scales: int | None,
    k1: float,
    k2: float,
    convention: Convention = "wang",
) -> Settings:
    """Return the settings that volumes of this shape allow.

    A window larger than the smallest side shrinks to the largest odd size that fits. With `scales`
    None there are as many scales, at most five, as leave the smallest side no less than the window.
    The convention `medical-diffusion` has five scales and a window that is cut off after 4 sigma.

    Args:
        shape: voxels along each axis.
        kernel_size, sigma, scales, k1, k2, convention: within the bounds that the options of MS-SSIM declare.

    Raises:
        UndefinedError: if a side has fewer than 3 voxels, or the shape does not allow `scales`.
    """
    side = min(shape)
    if side < 3:
        raise UndefinedError(
            f"MS-SSIM needs at least 3 voxels along each axis, but the volumes are {shape_text(shape)}."
        )
    if convention == "medical-diffusion":
        if side < FEWEST_VOXELS:
            raise UndefinedError(
                f"MS-SSIM as of Medical Diffusion needs at least {FEWEST_VOXELS} voxels along each "
                f"axis, but the volumes are {shape_text(shape)}."
            )
        return Settings(2 * int(4 * sigma + 0.5) + 1, sigma, 5, k1, k2, convention)
    window = min(kernel_size, side - (side + 1) % 2)
    most = min(5, 1 + int(math.log2(side / window)))
    if scales is not None and scales > most:
        raise UndefinedError(
            f"{scales} scales with a window of {window} voxels need at least"
            f" {window * 2 ** (scales - 1)} voxels along each axis, but the volumes are"
            f" {shape_text(shape)}. Use at most {most}, or leave scales unset."
        )
    return Settings(window, sigma, scales or most, k1, k2)


def pyramid(volume: Float[Tensor, "x y z"], settings: Settings) -> tuple[Level, ...]:
    """Return the volume at each scale with its local moments, in at least single precision."""
    offset = volume.mean(dtype=torch.float64).item()
    voxels = volume.to(torch.promote_types(volume.dtype, torch.float32)) - offset
    levels = []
    for scale in range(settings.scales):
        if scale > 0:
            voxels = functional.avg_pool3d(voxels[None], 2)[0]
        mean = _blur(voxels, settings)
        variance = (_blur(voxels * voxels, settings) - mean * mean).clamp_(min=0)
        levels.append(Level(voxels, mean, variance, offset))
    return tuple(levels)


def similarity(
    first: tuple[Level, ...], second: tuple[Level, ...], settings: Settings, data_range: float
) -> tuple[float, float]:
    """Return MS-SSIM in [0, 1] and SSIM in [-1, 1] of two volumes, given their pyramids.

    Higher is more alike, 1 is identical, no unit; symmetric. Contrast and structure of the finer
    scales are averaged where the window lies within the volume and SSIM everywhere, with the
    volume reflected at its border; a negative mean counts as 0. These are the conventions of
    torchmetrics (`normalize="relu"`), with which values agree to 1e-5 where it accepts the size.

    References:
        Wang et al., IEEE Transactions on Image Processing 13 (2004), equations 12 and 13.
        Wang et al., Asilomar Conference on Signals, Systems and Computers (2003), equation 7.
    """
    multi_scale, finest = similarity_and_map(first, second, settings, data_range)
    return multi_scale, finest.mean().item()


def similarity_and_map(
    first: tuple[Level, ...], second: tuple[Level, ...], settings: Settings, data_range: float
) -> tuple[float, Float[Tensor, "x y z"]]:
    """Return MS-SSIM, and the structural similarity around each voxel, see `similarity`."""
    margin = settings.kernel_size // 2 if settings.convention == "wang" else 0
    means = []
    for scale, (x, y) in enumerate(zip(first, second, strict=True)):
        contrast = _contrast(x, y, settings, data_range)
        is_last = scale == settings.scales - 1
        if scale == 0 or is_last:
            similar = _luminance(x, y, settings, data_range) * contrast
        if scale == 0:
            finest = similar
        if is_last:
            means.append(similar.mean().item())
        else:
            x0, y0, z0 = (slice(margin, side - margin) for side in contrast.shape)
            within = contrast[x0, y0, z0]
            means.append(within.mean().item())
    factors = (max(m, 0.0) ** w for m, w in zip(means, settings.exponents, strict=True))
    return math.prod(factors), finest


def _luminance(x: Level, y: Level, settings: Settings, data_range: float) -> Float[Tensor, "x y z"]:
    c1 = (settings.k1 * data_range) ** 2
    p, q = x.mean + x.offset, y.mean + y.offset
    return (2 * p * q + c1) / (p * p + q * q + c1)


def _contrast(x: Level, y: Level, settings: Settings, data_range: float) -> Float[Tensor, "x y z"]:
    c2 = (settings.k2 * data_range) ** 2
    covariance = _blur(x.voxels * y.voxels, settings) - x.mean * y.mean
    return (2 * covariance + c2) / (x.variance + y.variance + c2)


@lru_cache(maxsize=64)
def blur_matrix(
    side: int,
    kernel_size: int,
    sigma: float,
    dtype: torch.dtype,
    device: torch.device,
    *,
    twice: bool = False,
) -> Float[Tensor, "n n"]:
    """Return the matrix that averages along an axis whose border is mirrored.

    Row i holds the normalised Gaussian around voxel i.

    Args:
        side: above half the kernel size, unless `twice`.
        twice: whether the mirror repeats the outer voxel.
    """
    reach = torch.arange(kernel_size) - kernel_size // 2
    weights = torch.exp(-0.5 * (reach.double() / sigma) ** 2)
    weights /= weights.sum()
    place = torch.arange(side)[:, None] + reach
    if twice:
        place = place.remainder(2 * side)
        mirrored = torch.minimum(place, 2 * side - 1 - place)
    else:
        mirrored = side - 1 - (side - 1 - place.abs()).abs()
    matrix = torch.zeros(side, side, dtype=torch.float64)
    matrix.scatter_add_(1, mirrored, weights.expand(side, -1))
    return matrix.to(device=device, dtype=dtype)


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as it stands in a sentence."""
    return " x ".join(map(str, shape))


def _blur(voxels: Float[Tensor, "x y z"], settings: Settings) -> Float[Tensor, "x y z"]:
    """Return the Gaussian average around each voxel, the volume being reflected at its border."""
    twice = settings.convention == "medical-diffusion"
    size, sigma = settings.kernel_size, settings.sigma
    x, y, z = (
        _bands(side, size, sigma, voxels.dtype, voxels.device, twice=twice) for side in voxels.shape
    )
    along_z = torch.cat([voxels[..., columns] @ band.T for columns, band in z], dim=2)
    along_y = torch.cat([band @ along_z[:, columns] for columns, band in y], dim=1).flatten(1)
    return torch.cat([band @ along_y[columns] for columns, band in x]).view(voxels.shape)


@lru_cache(maxsize=64)
def _bands(
    side: int,
    kernel_size: int,
    sigma: float,
    dtype: torch.dtype,
    device: torch.device,
    *,
    twice: bool,
) -> tuple[tuple[slice, Float[Tensor, "_ _"]], ...]:
    """Return the matrix of `blur_matrix` in parts: some rows, and the columns that are not 0 there."""
    matrix = blur_matrix(side, kernel_size, sigma, dtype, device, twice=twice)
    reach, parts = kernel_size // 2, []
    for start in range(0, side, ROWS):
        columns = slice(max(0, start - reach), start + ROWS + reach)
        parts.append((columns, matrix[start : start + ROWS, columns]))
    return tuple(parts)
