"""What `evalsuite log` does: results of any kind, on disk, to MLflow."""

import json
from pathlib import Path

from evalsuite.errors import EvalsuiteError


def log(folder: Path, experiment: str | None, run_name: str | None) -> str:
    """Log results on disk to MLflow and return a sentence on each run, one a line.

    Args:
        folder: of an evaluation, a utility experiment, an audit, a certificate, a report, samples,
            or a training or a stage of one.
        experiment: None for the one that the kind of result usually goes to.
        run_name: None for the usual one.

    Raises:
        EvalsuiteError: if the folder holds none of these.
        TrackingError: if MLflow cannot be reached or refuses.
    """
    from evalsuite import results, tracking, workflow
    from evalsuite.audited import AUDIT
    from evalsuite.certificate import CERTIFICATE
    from evalsuite.tracking import audit, certificate, report, samples, training
    from evalsuite.utility import workflow as utility

    if (folder / results.RESULTS).is_file():
        if _is_utility(folder / results.RESULTS):
            return utility.log(folder, experiment or "evalsuite-utility", run_name)
        return workflow.log(folder, experiment or "evalsuite", run_name)
    # The page of an audit or a certificate lies beside it, with the record of any report.
    for file, usual, record in (
        (AUDIT, "evalsuite-audits", audit.run_record),
        (CERTIFICATE, "evalsuite-certificates", certificate.run_record),
        (report.RECORD, "evalsuite-reports", report.run_record),
        (samples.RECORD, "evalsuite-generator", samples.run_record),
    ):
        if (folder / file).is_file():
            made = record(folder, run_name)
            return tracking.log(made, experiment=experiment or usual, kept=folder).told
    stages = [p for p in (folder, *sorted(folder.glob("*"))) if (p / training.HISTORY).is_file()]
    if not stages:
        raise EvalsuiteError(
            f"{folder} holds nothing that can be logged. Name a folder that `compute-metrics`, "
            "`utility segmentation`, `audit`, `certify`, `report` or `generator` wrote; a study is logged by: "
            "evalsuite study log STUDY"
        )
    place = experiment or "evalsuite-generator"
    return "\n".join(
        tracking.log(training.run_record(stage, run_name), experiment=place, kept=stage).told
        for stage in stages
    )


def _is_utility(path: Path) -> bool:
    """Tell the record of a utility experiment, damaged or not, from that of an evaluation."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return path.with_name("comparisons.csv").is_file()
    return isinstance(record, dict) and "trainings" in record
