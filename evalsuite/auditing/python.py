"""The audit in Python."""

import csv
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evalsuite import extras
from evalsuite.audited import AUDIT, Audit, write_audit
from evalsuite.auditing.audit import USUAL, Design, Pairs
from evalsuite.auditing.audit import audit as audited
from evalsuite.caches import feature_cache
from evalsuite.errors import EvalsuiteError
from evalsuite.given import declared, refuse_imported, source, sources
from evalsuite.progress import bars, silent
from evalsuite.resources import Resources
from evalsuite.volumes.cohort import Cohort
from evalsuite.writable import refuse_to_overwrite

SAMPLES = "samples.csv"
NOTHING: Mapping[str, Any] = MappingProxyType({})


def audit(
    training: Any,
    holdout: Any,
    synthetic: Any,
    *,
    extractors: str | Sequence[str] | None = None,
    false_alarms: float = USUAL.rate,
    planted: int = USUAL.planted,
    moves: bool = True,
    seed: int | None = None,
    settings: Mapping[str, Any] = NOTHING,
    config: str | Path | None = None,
    output: str | Path | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    offline: bool = False,
    progress: bool = False,
) -> Audit:
    """Return whether synthetic volumes are copies of training volumes, as `evalsuite audit` does.

    Args:
        training: what the generator was trained on, as `compute_metrics` takes volumes.
        holdout: real volumes of other subjects.
        synthetic: what was generated; of several generators a dictionary of them by name.
        extractors: names; several layers of a network are `NAME@LAYER` each.
        false_alarms: share of new real volumes that may be flagged.
        planted: training volumes that are planted in each disguise.
        moves: whether extractors see the training volumes mirrored, turned and scaled as well.
        seed: of the planted copies.
        settings, config, cache, device, workers, offline, progress: as for `compute_metrics`.
        output: new folder for the page, `audit.json` and `samples.csv`; None: nothing is written.

    Raises:
        EvalsuiteError: for too few subjects, a hold-out that was trained on, and anything that is
            wrong with settings or volumes.
    """
    refuse_imported("audit")
    extras.require("metrics", purpose="audit")
    if output is not None:
        refuse_to_overwrite(Path(output))
    with tempfile.TemporaryDirectory(prefix="evalsuite-") as folder:
        place = Path(folder)
        held: dict[str, Cohort] = {}
        given = {
            "real": source(holdout, "hold-out", place, held),
            "synthetic": sources(synthetic, place, held),
            "training": source(training, "training", place, held),
            "extractors": [extractors] if isinstance(extractors, str) else extractors,
            "seed": seed,
        }
        asked = declared(given, settings, config)
        resources = Resources(
            feature_cache() if cache is None else Path(cache),
            device,
            workers=workers,
            offline=offline,
            progress=bars if progress else silent,
        )
        design = Design(rate(false_alarms), planted, moves)
        made, pairs = audited(asked, resources, design, held)
    if output is not None:
        write(made, pairs, Path(output))
    return made


def rate(value: float) -> float:
    """Return a rate of false alarms.

    Raises:
        EvalsuiteError: if it is none.
    """
    if not 0 < value < 1:
        raise EvalsuiteError(f"A rate of false alarms lies between 0 and 1; got {value:g}.")
    return value


def write(made: Audit, pairs: Pairs, folder: Path) -> Path:
    """Write page, figure, record and one row per volume into a new folder; return the page.

    Raises:
        EvalsuiteError: if the folder holds something or cannot be written.
    """
    from reports.audit import audit_report
    from reports.build import write_report
    from reports.figures.memorisation import memorisation

    page = write_report(audit_report(made, memorisation(made, pairs)), folder)
    rows = made.rows()
    with (folder / SAMPLES).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write_audit(made, folder / AUDIT)
    return page
