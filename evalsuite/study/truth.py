"""What each case is: a table that lies apart from all that the app opens."""

import csv
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from evalsuite.errors import EvalsuiteError


@dataclass(frozen=True, slots=True)
class CaseTruth:
    """One case and where it came from.

    Args:
        case: random identifier.
        phase: `training` or `reading`.
        cohort: its name.
        role: `real` or `synthetic`.
        stratum: value of the covariate that the design stratifies by, or empty.
        volume: identifier within the cohort.
        source: the file or folder; of image K of a 4D file with `:K` behind it.
        digest: of the volume, see `evalsuite.volumes.cohort.VolumeInfo`.
        prepared: SHA-256 of the prepared file, uncompressed.
        subject: whom it shows, where the source tells; empty in studies of before.
    """

    case: str
    phase: str
    cohort: str
    role: str
    stratum: str
    volume: str
    source: str
    digest: str
    prepared: str
    subject: str = ""


def by_phase(truths: Iterable[CaseTruth]) -> dict[str, dict[str, list[str]]]:
    """Return the ids of the cases by phase and cohort, as `schedule` wants them."""
    cases: dict[str, dict[str, list[str]]] = {}
    for truth in truths:
        cases.setdefault(truth.phase, {}).setdefault(truth.cohort, []).append(truth.case)
    return cases


def write_truth(path: Path, truths: Iterable[CaseTruth]) -> None:
    """Write the table, readable by its owner alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        names = [field.name for field in fields(CaseTruth)]
        writer = csv.DictWriter(file, names, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(truth) for truth in truths)


def read_truth(path: Path) -> dict[str, CaseTruth]:
    """Return what each case is, by case.

    Raises:
        EvalsuiteError: if the table is not there or is none of ours.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        truths = [CaseTruth(**row) for row in rows]
    except OSError as error:
        raise EvalsuiteError(
            f"{path}: the truth of the study cannot be read: {error.strerror}. It lies in the "
            "lead's folder of the home in which the study was created; name that with --home."
        ) from None
    except TypeError:
        raise EvalsuiteError(
            f"{path}: expected the columns {', '.join(f.name for f in fields(CaseTruth))}."
        ) from None
    return {truth.case: truth for truth in truths}
