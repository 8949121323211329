"""An audit of a generator's memory as it is tracked."""

import hashlib
from pathlib import Path

from evalsuite.audited import AUDIT, Audit, read_audit
from evalsuite.tracking.record import SAMPLED, RunRecord, by_weights, described_by, key_of


def run_record(folder: Path, run_name: str | None = None) -> RunRecord:
    """Return what is tracked of an audit that is on disk.

    Several synthetic cohorts have metrics of their own, with their name before them.

    Args:
        folder: that `evalsuite audit` wrote; becomes the run's artifacts.
        run_name: None for one made of the names of the cohorts.

    Raises:
        EvalsuiteError: if the folder holds no audit.
    """
    audit = read_audit(folder)
    rows = audit.rows()
    names = ", ".join(verdict.cohort for verdict in audit.verdicts)
    generated = [verdict for verdict in audit.verdicts if verdict.weights_sha256]
    return RunRecord(
        name=run_name or f"audit of {names}, seed {audit.seed}",
        identity={"evalsuite.audit": hashlib.sha256((folder / AUDIT).read_bytes()).hexdigest()},
        config={
            "training": audit.training,
            "hold-out": audit.holdout,
            "false alarms": audit.rate,
            "spaces": audit.spaces,
            "seed": audit.seed,
            **audit.record,
        },
        points=_points(audit),
        tags=described_by(
            {"packages": {"evalsuite": audit.evalsuite}}, "evalsuite audit", audit.statement
        ),
        files={"": folder},
        tables={"samples": {column: [row[column] for row in rows] for column in rows[0]}},
        made_from={f"samples {v.cohort}": (SAMPLED, v.fingerprint) for v in generated}
        | by_weights({v.cohort: v.weights_sha256 for v in generated}),
    )


def _points(audit: Audit) -> list[tuple[str, float, int]]:
    several = len(audit.verdicts) > 1
    return [
        (key_of(f"{verdict.cohort}/{name}" if several else name), float(value), 0)
        for verdict in audit.verdicts
        for name, value in (
            ("flagged", verdict.flagged),
            ("copies", verdict.copies),
            ("copies_low", verdict.low),
            ("copies_high", verdict.high),
            ("nearer", verdict.nearer[0]),
            ("nearer_low", verdict.nearer[1]),
            ("nearer_high", verdict.nearer[2]),
        )
    ]
