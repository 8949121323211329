"""A report as it is tracked."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from evalsuite.errors import EvalsuiteError
from evalsuite.output import refuse_newer
from evalsuite.tracking.record import RunRecord

RECORD = "report.json"  # title and record of a report, which become name and parameters of its run
SCHEMA = 1  # of that file; one without a number is the first too


def run_record(folder: Path, run_name: str | None = None) -> RunRecord:
    """Return what is tracked of a report that is on disk.

    Args:
        folder: of the report; becomes the run's artifacts.
        run_name: None for the title of the report.

    Raises:
        EvalsuiteError: if the folder holds no report.
    """
    try:
        content = (folder / RECORD).read_bytes()
        about = json.loads(content)
        refuse_newer(about, SCHEMA)
        title, record = str(about["title"]), dict(about["record"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise EvalsuiteError(
            f"{folder} holds no {RECORD}, or one of a newer version of evalsuite. Name a folder that "
            "`evalsuite report` wrote."
        ) from None
    identity = {"evalsuite.report": hashlib.sha256(content).hexdigest()}
    tags = {"mlflow.note.content": _note(title, record)}
    return RunRecord(run_name or title, identity, record, tags=tags, files={"": folder})


def _note(title: str, record: Mapping[str, object]) -> str:
    """Return what the page of the run says: what the report was made from and how to find it."""
    lines = [f"**{title}**", "", "Made from:", *(f"- {k}: {v}" for k, v in record.items())]
    hashes = re.findall(r"configuration ([0-9a-f]{64})", " ".join(map(str, record.values())))
    if hashes:
        lines += ["", "The runs of these evaluations are found by:"]
        lines += [f'- `tags."evalsuite.config_hash" = "{found}"`' for found in hashes]
    return "\n".join(lines)
