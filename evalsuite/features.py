"""Cohort x extractor -> FeatureTable: streamed, cached by content, resumable, distributed.

Every row is a small file under the cache, named by the hash of all that decides it: the bytes of
the volume, the geometry stated for it if its file states none, the resolved preprocessing and the
fingerprint of the extractor. An interrupted run has lost nothing but the volume it was at, and
several processes fill one cache together, see `evalsuite.sharing`.
"""

import hashlib
import inspect
import json
import math
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from evalsuite.ahead import ahead, worker_processes
from evalsuite.errors import EvalsuiteError, VolumeError
from evalsuite.extractors.extractor import Extractor, Staged
from evalsuite.extractors.slices import Slices
from evalsuite.machine import at_once
from evalsuite.preprocessed import load_preprocessed
from evalsuite.processes import cores
from evalsuite.records import FeatureTable
from evalsuite.sharing import Part
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.volume import Volume
from evalsuite.writable import whole_file

CHECKSUM = 4  # bytes of CRC-32 after the array
STARTING = 3.0  # seconds: what would take no longer is done sooner without worker processes
Row = Float[np.ndarray, "... d"]  # of an extractor of slices (s, d)


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Rows of features on disk, one file each, written atomically.

    Args:
        folder: where the files lie; made when the first row is stored.
    """

    folder: Path

    def paths(
        self, keys: Sequence[str], preprocessing: Preprocessing, extractor: Extractor
    ) -> list[Path]:
        """Return the files that hold the rows of volumes by their keys, whether they exist or not."""
        shared = json.dumps([preprocessing.hash, extractor.fingerprint], sort_keys=True)
        parts = (f"[{json.dumps(key)}, {shared[1:]}".encode() for key in keys)
        names = (hashlib.sha256(part).hexdigest() for part in parts)
        return [self.folder.joinpath(name[:2], f"{name}.npy") for name in names]

    @staticmethod
    def load(path: Path, extractor: Extractor) -> Row | None:
        """Return the row, or None where there is none.

        Raises:
            DamagedRowError: if there is one that cannot be what was stored.
        """
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DamagedRowError(path, f"cannot be read ({error.strerror})") from None
        try:
            row, told = _array(content)
        except ValueError:
            raise DamagedRowError(path, "is no array") from None
        if told and told != _checksum(content[: -len(told)]):
            raise DamagedRowError(path, "is not what was stored")
        if row.ndim != (2 if extractor.slices else 1) or not np.isfinite(row).all():
            raise DamagedRowError(path, "holds no features")
        return row

    @staticmethod
    def store(path: Path, row: Row) -> None:
        """Write the row so that a reader sees all of it or nothing, whoever else writes it."""
        content = BytesIO()
        np.save(content, row)
        try:
            with whole_file(path, durable=False) as file:
                file.write(content.getvalue() + _checksum(content.getvalue()))
        except OSError as error:
            raise _unwritable(path.parent, error) from None

    def kept(self, path: Path, extractor: Extractor, tell: Callable[[str], None]) -> Row | None:
        """Return the row, or None where there is none; a damaged one is told of and removed."""
        try:
            return self.load(path, extractor)
        except DamagedRowError as damage:
            tell(f"{damage} It is made anew.")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(path.parent, error) from None
        return None


class DamagedRowError(EvalsuiteError):
    """A file of the feature cache holds something else than was stored."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: this row of the feature cache {problem}.")


def _array(content: bytes) -> tuple[Row, bytes]:
    """Return the array of a file and what follows it: nothing in rows of earlier versions.

    As `np.load`, which takes longer over the header, always the same one, than over a row.

    Raises:
        ValueError: if it begins with no array.
    """
    start = 10 + int.from_bytes(content[8:10], "little")
    shape, fortran, dtype = _layout(content[:start])
    row: Row = np.frombuffer(content, dtype, math.prod(shape), start)
    return row.reshape(shape, order="F" if fortran else "C"), content[start + row.nbytes :]


@lru_cache
def _layout(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Return shape, whether columns come first, and type of an array by how its file begins."""
    file = BytesIO(header)
    if np.lib.format.read_magic(file) != (1, 0):
        msg = "Rows of features have headers of version 1."
        raise ValueError(msg)
    return np.lib.format.read_array_header_1_0(file)


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(CHECKSUM, "little")


def _unwritable(folder: Path, error: OSError) -> EvalsuiteError:
    return EvalsuiteError(
        f"{folder}: the feature cache cannot be written: {error.strerror}. "
        "Name another folder with --cache DIR."
    )


@dataclass(frozen=True, slots=True)
class Extraction:
    """The features of a checked cohort: rows that the cache has, or is to have.

    Args:
        cohort: a cohort whose volumes have been checked.
        preprocessing: resolved steps.
        batch_size: volumes that a network sees at once, None for as many as `at_once` says; it
            does not change the numbers beyond the rounding of float32.
        workers: processes for extractors that run on the processor, threads that read volumes for
            networks; default: this process's share of the cores.
        layers: earlier layers of the same network, whose rows the same pass puts into the cache.
        tell: what to do with a sentence on rows that are damaged.
    """

    cohort: Cohort
    preprocessing: Preprocessing
    extractor: Extractor
    cache: FeatureCache
    batch_size: int | None = None
    workers: int | None = None
    layers: Sequence[Extractor] = ()
    tell: Callable[[str], None] = warnings.warn

    def table(self, advance: Callable[[], None] = lambda: None) -> FeatureTable:
        """Return the features of every volume, in the order of the cohort.

        Args:
            advance: called once for every volume whose row is there.

        Raises:
            EvalsuiteError: if a volume yields features that are not finite, or the cache fails.
        """
        rows: dict[Path, Row] = {}
        files = self._files(self.extractor)
        count = Counter(files)

        def keep(file: Path, row: Row) -> None:
            rows[file] = row
            for _ in range(count[file]):
                advance()

        missing = list(count)
        while missing:
            for file in missing:
                row = self._kept(file)
                if row is not None:
                    keep(file, row)
            for file, row in self.made([file for file in missing if file not in rows]):
                keep(file, row)
            # What another process made meanwhile is there now.
            missing = [file for file in missing if file not in rows]
        values = np.stack([rows[file] for file in files])
        extractor = self.extractor
        return FeatureTable(
            cohort=self.cohort.name,
            extractor=extractor.name,
            volumes=tuple(entry.id for entry in self.cohort.entries),
            values=values.mean(axis=1, dtype=np.float64) if extractor.slices else values,
            warnings=extractor.warnings,
            slices=by_plane(values, extractor.slices, self.preprocessing.shape_seen)
            if extractor.slices
            else None,
        )

    def share(self, part: Part) -> list[Path]:
        """Return the rows of one part of the volumes, each once."""
        return part.share(list(dict.fromkeys(self._files(self.extractor))))

    def fill(self, part: Part, advance: Callable[[], None] = lambda: None) -> int:
        """Put the rows of one part of the volumes into the cache; return how many were made.

        Args:
            advance: called once for every one of them that is there.

        Raises:
            EvalsuiteError: if a volume yields features that are not finite, or the cache fails.
        """
        share = self.share(part)
        missing = [file for file in share if self._kept(file) is None]
        for _ in range(len(share) - len(missing)):
            advance()
        made = 0
        for _ in self.made(missing):
            made += 1
            advance()
        return made

    def missing(self) -> int:
        """Return how many volumes have no row yet."""
        return sum(not file.is_file() for file in set(self._files(self.extractor)))

    def _files(self, extractor: Extractor) -> list[Path]:
        keys = [info.key for info in self.cohort.infos]
        return self.cache.paths(keys, self.preprocessing, extractor)

    def _at_once(self) -> int:
        """Return how many volumes the network sees at once."""
        if self.preprocessing.shape == "native":
            return 1  # volumes of several shapes cannot be stacked
        device = getattr(self.extractor, "device", None)
        return self.batch_size or at_once(math.prod(self.preprocessing.shape_seen), device)

    def _kept(self, file: Path) -> Row | None:
        return self.cache.kept(file, self.extractor, self.tell)

    def made(self, missing: Sequence[Path]) -> Iterator[tuple[Path, Row]]:
        """Make rows, store and yield them; those that another process brings meanwhile, not.

        Raises:
            EvalsuiteError: if a volume yields features that are not finite, or the cache fails.
        """
        files, extractor = self._files(self.extractor), self.extractor
        entries = dict(zip(files, self.cohort.entries, strict=True))
        below = [dict(zip(files, self._files(layer), strict=True)) for layer in self.layers]
        workers = self.workers or cores()
        if extractor.parallel == "process":
            run, size = _in_processes, workers
        else:
            run, size = partial(_in_batches, layers=self.layers, workers=workers), self._at_once()
        work = [(file, entries[file]) for file in missing]
        for file, (row, *others) in run(extractor, self.preprocessing, work, size):
            if not np.isfinite(row).all():
                raise VolumeError(
                    entries[file].location,
                    f"the extractor {extractor.name} yields features that are not finite for it. "
                    "Look at the volume, or leave it out.",
                )
            for paths, other in zip(below, others, strict=True):
                self.cache.store(paths[file], other)
            self.cache.store(file, row)
            yield file, row


def by_plane(
    values: Float[np.ndarray, "n s d"], slices: Slices, shape: Sequence[int]
) -> dict[str, Float[np.ndarray, "n s d"]]:
    """Return the features of the slices of each plane, which stand together, without a copy.

    Args:
        shape: of the volumes that the network saw.
    """
    planes = [plane for plane, _ in slices.rows(shape)]
    starts = {plane: planes.index(plane) for plane in slices.planes}
    return {p: values[:, start : start + planes.count(p)] for p, start in starts.items()}


def _in_batches(
    extractor: Extractor,
    preprocessing: Preprocessing,
    work: Sequence[tuple[Path, Entry]],
    size: int,
    layers: Sequence[Extractor],
    workers: int,
) -> Iterator[tuple[Path, Sequence[Row]]]:
    """Read and prepare volumes in threads ahead of the network; most of both leaves Python free."""

    def read(job: tuple[Path, Entry]) -> Float[np.ndarray, "x y z"] | None:
        file, entry = job
        return None if file.is_file() else load_preprocessed(entry, preprocessing)

    found: list[tuple[Path, Float[np.ndarray, "x y z"] | None]] = []
    read_ahead = ahead(read, work, workers=workers, most=2 * size + workers)
    for place, ((file, _), voxels) in enumerate(zip(work, read_ahead, strict=True), 1):
        found.append((file, voxels))
        if len(found) < size and place < len(work):
            continue
        # One that is there by now was made by another process.
        left = {file: voxels for file, voxels in found if voxels is not None and not file.is_file()}
        found = []
        if left:
            batch = np.stack(list(left.values()))
            features = (
                extractor.with_layers(batch, layers)
                if isinstance(extractor, Staged)
                else [extractor(batch)]
            )
            yield from zip(left, zip(*features, strict=True), strict=True)


def _in_processes(
    extractor: Extractor,
    preprocessing: Preprocessing,
    work: Sequence[tuple[Path, Entry]],
    size: int,
) -> Iterator[tuple[Path, Sequence[Row]]]:
    spent, made = 0.0, 0
    for place, (file, entry) in enumerate(work):
        if size > 1 and spent * (len(work) - place) > STARTING * max(1, made):
            break
        if not file.is_file():
            clock = time.perf_counter()
            with threadpool_limits(1):  # as in a worker process
                own = _row(extractor, entry, preprocessing)
            spent, made = spent + time.perf_counter() - clock, made + 1
            yield file, [own]
    else:
        return
    left = work[place:]
    with worker_processes(min(size, len(left)), _start_worker, extractor, preprocessing) as pool:
        for (file, _), row in zip(left, pool.map(_extract_one, left), strict=True):
            if row is not None:
                yield file, [row]


_worker: dict[str, tuple[Extractor, Preprocessing]] = {}


def _start_worker(extractor: Extractor, preprocessing: Preprocessing) -> None:
    _worker["job"] = extractor, preprocessing


def _extract_one(job: tuple[Path, Entry]) -> Row | None:
    """Return the row, unless it is there by now: another process has made it."""
    file, entry = job
    extractor, preprocessing = _worker["job"]
    return None if file.is_file() else _row(extractor, entry, preprocessing)


def _row(extractor: Extractor, entry: Entry, preprocessing: Preprocessing) -> Row:
    volume = preprocessing.apply(entry.read())
    try:
        row: Row = features_of(extractor, [volume])[0]
    except EvalsuiteError as error:
        raise VolumeError(entry.location, str(error)) from None
    return row


def features_of(extractor: Extractor, volumes: Sequence[Volume]) -> Float[np.ndarray, "b ..."]:
    """Return what an extractor makes of preprocessed volumes of one shape, without the cache."""
    takes_affines = "affines" in inspect.signature(extractor).parameters
    where = {"affines": np.stack([v.affine for v in volumes])} if takes_affines else {}
    return extractor(np.stack([v.voxels for v in volumes]), **where)
