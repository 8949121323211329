"""Generators of pairs in the report: in one evaluation or in several put together."""

import numpy as np

from evalsuite.tracking.evaluation import run_record
from reports.document import Table
from reports.evaluations import evaluation_answers, evaluation_sections
from reports.evaluations.comparison import comparisons
from tests.reports.evaluations.made_up import cohort, estimate, evaluated, score_rows

SHIFTS = {"gan": 0.0, "vae": 5.0, "flow": 0.0}


def one(*names):
    """Return an evaluation of some generators, of which the second is far worse by MAE."""
    scores = []
    for name in names:
        random = np.random.default_rng(len(name) + ord(name[0]))
        for quantity, where in (("paired_mae", ""), ("paired_mae", "structure=1"),
                                ("paired_ncc", "")):  # fmt: skip
            values = 10 + SHIFTS[name] + random.normal(0, 1, 12)
            scores += [
                row | {"where": where, "pair": f"p{i}", "against": "real"}
                for i, row in enumerate(score_rows(quantity, {name: values}))
            ]
    estimates = [estimate("paired_mae", 10.0, name, extractor="") for name in names]
    return evaluated(
        *estimates, cohorts=[cohort(name, n=12) for name in names], scores=scores, folder=names[0]
    )


def shown(evaluations):
    sections = evaluation_sections(evaluations)
    return {b.name: b for s in sections for b in s.everything if isinstance(b, Table)}


def test_generators_of_two_evaluations_are_compared_as_those_of_one():
    apart, together = shown([one("gan"), one("vae")]), shown([one("gan", "vae")])
    few = apart["evaluation-differences"]
    (row,) = few.frame.to_dict("records")
    assert (row["first"], row["second"], row["better"], row["subjects"]) == (
        "gan",
        "vae",
        "gan",
        12,
    )
    assert row["number"] == "Mean absolute error (pairs of voxels; good is low)"
    assert row["p, corrected"].endswith("0.001") or float(row["p, corrected"]) < 0.05
    full = apart["evaluation-differences-full"]
    assert list(full.data["name"]) == ["paired_mae", "paired_1_mae", "paired_ncc"]
    assert full.frame.equals(together["evaluation-differences-full"].frame)
    # Scores of regions, and numbers that no metric calls a score, are not those of whole volumes.
    assert list(apart["evaluation-volumes"].frame["score"]) == ["Mean absolute error"] * 2


def test_one_generator_is_compared_with_none():
    assert not {name for name in shown([one("gan")]) if "differences" in name}


def test_the_first_page_says_who_is_better_and_where_nobody_is():
    def first_page(*names):
        return " ".join(
            text for a in evaluation_answers([one(*names)], pictured=False) if a.head == "Metrics"
            for block in a.blocks for text in block.paragraphs
        )  # fmt: skip

    told = first_page("gan", "vae", "flow")
    assert "gan is better than vae by Mean absolute error (corrected p < 0.05)" in told
    assert "flow is better than vae" in told
    assert "no difference between gan and flow was found, which does not prove" in told


def test_mlflow_has_the_table_of_differences(tmp_path):
    (found,) = comparisons([one("gan", "vae")])
    tables = run_record(found.evaluation, tmp_path).tables
    assert tables["differences"]["better"][0] == "gan"
    assert "differences" not in run_record(comparisons([one("gan")])[0].evaluation, tmp_path).tables
