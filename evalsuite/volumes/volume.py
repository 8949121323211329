"""A volume: voxels and where they lie in the patient."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


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
