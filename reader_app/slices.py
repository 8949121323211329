"""One slice as a PNG: the viewer for browsers without WebGL2."""

import io

import numpy as np

from evalsuite.study.blinding.cases import decode, image

PLANES = ("axial", "coronal", "sagittal")
LARGEST = 768  # pixels along the longer side


def png(content: bytes, plane: str, index: int, low: float, high: float) -> bytes:
    """Return a slice in radiological convention, square pixels, windowed.

    Args:
        content: a prepared case.
        plane: one of `PLANES`.
        index: of the slice, from the patient's left, back or feet; too large ones are cut.
        low, high: stored levels, or what lies between or beyond them, that become black and white.
    """
    from PIL import Image

    voxels, spacing = decode(content)
    axis = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    place = min(max(index, 0), voxels.shape[axis] - 1)
    pixels = image(voxels, plane, place, low=low, high=max(high, low + 1))  # type: ignore[arg-type]
    across, down = {"sagittal": (1, 2), "coronal": (0, 2), "axial": (0, 1)}[plane]
    size = np.array([voxels.shape[across] * spacing[across], voxels.shape[down] * spacing[down]])
    scale = LARGEST / size.max()
    width, height = np.maximum(1, np.round(size * scale)).astype(int).tolist()
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
