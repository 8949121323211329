"""Files -> Volume: NIfTI, MetaImage, NRRD, NumPy and folders with one DICOM series.

Malformed files make parsers raise all sorts of exceptions. NIfTI is therefore measured against
its own header before a voxel is touched, and the libraries behind the other formats stand behind
the exceptions that they were seen to raise; the tests look for more by fuzzing.
"""

from collections.abc import Callable
from pathlib import Path

from evalsuite.errors import VolumeError
from evalsuite.volumes.formats.arrays import read_numpy
from evalsuite.volumes.formats.dicom import read_dicom
from evalsuite.volumes.formats.itk import read_itk
from evalsuite.volumes.formats.loaded import Loaded, Problem
from evalsuite.volumes.formats.nifti import read_nifti
from evalsuite.volumes.volume import Volume

FORMATS = (
    "NIfTI (.nii, .nii.gz, .hdr with .img), MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), "
    "NumPy (.npy, .npz), folders with a DICOM series"
)
READERS: dict[str, Callable[[Path], Loaded]] = {
    **dict.fromkeys((".nii", ".nii.gz", ".hdr"), read_nifti),
    **dict.fromkeys((".mha", ".mhd", ".nrrd", ".nhdr"), read_itk),
    **dict.fromkeys((".npy", ".npz"), read_numpy),
}


def read_volume(path: Path) -> Volume:
    """Read one volume as float32 voxels and an affine from voxels to RAS+ millimetres.

    Args:
        path: a file in one of FORMATS, or a folder with a DICOM series. NumPy arrays that come
            without an affine are taken to lie along RAS+ with voxels of 1 mm.

    Raises:
        VolumeError: for anything that is wrong with it.
    """
    return load(path).volume


def load(path: Path) -> Loaded:
    """Read one volume with the type and the digest of its files; see `read_volume`."""
    try:
        if path.is_dir():
            return read_dicom(path)
        reader = READERS.get(_suffix(path))
        if reader is None:
            raise Problem(f"its format is not known. Known formats: {FORMATS}.")  # noqa: TRY301
        return reader(path)
    except Problem as problem:
        raise VolumeError(path, str(problem)) from problem.__cause__
    except FileNotFoundError as error:
        raise VolumeError(path, _missing(path, Path(error.filename))) from error
    except OSError as error:
        raise VolumeError(path, f"it cannot be read: {error.strerror}.") from error
    except MemoryError as error:
        raise VolumeError(path, "it does not fit into memory.") from error


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
