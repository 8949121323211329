"""What was done in a reader study, in the order of a methods section."""

from reports.methods.citations import cite
from reports.sources import StudyData

ABBREVIATED = 12  # of 64 digits of a SHA-256
KINDS = {"analogue": "a line from 0 to 100", "forced_choice": "one of two", "text": "free text"}
SCALES = {"choice", "confidence", "likert", "analogue"}


def study_paragraphs(study: StudyData) -> list[str]:
    """Return one paragraph on the design and one on the statistics.

    Args:
        study: as far as it is known; a study without answers has no statistics.
    """
    told = [" ".join([*_design(study), *_blinding(study), *_questions(study), *_state(study)])]
    if study.readers:
        told.append(" ".join(_statistics(study)))
    return told


def _design(study: StudyData) -> list[str]:
    design = study.design
    reading = study.table[study.table["phase"] == "reading"]
    cases = {case for shown in reading["case"].astype(str) for case in shown.split("|")}
    cohorts = [f"{c['cases']} {c['role']} ({c['name']})" for c in design.get("cohorts") or ()]
    planned = f"; the design has {', '.join(cohorts)}" if cohorts else ""
    read = f"{_counted(len(study.readers), 'reader')} read {_counted(len(cases), 'case')}"
    shown = (
        "in pairs of a real and a synthetic case side by side"
        if design.get("paired")
        else "one case at a time"
    )
    seed = f" (seed {design['seed']})" if design.get("seed") is not None else ""
    told = [
        f"In the blinded reader study {study.name}, {read}{planned}.",
        (
            f"They read {shown}, each in an order of his or her own, which was randomised in "
            f"balanced blocks{seed} and stored before the first answer."
        ),
    ]
    if design.get("repeats"):
        told.append(
            f"To measure agreement within readers, {design['repeats']} of each reader's "
            "presentations were hidden repeats."
        )
    if design.get("training"):
        told.append(
            f"Before the reading {design['training']} cases per cohort were shown for training."
        )
    if "revisable" in design:
        able = "could" if design["revisable"] else "could not"
        told.append(f"Answers {able} be changed afterwards; all versions were kept.")
    return told


def _blinding(study: StudyData) -> list[str]:
    told = [
        (
            "All cases were brought to one orientation, spacing, matrix and range of grey levels and "
            "stored under random names without their headers; readers saw three orthogonal planes in "
            "radiological convention."
        )
    ]
    if study.audit:
        found = study.audit["classifier"]
        told.append(
            "From cues other than anatomy (file size, borders, grey levels) a cross-validated "
            f"classifier told real from synthetic cases with an area under the ROC curve of "
            f"{found['auc']:.2f} ({found['low']:.2f} to {found['high']:.2f})."
        )
    return told


def _questions(study: StudyData) -> list[str]:
    asked = []
    for question in study.questions:
        options = len(study.options(question.name))
        scale = f"{options} options" if options else KINDS[question.kind]
        asked.append(f"“{question.text}” ({scale})")
    return [f"The questions were: {'; '.join(asked)}."] if asked else []


def _state(study: StudyData) -> list[str]:
    given = int(study.table["answer"].notna().sum())
    mark = f" (SHA-256 of the design {study.design_hash[:ABBREVIATED]})"
    return [f"{_counted(given, 'answer')} were recorded; the study is {study.state}{mark}."]


def _statistics(study: StudyData) -> list[str]:
    kinds = {q.kind for q in study.questions if q.name in study.answered}
    several = len(study.readers) > 1
    told = []
    if study.unblinded and kinds & SCALES:
        told.append(
            "Real and synthetic cases were compared by the difference of mean answers, the "
            "probability that a real case is rated higher, and the cumulative odds ratio of a "
            f"proportional odds model {cite('mccullagh')}, with Holm's correction over questions "
            f"and cohorts {cite('holm')}."
        )
    if study.unblinded and "confidence" in kinds:
        told.append(
            "How well readers told real from synthetic was measured by the area under the "
            f"empirical ROC curve, with DeLong's variance for each reader {cite('delong')}"
            + (
                f" and over readers by the analysis of variance of Obuchowski and Rockette "
                f"{cite('obuchowski')} with Hillis' degrees of freedom {cite('hillis')}, on the "
                "logit scale."
                if several
                else "."
            )
        )
    if study.unblinded and "forced_choice" in kinds:
        told.append("Choices between two were compared with guessing by the share of right ones.")
    if study.unblinded and study.design.get("margins"):
        margins = ", ".join(f"{k} {v:g}" for k, v in study.design["margins"].items())
        told.append(
            f"Equivalence was tested by two one-sided tests {cite('schuirmann')} against margins "
            f"that the design had stated before the first answer ({margins})."
        )
    if several:
        told.append("Readers and cases were both treated as random samples.")
        told.append(
            "Agreement between readers was measured, as the scale of a question allows, by "
            f"quadratic weighted kappa {cite('cohen')}, Fleiss' kappa {cite('fleiss')}, Gwet's AC2 "
            f"{cite('gwet')}, Krippendorff's alpha {cite('krippendorff')} and intraclass "
            f"correlations {cite('shrout')}, with bootstrap intervals over readers and cases."
        )
    else:
        told.append("There was one reader, so that intervals speak of other cases only.")
    return told


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
