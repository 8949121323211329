"""What a reporting guideline asks of such a study, and where this report answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports.readers.strata import TITLE, groupings
from reports.sources import EvaluationData, StudyData

AUTHORS = "to write"
ANSWERED, PARTLY = "answered", "partly"
METHODS = "Methods, to be pasted into a paper"
STUDY = "The reader study"
TOLD_APART = {
    "turing": "Can readers tell real from synthetic?",
    "choice": "Which of the two is real?",
}
OVERVIEW = "Synthetic against real volumes: what was compared"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist.

    Args:
        number: in CLAIM 2024.
        section: of a paper.
        asked: what it asks, in our own words.
        where: title of the chapter that answers it; empty where none does.
        lacking: what the authors still have to write; empty where the answer is whole.
    """

    number: int
    section: str
    asked: str
    where: str = ""
    lacking: str = ""


def checklist(evaluations: Sequence[EvaluationData], study: StudyData | None) -> pd.DataFrame:
    """Return the items of CLAIM with what this report answers, and what the authors still must.

    Args:
        evaluations: perhaps none.
        study: or None.

    Returns:
        One row per item: its number, section of a paper, what is asked, whether it is answered
        here, where, and what is left to write.

    References:
        Tejani et al., Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024
        update, Radiology: Artificial Intelligence 6 (2024) e240300, 44 items. The wording is our
        own: to submit a checklist with a paper, fill in the official one.
    """
    return pd.DataFrame(
        {
            "item": item.number,
            "section": item.section,
            "what is asked": item.asked,
            "this report": AUTHORS if not item.where else PARTLY if item.lacking else ANSWERED,
            "where": item.where,
            "left to write": item.lacking,
        }
        for item in _items(evaluations, study)
    )


def _items(evaluations: Sequence[EvaluationData], study: StudyData | None) -> list[Item]:
    measured, read = bool(evaluations), study is not None and bool(study.readers)
    return [
        Item(1, "Title", "that the paper is about an AI method, and which kind"),
        Item(2, "Abstract", "design, methods, results and conclusions in short"),
        Item(3, "Introduction", "background, and what the images are to be used for"),
        Item(4, "Introduction", "aims and hypotheses"),
        Item(5, "Design", "whether data were collected ahead or looked back on"),
        Item(6, "Design", "the goal, such as feasibility or non-inferiority",
             *_where(_margins(study), STUDY, "the goal in words; margins are in the design")),
        Item(7, "Data", "sources of the images",
             *_where(measured, OVERVIEW, "which hospitals or public sets they come from")),
        Item(8, "Data", "how volumes were selected, in and out",
             *_where(_skipped(evaluations), OVERVIEW, "eligibility of patients")),
        Item(9, "Data", "preprocessing", *_where(measured or read, METHODS)),
        Item(10, "Data", "which subsets were used, and how cut out"),
        Item(11, "Data", "de-identification",
             *_where(read, METHODS, "how the images were de-identified before")),
        Item(12, "Data", "missing data",
             *_where(read, STUDY, "" if _complete(study) else "why answers are missing")),
        Item(13, "Data", "protocol of the imaging: scanners, sequences, resolution"),
        Item(14, "Reference standard", "its definition: here, which cases are real",
             *_where(read or measured, METHODS if read else OVERVIEW)),
        Item(15, "Reference standard", "why this one"),
        Item(16, "Reference standard", "who annotated, and how qualified",
             *_where(read, STUDY,
                     "" if _profiled(study) else "experience and training of the readers")),
        Item(17, "Reference standard", "how test cases were annotated, with which tools",
             *_where(read, METHODS, "screens and rooms")),
        Item(18, "Reference standard", "variability between and within readers",
             *_where(_agreeing(study), "Do readers agree?",
                     "" if _repeated(study) else "agreement within readers was not measured")),
        Item(19, "Partitions", "how data were split into training and testing",
             *_where(_trained(evaluations), METHODS, "how the split was made")),
        Item(20, "Partitions", "that no patient is on both sides"),
        Item(21, "Testing", "how many cases were meant to be read, and why"),
        Item(22, "Model", "the generator: inputs, outputs, layers"),
        Item(23, "Model", "software with versions",
             *_where(measured, METHODS, "software of the generator")),
        Item(24, "Model", "initial weights"),
        Item(25, "Training", "training with all its settings"),
        Item(26, "Training", "how the final model was chosen"),
        Item(27, "Training", "ensembles, if there are"),
        Item(28, "Evaluation", "metrics of performance", *_where(measured or read, METHODS)),
        Item(29, "Evaluation", "uncertainty and significance",
             *_where(measured or read, METHODS)),
        Item(30, "Evaluation", "robustness: whether it holds in subgroups",
             *_where(bool(_groups(evaluations, study)), _groups(evaluations, study),
                     "other analyses of sensitivity")),
        Item(31, "Evaluation", "explainability, if it was studied"),
        Item(32, "Evaluation", "performance on internal data",
             *_where(measured, OVERVIEW, "whether the real volumes are internal")),
        Item(33, "Evaluation", "performance on external data, or why not"),
        Item(34, "Evaluation", "registration of the trial, if it is one"),
        Item(35, "Results", "numbers of volumes included and left out",
             *_where(measured, OVERVIEW, "a flow chart of patients")),
        Item(36, "Results", "who the patients were"),
        Item(37, "Results", "performance with uncertainty, in every part of the data",
             *_where(measured or read, "all chapters")),
        Item(38, "Results", "diagnostic accuracy: here, of telling real from synthetic",
             *_where(bool(_told_apart(study)), _told_apart(study))),
        Item(39, "Results", "failures: the worst cases",
             *_where(any(len(data.scores) for data in evaluations), "Which volumes stand out?",
                     "what is wrong with them")),
        Item(40, "Discussion", "limitations"),
        Item(41, "Discussion", "what it means for practice"),
        Item(42, "Other", "where the full protocol is",
             *_where(measured or read, "What this report was made from", "where it is kept")),
        Item(43, "Other", "where software, model and data can be had"),
        Item(44, "Other", "funding"),
    ]  # fmt: skip


def _where(known: bool, chapter: str, lacking: str = "") -> tuple[str, str]:
    return (chapter, lacking) if known else ("", "")


def _margins(study: StudyData | None) -> bool:
    return bool(study and study.design.get("margins"))


def _skipped(evaluations: Sequence[EvaluationData]) -> bool:
    return any(
        cohort.skipped
        for data in evaluations
        for cohort in (data.evaluation.real, *data.evaluation.synthetic)
    )


def _trained(evaluations: Sequence[EvaluationData]) -> bool:
    cohorts = [data.evaluation.config.get("cohorts") for data in evaluations]
    return any(isinstance(known, dict) and "training" in known for known in cohorts)


def _groups(evaluations: Sequence[EvaluationData], study: StudyData | None) -> str:
    """Return the chapters on subgroups; nothing without any."""
    measured = any(e.group for data in evaluations for e in data.evaluation.estimates)
    read = bool(study and any(len(g.strata) > 1 for g in groupings(study)))
    return "; ".join(["Does it hold in every group?"] * measured + [TITLE] * read)


def _profiled(study: StudyData | None) -> bool:
    return bool(study and any(study.told_of_readers(q.name) for q in study.profile))


def _complete(study: StudyData | None) -> bool:
    return bool(study and not study.table["answer"].isna().any())


def _agreeing(study: StudyData | None) -> bool:
    return bool(study and len(study.readers) > 1)


def _repeated(study: StudyData | None) -> bool:
    return bool(study and study.table["repeat_of"].notna().any())


def _told_apart(study: StudyData | None) -> str:
    """Return the chapters on whether readers tell real from synthetic; nothing without any."""
    analyses = set(study.table["analysis"]) if study and study.unblinded else set()
    return "; ".join(title for analysis, title in TOLD_APART.items() if analysis in analyses)
