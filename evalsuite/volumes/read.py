"""Files -> Volume: NIfTI, MetaImage, NRRD, NumPy and folders with one DICOM series.

Malformed files make parsers raise all sorts of exceptions. NIfTI is therefore measured against
its own header before a voxel is touched, and the libraries behind the other formats stand behind
the exceptions that they were seen to raise; the tests look for more by fuzzing.
"""

import gzip
import hashlib
import io
import math
import re
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from evalsuite.errors import VolumeError
from evalsuite.volumes.volume import Volume

FORMATS = (
    "NIfTI (.nii, .nii.gz, .hdr with .img), MetaImage (.mha, .mhd), NRRD (.nrrd, .nhdr), "
    "NumPy (.npy, .npz), folders with a DICOM series"
)
MALFORMED_NUMPY = (
    EOFError, KeyError, OSError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
MILLIMETRES = {1: 1000.0, 3: 0.001}  # of a metre and a micrometre by their codes in NIfTI
REGULAR = 0.02  # share of the usual step between slices by which a step may differ from it


@dataclass(frozen=True, slots=True)
class Loaded:
    """A volume with what is known only while its files are open.

    Args:
        volume: voxels as float32 and their affine.
        dtype: NumPy name of the type on disk.
        digest: SHA-256 of the bytes on disk (of header and data file one after the other; of a
            DICOM series over the sorted SHA-256 of its files).
    """

    volume: Volume
    dtype: str
    digest: str


class Problem(Exception):  # noqa: N818  (never leaves this module)
    """What is wrong with the file being read, as a clause."""


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
            return _read_dicom(path)
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


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def _missing(path: Path, missing: Path) -> str:
    if missing != path:
        return f"its data file {missing.name} does not exist."
    if path.is_symlink():
        return f"it is a link to {path.readlink()}, which does not exist."
    return "the file does not exist."


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if not content:
        raise Problem("the file is empty. Copy or write it again.")
    return content


def _by(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.6g}" for value in values)


def _three(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return the shape without trailing axes of one voxel."""
    kept = list(shape)
    while len(kept) > 3 and kept[-1] == 1:
        kept.pop()
    if len(kept) != 3:
        raise Problem(
            f"it has {len(kept)} dimensions ({_by(shape)}); expected one volume of 3. "
            "Split a series into its volumes first."
        )
    x, y, z = kept
    return x, y, z


def _require_scalar(dtype: np.dtype[Any], components: int = 1) -> None:
    if components > 1 or dtype.kind not in "biuf":
        kind = "complex numbers" if dtype.kind == "c" else "colours, vectors or records"
        raise Problem(f"its voxels are {kind}; expected one real number each.")


def _require_spacing(spacing: Sequence[float]) -> None:
    if not all(math.isfinite(step) and step > 0 for step in spacing):
        raise Problem(
            f"its header gives a voxel spacing of {_by(spacing)} mm; expected positive numbers. "
            "Write it again with its true spacing."
        )


def _require_length(found: int, promised: int) -> None:
    if found < promised:
        raise Problem(
            f"it is truncated: its header promises {promised} bytes, but it has {found}. "
            "Copy or write it again."
        )


def _loaded(raw: np.ndarray, voxels: np.ndarray, affine: np.ndarray, digest: str) -> Loaded:
    # A value beyond float32 becomes Inf, which the check reports.
    with np.errstate(over="ignore", invalid="ignore"):
        single = voxels.astype(np.float32)
    return Loaded(Volume(single, affine), raw.dtype.newbyteorder("=").name, digest)


def _read_nifti(path: Path) -> Loaded:
    from nibabel import Nifti1Header, Nifti2Header
    from nibabel.spatialimages import HeaderDataError

    content = _content(path)
    digest = hashlib.sha256(content)
    content = _decompress(content, named_gz=path.name.lower().endswith(".gz"))
    kinds = {348: Nifti1Header, 540: Nifti2Header}
    sizes = {"<": content[:4], ">": content[3::-1]}
    orders = [o for o, size in sizes.items() if int.from_bytes(size, "little") in kinds]
    if not orders:
        raise Problem("it is not a NIfTI file; its first bytes are not a NIfTI header.")
    kind = kinds[int.from_bytes(sizes[orders[0]], "little")]
    start = kind.sizeof_hdr
    _require_length(len(content), start)
    # Without nibabel's check, which silently replaces a spacing of 0 by 1.
    header = kind(content[:start], endianness=orders[0], check=False)
    magic = header["magic"].item()[:3]
    if magic not in (b"n+1", b"n+2", b"ni1", b"ni2"):
        raise Problem(
            "it is not NIfTI but perhaps ANALYZE 7.5, which does not tell left from right. "
            "Convert it to NIfTI."
        )
    if magic in (b"ni1", b"ni2"):
        content, start = path.with_suffix(".img").read_bytes(), 0
        digest.update(content)
    raw = _nifti_voxels(header, content, start)
    voxels = raw.reshape(_three(raw.shape), order="F")
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isfinite(slope) and slope != 0 and (slope, intercept) != (1, 0):
        with np.errstate(all="ignore"):
            voxels = voxels.astype(np.float64) * slope + intercept
    unit = MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    _require_spacing([float(step) * unit for step in header["pixdim"][1:4]])
    try:
        affine = np.array(header.get_best_affine(), dtype=np.float64)
    except (HeaderDataError, ValueError) as error:
        raise Problem("the qform in its header is not a rotation.") from error
    affine[:3] *= unit
    return _loaded(raw, voxels, affine, digest.hexdigest())


def _decompress(content: bytes, *, named_gz: bool) -> bytes:
    zipped = content[:2] == b"\x1f\x8b"
    if named_gz and not zipped:
        raise Problem("its name ends in .gz, but it is not compressed by gzip.")
    if zipped and not named_gz:
        raise Problem("it is compressed by gzip, but its name does not end in .gz.")
    try:
        return gzip.decompress(content) if zipped else content
    except EOFError as error:
        raise Problem("its gzip stream is truncated. Copy or write it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Problem("its gzip stream is damaged. Copy or write it again.") from error


def _nifti_voxels(header: Any, content: bytes, start: int) -> np.ndarray:
    """Return the stored numbers in the header's shape; they may lie from byte `start` on."""
    from nibabel.spatialimages import HeaderDataError

    axes = int(header["dim"][0])
    shape = tuple(int(size) for size in header["dim"][1 : axes + 1])
    if not 1 <= axes <= 7 or min(shape) < 1:
        raise Problem(
            f"its header gives {axes} dimensions ({_by(shape)}); expected 3 of 1 or more."
        )
    _three(shape)
    try:
        dtype = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise Problem(f"its data type {int(header['datatype'])} is not known.") from error
    _require_scalar(dtype)
    offset, count = float(header["vox_offset"]), math.prod(shape)
    if not start <= offset <= len(content):
        raise Problem(f"its header places the voxels at byte {offset:g} of {len(content)}.")
    _require_length(len(content), int(offset) + count * dtype.itemsize)
    return np.frombuffer(content, dtype, count, int(offset)).reshape(shape, order="F")


def _simpleitk() -> Any:
    import SimpleITK

    # What ITK prints as a warning is checked here and raised.
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    return SimpleITK


def _read_itk(path: Path) -> Loaded:
    itk = _simpleitk()
    content = _content(path)
    digest = hashlib.sha256(content)
    name = "NRRD" if _suffix(path) in (".nrrd", ".nhdr") else "MetaImage"
    damaged = f"it is damaged or truncated and cannot be read as {name}. Copy or write it again."
    fields = _fields(content)
    if not (content.startswith(b"NRRD") if name == "NRRD" else "ndims" in fields):
        raise Problem(f"it is not a {name} file; it does not begin with such a header.")
    data_file = fields.get("elementdatafile", fields.get("data file", "LOCAL"))
    if not data_file.isprintable():
        raise Problem(damaged)
    if data_file.upper() != "LOCAL":
        content = (path.parent / data_file).read_bytes()
        digest.update(content)
    reader = itk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NrrdImageIO" if name == "NRRD" else "MetaImageIO")
    try:
        reader.ReadImageInformation()
        shape = _three(reader.GetSize())
        _require_scalar(np.dtype(float), reader.GetNumberOfComponents())
        _require_spacing(reader.GetSpacing()[:3])
        # ITK prints to stderr about a short file before it raises.
        bits = re.match(r"\d+", itk.GetPixelIDValueAsString(reader.GetPixelID()))
        if bits and fields.get("compresseddata", "").lower() == "false":
            _require_length(len(content), math.prod(shape) * int(bits[0]) // 8)
        image = reader.Execute()
    except RuntimeError as error:
        raise Problem(damaged) from error
    raw = itk.GetArrayViewFromImage(image)
    _require_scalar(raw.dtype)
    axes = np.reshape(image.GetDirection(), [image.GetDimension()] * 2)[:3, :3]
    affine = _from_lps(axes * np.array(image.GetSpacing()[:3]), image.GetOrigin()[:3])
    return _loaded(raw, raw.T.reshape(shape, order="F"), affine, digest.hexdigest())


def _fields(content: bytes) -> dict[str, str]:
    """Return the fields of a MetaImage or NRRD header by their lower-case names."""
    head = content[: 1 << 16].replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].decode("latin-1")
    pairs = (re.split(r"\s*[=:]\s*", line.strip(), maxsplit=1) for line in head.split("\n"))
    return {pair[0].lower(): pair[1] for pair in pairs if len(pair) == 2}


def _from_lps(columns: np.ndarray, origin: Sequence[float]) -> Float[np.ndarray, "4 4"]:
    """Return the RAS+ affine of a grid whose steps and origin are in LPS+, as in ITK and DICOM."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = columns, origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _read_dicom(path: Path) -> Loaded:
    itk = _simpleitk()
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
    _require_scalar(raw.dtype, image.GetNumberOfComponentsPerPixel())
    _require_spacing(image.GetSpacing()[:2])
    columns = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    # ITK steps along the normal of the slices; their positions also tell a tilt of the gantry.
    columns[:, 2] = _slice_step(reader, [Path(file).name for file in files])
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    return _loaded(raw, raw.T, _from_lps(columns, image.GetOrigin()), digest)


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


def _read_numpy(path: Path) -> Loaded:
    content = _content(path)
    try:
        opened = np.load(io.BytesIO(content), allow_pickle=False)
        arrays = {"voxels": opened} if isinstance(opened, np.ndarray) else dict(opened)
    except MALFORMED_NUMPY as error:
        raise Problem(
            "it is damaged, truncated, or holds no plain array of numbers. Write it again."
        ) from error
    affine = np.asarray(arrays.pop("affine", np.eye(4)))
    raw = next(iter(arrays.values())) if len(arrays) == 1 else arrays.get("voxels")
    if raw is None:
        names = ", ".join(arrays) or "none"
        raise Problem(f'it holds the arrays {names}; expected "voxels" and perhaps "affine".')
    if affine.shape != (4, 4) or not np.array_equal(affine[3], [0, 0, 0, 1]):
        raise Problem("its affine is not 4 x 4 numbers with 0 0 0 1 in the last row.")
    _require_scalar(raw.dtype)
    voxels = raw.reshape(_three(raw.shape))
    return _loaded(raw, voxels, affine.astype(float), hashlib.sha256(content).hexdigest())


READERS: dict[str, Callable[[Path], Loaded]] = {
    **dict.fromkeys((".nii", ".nii.gz", ".hdr"), _read_nifti),
    **dict.fromkeys((".mha", ".mhd", ".nrrd", ".nhdr"), _read_itk),
    **dict.fromkeys((".npy", ".npz"), _read_numpy),
}
