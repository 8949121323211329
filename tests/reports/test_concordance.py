"""The centrepiece: whether the report finds that metrics agree with readers, and only if they do."""

import re
from dataclasses import replace

import pytest

from reports.build import build
from reports.concordance import concordance_section
from reports.document import Notice, Table
from reports.rankings import metric_values

FOUND = r"^\d metrics? agrees? with the readers within the synthetic cases beyond chance"
NOT_FOUND = "No automatic metric was found to agree with the readers within the synthetic cases"


def table(section, name):
    return next(b for b in section.blocks if isinstance(b, Table) and b.name == name)


def told(report):
    return [sentence for sentence in report.summary if "automatic metric" in sentence or
            "agree with the" in sentence]  # fmt: skip


@pytest.fixture(scope="module")
def falling(make_study):
    return make_study(cases=12)


def test_scores_that_fall_with_the_ratings_agree_and_the_summary_says_so(falling, make_evaluation):
    report = build(falling, [make_evaluation(falling)], replicates=100)
    assert re.match(FOUND, told(report)[0])
    assert "Realism (radiomics)" in told(report)[0]
    assert (
        "“Is this volume real or synthetic?”" in told(report)[0] or "diagnosis" in told(report)[0]
    )
    found = table(report.sections[0], "concordance").data
    assert (found["p_holm"] < 0.001).all()
    assert (found["value"] > 0.6).all()
    assert set(found["cases"]) == {"synthetic"}


@pytest.mark.parametrize("seed", range(3))
def test_random_ratings_agree_with_nothing(make_study, make_evaluation, seed):
    study = make_study(cases=12, effect=0.0, seed=seed)
    section = concordance_section(study, [make_evaluation(study)], replicates=100)
    assert section.blocks[0].paragraphs[0].startswith(NOT_FOUND)
    found = table(section, "concordance").data
    assert (found["p_holm"] > 0.05).all()
    assert found["value"].abs().max() < 0.6


def test_random_scores_agree_with_nothing(falling, make_evaluation):
    evaluation = make_evaluation(falling, levels={}, noise=1.0)
    section = concordance_section(falling, [evaluation], replicates=100)
    assert section.blocks[0].paragraphs[0].startswith(NOT_FOUND)


def test_a_metric_of_the_wrong_sign_is_against_the_readers(falling, make_evaluation):
    evaluation = make_evaluation(falling, levels={"blur1": -1.0, "blur2": -2.0})
    section = concordance_section(falling, [evaluation], replicates=100)
    assert section.blocks[0].paragraphs[0].startswith(NOT_FOUND)
    assert section.blocks[0].paragraphs[1].startswith("Against the readers' order beyond chance")


def test_what_holds_between_generators_is_told_apart_from_what_holds_within_one(
    falling, make_evaluation
):
    """The made-up scores know the generator of a case and nothing of the case."""
    section = concordance_section(falling, [make_evaluation(falling)], replicates=100)
    assert (
        "tell generators apart rather than good from bad cases" in section.blocks[0].paragraphs[-1]
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("open", "The study is not closed"),
        ("no evaluation", "No evaluation was given"),
        ("no scores", "The evaluations have no scores per volume"),
        ("other volumes", "No volume of the evaluations is a case of the study"),
    ],
)
def test_without_common_cases_the_reason_is_told(make_study, make_evaluation, change, reason):
    study = make_study(cases=3)
    evaluation = make_evaluation(study)
    if change == "open":
        study = make_study(cases=3, state="open")
    if change == "no scores":
        evaluation = replace(evaluation, scores=evaluation.scores.iloc[:0])
    if change == "other volumes":
        evaluation.scores["digest"] = "another"
    given = [] if change == "no evaluation" else [evaluation]
    section = concordance_section(study, given, replicates=100)
    assert isinstance(section.blocks[0], Notice)
    assert section.blocks[0].sentences[0].startswith(reason)


def test_too_few_cases_are_no_verdict_against_the_metrics(make_study, make_evaluation):
    study = make_study(cases=1)
    section = concordance_section(study, [make_evaluation(study)], replicates=100)
    first, reason, *_ = section.blocks[0].paragraphs
    assert first == "Whether any metric agrees with the readers cannot be said."
    assert reason.startswith("Concordance needs 5 cases")


def test_generators_are_ranked_from_three_on(make_study, make_evaluation):
    levels = {"real": 0.0, "blur1": 1.0, "blur2": 2.0, "blur3": 3.0}
    study = make_study(levels=levels, cases=6)
    evaluation = make_evaluation(study, levels=levels, names=("blur1", "blur2", "blur3"))
    found = table(concordance_section(study, [evaluation], replicates=100), "generators")
    # The example's Fréchet distance grows from name to name, as the readers' scores fall.
    assert found.data.query("metric == 'frechet_distance'")["value"].tolist() == [1.0, 1.0]
    assert (found.frame["metric"] == "Fréchet distance").sum() == 1
    assert "p cannot be below 0.33" in " ".join(found.notes)
    two = concordance_section(study, [make_evaluation(study)], replicates=100)
    assert "here there are 2" in two.blocks[-1].sentences[0]


def test_an_estimate_is_ranked_by_its_distance_from_where_it_should_be(make_study, make_evaluation):
    values = metric_values([make_evaluation(make_study(cases=1))]).set_index(["metric", "cohort"])
    # MS-SSIM is best at that within real: |0.75 - 0.625|.
    assert values.loc[("ms_ssim", "blur1"), "value"] == pytest.approx(0.125)
    assert values.loc[("ms_ssim", "blur1"), "direction"] == "lower is better"
