"""One slice as a PNG: the viewer for browsers without WebGL2."""

import io

from evalsuite.study.blinding.cases import decode, image

PLANES = ("axial", "coronal", "sagittal")


def png(content: bytes, plane: str, index: int, low: float, high: float) -> bytes:
    """Return a slice in radiological convention, one pixel a voxel, windowed.

    Args:
        content: a prepared case.
        plane: one of `PLANES`.
        index: of the slice, from the patient's left, back or feet; too large ones are cut.
        low, high: stored levels, or what lies between or beyond them, that become black and white.
    """
    from PIL import Image

    voxels, _ = decode(content)
    axis = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    place = min(max(index, 0), voxels.shape[axis] - 1)
    pixels = image(voxels, plane, place, low=low, high=max(high, low + 1))  # type: ignore[arg-type]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
