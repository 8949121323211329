"""A volume: voxels, where they lie in the patient, and what reading it had to decide."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from evalsuite.volumes.geometry import Part


@dataclass(frozen=True, slots=True)
class Volume:
    """A 3D scan.

    Args:
        voxels: intensities, indexed (i, j, k).
        affine: maps (i, j, k, 1) to millimetres in RAS+ world coordinates, as in NIfTI.
    """

    voxels: Float[np.ndarray, "x y z"]
    affine: Float[np.ndarray, "4 4"]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        x, y, z = self.voxels.shape
        return x, y, z

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along each axis, in millimetres."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)).tolist()
        return x, y, z


@dataclass(frozen=True, slots=True)
class Remarks:
    """What had to be decided to read a volume.

    Args:
        unstated: what its file does not state of its geometry, and so was assumed.
        shear: degrees by which the axes of its file are off right angles, if that made it
            necessary to resample; else 0.
        channel_first: whether the affine was taken to be that of the axes behind a channel.
        left_out: files in a DICOM folder that are none of its slices, and why.
    """

    unstated: tuple[Part, ...] = ()
    shear: float = 0.0
    channel_first: bool = False
    left_out: tuple[str, ...] = ()


UNREMARKABLE = Remarks()
