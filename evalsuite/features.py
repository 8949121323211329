"""Cohort x extractor -> FeatureTable: streamed, cached by content, resumable, distributed.

Every row is a small file under the cache, named by the hash of all that decides it: the bytes of
the volume, the geometry stated for it if its file states none, the resolved preprocessing and the
fingerprint of the extractor. An interrupted run has lost nothing but the volume it was at, and
under `torchrun` every process fills its share.
"""

import hashlib
import inspect
import json
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from evalsuite.errors import EvalsuiteError, VolumeError
from evalsuite.extractors.extractor import Extractor, Staged
from evalsuite.extractors.slices import Slices
from evalsuite.machine import join, processes
from evalsuite.preprocessed import load_preprocessed
from evalsuite.records import FeatureTable
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.volume import Volume

Row = Float[np.ndarray, "... d"]  # of an extractor of slices (s, d)


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Rows of features on disk, one file each, written atomically.

    Args:
        folder: where the files lie; made when the first row is stored.
    """

    folder: Path

    def path(self, key: str, preprocessing: Preprocessing, extractor: Extractor) -> Path:
        """Return the file that holds the row of a volume, whether it exists or not."""
        parts = [key, preprocessing.hash, extractor.fingerprint]
        name = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.npy"

    @staticmethod
    def load(path: Path, extractor: Extractor) -> Row | None:
        """Return the row, or None where there is none or it is damaged (it is then redone)."""
        try:
            row = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        axes = 2 if extractor.slices else 1
        return row if row.ndim == axes and np.isfinite(row).all() else None

    @staticmethod
    def store(path: Path, row: Row) -> None:
        """Write the row so that a reader sees all of it or nothing."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
                np.save(file, row)
            Path(file.name).replace(path)
        except OSError as error:
            raise EvalsuiteError(
                f"{path.parent}: the feature cache cannot be written: {error.strerror}. "
                "Name another folder with --cache DIR."
            ) from None


def extract(
    cohort: Cohort,
    preprocessing: Preprocessing,
    extractor: Extractor,
    cache: FeatureCache,
    *,
    batch_size: int = 4,
    workers: int | None = None,
    advance: Callable[[], None] = lambda: None,
    layers: Sequence[Extractor] = (),
) -> FeatureTable:
    """Return the features of every volume of a checked cohort, in its order.

    Args:
        cohort: a cohort whose volumes have been checked.
        preprocessing: resolved steps.
        batch_size: volumes that a network sees at once; it does not change the numbers beyond
            the rounding of float32.
        workers: processes for extractors that run on the processor; default: all cores.
        advance: called once for every volume whose row is there.
        layers: earlier layers of the same network, whose rows the same pass puts into the cache.

    Raises:
        EvalsuiteError: if a volume yields features that are not finite, or the cache fails.
    """
    rank, world = processes()
    files = [cache.path(info.key, preprocessing, extractor) for info in cohort.infos]
    entries = dict(zip(files, cohort.entries, strict=True))
    # Shares are cut from all volumes, not from those missing: processes start at different times.
    share = list(entries)[rank::world]
    missing = [file for file in share if cache.load(file, extractor) is None]
    for _ in range(len(files) - len(missing)):
        advance()
    below = {
        file: [cache.path(info.key, preprocessing, layer) for layer in layers]
        for file, info in zip(files, cohort.infos, strict=True)
    }
    run = _in_processes if extractor.parallel == "process" else partial(_in_batches, layers=layers)
    size = (workers or os.cpu_count() or 1) if extractor.parallel == "process" else batch_size
    if preprocessing.shape == "native" and extractor.parallel == "batch":
        size = 1  # volumes of several shapes cannot be stacked
    work = [(file, entries[file]) for file in missing]
    for file, (row, *others) in run(extractor, preprocessing, work, size):
        if not np.isfinite(row).all():
            raise VolumeError(
                entries[file].path,
                f"the extractor {extractor.name} yields features that are not finite for it. "
                "Look at the volume, or leave it out.",
            )
        for path, other in zip(below[file], others, strict=True):
            cache.store(path, other)
        cache.store(file, row)
        advance()
    _wait_for_all(world)
    rows = [cache.load(file, extractor) for file in files]
    complete = [row for row in rows if row is not None]
    if len(complete) < len(rows):
        raise EvalsuiteError(
            f"{cache.folder}: {len(rows) - len(complete)} rows vanished from the feature cache "
            "while it was in use. Run the command again."
        )
    values = np.stack(complete)
    return FeatureTable(
        cohort=cohort.name,
        extractor=extractor.name,
        volumes=tuple(entry.id for entry in cohort.entries),
        values=values.mean(axis=1, dtype=np.float64) if extractor.slices else values,
        warnings=extractor.warnings,
        slices=by_plane(values, extractor.slices, preprocessing.shape_seen)
        if extractor.slices
        else None,
    )


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
) -> Iterator[tuple[Path, Sequence[Row]]]:
    """Read the next batch in threads while the network is busy with this one."""
    batches = [work[i : i + size] for i in range(0, len(work), size)]
    with ThreadPoolExecutor(max_workers=2) as pool:

        def read(batch: Sequence[tuple[Path, Entry]]) -> list[Float[np.ndarray, "x y z"]]:
            return [load_preprocessed(entry, preprocessing) for _, entry in batch]

        pending = pool.submit(read, batches[0]) if batches else None
        for i, batch in enumerate(batches):
            assert pending is not None  # noqa: S101  (batches is not empty here)
            voxels = np.stack(pending.result())
            if i + 1 < len(batches):
                pending = pool.submit(read, batches[i + 1])
            features = (
                extractor.with_layers(voxels, layers)
                if isinstance(extractor, Staged)
                else [extractor(voxels)]
            )
            rows = zip(*features, strict=True)
            yield from zip((file for file, _ in batch), rows, strict=True)


def _in_processes(
    extractor: Extractor,
    preprocessing: Preprocessing,
    work: Sequence[tuple[Path, Entry]],
    size: int,
) -> Iterator[tuple[Path, Sequence[Row]]]:
    # Starting processes takes longer than a handful of volumes does.
    if size == 1 or len(work) <= 4:
        for file, entry in work:
            yield file, [_row(extractor, entry, preprocessing)]
        return
    # Threads of a forked parent (torch, BLAS) can deadlock the child; a spawned one starts clean.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(size, len(work)), context, _start_worker, (extractor, preprocessing)
    ) as pool:
        rows = pool.map(_extract_one, [entry for _, entry in work])
        yield from ((file, [row]) for (file, _), row in zip(work, rows, strict=True))


_worker: dict[str, tuple[Extractor, Preprocessing]] = {}


def _start_worker(extractor: Extractor, preprocessing: Preprocessing) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # There is one process per core: threads of BLAS beside them only wait for one another.
    threadpool_limits(1)
    _worker["job"] = extractor, preprocessing


def _end_with_parent() -> None:
    """Leave when the command was killed: a worker of a pool would wait for it for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  (only workers come here)
    parent.join()
    os._exit(1)


def _extract_one(entry: Entry) -> Row:
    extractor, preprocessing = _worker["job"]
    return _row(extractor, entry, preprocessing)


def _row(extractor: Extractor, entry: Entry, preprocessing: Preprocessing) -> Row:
    volume = preprocessing.apply(entry.read())
    try:
        row: Row = features_of(extractor, [volume])[0]
    except EvalsuiteError as error:
        raise VolumeError(entry.path, str(error)) from None
    return row


def features_of(extractor: Extractor, volumes: Sequence[Volume]) -> Float[np.ndarray, "b ..."]:
    """Return what an extractor makes of preprocessed volumes of one shape, without the cache."""
    takes_affines = "affines" in inspect.signature(extractor).parameters
    where = {"affines": np.stack([v.affine for v in volumes])} if takes_affines else {}
    return extractor(np.stack([v.voxels for v in volumes]), **where)


def _wait_for_all(world: int) -> None:
    if world == 1:
        return
    from torch import distributed

    join("gloo")
    distributed.barrier()
