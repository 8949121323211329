"""Files -> Volume: NIfTI, MetaImage, NRRD, MGH, NumPy and folders with one DICOM series.

What a file does not say about its geometry is told in `evalsuite.volumes.geometry`; a sheared grid
comes out orthogonal, see `evalsuite.volumes.shear`.

Malformed files make parsers raise all sorts of exceptions. NIfTI is therefore measured against
its own header before a voxel is touched, and the libraries behind the other formats stand behind
the exceptions that they were seen to raise; the tests look for more by fuzzing.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from evalsuite.errors import VolumeError
from evalsuite.volumes.formats.arrays import read_numpy
from evalsuite.volumes.formats.dicom import read_dicom
from evalsuite.volumes.formats.itk import read_itk
from evalsuite.volumes.formats.loaded import Loaded, Problem
from evalsuite.volumes.formats.mgh import read_mgh
from evalsuite.volumes.formats.nifti import read_nifti
from evalsuite.volumes.geometry import CONVENTION, Geometry
from evalsuite.volumes.shear import straightened
from evalsuite.volumes.volume import Volume

FORMATS = (
    "NIfTI (.nii, .nii.gz, .hdr with .img), MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), "
    "MGH (.mgz, .mgh), NumPy (.npy, .npz), folders with a DICOM series"
)
READERS: dict[str, Callable[[Path], Loaded]] = {
    **dict.fromkeys((".nii", ".nii.gz", ".hdr"), read_nifti),
    **dict.fromkeys((".mha", ".mhd", ".nrrd", ".nhdr"), read_itk),
    **dict.fromkeys((".mgz", ".mgh"), read_mgh),
    **dict.fromkeys((".npy", ".npz"), read_numpy),
}


def read_volume(path: Path, assumed: Geometry = CONVENTION) -> Volume:
    """Read one volume as float32 voxels and an affine from voxels to RAS+ millimetres.

    Args:
        path: a file in one of FORMATS, or a folder with a DICOM series.
        assumed: what to take for the geometry that a file does not state.

    Raises:
        VolumeError: for anything that is wrong with it.
    """
    return load(path, assumed).volume


def load(path: Path, assumed: Geometry = CONVENTION, *, labels: bool = False) -> Loaded:
    """Read one volume with what is known only while its files are open; see `read_volume`.

    Args:
        labels: whether its voxels are labels, which cannot be interpolated.
    """
    try:
        loaded = _read(path)
        affine = assumed.completed(loaded.volume.affine, loaded.remarks.unstated)
        volume, shear = straightened(Volume(loaded.volume.voxels, affine), labels=labels)
        return replace(loaded, volume=volume, remarks=replace(loaded.remarks, shear=shear))
    except Problem as problem:
        raise VolumeError(path, str(problem)) from problem.__cause__
    except FileNotFoundError as error:
        raise VolumeError(path, _missing(path, Path(error.filename))) from error
    except OSError as error:
        raise VolumeError(path, f"it cannot be read: {error.strerror}.") from error
    except MemoryError as error:
        raise VolumeError(path, "it does not fit into memory.") from error


def _read(path: Path) -> Loaded:
    if path.is_dir():
        return read_dicom(path)
    reader = READERS.get(_suffix(path))
    if reader is None:
        raise Problem(f"its format is not known. Known formats: {FORMATS}.")
    return reader(path)


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
