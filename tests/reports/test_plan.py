"""The plan in the report: its words, its numbers, and whether it is the one that was locked."""

from dataclasses import replace

import numpy as np
import pytest

from evalsuite.statistics.agreement.between import agreement_between_readers
from evalsuite.statistics.ratings.comparison import DIFFERENCE, comparisons
from evalsuite.statistics.result import ALL
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import turing_readings
from evalsuite.study.protocol.plan import Endpoint, digest
from evalsuite.study.verdicts import measured
from reports.methods.study import study_paragraphs
from reports.readers.plan import CHANGED, OTHERS, plan_sections, primary_result
from tests.reports.conftest import findings

PLAN = {
    "primary": {
        "question": "real_or_synthetic",
        "figure": "auc",
        "hypothesis": "superiority",
        "cohort": "blur2",
    },
    "secondary": [
        {
            "question": "anatomy",
            "figure": "difference",
            "hypothesis": "equivalence",
            "margin": 0.5,
            "cohort": "blur1",
        }
    ],
    "rationale": "Half a point is what one reader differs by.",
}


@pytest.fixture
def study(make_study):
    """Return a study with a plan, whose design is the one that was locked."""
    made = make_study(templates=("turing", "paper"), plan=PLAN)
    return replace(made, design_hash=digest(made.design))


def text_of(section):
    blocks = [getattr(b, "paragraphs", getattr(b, "sentences", ())) for b in section.blocks]
    return " ".join(paragraph for block in blocks for paragraph in block)


def test_the_report_quotes_the_plan_and_tells_confirmatory_from_exploratory(study):
    (section,) = plan_sections(study)
    told = text_of(section)
    assert "The primary hypothesis is superiority: the area under the ROC curve" in told
    assert "(blur2), is above 0.5, tested at the one-sided level 0.025." in told
    assert "Half a point is what one reader differs by." in told
    assert study.design_hash[:12] in told
    table = section.blocks[-1]
    assert "Every other result of this report is exploratory." in table.caption
    assert list(table.frame["verdict"]) == ["shown", "not shown"]
    assert list(table.frame["counts as"]) == ["confirmatory", "confirmatory"]
    assert list(table.frame["level"]) == ["95 %", "95 %"]
    assert list(table.data["alpha"]) == [0.025, 0.025]
    (sentence,) = primary_result(study)
    assert sentence in findings(study)
    assert sentence.startswith("Primary endpoint (superiority), that the area under the ROC curve")
    assert ", is above 0.5: shown, 1.00 (0." in sentence
    assert sentence.endswith(f"with the 95 % interval. {OTHERS}")
    assert "Before the first answer this was planned" in study_paragraphs(study, [])[0]


def test_a_plan_that_was_changed_after_the_lock_is_not_quoted(study):
    softened = {**PLAN, "primary": PLAN["primary"] | {"question": "anatomy"}}
    changed = replace(study, design={**study.design, "plan": softened})
    (section,) = plan_sections(changed)
    assert text_of(section) == CHANGED
    assert primary_result(changed) == [CHANGED]
    assert "planned" not in study_paragraphs(changed, [])[0]


def test_without_a_plan_or_the_truth_nothing_is_judged(study, make_study):
    assert plan_sections(make_study()) == []
    table = study.table.drop(columns=["role"])
    (section,) = plan_sections(replace(study, table=table, state="open"))
    assert len(section.blocks) == 2
    assert not any("Primary" in told for told in findings(replace(study, table=table)))
    assert primary_result(make_study())[0].endswith("was not asked before the reading.")


def test_endpoints_have_the_numbers_of_the_report(make_study):
    study = make_study(templates=("turing", "paper"))
    table, points = study.table, study.points

    def at(question, figure, level=0.9, cohort="blur2", margin=0.1):
        one = Endpoint(
            question=question, figure=figure, hypothesis="superiority", cohort=cohort, margin=margin
        )
        return measured(one, table, level, points)

    area = at("real_or_synthetic", "auc")
    (expected,) = [
        t
        for t in obuchowski_rockette(
            auc_merits(turing_readings(table, points)[0]), level=0.9
        ).treatments
        if t.at("treatment") == "blur2"
    ]
    assert (area.value, area.low, area.high) == (expected.value, expected.low, expected.high)
    means = at("anatomy", "difference")
    (expected,) = [
        r
        for r in comparisons(table, points=points, level=0.9)
        if (r.quantity, r.at("question"), r.at("second"), r.at("reader"))
        == (DIFFERENCE, "anatomy", "blur2", ALL)
    ]
    assert (means.value, means.low, means.high) == (expected.value, expected.low, expected.high)
    alpha = at("anatomy", "agreement", cohort=None)
    (expected,) = [
        r
        for r in agreement_between_readers(table, points=points, level=0.9)
        if r.at("question") == "anatomy" and r.quantity.startswith("Krippendorff")
    ]
    assert (alpha.low, alpha.high) == (expected.low, expected.high)
    silent = at("other", "difference")
    assert (np.isnan(silent.value), str(silent.warnings[0])) == (
        True,
        "The answers that this endpoint needs are not there.",
    )


def test_a_forced_choice_is_an_endpoint(make_pairs):
    study = make_pairs(readers=tuple("ABCDEF"), pairs=24)
    one = Endpoint(question="real_side", figure="choice", hypothesis="superiority", cohort="blur1")
    found = measured(one, study.table, 0.95, study.points)
    assert 0.5 < found.low < found.value < found.high
