"""A study, evaluations, or both: one report."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from reports.concordance import concordance_section
from reports.document import Report, Section, Table, Text, write
from reports.sources import EvaluationData, StudyData, fingerprint
from reports.study import findings, study_sections


def build(
    study: StudyData | None,
    evaluations: Sequence[EvaluationData],
    *,
    title: str | None = None,
    replicates: int = 2000,
) -> Report:
    """Return the report.

    Args:
        study: or None.
        evaluations: perhaps none.
        title: or None for one made of the names.
        replicates: of every bootstrap.

    Raises:
        EvalsuiteError: if there is nothing to report on.
    """
    if study is None and not evaluations:
        raise EvalsuiteError(
            "There is nothing to report on. Name a study with --study, results of "
            "`evalsuite compute-metrics` with --evaluation, or both."
        )
    from reports.evaluations import evaluation_findings, evaluation_sections
    from reports.guidelines import checklist
    from reports.methods import methods_paragraphs

    sections: list[Section] = []
    summary: list[str] = []
    if study is not None:
        summary += findings(study)
        if evaluations:
            chapter = concordance_section(study, evaluations, replicates=replicates)
            text = next((b for b in chapter.blocks if isinstance(b, Text)), None)
            summary += text.paragraphs[1:2] if text else ()
            sections.append(chapter)
        sections += study_sections(study, replicates=replicates)
    if evaluations:
        summary += evaluation_findings(evaluations)
        sections += evaluation_sections(evaluations)
    methods = methods_paragraphs(evaluations, study)
    asked = checklist(evaluations, study)
    sections += [
        Section("methods", "Methods, to be pasted into a paper", (Text(methods, quoted=True),)),
        Section(
            "checklist",
            "What reporting guidelines ask",
            (Table("checklist", "CLAIM 2024, the items that concern an evaluation.", asked),),
        ),
    ]
    return Report(
        title=title or _title(study, evaluations),
        summary=tuple(summary),
        sections=tuple(sections),
        record=_record(study, evaluations, replicates),
    )


def write_report(report: Report, folder: Path) -> Path:
    """Write the report into a new folder and return its page; see `reports.document.write`."""
    return write(report, folder)


def _title(study: StudyData | None, evaluations: Sequence[EvaluationData]) -> str:
    if study is not None:
        return str(study.design.get("title") or study.name)
    names = [c.name for data in evaluations for c in data.evaluation.synthetic]
    return f"{', '.join(dict.fromkeys(names))} against {evaluations[0].evaluation.real.name}"


def _record(
    study: StudyData | None, evaluations: Sequence[EvaluationData], replicates: int
) -> dict[str, str]:
    record: dict[str, str] = {}
    if study is not None:
        record["study"] = f"{study.name}, {study.state}"
        record["design"] = study.design_hash
        record["answers (SHA-256 of the table)"] = fingerprint(study.table)
    for data in evaluations:
        record[f"evaluation {data.folder}"] = (
            f"configuration {data.evaluation.config_hash}, {data.evaluation.started}"
        )
    commit = environment()["evalsuite_commit"]
    return {
        **record,
        "bootstrap": f"{replicates} replicates, seed 0",
        "evalsuite": version("evalsuite") + (f", commit {commit}" if commit else ""),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
