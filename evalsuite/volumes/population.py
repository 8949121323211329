"""A simulated population of brains for demonstrations: one real template, deformed at random.

The template is the ICBM 2009a nonlinear symmetric T1 average (Fonov et al., NeuroImage 47,
2009), as the nilearn package ships it. Its simulated relatives are no patients and carry none of
their diversity: they serve to try the suite, never to support a claim.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Float

from evalsuite import extras
from evalsuite.volumes.read import read_volume
from evalsuite.volumes.volume import Volume

TEMPLATE = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


@cache
def template(spacing: float) -> Volume:
    """Return the T1 template, smoothed for and sampled at a spacing, with a maximum of 1.

    Args:
        spacing: millimetres per voxel along each axis, 1 or more.

    Raises:
        EvalsuiteError: if nilearn, which ships the template, is not installed.
    """
    extras.require("demo", purpose="The template of the simulated population")
    from scipy import ndimage

    package = find_spec("nilearn")
    assert package is not None  # noqa: S101
    assert package.origin is not None  # noqa: S101
    volume = read_volume(Path(package.origin).parent / TEMPLATE)
    sigma = (spacing / np.array(volume.spacing) - 1) / 2
    smooth = ndimage.gaussian_filter(volume.voxels, np.maximum(0, sigma))
    size = np.floor(np.array(volume.shape) * np.array(volume.spacing) / spacing).astype(int)
    step = np.diag([*(spacing / np.array(volume.spacing)), 1.0])
    voxels = ndimage.affine_transform(smooth, np.diag(step)[:3], output_shape=size, order=1)
    return Volume(voxels / voxels.max(), volume.affine @ step)


def simulate(index: int, *, seed: int, spacing: float, variability: float = 1.0) -> Volume:
    """Return one brain of the population; it depends on the arguments alone.

    A random affine map (scale 4 %, rotation 3 degrees, shift 2 mm, as standard deviations), a
    smooth displacement (standard deviation 3 mm at 30 mm and 1.5 mm at 12 mm correlation
    length), a gamma curve, a smooth bias field of 10 %, Rician noise of 2 % and an arbitrary
    scale of intensities, as MRI has.

    Args:
        variability: factor on all of these but the noise and the scale of intensities; below 1
            the brains are too much alike, as those of a generator that dropped modes.
    """
    brain = template(spacing)  # which refuses before anything else is imported
    from scipy import ndimage

    random = np.random.default_rng([seed, index])
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in brain.shape), indexing="ij")).astype(float)
    centre = (np.array(brain.shape) - 1)[:, None, None, None] / 2
    turn = np.eye(3) + np.cross(np.eye(3), random.normal(0, variability * np.deg2rad(3), 3))
    matrix = turn @ np.diag(np.exp(random.normal(0, variability * 0.04, 3)))
    where = np.einsum("ij,jxyz->ixyz", matrix, grid - centre) + centre
    where += random.normal(0, variability * 2 / spacing, 3)[:, None, None, None]
    for deviation, length in ((3.0, 30.0), (1.5, 12.0)):
        for axis in range(3):
            field = smooth_field(random, brain.shape, length / spacing)
            where[axis] += field * (variability * deviation) / spacing
    voxels = ndimage.map_coordinates(brain.voxels, where, order=1, mode="constant")
    voxels = np.clip(voxels, 0, 1) ** np.exp(random.normal(0, variability * 0.15))
    voxels *= 1 + variability * 0.1 * smooth_field(random, brain.shape, 50 / spacing)
    voxels = np.hypot(
        voxels + random.normal(0, 0.02, brain.shape), random.normal(0, 0.02, brain.shape)
    )
    return Volume((voxels * np.exp(random.normal(6, 1))).astype(np.float32), brain.affine)


def degrade(volume: Volume, *, blur: float, noise: float, seed: int) -> Volume:
    """Return the volume after a Gaussian blur and additive Gaussian noise.

    Args:
        blur: standard deviation in voxels.
        noise: standard deviation as a share of the largest intensity.
    """
    from scipy import ndimage

    voxels = ndimage.gaussian_filter(volume.voxels, blur) if blur else volume.voxels
    random = np.random.default_rng(seed)
    if noise:
        voxels = voxels + random.normal(0, noise * float(voxels.max()), voxels.shape)
    return Volume(voxels.astype(np.float32), volume.affine)


def smooth_field(
    random: np.random.Generator, shape: tuple[int, int, int], length: float
) -> Float[np.ndarray, "x y z"]:
    """Return a Gaussian random field of unit variance with that correlation length in voxels."""
    from scipy import ndimage

    field = ndimage.gaussian_filter(random.normal(size=shape), length / 2, mode="wrap")
    scaled: Float[np.ndarray, "x y z"] = field / field.std()
    return scaled
