"""Whom volumes show: subjects that two cohorts share, and names that look like several of one."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from evalsuite.records import Caveat
from evalsuite.volumes.cohort import Cohort, Entry, enumerated

MOST = 6  # volumes that may show one subject before a common name looks like something else
LOOK_ALIKE = Caveat(
    "names-of-one-subject",
    "{n} of {size} volumes of {cohort} look by their names like several of one subject, such as "
    "{first} and {second}. Every interval and test takes each for a subject of its own: name the "
    "subjects in a table with the columns path and subject.",
    "cohort",
)

_BIDS = re.compile(r"sub-([A-Za-z0-9]+)")
_VISIT = re.compile(
    r"(.*[^_-])[_-](?:[1-9]|0[1-9]|[lr]|left|right|[lr]h|(?:ses|session|run|visit|scan|tp?|v)-?\d{1,2})",
    re.IGNORECASE,
)


def shared_subjects(first: Cohort, second: Cohort) -> list[str]:
    """Return the subjects that both cohorts name, in alphabetical order."""
    named = [{entry.subject for entry in cohort.entries} for cohort in (first, second)]
    return sorted(subject for subject in named[0] & named[1] if subject)


def shared_sentence(first: Cohort, second: Cohort, subjects: Sequence[str]) -> str:
    """Return a sentence that names the first few subjects that both cohorts show."""
    are = "subject of" if len(subjects) == 1 else "subjects of"
    return (
        f"{len(subjects)} {are} {first.name} are in {second.name} as well: {enumerated(subjects)}."
    )


def look_alike(name: str, entries: Sequence[Entry]) -> list[Caveat]:
    """Return a caveat if no subject is named but file names look like several of one.

    They do where at least half of the volumes share what stands before a visit, a side or a BIDS
    entity, or a folder, with one to five others.

    Args:
        name: of the cohort.
        entries: its volumes.
    """
    if any(entry.subject for entry in entries):
        return []
    for subject_of in (_by_entity, _by_visit, _by_folder):
        groups = _groups(entries, subject_of)
        sizes = [len(ids) for ids in groups]
        if len(groups) > 1 and max(sizes) <= MOST and 2 * sum(sizes) >= len(entries):
            first, second, *_ = groups[0]
            caveat = LOOK_ALIKE(
                n=sum(sizes), size=len(entries), cohort=name, first=first, second=second
            )
            return [caveat]
    return []


def _groups(entries: Sequence[Entry], subject_of: Callable[[str], str | None]) -> list[list[str]]:
    """Return the volumes of every subject that has more than one."""
    groups = defaultdict(list)
    for entry in entries:
        if subject := subject_of(entry.id):
            groups[subject].append(entry.id)
    return [ids for ids in groups.values() if len(ids) > 1]


def _by_entity(path: str) -> str | None:
    match = _BIDS.search(path)
    return match[1] if match else None


def _by_visit(path: str) -> str | None:
    folder, _, name = path.rpartition("/")
    match = _VISIT.fullmatch(name.partition(".")[0])
    return f"{folder}/{match[1]}" if match else None


def _by_folder(path: str) -> str | None:
    return path.rpartition("/")[0] or None
