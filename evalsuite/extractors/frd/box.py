"""Shape features of a whole volume: the region is a box, so all of them are closed forms."""

import math
from itertools import combinations

import numpy as np


def box_shape(size: tuple[int, int, int], spacing: tuple[float, float, float]) -> dict[str, float]:
    """Return pyradiomics' 14 shape features of a box of voxels.

    Its surface is the mesh that marching cubes lay half a voxel outside the centres of the outer
    voxels, so edges and corners of the box are cut off.

    Args:
        size, spacing: voxels and millimetres per voxel along x, y and z; at least 2 voxels.
    """
    n, s = np.array(size, dtype=float), np.array(spacing)
    inner = (n - 1) * s  # between the centres of the outer voxels
    x, y, z = s / 2  # legs of what is cut off
    faces = 2 * (inner[0] * inner[1] + inner[0] * inner[2] + inner[1] * inner[2])
    bevels = 4 * (
        inner[0] * math.hypot(y, z) + inner[1] * math.hypot(x, z) + inner[2] * math.hypot(x, y)
    )
    corners = 8 * math.sqrt((x * y) ** 2 + (x * z) ** 2 + (y * z) ** 2) / 2
    surface = faces + bevels + corners
    # Slabs on the faces, halved wedges along the edges, an eighth of an octahedron in each corner.
    slabs = 2 * (inner[0] * inner[1] * z + inner[0] * inner[2] * y + inner[1] * inner[2] * x)
    wedges = 4 * (inner[0] * y * z + inner[1] * x * z + inner[2] * x * y) / 2
    volume = float(np.prod(inner) + slabs + wedges + 8 * x * y * z / 6)
    # Standard deviations of the centres along each axis, times 4.
    least, minor, major = np.sort(4 * s * np.sqrt((n**2 - 1) / 12))
    return {
        "mesh_volume": volume,
        "voxel_volume": float(np.prod(n * s)),
        "surface_area": surface,
        "surface_volume_ratio": surface / volume,
        "sphericity": (36 * math.pi * volume**2) ** (1 / 3) / surface,
        "maximum_3d_diameter": _diameter(n, s),
        "maximum_2d_diameter_slice": _diameter(n[:2], s[:2]),
        "maximum_2d_diameter_column": _diameter(n[[0, 2]], s[[0, 2]]),
        "maximum_2d_diameter_row": _diameter(n[1:], s[1:]),
        "major_axis_length": float(major),
        "minor_axis_length": float(minor),
        "least_axis_length": float(least),
        "elongation": float(minor / major),
        "flatness": float(least / major),
    }


def _diameter(n: np.ndarray, s: np.ndarray) -> float:
    """Return the largest distance of two corners of the mesh.

    Each corner is the centre of an outer voxel moved outwards by half a voxel along one axis.
    """
    moved = [2 * [axis] for axis in range(len(n))] + list(combinations(range(len(n)), 2))
    steps = [np.bincount(axes, minlength=len(n)) / 2 for axes in map(np.array, moved)]
    return max(math.hypot(*((n - 1 + step) * s)) for step in steps)
