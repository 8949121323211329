"""A certificate of metrics as it is tracked."""

import hashlib
import math
from pathlib import Path

from evalsuite.certificate import CERTIFICATE, Judged, read_certificate
from evalsuite.tracking.record import RunRecord, described_by, key_of


def run_record(folder: Path, run_name: str | None = None) -> RunRecord:
    """Return what is tracked of a certificate that is on disk.

    Of every number the faults that it sees, those that it rewards, and the least change that shows.

    Args:
        folder: that `evalsuite certify` wrote; becomes the run's artifacts.
        run_name: None for one made of the name and the size of the cohort.

    Raises:
        EvalsuiteError: if the folder holds no certificate.
    """
    found = read_certificate(folder)
    rows = list(found.rows())
    real, n = found.real, len(found.faults)
    told = f"{real['name']}, {real['drawn']} volumes"
    seen = "\n".join(f"- {_name(one)}: {_seen(one)} of {n}" for one in found.judged)
    return RunRecord(
        name=run_name or f"certificate on {told}, seed {found.seed}",
        identity={
            "evalsuite.certificate": hashlib.sha256((folder / CERTIFICATE).read_bytes()).hexdigest()
        },
        config={
            "real": real,
            "splits": found.splits,
            "planted": found.planted,
            "seed": found.seed,
            **found.record,
        },
        points=[
            (key_of(f"{_name(one)}/{what}"), float(value), 0)
            for one in found.judged
            for what, value in (
                ("faults_seen", _seen(one)),
                ("faults_rewarded", sum(trial.rewarded for trial in one.trials)),
                ("least_change", one.least),
            )
            if math.isfinite(value)
        ],
        tags=described_by(
            {"packages": {"evalsuite": found.evalsuite}},
            "evalsuite certify",
            f"**What metrics see in {told}**\n\nFaults seen at their greatest severity:\n{seen}",
        ),
        files={"": folder},
        tables={"powers": {column: [row[column] for row in rows] for column in rows[0]}},
    )


def _name(judged: Judged) -> str:
    return f"{judged.extractor}/{judged.key}"


def _seen(judged: Judged) -> int:
    return sum(trial.seen_from is not None for trial in judged.trials)
