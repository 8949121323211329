"""Files -> Volume: NIfTI, MetaImage, NRRD, MGH, NumPy and folders with one DICOM series.

What a file does not say about its geometry is told in `evalsuite.volumes.geometry`; a sheared grid
comes out orthogonal, see `evalsuite.volumes.shear`.

Malformed files make parsers raise all sorts of exceptions. NIfTI is therefore measured against
its own header before a voxel is touched, and the libraries behind the other formats stand behind
the exceptions that they were seen to raise; the tests look for more by fuzzing.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from evalsuite.errors import VolumeError
from evalsuite.volumes.formats.arrays import read_numpy
from evalsuite.volumes.formats.dicom import read_dicom
from evalsuite.volumes.formats.itk import read_itk
from evalsuite.volumes.formats.loaded import Loaded, Problem, SeriesProblem
from evalsuite.volumes.formats.mgh import read_mgh
from evalsuite.volumes.formats.nifti import read_nifti
from evalsuite.volumes.geometry import CONVENTION, Geometry
from evalsuite.volumes.shear import straightened
from evalsuite.volumes.volume import Volume

FORMATS = (
    "NIfTI (.nii, .nii.gz, .hdr with .img), MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), "
    "MGH (.mgz, .mgh), NumPy (.npy, .npz), folders with a DICOM series"
)
READERS: dict[str, Callable[[Path, int | None], Loaded]] = {
    **dict.fromkeys((".nii", ".nii.gz", ".hdr"), read_nifti),
    **dict.fromkeys((".mha", ".mhd", ".nrrd", ".nhdr"), read_itk),
    **dict.fromkeys((".mgz", ".mgh"), read_mgh),
    **dict.fromkeys((".npy", ".npz"), read_numpy),
}


def read_volume(path: Path, assumed: Geometry = CONVENTION, image: int | None = None) -> Volume:
    """Read one volume as float32 voxels and an affine from voxels to RAS+ millimetres.

    Args:
        path: a file in one of FORMATS, or a folder with a DICOM series.
        assumed: what to take for the geometry that a file does not state.
        image: of a 4D file the one to read, along the fourth axis and counted from 0; None: the
            file is 3D.

    Raises:
        VolumeError: for anything that is wrong with it.
    """
    return load(path, assumed, image).volume


def load(
    path: Path,
    assumed: Geometry = CONVENTION,
    image: int | None = None,
    *,
    labels: bool = False,
) -> Loaded:
    """Read one volume with what is known only while its files are open; see `read_volume`.

    Args:
        labels: whether its voxels are labels, which cannot be interpolated.
    """
    with _volume_errors(path):
        loaded = _read(path, image)
        affine = assumed.completed(loaded.volume.affine, loaded.remarks.unstated)
        volume, shear = straightened(Volume(loaded.volume.voxels, affine), labels=labels)
        return replace(
            loaded,
            volume=volume,
            digest=_digest(loaded.digest, image),
            remarks=replace(loaded.remarks, shear=shear),
        )


@contextmanager
def _volume_errors(path: Path) -> Iterator[None]:
    """Make a VolumeError of whatever the reading of a file raises."""
    try:
        yield
    except Problem as problem:
        raise VolumeError(path, str(problem)) from problem.__cause__
    except FileNotFoundError as error:
        raise VolumeError(path, _missing(path, Path(error.filename))) from error
    except OSError as error:
        raise VolumeError(path, f"it cannot be read: {error.strerror}.") from error
    except MemoryError as error:
        raise VolumeError(path, "it does not fit into memory.") from error


def located(path: Path, image: int | None) -> Path:
    """Return where a volume lies, as people read it: its file, and behind it the number of an image."""
    return path if image is None else path.with_name(f"{path.name}:{image}")


def images_in(path: Path) -> int:
    """Return how many images a file holds along its fourth axis, 1 if it is 3D.

    Raises:
        VolumeError: if it is neither, or cannot be read.
    """
    with _volume_errors(path):
        try:
            _read(path, None)
        except SeriesProblem as series:
            return series.images
    return 1


def _read(path: Path, image: int | None) -> Loaded:
    if path.is_dir():
        if image is not None:
            raise Problem(
                f"it is a folder, which is one volume, but :{image} behind a source takes an image "
                f"of 4D files. Leave :{image} out."
            )
        return read_dicom(path)
    reader = READERS.get(_suffix(path))
    if reader is None:
        raise Problem(f"its format is not known. Known formats: {FORMATS}.")
    return reader(path, image)


def _digest(of_file: str, image: int | None) -> str:
    """Return the digest of a volume: images of one file are different volumes."""
    if image is None:
        return of_file
    return hashlib.sha256(json.dumps([of_file, image]).encode()).hexdigest()


def is_volume(path: Path) -> bool:
    """Tell by its name whether a file is a volume."""
    return _suffix(path) in READERS


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def _missing(path: Path, missing: Path) -> str:
    if missing != path:
        return f"its data file {missing.name} does not exist."
    if path.is_symlink():
        return f"it is a link to {path.readlink()}, which does not exist."
    return "the file does not exist."
