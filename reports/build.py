"""A study, evaluations, utility experiments, or several of them: one report."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
    for answer, section in _chapters(utilities, audits, certificates):
        told += answer
        sections += section
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


Chapter = tuple[list[Answer], list[Section]]


def _chapters(
    utilities: Sequence[Path], audits: Sequence[Path], certificates: Sequence[Path]
) -> Iterator[Chapter]:
    """Yield what other commands found: answers and sections of each of their folders."""
    yield from _numbered("experiment", [_of_utility(folder) for folder in utilities])
    yield from _numbered("audit", [_of_audit(folder) for folder in audits])
    yield from _numbered("certificate", [_of_certificate(folder) for folder in certificates])


def _of_utility(folder: Path) -> Chapter:
    from reports.utility import utility_findings, utility_sections

    found = Text(tuple(utility_findings(folder)))
    return [Answer("Use", (found,))], list(utility_sections(folder))


def _of_audit(folder: Path) -> Chapter:
    from reports.audit import audit_answers, audit_sections, kept_figure

    audit = read_audit(folder)
    return audit_answers(audit), audit_sections(audit, kept_figure(folder))


def _of_certificate(folder: Path) -> Chapter:
    from reports.certificate import certificate_answers, certificate_sections

    certificate = read_certificate(folder)
    return list(certificate_answers(certificate)), list(certificate_sections(certificate))


def _numbered(kind: str, chapters: Sequence[Chapter]) -> Iterator[Chapter]:
    """Yield chapters of one kind, which are told apart by a number where there are several."""
    if len(chapters) < 2:
        yield from chapters
        return
    for place, (answers_of, sections) in enumerate(chapters, 1):
        ending = f" ({kind} {place})"
        yield (
            [replace(answer, head=f"{answer.head}{ending}") for answer in answers_of],
            [suffixed(section, f"-{place}", ending) for section in sections],
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
