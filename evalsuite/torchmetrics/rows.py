"""What a metric keeps of volumes, as one flat list of numbers.

Such a list is what torchmetrics gathers from all processes, even from one that saw no volume.
"""

import hashlib
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

NOBODY = (-1.0, -1.0, -1.0)
HEADER = 11  # numbers before the row of a volume: its place and the four fields below


@dataclass(frozen=True, slots=True)
class Rows:
    """What a metric looks at of n volumes.

    Args:
        values: features, (n, d), of an extractor of slices (n, s, d); or voxels, (n, x, y, z).
        subjects: the numbers of whom each volume shows, see `numbers`; NOBODY: no one else.
        steps: the first number of the hash of the steps of its preparation.
        spacing, shape: of each volume after these steps.
    """

    values: Float[np.ndarray, "n ..."]
    subjects: Float[np.ndarray, "n 3"]
    steps: Float[np.ndarray, "n 1"]
    spacing: Float[np.ndarray, "n 3"]
    shape: Float[np.ndarray, "n 3"]

    @property
    def whose(self) -> list[Hashable]:
        """Whom each volume shows."""
        people = enumerate(map(tuple, self.subjects.tolist()))
        return [i if person == NOBODY else person for i, person in people]

    def flat(self, first: int) -> Float[np.ndarray, " _"]:
        """Return all numbers in one list.

        Args:
            first: place of the first volume among those of its process.
        """
        n = len(self.values)
        places = np.arange(first, first + n)[:, None]
        parts = places, self.subjects, self.steps, self.spacing, self.shape
        return np.concatenate([*parts, self.values.reshape(n, -1)], axis=1).ravel()


def width(shape: Sequence[int]) -> int:
    """Return how many numbers of the list belong to a volume whose row has that shape."""
    return HEADER + math.prod(shape)


def rows_of(flat: Float[np.ndarray, " _"], shape: Sequence[int]) -> Rows:
    """Return the volumes of such lists one after the other, by their places.

    Args:
        shape: of the row of a volume.
    """
    records = flat.reshape(-1, width(shape))
    records = records[records[:, 0].argsort(kind="stable")]
    return Rows(
        records[:, HEADER:].reshape(len(records), *shape),
        subjects=records[:, 1:4],
        steps=records[:, 4:5],
        spacing=records[:, 5:8],
        shape=records[:, 8:11],
    )


def numbers(text: str) -> tuple[float, float, float]:
    """Return three whole numbers by which a text is known, small enough for float32.

    Example:
        >>> numbers("ann")
        (4821342.0, 884043.0, 4206128.0)
    """
    digest = hashlib.sha256(text.encode()).digest()
    first, second, third = (float(int.from_bytes(digest[i : i + 3])) for i in (0, 3, 6))
    return first, second, third
