"""A report as it is tracked."""

import hashlib
import json
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
        made_from = {str(what): (str(t), str(v)) for what, t, v in about.get("made_from", ())}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise EvalsuiteError(
            f"{folder} holds no {RECORD}, or one of a newer version of evalsuite. Name a folder that "
            "`evalsuite report` wrote."
        ) from None
    identity = {"evalsuite.report": hashlib.sha256(content).hexdigest()}
    return RunRecord(
        run_name or title,
        identity,
        record,
        tags={"mlflow.note.content": f"**{title}**\n\nIts record:\n{_list(record)}"},
        files={"": folder},
        made_from=made_from,
    )


def _list(record: Mapping[str, object]) -> str:
    return "\n".join(f"- {what}: {told}" for what, told in record.items())
