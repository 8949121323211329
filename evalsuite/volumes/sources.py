"""Folder, glob, table or BIDS dataset -> Cohort: its volumes are listed, not yet read."""

import csv
import difflib
import glob
import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.formats.dicom import is_dicom
from evalsuite.volumes.geometry import CONVENTION, Geometry, read_orientation, read_spacing
from evalsuite.volumes.read import FORMATS, is_volume
from evalsuite.volumes.subjects import look_alike

BIDS_DATATYPES = ("anat", "ct", "pet")
BIDS_LABELS = ("mask", "dseg", "probseg")
TABLES = (".csv", ".tsv")
SAMPLES = "samples.tsv"  # of a generator, which puts further images into folders beside it
COLUMN = "path"  # of a table
MIXED_KINDS = Caveat(
    "mixed-kinds",
    "It mixes kinds of images: {told}. A glob takes one alone, as {example}.",
    "cohort",
)


def read_cohort(
    source: str,
    *,
    name: str,
    role: Literal["real", "synthetic"],
    stated: Geometry = CONVENTION,
) -> Cohort:
    """List the volumes of a cohort without opening them.

    Args:
        source: a folder (searched with all below it, in the order of the paths), a glob (`**`
            crosses folders), a table (.csv or .tsv with a column `path`, relative to the table,
            perhaps `subject`, `spacing` and `orientation`, and any covariates), a table and
            another column with paths (`cases.csv:t2`) or a BIDS dataset. Hidden files and files
            that are no volumes are passed over; a folder with DICOM files is one volume. `:K`
            behind any of these takes image K of each file, which is 4D, along its fourth axis
            and counted from 0 (`images:0`, `cases.csv:t2:1`); a folder or column that has that
            name itself goes before.
        name: what the cohort is called in the results.
        role: which side of the comparison it is on.
        stated: geometry of the volumes whose files state none; columns of a table win over it.

    Raises:
        EvalsuiteError: if there are no volumes there, or the table has faults.
    """
    if not source:
        raise EvalsuiteError(f"The cohort {name} has no source; expected a folder, glob or table.")
    warnings: list[Caveat] = []
    try:
        files, image = _apart(source)
        path, table = _path(files), _table_of(files)
        if path.is_dir() and (path / "dataset_description.json").is_file():
            entries, warnings = _bids(path, files)
        elif path.is_dir():
            entries = _folder(path, files)
        elif table:
            entries = _table(*table, files)
        elif path.is_file():
            raise _not_a_cohort(path, files)
        elif glob.has_magic(files):
            entries = _glob(path, files)
        else:
            raise EvalsuiteError(f"{files}: it does not exist.{_suggestion(path)}")
    except OSError as error:
        where = error.filename or source
        raise EvalsuiteError(f"{where}: it cannot be read: {error.strerror}.") from error
    warnings += look_alike(name, entries)
    entries = [replace(e, stated=e.stated.before(stated), image=image) for e in entries]
    return Cohort(name, role, source, tuple(entries), warnings=tuple(warnings))


def table_of(source: str) -> tuple[Path, str] | None:
    """Return the table that a source is, and which of its columns has the paths; else None."""
    return _table_of(_apart(source)[0])


def columns_of(table: Path) -> list[str]:
    """Return the columns of a table.

    Raises:
        EvalsuiteError: if it is none.
    """
    return _rows(table, str(table))[0]


def _apart(source: str) -> tuple[str, int | None]:
    """Return a source without the `:K` that takes image K of 4D files, and K; None where it has none.

    What exists as written has none.
    """
    match = re.fullmatch(r"(.+):(0|[1-9][0-9]*)", source)
    if not match:
        return source, None
    path, table = _path(source), _table_of(source)
    matches = glob.iglob(str(path), recursive=True) if glob.has_magic(source) else iter(())  # noqa: PTH207
    if path.exists() or next(matches, None) or (table and table[1] in columns_of(table[0])):
        return source, None
    return match[1], int(match[2])


def _path(source: str) -> Path:
    # Path.expanduser raises for the home of a user who does not exist.
    return Path(os.path.expanduser(source))  # noqa: PTH111


def _table_of(source: str) -> tuple[Path, str] | None:
    path = _path(source)
    before, _, column = str(path).rpartition(":")
    for table, name in ((path, COLUMN), (Path(before), column)):
        if table.suffix.lower() in TABLES and table.is_file():
            return table, name
    return None


def _suggestion(path: Path) -> str:
    while not path.parent.exists():
        path = path.parent
    near = difflib.get_close_matches(path.name, [other.name for other in path.parent.iterdir()], 1)
    return f" Did you mean {path.parent / near[0]}?" if near else ""


def _volumes_below(root: Path) -> Iterator[Path]:
    """Yield volume files and DICOM folders below a folder, following links but never in circles."""

    def refuse(error: OSError) -> None:
        raise error

    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=refuse):
        here = Path(folder)
        status = here.stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [here / name for name in files if not name.startswith(".")]
        volumes = {path: is_volume(path) for path in paths}
        yield from (path for path in paths if volumes[path])
        if any(is_dicom(path) for path in paths if not volumes[path]):
            yield here


def _folder(root: Path, source: str) -> list[Entry]:
    found = list(_volumes_below(root))
    if (root / SAMPLES).is_file() and (inner := sorted(p for p in found if p.parent != root)):
        raise EvalsuiteError(
            f"{source}: beside the samples it holds further images of them, such as "
            f"{inner[0].relative_to(root).as_posix()}. Name {source.rstrip('/')}/{SAMPLES} for the "
            "samples alone, or a folder in it for these images."
        )
    if found == [root]:
        raise EvalsuiteError(
            f"{source}: it is a single DICOM series; expected a cohort. "
            "Give the folder above, with one folder for each series."
        )
    if not found:
        others = sorted(path.name for path in root.rglob("*") if path.is_file())
        but = f" but other files, such as {others[0]}" if others else ""
        raise EvalsuiteError(
            f"{source}: the folder holds no volumes{but}. Known formats: {FORMATS}."
        )
    return _entries(root, found)


def _entries(root: Path, paths: Iterable[Path]) -> list[Entry]:
    entries = [Entry(path.relative_to(root).as_posix(), path) for path in paths]
    return sorted(entries, key=lambda entry: entry.id)


def _glob(pattern: Path, source: str) -> list[Entry]:
    # Unlike Path.glob, this passes over hidden files.
    matches = {Path(match) for match in glob.glob(str(pattern), recursive=True)}  # noqa: PTH207
    found = [path for path in matches if not path.is_dir() and is_volume(path)]
    folders = [path for path in matches if path.is_dir()]
    found += [path for path in folders if any(is_dicom(file) for file in path.iterdir())]
    if not found:
        raise EvalsuiteError(
            f"{source}: no volume matches this pattern, which matches {len(matches)} files and "
            f"folders. Known formats: {FORMATS}."
        )
    fixed = itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts)
    return _entries(Path(*fixed), found)


def _not_a_cohort(path: Path, source: str) -> EvalsuiteError:
    kind = "a single volume" if is_volume(path) else "neither a folder nor a .csv or .tsv table"
    return EvalsuiteError(
        f"{source}: it is {kind}; expected a cohort. "
        "Give a folder, a glob, a table of volumes or a BIDS dataset."
    )


def _rows(path: Path, shown: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header of a table and its other rows with their line numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            if delimiter not in first and ";" in first:
                delimiter = ";"
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except UnicodeDecodeError as error:
        raise EvalsuiteError(f"{shown}: it is not text in UTF-8; save it as such.") from error
    except csv.Error as error:
        raise EvalsuiteError(f"{shown}: it cannot be read as a table: {error}.") from error
    rows = [(line, cells) for line, cells in rows if any(cells)]
    if not rows:
        raise EvalsuiteError(
            f"{shown}: the table is empty; expected a header and a line per volume."
        )
    header = rows[0][1]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise EvalsuiteError(f'{shown}: the column "{twice[0]}" occurs twice.')
    return header, rows[1:]


def _table(path: Path, column: str, source: str) -> list[Entry]:
    header, rows = _rows(path, source)
    if column not in header:
        raise missing_column(source, column, header)
    if not rows:
        raise EvalsuiteError(f"{source}: the table lists no volumes; expected a line for each.")
    entries: list[Entry] = []
    faults: list[str] = []
    lines: dict[Path, int] = {}
    for line, cells in rows:
        row = dict(zip(header, cells, strict=False))
        where = path.parent / row[column] if row.get(column) else path.parent
        fault = _row_fault(cells, header, column, where, lines)
        if fault:
            faults.append(f"{source}, line {line}: {fault}")
            continue
        try:
            stated = _stated(row)
        except ValueError as error:
            faults.append(f"{source}, line {line}: {error}")
            continue
        lines[where.resolve()] = line
        subject = row.pop("subject", "") or None
        name = Path(row.pop(column)).as_posix()
        row.pop(COLUMN, "")
        entries.append(Entry(name, where, subject, row, stated))
    if len(faults) > 1:
        faults.insert(0, f"{len(faults)} lines of the table have faults:")
    if faults:
        missing = any(fault.endswith("does not exist.") for fault in faults)
        hint = f" Paths are read relative to {path.name}." if missing else ""
        raise EvalsuiteError("\n  ".join(faults) + hint)
    return entries


def missing_column(source: str, column: str, header: Sequence[str]) -> EvalsuiteError:
    """Return what is told of a table without a column that is needed."""
    words = "path|file|image|volume" if column == COLUMN else re.escape(column.lower())
    near = [name for name in header if re.search(words, name.lower())]
    near = near or difflib.get_close_matches(column, header, n=1)
    rename = " Rename it." if column == COLUMN else ""
    did_you = f' Did you mean "{near[0]}"?{rename}' if near else ""
    return EvalsuiteError(
        f'{source}: the column "{column}" is missing; it has {", ".join(header)}.{did_you}'
    )


def _row_fault(
    cells: Sequence[str], header: Sequence[str], column: str, where: Path, lines: dict[Path, int]
) -> str | None:
    if len(cells) != len(header):
        return f"the number of its cells is {len(cells)}; expected {len(header)}, as in the header."
    name = cells[header.index(column)]
    if not name:
        return f'the column "{column}" is empty.'
    if not where.exists():
        return f"the file {name} does not exist."
    if where.resolve() in lines:
        return f"{name} is listed in line {lines[where.resolve()]} already."
    if where.is_dir() or is_volume(where):
        return None
    return f"the format of {name} is not known. Known formats: {FORMATS}."


def _stated(row: Mapping[str, str]) -> Geometry:
    """Return the geometry that a row of a table states.

    Raises:
        ValueError: with the column, what was expected and what was found.
    """
    values: dict[str, Any] = {}
    for column, read in (("spacing", read_spacing), ("orientation", read_orientation)):
        if not row.get(column):
            continue
        try:
            values[column] = read(row[column])
        except ValueError as error:
            expected = str(error)
            msg = (
                f'in the column "{column}", {expected[:1].lower()}{expected[1:]}, but found '
                f'"{row[column]}". Rename the column if it means something else.'
            )
            raise ValueError(msg) from None
    return Geometry(**values)


def _bids(root: Path, source: str) -> tuple[list[Entry], list[Caveat]]:
    """List the images of a raw BIDS dataset, without derivatives, sourcedata and labels."""
    pattern = re.compile(
        rf"(sub-[^/]+)/(?:ses-[^/]+/)?(?:{'|'.join(BIDS_DATATYPES)})/[^/]*_([^_/.]+)\.nii(?:\.gz)?"
    )
    people = _participants(root / "participants.tsv", source)
    entries: list[Entry] = []
    kinds: dict[str, list[str]] = defaultdict(list)
    subjects = sorted(path for path in root.glob("sub-*") if path.is_dir())
    for entry in _entries(root, (p for subject in subjects for p in _volumes_below(subject))):
        match = pattern.fullmatch(entry.id)
        if match and match[2] not in BIDS_LABELS:
            entries.append(Entry(entry.id, entry.path, match[1], people.get(match[1], {})))
            kinds[match[2]].append(entry.id)
    if not entries:
        raise EvalsuiteError(
            f"{source}: the BIDS dataset holds no images; expected NIfTI files such as "
            "sub-01/anat/sub-01_T1w.nii.gz."
        )
    if len(kinds) < 2:
        return entries, []
    told = ", ".join(f"{kind} ({len(names)})" for kind, names in sorted(kinds.items()))
    example = f"{source}/sub-*/**/*_{min(kinds)}.nii*"
    return entries, [MIXED_KINDS(told=told, example=example)]


def _participants(path: Path, source: str) -> dict[str, dict[str, str]]:
    """Return the columns of participants.tsv by subject; empty where there is no such file."""
    if not path.is_file():
        return {}
    header, rows = _rows(path, f"{source}/{path.name}")
    if "participant_id" not in header:
        raise EvalsuiteError(f'{source}/{path.name}: the column "participant_id" is missing.')
    people = [dict(zip(header, cells, strict=False)) for _, cells in rows]
    ids = [person.pop("participant_id", "").removeprefix("sub-") for person in people]
    return {f"sub-{id_}": person for id_, person in zip(ids, people, strict=True)}
