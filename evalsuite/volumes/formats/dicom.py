"""DICOM: a folder with the slices of one series."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from evalsuite.volumes.formats.itk import from_lps, simpleitk
from evalsuite.volumes.formats.loaded import Loaded, Problem, require_scalar, require_spacing

REGULAR = 0.02  # share of the usual step between slices by which a step may differ from it


def read_dicom(path: Path) -> Loaded:
    """Read a folder with one series; other files in it do not count."""
    itk = simpleitk()
    found = sorted(file for file in path.iterdir() if is_dicom(file))
    if not found:
        raise Problem("the folder holds no DICOM files; expected one series of slices.")
    digests = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in found)
    lister, reader = itk.ImageSeriesReader, itk.ImageSeriesReader()
    try:
        series = {
            uid: lister.GetGDCMSeriesFileNames(str(path), uid)
            for uid in lister.GetGDCMSeriesIDs(str(path))
        }
        files = _only_series(series, found)
        reader.SetFileNames(files)
        reader.SetImageIO("GDCMImageIO")
        reader.MetaDataDictionaryArrayUpdateOn()
        image = reader.Execute()
    except RuntimeError as error:
        raise Problem(
            "its DICOM slices are damaged or do not fit together. Export the series again."
        ) from error
    raw = itk.GetArrayViewFromImage(image)
    require_scalar(raw.dtype, image.GetNumberOfComponentsPerPixel())
    require_spacing(image.GetSpacing()[:2])
    columns = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    # ITK steps along the normal of the slices; their positions also tell a tilt of the gantry.
    columns[:, 2] = _slice_step(reader, [Path(file).name for file in files])
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    return Loaded.of(raw, raw.T, from_lps(columns, image.GetOrigin()), digest)


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM: by its suffix, or where it has none by its contents."""
    if path.name.startswith(".") or path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    if path.suffix.lower() in (".dcm", ".ima", ".dicom"):
        return True
    # Scanners name files by numbers or UIDs, without a suffix or with a number for one.
    if path.suffix and not path.suffix[1:].isdigit():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _only_series(series: dict[str, Sequence[str]], found: Sequence[Path]) -> Sequence[str]:
    """Return the files of the single series in their order along it."""
    if len(series) > 1:
        names = ", ".join(f"{uid} ({len(files)} files)" for uid, files in list(series.items())[:3])
        more = f" and {len(series) - 3} more" if len(series) > 3 else ""
        raise Problem(
            f"the folder holds {len(series)} DICOM series: {names}{more}. "
            "Give each a folder of its own."
        )
    (files,) = series.values() or [()]
    # GDCM passes over files that it cannot read, and so shortens a volume at its ends.
    unread = sorted({file.name for file in found} - {Path(file).name for file in files})
    if unread:
        raise Problem(
            f"{len(unread)} of its {len(found)} DICOM files cannot be read, first {unread[0]}. "
            "Copy or export the series again."
        )
    if len(files) < 2:
        raise Problem("the folder holds a single DICOM file; expected one file for each slice.")
    return files


def _slice_step(reader: Any, names: Sequence[str]) -> Float[np.ndarray, "3"]:
    """Return the millimetres in LPS+ from one slice to the next."""
    found: dict[str, list[list[float]]] = {"position": [], "orientation": []}
    for what, key, size in (("position", "0020|0032", 3), ("orientation", "0020|0037", 6)):
        for i, name in enumerate(names):
            text = reader.GetMetaData(i, key) if reader.HasMetaDataKey(i, key) else ""
            numbers = [float(part) for part in re.findall(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", text)]
            if len(numbers) != size:
                raise Problem(f"its slice {name} has no {what} in space.")
            found[what].append(numbers)
    orientations = np.array(found["orientation"])
    if np.abs(orientations - orientations[0]).max() > 1e-3:
        raise Problem("its slices are not parallel; expected one stack of slices.")
    steps = np.diff(np.array(found["position"]), axis=0)
    usual = np.median(steps, axis=0)
    length = float(np.linalg.norm(usual))
    deviations = np.linalg.norm(steps - usual, axis=1)
    at = int(np.argmax(deviations))
    if length < 0.001 or deviations[at] > max(0.01, REGULAR * length):
        raise Problem(
            f"its slices are {length:.4g} mm apart, but {names[at]} and {names[at + 1]} "
            f"{np.linalg.norm(steps[at]):.4g} mm; a slice is missing or doubled. "
            "Export the series again."
        )
    mean: Float[np.ndarray, 3] = steps.mean(axis=0)
    return mean
