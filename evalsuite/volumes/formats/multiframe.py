"""Enhanced multi-frame DICOM: one file whose frames are the slices of a volume."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from evalsuite.volumes.formats.dicom_header import (
    malformed_dicom,
    numbers,
    of_frame,
    quiet_pydicom,
)
from evalsuite.volumes.formats.dicom_stack import step_between
from evalsuite.volumes.formats.itk import from_lps
from evalsuite.volumes.formats.loaded import Problem, require_scalar, require_spacing

SAME_PLACE = 0.001  # millimetres along the stack below which two frames show the same slice


def read_frames(path: Path) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "4 4"]]:
    """Return the stored frames, the rescaled voxels (x, y, z) and the affine to RAS+.

    Position, orientation, spacing and rescaling are those of each frame (DICOM PS3.3, C.7.6.16);
    frames are put in the order of their positions, which need not be that of the file.

    Raises:
        Problem: if the frames are not one stack of slices.
    """
    try:
        dataset = quiet_pydicom().dcmread(path, force=True)
        stored: np.ndarray = dataset.pixel_array
        require_scalar(stored.dtype, int(dataset.get("SamplesPerPixel", 1)))
        frames = [_frame(dataset, i) for i in range(len(stored))]
    except malformed_dicom() as error:
        raise Problem(
            f"its frames in {path.name} are damaged, or compressed in a way that cannot be read "
            "here. Export them again, uncompressed."
        ) from error
    positions, directions, spacings, rescale = zip(*frames, strict=True)
    if not (all(positions) and all(directions) and all(spacings)):
        raise Problem(
            f"its file {path.name} has {len(stored)} frames without a position, orientation and "
            "spacing each, as enhanced CT, MR and PET have. Export it as a series of slices."
        )
    if np.ptp(directions, axis=0).max() > 1e-3 or np.ptp(spacings, axis=0).max() > 1e-3:
        raise Problem("its frames are not parallel and of one spacing; expected one stack.")
    right, down = np.array(directions[0][:3]), np.array(directions[0][3:])
    along = np.array(positions) @ np.cross(right, down)
    order = np.argsort(along, kind="stable")
    if np.diff(along[order]).min() < SAME_PLACE:
        raise Problem(
            "its frames show the same place more than once, as several echoes, phases or "
            "directions do; expected one volume. Split it into its volumes first."
        )
    row_step, column_step = spacings[0]
    require_spacing([row_step, column_step])
    step = step_between([positions[i] for i in order], [f"frame {i + 1}" for i in order])
    slopes, intercepts = np.array([one or (1.0, 0.0) for one in rescale])[order].T
    voxels = stored[order].T.astype(np.float64) * slopes + intercepts
    columns = np.stack([right * column_step, down * row_step, step], axis=1)
    return stored, voxels, from_lps(columns, positions[order[0]])


def _frame(dataset: Any, index: int) -> tuple[tuple[float, ...], ...]:
    """Return position, orientation, spacing and rescaling of a frame; empty where it has none."""
    slope, intercept = (
        of_frame(dataset, index, "PixelValueTransformation", name)
        for name in ("RescaleSlope", "RescaleIntercept")
    )
    return (
        numbers(of_frame(dataset, index, "PlanePosition", "ImagePositionPatient"), 3),
        numbers(of_frame(dataset, index, "PlaneOrientation", "ImageOrientationPatient"), 6),
        numbers(of_frame(dataset, index, "PixelMeasures", "PixelSpacing"), 2),
        numbers([slope, intercept], 2),
    )
