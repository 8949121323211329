"""A protocol, and what was changed of it, stands wherever its numbers do, and mixes with no other."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from evalsuite.results import estimate_rows, from_json, to_json
from evalsuite.table import print_table
from evalsuite.tracking.evaluation import run_record, summary, tag_values
from reports.evaluations import evaluation_sections
from reports.evaluations.comparison import comparisons
from reports.methods.evaluation import evaluation_paragraph
from reports.rankings import metric_values
from tests.reports.evaluations.made_up import estimate, evaluated

MAISI = {
    "name": "maisi-2.5d",
    "modified": [],
    "source": "NVIDIA-Medtech/NV-Generate-CTMR at commit da438fe",
    "paper": "Guo P, et al. MAISI. WACV (2025).",
}
CHANGED = {**MAISI, "modified": ["shape 64 x 64 x 64", "weights own.pth"]}
CALLED = "maisi-2.5d, modified: shape 64 x 64 x 64, weights own.pth"


def one(protocol, cohort="gan"):
    config = {"metrics": {}, "seed": 0, "protocol": protocol}
    return evaluated(
        estimate("frechet_distance", 2.0, cohort), cohorts=(cohort,), config=config, folder=cohort
    )


def printed(protocol):
    console = Console(file=io.StringIO(), width=200)
    print_table(one(protocol).evaluation, console)
    return console.file.getvalue()


def test_the_table_begins_with_it():
    assert printed(MAISI).startswith("Protocol maisi-2.5d, as in NVIDIA-Medtech/NV-Generate-CTMR")
    assert printed(CHANGED).startswith(f"Protocol {CALLED}. So changed, the numbers do not stand")
    assert printed(None).startswith("No protocol: these numbers stand beside no published table")


def test_results_on_disk_have_it():
    evaluation = one(CHANGED).evaluation
    assert [row["protocol"] for row in estimate_rows(evaluation)] == [CALLED]
    assert from_json(to_json(evaluation)).protocol == CALLED


def test_mlflow_has_it(tmp_path):
    evaluation = one(CHANGED).evaluation
    assert tag_values(evaluation)["evalsuite.protocol"] == CALLED
    assert tag_values(one(None).evaluation)["evalsuite.protocol"] == "none"
    assert CALLED in summary(evaluation)
    assert run_record(evaluation, tmp_path).config["protocol"]["modified"] == CHANGED["modified"]


def texts(sections):
    return repr(sections)


def test_the_report_has_it_in_overview_tables_and_methods():
    data = one(CHANGED)
    overview, chapter = evaluation_sections([data])
    assert f"Protocol {CALLED}." in texts(overview)
    captions = [block.caption for block in chapter.blocks if hasattr(block, "data")]
    assert captions
    assert all(CALLED in caption for caption in captions)
    told = evaluation_paragraph([data])
    assert (
        "The protocol maisi-2.5d was followed, modified (shape 64 x 64 x 64, weights own.pth): "
        "Guo P, et al. MAISI. WACV (2025); code: NVIDIA-Medtech/NV-Generate-CTMR at commit da438fe."
    ) in told
    assert "protocol" not in evaluation_paragraph([one(None)])
    overview, _ = evaluation_sections([one(None)])
    assert "stand beside no published table" in texts(overview)


@pytest.mark.parametrize(
    "other", [None, CHANGED, {**MAISI, "name": "ha-gan"}], ids=["none", "changed", "another"]
)
def test_values_of_other_protocols_share_no_table_and_no_ranking(other):
    both = [one(MAISI), one(other, "vae")]
    assert [c.cohorts for c in comparisons(both)] == [("gan",), ("vae",)]
    ranked = metric_values(both)
    assert ranked["extractor"].nunique() == 2


def test_values_of_one_protocol_stand_side_by_side():
    both = [one(CHANGED), one(CHANGED, "vae")]
    (together,) = comparisons(both)
    assert together.cohorts == ("gan", "vae")
    assert metric_values(both)["extractor"].nunique() == 1
    again = replace(both[1].evaluation, config={**both[1].evaluation.config, "seed": 3})
    assert len(comparisons([both[0], replace(both[1], evaluation=again)])) == 1
