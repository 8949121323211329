"""Volumes and label maps on the grid of the networks, and predictions back where labels lie."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, Int

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.cohort import Cohort, VolumeInfo
from evalsuite.volumes.labels import Segmentations
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.resampling import on_grid
from evalsuite.volumes.volume import Volume

KEPT = 4 << 30  # bytes of examples of one cohort kept in memory
MOST_STRUCTURES = 255


@dataclass(frozen=True, slots=True)
class Example:
    """One volume on the grid that the networks work on.

    Args:
        image: preprocessed, with one channel in front.
        classes: place of each label among the structures, from 1; 0 is background. None for a
            volume without labels.
        affine: of the grid.
    """

    image: Float32[np.ndarray, "1 x y z"]
    classes: Int[np.ndarray, "1 x y z"] | None
    affine: Float[np.ndarray, "4 4"]


class Examples:
    """The volumes of a cohort, read when asked for, the last ones kept.

    Args:
        cohort: a checked cohort.
        preprocessing: with a resolved spacing; every volume keeps its own extent.
        labels: of the cohort; None where only the volumes are looked at.
    """

    def __init__(
        self, cohort: Cohort, preprocessing: Preprocessing, labels: Segmentations | None = None
    ) -> None:
        self.cohort = cohort
        self.preprocessing = preprocessing
        self.labels = labels
        largest = max(int(np.prod(info.shape)) for info in cohort.infos)
        self._kept = lru_cache(maxsize=max(2, KEPT // (12 * largest)))(self._read)

    def __len__(self) -> int:
        return len(self.cohort.entries)

    def __getitem__(self, place: int) -> Example:
        return self._kept(place)

    def truth(self, place: int) -> Volume:
        """Return the classes of a volume on the grid of its label map, turned to RAS+."""
        if self.labels is None:
            raise AssertionError
        segmentation = self.labels[place]
        values = (0, *self.labels.structures)
        return Volume(np.searchsorted(values, segmentation.labels), segmentation.affine)

    def _read(self, place: int) -> Example:
        info = self.cohort.infos[place]
        volume = own_extent(self.preprocessing, info).apply(self.cohort.entries[place].read())
        classes = None
        if self.labels is not None:
            classes = on_grid(self.truth(place), volume.affine, volume.shape, order=0)[None]
        return Example(volume.voxels[None], classes, volume.affine)


def own_extent(preprocessing: Preprocessing, info: VolumeInfo) -> Preprocessing:
    """Return the steps with the shape that neither cuts nor pads this volume."""
    return preprocessing.model_copy(update={"shape": "auto"}).resolve([info.shape], [info.affine])


def refuse_no_structures(labels: Segmentations, name: str) -> None:
    """Raise unless the label maps of the cohort of that name hold structures to learn.

    Raises:
        EvalsuiteError: with their number.
    """
    if not 1 <= len(labels.structures) <= MOST_STRUCTURES:
        raise EvalsuiteError(
            f"The label maps of {name} hold {len(labels.structures)} values beside 0; expected 1 "
            f"to {MOST_STRUCTURES} structures. Are these files label maps?"
        )


def refuse_other_structures(
    real: Segmentations, synthetic: Segmentations, names: tuple[str, str]
) -> None:
    """Raise if the label maps of two cohorts hold different values.

    Raises:
        EvalsuiteError: with the values that only one of them holds.
    """
    only = [
        f"{', '.join(map(str, sorted(set(structures) - set(other))[:5]))} only in {name}"
        for name, structures, other in (
            (names[0], real.structures, synthetic.structures),
            (names[1], synthetic.structures, real.structures),
        )
        if set(structures) - set(other)
    ]
    if only:
        raise EvalsuiteError(
            f"The label values of {names[0]} and {names[1]} differ: {' and '.join(only)}. "
            "Each structure needs the same value in both."
        )
