"""A cohort: an ordered list of volumes, what the check found of them, and copies among them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from evalsuite.errors import VolumeError
from evalsuite.records import Caveat
from evalsuite.volumes.geometry import CONVENTION, Geometry
from evalsuite.volumes.provenance import weights_of
from evalsuite.volumes.read import located, read_volume
from evalsuite.volumes.volume import UNREMARKABLE, Remarks, Volume

SAME = 0.01  # share by which voxel spacings may differ and still count as one
NAMED = 5  # volumes named in a sentence before the rest is only counted
MIXED_SPACING = Caveat(
    "mixed-spacing",
    "The voxel spacing differs between the volumes of {cohort}: {fine} to {coarse}.",
    "cohort",
)
LEAKAGE = Caveat(
    "copies-of-real", "{n} of {size} volumes of {synthetic} {are} of {real}: {pairs}.", "cohort"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One volume of a cohort, not yet read.

    Args:
        id: its path relative to the source, with forward slashes.
        path: the file, or the folder of a DICOM series.
        subject: whom it shows, where the source tells.
        covariates: the other columns of the source's table, as text.
        stated: what the user states of its geometry, for a file that does not.
        lasting: whether its file outlasts the evaluation, as that of an array in memory does not.
        image: which one of a 4D file it is, along the fourth axis and counted from 0; None: its
            file is 3D.
    """

    id: str
    path: Path
    subject: str | None = None
    covariates: dict[str, str] = field(default_factory=dict)
    stated: Geometry = CONVENTION
    lasting: bool = True
    image: int | None = None

    @property
    def location(self) -> Path:
        """The file or folder, as people read it: with `:K` behind it for image K of a 4D file."""
        return located(self.path, self.image)

    def read(self) -> Volume:
        """Return the volume; see `evalsuite.volumes.read.read_volume`."""
        return read_volume(self.path, self.stated, self.image)


@dataclass(frozen=True, slots=True)
class VolumeInfo:
    """What the check found of a volume that can be used.

    Args:
        path: the file or folder; of image K of a 4D file with `:K` behind it.
        shape: voxels along each axis as read.
        spacing: millimetres per voxel along each axis as read.
        orientation: the patient's directions in which these axes run, such as `RAS`.
        affine: maps voxels to RAS+ millimetres.
        dtype: NumPy name of the type on disk.
        minimum, maximum: of the intensities.
        digest: SHA-256 of the bytes on disk; of an image of a 4D file over that and its number.
        voxel_digest: SHA-256 of shape and float32 voxels; the same image in another file or
            compressed anew has the same one.
        remarks: what had to be decided to read it, such as a geometry that its file lacks.
        stated: what the user stated of the geometry that its file lacks.
        beside: names of other files in its folder that hold a part of it.
        images: how many its file holds along a fourth axis; 1 of a 3D file.
    """

    path: Path
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    orientation: str
    affine: Float[np.ndarray, "4 4"] = field(compare=False, repr=False)
    dtype: str
    minimum: float
    maximum: float
    digest: str
    voxel_digest: str
    remarks: Remarks = UNREMARKABLE
    stated: Geometry = CONVENTION
    beside: tuple[str, ...] = ()
    images: int = 1

    @property
    def key(self) -> str:
        """SHA-256 of all that decides the volume: its bytes, and the geometry stated for them."""
        if self.stated == CONVENTION:
            return self.digest
        return hashlib.sha256(json.dumps([self.digest, asdict(self.stated)]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Cohort:
    """Real or synthetic volumes in a fixed order.

    Args:
        name: as in the results.
        role: which side of a comparison it is on.
        source: folder, glob or table, as given.
        entries: the volumes, sorted by id, or in the order of the table.
        infos: one per entry once `check_cohort` has passed them, else empty.
        fingerprint: SHA-256 over the keys of the volumes in their order; names and dates do
            not count. Empty before the check.
        skipped: the faults of the volumes that were left out.
        warnings: reasons to doubt the cohort.
    """

    name: str
    role: Literal["real", "synthetic"]
    source: str
    entries: tuple[Entry, ...]
    infos: tuple[VolumeInfo, ...] = ()
    fingerprint: str = ""
    skipped: tuple[VolumeError, ...] = ()
    warnings: tuple[Caveat, ...] = ()

    @property
    def subjects(self) -> tuple[str | tuple[str, str], ...]:
        """Whom each volume shows; one of whom nothing is told is its own subject."""
        return tuple(entry.subject or (self.name, entry.id) for entry in self.entries)

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights that made all its volumes; empty where none, or several, did."""
        return weights_of(entry.path for entry in self.entries)

    def mixed_spacing(self) -> Caveat | None:
        """Return a caveat if the voxels of a checked cohort differ in size by over 1 %."""
        if not self.infos:
            return None
        spacings = np.array([_anatomical(info) for info in self.infos])
        ratios = spacings.max(axis=0) / spacings.min(axis=0)
        if ratios.max() <= 1 + SAME:
            return None
        axis = spacings[:, ratios.argmax()]
        fine, coarse = (
            f"{' x '.join(f'{step:.4g}' for step in spacings[i])} mm ({self.entries[i].id})"
            for i in (axis.argmin(), axis.argmax())
        )
        return MIXED_SPACING(cohort=self.name, fine=fine, coarse=coarse)


def find_leaks(real: Cohort, synthetic: Cohort) -> list[tuple[Entry, Entry]]:
    """Return every synthetic volume that is a copy of a real one, with the first such real one.

    Args:
        real, synthetic: checked cohorts.
    """
    known: dict[str, Entry] = {}
    for entry, info in zip(real.entries, real.infos, strict=True):
        known.setdefault(info.voxel_digest, entry)
    pairs = zip(synthetic.entries, synthetic.infos, strict=True)
    return [(known[i.voxel_digest], entry) for entry, i in pairs if i.voxel_digest in known]


def leakage(real: Cohort, synthetic: Cohort, leaks: Sequence[tuple[Entry, Entry]]) -> Caveat:
    """Return a caveat that names the first few leaks."""
    return LEAKAGE(
        n=len(leaks),
        size=len(synthetic.entries),
        synthetic=synthetic.name,
        are="is a copy of a volume" if len(leaks) == 1 else "are copies of volumes",
        real=real.name,
        pairs=enumerated([f"{copy.id} (real: {original.id})" for original, copy in leaks]),
    )


def enumerated(names: Sequence[str]) -> str:
    """Return the first few names and a count of the others."""
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])


def _anatomical(info: VolumeInfo) -> list[float]:
    """Return the spacing along the patient's axes: left-right, front-back, feet-head."""
    axes = {"L": 0, "R": 0, "P": 1, "A": 1, "I": 2, "S": 2}
    order = sorted(range(3), key=lambda i: axes[info.orientation[i]])
    return [info.spacing[i] for i in order]
