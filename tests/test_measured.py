"""What caveats say was measured stands in the results of the benchmarks."""

import json
import re
from pathlib import Path

import pytest

from evalsuite.metrics import mmd, ms_ssim
from evalsuite.statistics.agreement import between

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def lowest(file, **wanted):
    """Return the lowest percentage of intervals that held, of the designs that are alike."""
    rows = json.loads((RESULTS / f"{file}.json").read_text())["rows"]
    return min(
        row["held"] for row in rows if all(row.get(key) in values for key, values in wanted.items())
    )


@pytest.mark.parametrize(
    ("sentence", "measured"),
    [
        (between.LEVELS_APART, lowest("agreement_intervals", quantity=["AC2"])),
        (mmd._HEAVY, lowest("metric_intervals", quantity=["kid", "mmd_rbf"], real=[20, 40],
                            tails=["heavy"])),
        (mmd._ROUGH_ERROR, lowest("metric_intervals", quantity=["kid", "mmd_rbf"])),
        (ms_ssim.HEAVY, lowest("metric_intervals", quantity=["pairs"], volumes=[12, 20, 40])),
    ],
)  # fmt: skip
def test_the_lowest_coverage_is_the_measured_one(sentence, measured):
    (told,) = re.findall(r"as few as (\d+) %", sentence.template)
    assert int(told) == round(measured)


def test_where_nothing_is_said_at_least_92_percent_held():
    assert lowest("metric_intervals", tails=["normal"]) > 91.5
    assert lowest("metric_intervals", quantity=["precision", "recall", "density", "coverage"]) > 92
