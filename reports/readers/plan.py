"""What the plan of a study says, word for word, and what came of it."""

from collections.abc import Sequence

import pandas as pd

from evalsuite.statistics.result import tabulated
from evalsuite.study.protocol.plan import Plan, digest, plan_of
from evalsuite.study.verdicts import Verdict, judged
from reports.document import Block, Notice, Section, Table, Text
from reports.readers.shown import footnotes, told
from reports.sources import StudyData

TITLE = "What was planned, and what came of it"
ABBREVIATED = 12  # of 64 digits of a SHA-256
NO_PLAN = (
    "The design has no plan of what was to be shown, so every result of this report is "
    "exploratory: an interval or p-value is no proof of what was not asked before the reading."
)
CHANGED = (
    "The design that lies beside the study is not the one that was locked by the first answer, as "
    "its SHA-256 differs. Its plan is not quoted, and every result is exploratory."
)
OTHERS = "What the plan does not name is exploratory."
EXPLORATORY = "Every other result of this report is exploratory."


def plan_of_study(study: StudyData) -> Plan | None:
    """Return the plan, where the design is known and is the one that was locked."""
    return plan_of(study.design) if digest(study.design) == study.design_hash else None


def primary_result(study: StudyData) -> list[str]:
    """Return what came of the primary endpoint, or why every result is exploratory.

    Args:
        study: with the truth.
    """
    plan = plan_of_study(study)
    if plan is None:
        return [CHANGED if study.design.get("plan") else NO_PLAN]
    primary = judged(plan, study.table, study.points)[0]
    claim = f"Primary endpoint ({plan.primary.hypothesis}), that {plan.primary.claim()}"
    return [f"{claim}: {primary.word}{_measured(primary)}. {OTHERS}"]


def plan_sections(study: StudyData) -> list[Section]:
    """Return the chapter on the plan: its words, its hash, and the verdict on each endpoint.

    Args:
        study: with the truth, or before.
    """
    if not study.design.get("plan"):
        return []
    plan = plan_of_study(study)
    if plan is None:
        return [Section("plan", TITLE, (Notice((CHANGED,)),))]
    locked = (
        f"Written before the reading and locked with the design (SHA-256 of the plan "
        f"{plan.hash[:ABBREVIATED]}, of the design {study.design_hash[:ABBREVIATED]}):"
    )
    blocks: list[Block] = [Text((locked,)), Text(tuple(plan.sentences()), quoted=True)]
    if study.unblinded and study.readers:
        blocks.append(_verdicts(study, judged(plan, study.table, study.points)))
    return [Section("plan", TITLE, tuple(blocks))]


def _verdicts(study: StudyData, verdicts: Sequence[Verdict]) -> Table:
    results = [verdict.result for verdict in verdicts]
    marks, notes = footnotes(results, study)
    frame = pd.DataFrame(
        {
            "endpoint": f"{v.role}: {v.endpoint.claim()}",
            "hypothesis": v.endpoint.hypothesis,
            "value (interval)": " ".join(filter(None, (told(v.result), mark))),
            "level": f"{100 * (1 - 2 * v.alpha):.4g} %",
            "verdict": v.word,
            "counts as": "confirmatory" if v.confirmatory else "exploratory",
        }
        for v, mark in zip(verdicts, marks, strict=True)
    )
    caption = (
        "The endpoints of the plan. A hypothesis is shown where the interval lies within what it "
        f"says; “not shown” does not prove the contrary. {EXPLORATORY}"
    )
    data = tabulated(results).assign(
        role=[v.role for v in verdicts],
        hypothesis_planned=[v.endpoint.hypothesis for v in verdicts],
        margin=[v.endpoint.margin for v in verdicts],
        alpha=[v.alpha for v in verdicts],
        verdict=[v.word for v in verdicts],
        confirmatory=[v.confirmatory for v in verdicts],
    )
    return Table("plan", caption, frame, notes, data=data)


def _measured(verdict: Verdict) -> str:
    if not verdict.result.defined:
        return ""
    coverage = f"{100 * (1 - 2 * verdict.alpha):.4g} %"
    interval = f"with the {coverage} interval" if verdict.result.bounded else "without an interval"
    return f", {told(verdict.result)} {interval}"
