"""The images that FRD takes features of: normalised, resampled and filtered as pyradiomics does.

Arrays are indexed (z, y, x) like those of SimpleITK.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

SPACING = 2.0  # millimetres, along all axes
SCALE = 100.0  # standard deviation of the normalised intensities
SIGMAS = (2.0, 3.0, 4.0, 5.0)  # millimetres, of the Laplacians of a Gaussian
FEWEST = 4  # voxels along each axis that the largest Laplacian needs
WAVELET = "coif1"


@dataclass(frozen=True, slots=True)
class Resampled:
    """A volume on the grid of 2 mm.

    Args:
        voxels: normalised intensities; 0 where a voxel's centre lies outside the volume.
        inside: which voxels count: those with their centre inside, except, as in frd-score, the
            first voxel of the volume.
    """

    voxels: Float[np.ndarray, "z y x"]
    inside: Bool[np.ndarray, "z y x"]


def resampled(voxels: Float[np.ndarray, "x y z"], affine: Float[np.ndarray, "4 4"]) -> Resampled:
    """Normalise to mean 0 and standard deviation 100, then interpolate by cubic B-splines.

    The grid covers the volume from the outer corner of its first voxel, as far as whole voxels of
    2 mm are needed; nothing is smoothed before. Where the volume has 2 mm already it stays.

    Args:
        voxels: as on disk, of more than one intensity.
        affine: to RAS+ millimetres, with axes at right angles.
    """
    import SimpleITK

    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    # ITK's world runs to the left and posterior where that of NIfTI runs right and anterior.
    world = np.diag([-1.0, -1.0, 1.0])
    direction = world @ affine[:3, :3] / spacing

    def image(values: np.ndarray) -> "SimpleITK.Image":
        made = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T))
        made.SetSpacing(spacing.tolist())
        made.SetOrigin((world @ affine[:3, 3]).tolist())
        made.SetDirection(direction.ravel().tolist())
        return made

    counted = np.ones(voxels.shape, np.uint8)
    counted[0, 0, 0] = 0
    exact = voxels.astype(np.float64)
    volume = image((exact - exact.mean()) / exact.std(ddof=1) * SCALE)
    mask = image(counted)
    if not np.allclose(spacing, SPACING):
        resample = SimpleITK.ResampleImageFilter()
        resample.SetNumberOfThreads(1)
        resample.SetOutputSpacing([SPACING] * 3)
        resample.SetOutputDirection(volume.GetDirection())
        resample.SetSize(size_at(voxels.shape, spacing))
        first = 0.5 * (SPACING - spacing) / spacing
        resample.SetOutputOrigin(volume.TransformContinuousIndexToPhysicalPoint(first.tolist()))
        resample.SetInterpolator(SimpleITK.sitkBSpline)
        volume = resample.Execute(volume)
        resample.SetInterpolator(SimpleITK.sitkNearestNeighbor)
        mask = resample.Execute(mask)
    return Resampled(SimpleITK.GetArrayFromImage(volume), SimpleITK.GetArrayFromImage(mask) == 1)


def size_at(shape: tuple[int, ...], spacing: Float[np.ndarray, "3"]) -> list[int]:
    """Return the voxels per axis (x, y, z) of the grid of 2 mm that covers a volume."""
    return [int(n) for n in np.ceil(np.array(shape) * (spacing / SPACING))]


def filtered(
    voxels: Float[np.ndarray, "z y x"],
) -> Iterator[tuple[str, Float[np.ndarray, "z y x"]]]:
    """Yield name and voxels of the image itself, its Laplacians and its wavelet bands.

    Args:
        voxels: at 2 mm, at least 4 along each axis.
    """
    yield "original", voxels
    yield from _laplacians(voxels)
    yield from _bands(voxels)


def _laplacians(
    voxels: Float[np.ndarray, "z y x"],
) -> Iterator[tuple[str, Float[np.ndarray, "z y x"]]]:
    """Yield the Laplacian of a Gaussian of each width, times the width squared."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing([SPACING] * 3)
    for sigma in SIGMAS:
        log = SimpleITK.LaplacianRecursiveGaussianImageFilter()
        log.SetNormalizeAcrossScale(True)
        log.SetSigma(sigma)
        log.SetNumberOfThreads(1)  # as there is one process per core
        yield f"log-{sigma:g}mm", SimpleITK.GetArrayFromImage(log.Execute(image))


def _bands(
    voxels: Float[np.ndarray, "z y x"],
) -> Iterator[tuple[str, Float[np.ndarray, "z y x"]]]:
    """Yield the eight bands, such as `LLH`: low-pass in x and y, high-pass in z.

    The image goes on periodically, and an odd side is made even by repeating its first layer.
    """
    import pywt

    even = np.pad(voxels, [(0, side % 2) for side in voxels.shape], "wrap")
    ((found),) = pywt.swtn(even, WAVELET, level=1, axes=(2, 1, 0))
    z, y, x = voxels.shape
    for name, band in found.items():
        yield name.replace("a", "L").replace("d", "H"), band[:z, :y, :x]
