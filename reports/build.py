"""A study, evaluations, utility experiments, or several of them: one report."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from evalsuite.audited import read_audit
from evalsuite.certificate import read_certificate
from evalsuite.environment import environment
from evalsuite.errors import EvalsuiteError
from evalsuite.tracking.record import DIGEST, STUDY, digest_of
from reports.chapters import Sources, further_chapters
from reports.concordance import concordance_section
from reports.document import Answer, Picture, Report, Section, Text, suffixed
from reports.formats.folder import Format, write
from reports.readers import StudyResults, answers, study_sections
from reports.sources import EvaluationData, StudyData, fingerprint


def build(
    study: StudyData | None,
    evaluations: Sequence[EvaluationData],
    *,
    utilities: Sequence[Path] = (),
    audits: Sequence[Path] = (),
    certificates: Sequence[Path] = (),
    title: str | None = None,
    replicates: int = 2000,
) -> Report:
    """Return the report.

    Args:
        study: or None.
        evaluations: perhaps none.
        utilities: folders of results of `evalsuite utility`.
        audits: folders of `evalsuite audit`.
        certificates: folders of `evalsuite certify`.
        title: or None for one made of the names.
        replicates: of every bootstrap.

    Raises:
        EvalsuiteError: if there is nothing to report on.
    """
    if study is None and not (evaluations or utilities or audits or certificates):
        raise EvalsuiteError(
            "There is nothing to report on. Name a study with --study, results of "
            "`evalsuite compute-metrics` with --evaluation, of `evalsuite utility` with --utility, of "
            "`evalsuite audit` with --audit or of `evalsuite certify` with --certificate, or several "
            "of them."
        )
    from reports.evaluations import evaluation_answers, evaluation_sections
    from reports.guidelines import checklist_tables
    from reports.methods import methods_paragraphs

    sections: list[Section] = []
    told: list[Answer] = []
    if study is not None:
        results = StudyResults(study, replicates)
        told += answers(results)
        if evaluations:
            chapter = concordance_section(study, evaluations, replicates=replicates)
            told += [
                Answer("Metrics and readers", (b,)) for b in chapter.blocks if isinstance(b, Text)
            ][:1]
            sections.append(chapter)
        sections += study_sections(results)
    if evaluations:
        pictured = any(isinstance(b, Picture) for answer in told for b in answer.blocks)
        told += evaluation_answers(evaluations, pictured=not pictured)
        sections += evaluation_sections(evaluations)
    for place, folder in enumerate(utilities, 1):
        from reports.utility import utility_findings, utility_sections

        several = len(utilities) > 1
        ending = f" (experiment {place})" if several else ""
        told.append(Answer(f"Use{ending}", (Text(tuple(utility_findings(folder))),)))
        sections += [
            suffixed(section, f"-{place}" if several else "", ending)
            for section in utility_sections(folder)
        ]
    for place, folder in enumerate(audits, 1):
        from reports.audit import audit_answers, audit_sections, kept_figure

        several, audit = len(audits) > 1, read_audit(folder)
        ending = f" (audit {place})" if several else ""
        told += [Answer(f"{one.head}{ending}", one.blocks) for one in audit_answers(audit)]
        sections += [
            suffixed(section, f"-{place}" if several else "", ending)
            for section in audit_sections(audit, kept_figure(folder))
        ]
    for place, certificate in enumerate(map(read_certificate, certificates), 1):
        from reports.certificate import certificate_answers, certificate_sections

        several = len(certificates) > 1
        ending = f" (certificate {place})" if several else ""
        told += [
            Answer(f"{answer.head}{ending}", answer.blocks)
            for answer in certificate_answers(certificate)
        ]
        sections += [
            suffixed(section, f"-{place}" if several else "", ending)
            for section in certificate_sections(certificate)
        ]
    sections += further_chapters(Sources(study, evaluations, utilities, replicates))
    methods = methods_paragraphs(evaluations, study, sections)
    if methods:
        paper = (Text(methods, quoted=True),)
        sections.append(Section("methods", "Methods, to be pasted into a paper", paper))
    if study is not None or evaluations:
        tables = checklist_tables(evaluations, study)
        sections.append(Section("checklist", "What reporting guidelines ask", (), tables))
    told.sort(key=lambda answer: answer.head.startswith("Limits"))
    return Report(
        title=title or _title(study, evaluations, utilities, audits),
        answers=tuple(told),
        sections=tuple(sections),
        record=_record(study, evaluations, utilities, audits, certificates, replicates),
        made_from=tuple(_made_from(study, evaluations, utilities)),
    )


def write_report(report: Report, folder: Path, formats: Sequence[Format] = ()) -> Path:
    """Write the report into a new folder and return its page; see `reports.formats.folder.write`."""
    return write(report, folder, formats)


def _title(
    study: StudyData | None,
    evaluations: Sequence[EvaluationData],
    utilities: Sequence[Path],
    audits: Sequence[Path],
) -> str:
    if study is not None:
        return str(study.design.get("title") or study.name)
    if not evaluations and not utilities:
        return "Have generators memorised volumes?" if audits else "Can the metrics be trusted?"
    if not evaluations:
        return "Are synthetic volumes useful for training?"
    names = [c.name for data in evaluations for c in data.evaluation.synthetic]
    return f"{', '.join(dict.fromkeys(names))} against {evaluations[0].evaluation.real.name}"


def _made_from(
    study: StudyData | None, evaluations: Sequence[EvaluationData], utilities: Sequence[Path]
) -> Iterator[tuple[str, str, str]]:
    """Yield the tags by which MLflow's runs of what the report was made from are found."""
    if study is not None:
        yield f"study {study.name}", STUDY, study.design_hash
    folders = [("evaluation", data.folder) for data in evaluations]
    folders += [("utility experiment", folder) for folder in utilities]
    for kind, folder in folders:
        if digest := digest_of(folder):
            yield f"{kind} {folder}", DIGEST, digest


def _record(
    study: StudyData | None,
    evaluations: Sequence[EvaluationData],
    utilities: Sequence[Path],
    audits: Sequence[Path],
    certificates: Sequence[Path],
    replicates: int,
) -> dict[str, str]:
    record: dict[str, str] = {}
    if study is not None:
        record["study"] = f"{study.name}, {study.state}"
        record["design"] = study.design_hash
        record["answers (SHA-256 of the table)"] = fingerprint(study.table)
        if study.left_out:
            record["readers left out"] = ", ".join(study.left_out)
    for data in evaluations:
        record[f"evaluation {data.folder}"] = (
            f"configuration {data.evaluation.config_hash}, {data.evaluation.started}"
        )
    record |= {f"utility experiment {place}": str(f) for place, f in enumerate(utilities, 1)}
    record |= {f"audit {place}": str(f) for place, f in enumerate(audits, 1)}
    record |= {f"certificate {place}": str(f) for place, f in enumerate(certificates, 1)}
    commit = environment()["evalsuite_commit"]
    return {
        **record,
        "bootstrap": f"{replicates} replicates, seed 0",
        "evalsuite": version("evalsuite") + (f", commit {commit}" if commit else ""),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
