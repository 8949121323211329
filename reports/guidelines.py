"""What a reporting guideline asks of such a study, and where this report answers."""

from collections.abc import Sequence

import pandas as pd

from reports.sources import EvaluationData, StudyData

METHODS, STUDY = "Methods", "The reader study"
AUTHORS = "to be added by the authors"


def checklist(evaluations: Sequence[EvaluationData], study: StudyData | None) -> pd.DataFrame:
    """Return the subjects of CLAIM that concern an evaluation, and whether they are answered.

    References:
        Tejani et al., Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024
        update, Radiology: Artificial Intelligence 6 (2024). The wording is our own.
    """
    read = study is not None
    measured = bool(evaluations)
    repeats = bool(study and study.design.get("repeats"))
    missing = bool(study and study.table["answer"].isna().any())
    rows = [
        ("Data", "sources of the images and how cases were chosen", read, STUDY, "partly"),
        ("Data", "eligibility, consent and ethics", False, "", AUTHORS),
        ("Data", "preprocessing of the images", measured or read, METHODS, "answered"),
        ("Data", "missing data", read, STUDY, "partly" if missing else "answered"),
        ("Data", "how images were de-identified and readers blinded", read, METHODS, "partly"),
        ("Reference", "definition of the reference standard (real or synthetic)", read, METHODS,
         "answered"),
        ("Reference", "qualification and training of the readers", False, "", AUTHORS),
        ("Reference", "tools with which the readers annotated", read, METHODS, "answered"),
        ("Reference", "variability between readers", read, "Do readers agree?", "answered"),
        ("Reference", "variability within readers", repeats, "Do readers agree?", "answered"),
        ("Data", "intended sample size and how it was set", False, "", AUTHORS
         + " (`evalsuite study power`)"),
        ("Model", "the generator, its training and its data", False, "", AUTHORS),
        ("Evaluation", "metrics of performance with their definitions", measured, METHODS,
         "answered"),
        ("Evaluation", "uncertainty of every figure", measured or read, "all tables", "answered"),
        ("Evaluation", "robustness: results by group", any(
            e.group for d in evaluations for e in d.evaluation.estimates),
         "What the metrics say", "answered"),
        ("Evaluation", "failures: the worst volumes", measured, "What the metrics say",
         "answered"),
        ("Other", "software, versions, seeds, where the code is", measured or read, METHODS,
         "answered"),
        ("Other", "limitations and generalisability", False, "", AUTHORS),
    ]  # fmt: skip
    return pd.DataFrame(
        {
            "section": section,
            "what is asked": asked,
            "this report": state if known else (state if state.startswith("to be") else AUTHORS),
            "where": where if known else "",
        }
        for section, asked, known, where, state in rows
    )
