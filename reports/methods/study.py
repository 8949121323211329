"""What was done in a reader study, in the order of a methods section."""

from collections.abc import Sequence

from reports.document import Table
from reports.methods.statistics import statistics_paragraph
from reports.readers.overview import allocation
from reports.readers.plan import plan_of_study
from reports.readers.shown import counted
from reports.sources import StudyData

NO_PLAN = "No hypothesis had been planned; all results are exploratory."
ABBREVIATED = 12  # of 64 digits of a SHA-256


def study_paragraphs(study: StudyData, tables: Sequence[Table]) -> list[str]:
    """Return one paragraph on the design and one on the statistics, if there are any.

    Args:
        study: as far as it is known.
        tables: of the report; what they hold is what was computed.
    """
    paragraphs = [
        " ".join(
            [
                *_design(study),
                *_blinding(study),
                *_questions(study),
                *_plan(study),
                *_state(study),
            ]
        )
    ]
    return [*paragraphs, *statistics_paragraph(tables)]


def _design(study: StudyData) -> list[str]:
    design = study.design
    reading = study.table[study.table["phase"] == "reading"]
    cases = {case for shown in reading["case"].astype(str) for case in shown.split("|")}
    cohorts = [f"{c['cases']} {c['role']} ({c['name']})" for c in design.get("cohorts") or ()]
    seed = f" (seed {design['seed']})" if design.get("seed") is not None else ""
    planned = f"; the design has {', '.join(cohorts)}, drawn at random{seed}" if cohorts else ""
    read = f"{counted(len(study.readers), 'reader')} read {counted(len(cases), 'case')}"
    shown = (
        "in pairs of a real and a synthetic case side by side"
        if design.get("paired")
        else "one case at a time"
    )
    sentences = [
        f"In the blinded reader study {study.name}, {read}{planned}.",
        (
            f"They read {shown}, each in an order of their own, which was randomised in "
            "balanced blocks and stored before the first answer."
        ),
    ]
    sentences += allocation(study)
    if study.left_out:
        sentences.append(
            f"Answers of {counted(len(study.left_out), 'further reader')} were left out."
        )
    if study.later:
        sentences.append(
            f"{counted(len(study.later), 'reader')} came after the study was made, with orders "
            "drawn afresh and balanced in the same way."
        )
    if study.profile:
        told = ", ".join(f"“{question.text}”" for question in study.profile)
        sentences.append(f"Before the first case readers were asked of themselves: {told}.")
    if design.get("repeats"):
        sentences.append(
            f"To measure agreement within readers, {design['repeats']} of each reader's "
            "presentations were hidden repeats."
        )
    if design.get("training"):
        sentences.append(
            f"Before the reading {design['training']} cases per cohort were shown for training."
        )
    if "revisable" in design:
        able = "could" if design["revisable"] else "could not"
        sentences.append(f"Answers {able} be changed afterwards; all versions were kept.")
    return sentences


def _blinding(study: StudyData) -> list[str]:
    sentences = [
        (
            "All cases were brought to one orientation, spacing, matrix and range of grey levels and "
            "stored under random names without their headers; readers saw three orthogonal planes in "
            "radiological convention."
        )
    ]
    if study.audit:
        classifier = study.audit["classifier"]
        sentences.append(
            "From cues other than anatomy (file size, borders, grey levels) a cross-validated "
            f"classifier told real from synthetic cases with an area under the ROC curve of "
            f"{classifier['auc']:.2f} ({classifier['low']:.2f} to {classifier['high']:.2f})."
        )
    return sentences


def _questions(study: StudyData) -> list[str]:
    asked = [
        f"“{question.text}” ({question.worded(question.summary)})" for question in study.questions
    ]
    return [f"The questions were: {'; '.join(asked)}."] if asked else []


def _plan(study: StudyData) -> list[str]:
    plan = plan_of_study(study)
    if plan is None:
        return [NO_PLAN] if not study.design.get("plan") and "cohorts" in study.design else []
    before = f"Before the first answer this was planned (SHA-256 {plan.hash[:ABBREVIATED]})."
    return [before, *plan.sentences()]


def _state(study: StudyData) -> list[str]:
    given = int(study.table["answer"].notna().sum())
    mark = f" (SHA-256 of the design {study.design_hash[:ABBREVIATED]})"
    return [f"{counted(given, 'answer')} were recorded; the study is {study.state}{mark}."]
