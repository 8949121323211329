"""The header of one DICOM file, whether it holds a slice or many frames."""

import math
import struct
import zlib
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WANTED = [
    "SOPClassUID", "SeriesInstanceUID", "ImageType", "Rows", "Columns", "NumberOfFrames",
    "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Image:
    """What tells a slice from another image; an empty tuple stands for what is not known.

    Args:
        path: the file.
        series: UID of its series.
        kind: name of its SOP class, such as `CT Image Storage`.
        localizer: whether its image type says so.
        size: rows and columns.
        frames: 1 for a single slice.
        spacing: millimetres between rows and between columns.
        position: millimetres in LPS+ of the first voxel of its first frame.
        orientation: directions of its rows and of its columns.
    """

    path: Path
    series: str
    kind: str
    localizer: bool
    size: tuple[float, ...]
    frames: int
    spacing: tuple[float, ...]
    position: tuple[float, ...]
    orientation: tuple[float, ...]

    @property
    def alike(self) -> Hashable:
        """What the slices of one stack have in common."""
        directions = tuple(round(number, 2) + 0.0 for number in self.orientation)
        spacing = tuple(round(number, 3) for number in self.spacing)
        many = self.frames > 1
        return self.series, self.kind, self.localizer, self.size, spacing, directions, many

    @property
    def aside(self) -> bool:
        """Whether it is no slice by what it says of itself."""
        return not self.size or self.localizer or "Secondary Capture" in self.kind


def read_header(path: Path) -> Image | None:
    """Return the header of a DICOM file, or None if it is damaged."""
    pydicom = quiet_pydicom()
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=WANTED)
        kind = pydicom.uid.UID(str(header.SOPClassUID)).name
        size = numbers([header.get("Rows"), header.get("Columns")], 2)
        if not size and "Image Storage" in kind:
            return None
        return Image(
            path=path,
            series=str(header.get("SeriesInstanceUID", "")),
            kind=kind,
            localizer="LOCALIZER" in (header.get("ImageType") or ()),
            size=size,
            frames=int(header.get("NumberOfFrames") or 1),
            spacing=numbers(of_frame(header, 0, "PixelMeasures", "PixelSpacing"), 2),
            position=numbers(of_frame(header, 0, "PlanePosition", "ImagePositionPatient"), 3),
            orientation=numbers(
                of_frame(header, 0, "PlaneOrientation", "ImageOrientationPatient"), 6
            ),
        )
    except malformed_dicom():
        return None


def of_frame(header: Any, frame: int, group: str, name: str) -> Any:
    """Return a value of a frame: from its functional groups, the shared ones, or the header."""
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or ()
    for groups in (
        *per_frame[frame : frame + 1],
        *(header.get("SharedFunctionalGroupsSequence") or ()),
    ):
        items = groups.get(f"{group}Sequence")
        if items and name in items[0]:
            return items[0].get(name)
    return header.get(name)


def numbers(values: Any, count: int) -> tuple[float, ...]:
    """Return that many finite numbers, or an empty tuple if there are not as many."""
    try:
        found = tuple(float(value) for value in values or ())
    except (TypeError, ValueError):
        return ()
    return found if len(found) == count and all(map(math.isfinite, found)) else ()


def quiet_pydicom() -> Any:
    """Import pydicom, silenced."""
    import pydicom
    import pydicom.config

    # What it would warn about is checked here and raised.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    return pydicom


def malformed_dicom() -> tuple[type[Exception], ...]:
    """Return what pydicom was seen to raise for damaged files, when it opens or when it parses."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        AttributeError, BytesLengthException, EOFError, InvalidDicomError, LookupError,
        NotImplementedError, OSError, OverflowError, RuntimeError, TypeError, ValueError,
        struct.error, zlib.error,
    )  # fmt: skip
