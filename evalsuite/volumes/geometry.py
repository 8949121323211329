"""Where a volume lies if its file does not say: one convention for every format.

NumPy arrays without an affine, NIfTI with both codes 0, NRRD without an anatomical space, MetaImage
without a matrix and MGH without its flag do not state how the patient lies in them. They are taken
as stored along RAS+: the first axis runs to the patient's right, the second to anterior, the third
to superior. Where the voxel spacing is missing as well, it is taken to be 1 mm. Both can be stated:
for a whole evaluation, or for each volume in the columns `spacing` and `orientation` of a table.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError

Part = Literal["spacing", "orientation"]
PARTS: tuple[Part, Part] = ("spacing", "orientation")
DIRECTIONS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


@dataclass(frozen=True, slots=True)
class Geometry:
    """What the user states of volumes whose files do not; None where the convention holds.

    Args:
        spacing: millimetres per voxel along each axis as stored.
        orientation: the patient's directions in which the stored axes run, such as `LPS`.
    """

    spacing: tuple[float, float, float] | None = None
    orientation: str | None = None

    def before(self, other: "Geometry") -> "Geometry":
        """Return both statements; this one wins."""
        return Geometry(self.spacing or other.spacing, self.orientation or other.orientation)

    def only(self, parts: Collection[Part]) -> "Geometry":
        """Return the statement on these parts alone."""
        return Geometry(
            self.spacing if "spacing" in parts else None,
            self.orientation if "orientation" in parts else None,
        )

    def completed(
        self, affine: Float[np.ndarray, "4 4"], unstated: Collection[Part]
    ) -> Float[np.ndarray, "4 4"]:
        """Return the affine with what its file does not state.

        Args:
            affine: of the file; without an orientation, in a space that has no names.
            unstated: the parts that the file leaves out.
        """
        linear = affine[:3, :3]
        if "spacing" in unstated:
            linear = linear / np.linalg.norm(linear, axis=0) * (self.spacing or (1.0, 1.0, 1.0))
        origin = affine[:3, 3]
        if "orientation" in unstated:
            linear, origin = _frame(self.orientation or "RAS") @ linear, np.zeros(3)
        complete = np.eye(4)
        complete[:3, :3], complete[:3, 3] = linear, origin
        return complete


CONVENTION = Geometry()


def stated_geometry(spacing: object, orientation: object, fault: str) -> Geometry:
    """Return a geometry as people state it, None where they do not.

    Args:
        fault: what is told before the reason where it cannot be used.

    Raises:
        EvalsuiteError: if it is none.
    """
    try:
        return Geometry(
            None if spacing is None else read_spacing(spacing),
            None if orientation is None else read_orientation(orientation),
        )
    except ValueError as error:
        raise EvalsuiteError(f"{fault}: {str(error).rstrip('.')}.") from None


def read_spacing(value: object) -> tuple[float, float, float]:
    """Return a voxel spacing given as three numbers, or as text such as `1,1,2` or `1 x 1 x 2`.

    Raises:
        ValueError: with what was expected.
    """
    if isinstance(value, str):
        value = re.split(r"\s*[,;x]\s*|\s+", value.strip())
    try:
        x, y, z = map(float, value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        x = y = z = math.nan
    if not all(math.isfinite(step) and step > 0 for step in (x, y, z)):
        msg = "Expected three positive numbers of millimetres, such as 1,1,2"
        raise ValueError(msg)
    return x, y, z


def read_orientation(value: object) -> str:
    """Return the three letters of an orientation in capitals.

    Raises:
        ValueError: with what was expected.
    """
    letters = value.strip().upper() if isinstance(value, str) else ""
    if sorted(DIRECTIONS[letter][0] for letter in letters if letter in DIRECTIONS) != [0, 1, 2]:
        msg = (
            "Expected a letter for each axis, one of R or L, one of A or P, one of S or I: RAS, LPS"
        )
        raise ValueError(msg)
    return letters


def obliqueness(affine: Float[np.ndarray, "4 4"]) -> float:
    """Return the largest angle, in degrees, from a stored axis to the patient's that it stands for.

    Args:
        affine: of a grid with three orthogonal axes.
    """
    return _obliqueness(affine[:3, :3].astype(np.float64).tobytes())


@lru_cache(maxsize=1 << 15)
def _obliqueness(axes: bytes) -> float:
    """Return what `obliqueness` does; most volumes of a cohort lie alike."""
    from nibabel import io_orientation

    affine = np.eye(4)
    affine[:3, :3] = np.frombuffer(axes).reshape(3, 3)
    steps = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    nearest = io_orientation(affine)[:, 0].astype(int)
    cosines = np.abs(steps[nearest, range(3)])
    return float(np.degrees(np.arccos(np.clip(cosines.min(), 0, 1))))


def _frame(orientation: str) -> Float[np.ndarray, "3 3"]:
    """Return the RAS+ directions of axes that run along these letters, one a column."""
    frame = np.zeros((3, 3))
    for column, letter in enumerate(orientation):
        row, sign = DIRECTIONS[letter]
        frame[row, column] = sign
    return frame
