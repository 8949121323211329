"""What guidelines of reporting ask of such a study, and what this report answers of it.

Each checklist is a file of `reports/checklists`; the wording is ours: to submit a checklist with a
paper, fill in the official one.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import pandas as pd
import yaml

from evalsuite.declared import Declared
from reports.document import Table
from reports.evaluations.chapters import CHAPTERS, GROUPS
from reports.glossary import meaning
from reports.readers.plan import TITLE as PLANNED
from reports.readers.plan import plan_of_study
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


class Item(Declared):
    """One item of a checklist.

    Args:
        item: its number.
        section: of a paper.
        asked: what it asks, in our own words.
        answered_by: the fact of `_facts` that answers it; empty where no record can.
        where: title of the chapter that answers it, if another than that of the fact.
        left: what the authors still have to write; empty where the answer is whole.
        unless: the fact with which nothing is left.
    """

    item: str
    section: str
    asked: str
    answered_by: str = ""
    where: str = ""
    left: str = ""
    unless: str = ""


class Guideline(Declared):
    """One checklist.

    Args:
        title: its name.
        source: where it was published.
        checked: what the numbers of its items are.
        items: in order.
    """

    title: str
    source: str
    checked: str
    items: tuple[Item, ...]


@cache
def guidelines() -> dict[str, Guideline]:
    """Return all checklists by the name of their file, in alphabetical order."""
    found = sorted(
        (path for path in files("reports").joinpath("checklists").iterdir()
         if path.name.endswith(".yaml")),
        key=lambda path: path.name,
    )  # fmt: skip
    return {
        path.name.removesuffix(".yaml"): Guideline.model_validate(
            yaml.safe_load(path.read_text(encoding="utf-8"))
        )
        for path in found
    }


def checklist(
    evaluations: Sequence[EvaluationData], study: StudyData | None, name: str = "claim"
) -> pd.DataFrame:
    """Return the items of a checklist with what this report answers, and what the authors must.

    Args:
        evaluations: perhaps none.
        study: or None.
        name: of `guidelines`.

    Returns:
        One row per item: its number, section of a paper, what is asked, whether it is answered
        here, where, and what is left to write.
    """
    facts = _facts(evaluations, study)
    return pd.DataFrame(_row(item, facts) for item in guidelines()[name].items)


def checklist_tables(
    evaluations: Sequence[EvaluationData], study: StudyData | None
) -> tuple[Table, Table]:
    """Return what each checklist leaves unanswered, and all items of all of them."""
    facts = _facts(evaluations, study)
    short, long = [], []
    for guideline in guidelines().values():
        rows = [_row(item, facts) for item in guideline.items]
        long += [{"guideline": guideline.title, **row} for row in rows]
        by_state = {
            state: [row["item"] for row in rows if row["this report"] == state]
            for state in (ANSWERED, PARTLY, AUTHORS)
        }
        short.append(
            {
                "guideline": guideline.title,
                "items": str(len(rows)),
                "answered": ", ".join(by_state[ANSWERED]) or "none",
                "in part": ", ".join(by_state[PARTLY]) or "none",
                "not answered: for the authors to write": ", ".join(by_state[AUTHORS]) or "none",
            }
        )
    sources = tuple(f"{g.title}: {g.source}. {g.checked}" for g in guidelines().values())
    return (
        Table(
            "checklists",
            "Checklists of reporting guidelines: which items the record answers, and which it does "
            "not. To submit one with a paper, fill in the official one.",
            pd.DataFrame(short),
            sources,
        ),
        Table(
            "checklist",
            "All items, in our words, what this report answers of them, and what is left to write.",
            pd.DataFrame(long),
            folded=True,
            group="guideline",
        ),
    )


def _row(item: Item, facts: Mapping[str, str]) -> dict[str, str]:
    known = facts[item.answered_by] if item.answered_by else ""
    left = "" if not known or (item.unless and facts[item.unless]) else item.left
    return {
        "item": item.item,
        "section": item.section,
        "what is asked": item.asked,
        "this report": AUTHORS if not known else PARTLY if left else ANSWERED,
        "where": (item.where or known) if known else "",
        "left to write": left,
    }


def _facts(evaluations: Sequence[EvaluationData], study: StudyData | None) -> dict[str, str]:
    """Return by fact the title of the chapter that holds it; empty where it does not hold."""
    measured, read = bool(evaluations), study is not None and bool(study.readers)
    estimates = [e for data in evaluations for e in data.evaluation.estimates]
    chapters = {meaning(e).chapter for e in estimates if not e.group}
    cohorts = [c for d in evaluations for c in (d.evaluation.real, *d.evaluation.synthetic)]
    configured = [data.evaluation.config.get("cohorts") for data in evaluations]
    design = study.design if study else {}
    told = study.profile if study else ()
    analyses = set(study.table["analysis"]) if study and study.unblinded else set()
    of_readers = bool(study and any(len(g.strata) > 1 for g in groupings(study)))
    groups = [GROUPS] * any(e.group for e in estimates) + [TITLE] * of_readers
    facts = {
        "measured": (measured, OVERVIEW),
        "read": (read, STUDY),
        "either": (measured or read, METHODS),
        "standard": (measured or read, METHODS if read else OVERVIEW),
        "margins": (bool(design.get("margins")), STUDY),
        "planned": (bool(study and plan_of_study(study)), PLANNED),
        "drawn": (bool(design.get("cohorts")), METHODS),
        "skipped": (any(cohort.skipped for cohort in cohorts), OVERVIEW),
        "complete": (bool(study and not study.table["answer"].isna().any()), STUDY),
        "profiled": (bool(study and any(study.told_of_readers(q.name) for q in told)), STUDY),
        "agreeing": (bool(study and len(study.readers) > 1), "Do readers agree?"),
        "repeated": (bool(study and study.table["repeat_of"].notna().any()), "Do readers agree?"),
        "trained": (any(isinstance(c, dict) and "training" in c for c in configured), METHODS),
        "groups": (bool(groups), "; ".join(groups)),
        "told_apart": (
            bool(analyses & set(TOLD_APART)),
            "; ".join(title for analysis, title in TOLD_APART.items() if analysis in analyses),
        ),
        "scored": (any(len(data.scores) for data in evaluations), "Which volumes stand out?"),
    }
    facts |= {name: (name in chapters, title) for name, (title, _) in CHAPTERS.items()}
    return {name: title if holds else "" for name, (holds, title) in facts.items()}
