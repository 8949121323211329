"""What a study shows of its plan: the level of each step, and the power to show it."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from evalsuite.statistics.multiplicity import holm_adjusted
from evalsuite.statistics.result import Result
from evalsuite.study.plan_power import plan_power, usual_truth
from evalsuite.study.protocol.design import read_design
from evalsuite.study.protocol.plan import Endpoint, Plan
from evalsuite.study.protocol.power import TYPICAL, power
from evalsuite.study.protocol.power_of_figures import figure_power
from evalsuite.study.verdicts import judge

ABOVE = {"figure": "difference", "hypothesis": "superiority"}


def normal(values):
    """Return a measure whose estimates are normal with variance 1."""

    def measure(endpoint, level):
        z, value = ndtri((1 + level) / 2), values[endpoint.question]
        return Result(value=value, low=value - z, high=value + z, level=level)

    return measure


def plan(values, multiplicity):
    first, *others = (Endpoint(question=name, **ABOVE) for name in values)
    return Plan(primary=first, secondary=tuple(others), multiplicity=multiplicity)


def test_holm_s_steps_reject_what_his_corrected_p_values_reject():
    draw = np.random.default_rng(0)
    for size in (1, 2, 3, 5) * 10:
        zs = draw.normal(2, 1, size)
        values = {"first": 5.0, **{f"q{i}": z for i, z in enumerate(zs)}}
        verdicts = judge(plan(values, "holm"), normal(values))
        expected = holm_adjusted(ndtr(-zs)) <= 0.025
        assert [v.shown for v in verdicts[1:]] == expected.tolist()
        assert all(v.confirmatory for v in verdicts)
        for verdict in verdicts:
            # The interval that is told is the one that decided.
            assert verdict.result.level == pytest.approx(1 - 2 * verdict.alpha)
            assert verdict.shown == (verdict.result.low > 0)


@pytest.mark.parametrize("multiplicity", ["holm", "fixed-sequence", "none"])
def test_nothing_is_confirmed_after_a_primary_endpoint_that_is_not_shown(multiplicity):
    values = {"first": 1.9, "second": 9.0}
    first, second = judge(plan(values, multiplicity), normal(values))
    assert (first.shown, first.confirmatory, first.alpha) == (False, True, 0.025)
    assert (second.shown, second.confirmatory, second.alpha) == (True, False, 0.025)
    assert (first.word, second.word, second.role) == ("not shown", "shown", "secondary")


def test_a_fixed_sequence_ends_where_one_is_not_shown_and_none_stays_exploratory():
    values = {"first": 3.0, "a": 2.0, "b": 1.0, "c": 3.0}
    verdicts = judge(plan(values, "fixed-sequence"), normal(values))
    assert [v.shown for v in verdicts] == [True, True, False, True]
    assert [v.confirmatory for v in verdicts] == [True, True, True, False]
    verdicts = judge(plan(values, "none"), normal(values))
    assert [v.confirmatory for v in verdicts] == [True, False, False, False]


def design(figure, hypothesis, margin, *, cases=30, readers=5, paired=False, **values):
    question = {"auc": "real_or_synthetic", "choice": "real_side", "difference": "anatomy"}[figure]
    return read_design(
        {
            "name": "s",
            "cohorts": [
                {"name": name, "path": "x", "role": role, "cases": cases}
                for name, role in (("r", "real"), ("s", "synthetic"))
            ],
            "readers": [f"R{i}" for i in range(readers)],
            "template": "2afc" if paired else ["turing", "paper"],
            "paired": paired,
            "plan": {
                "primary": {
                    "question": question,
                    "figure": figure,
                    "hypothesis": hypothesis,
                    "margin": margin,
                }
            },
        }
        | values
    )


def powered(figure, hypothesis, margin, *, truth=None, replicates=250, **values):
    declared = design(figure, hypothesis, margin, **values)
    truth = usual_truth(declared.plan) if truth is None else truth
    (row,) = plan_power(
        declared, declared.plan, [len(declared.readers)], [0],
        truth=truth, components=TYPICAL, replicates=replicates, seed=1,
    )  # fmt: skip
    return row


def test_the_power_of_a_plan_agrees_with_that_of_the_figures():
    # Two-sided at 0.05 and one-sided at 0.025 find the same; the means to 0.08, as 250 studies tell.
    (means,) = power([5], [30], difference=0.5, margin=0.5, replicates=1000)
    row = powered("difference", "superiority", 0)
    assert row.power == pytest.approx(means.detected, abs=0.08)
    assert row.half_width == pytest.approx(means.half_width, rel=0.1)
    assert (row.readers, row.cases, row.per_reader, row.truth) == (5, 60, 60, 0.5)
    (area,) = figure_power("auc", [5], [30], difference=0.15, margin=0.1)
    assert powered("auc", "superiority", 0, truth=0.15).power == pytest.approx(
        area.detected, abs=0.1
    )
    (choice,) = figure_power("choice", [5], [30], difference=0.15, margin=0.1)
    assert powered("choice", "superiority", 0, truth=0.15, paired=True).power == pytest.approx(
        choice.detected, abs=0.1
    )


def test_a_plan_under_an_allocation_has_less_power_and_keeps_its_level():
    rule = {"scheme": "split-plot", "cap": 30}
    full = powered("difference", "non-inferiority", 0.5, readers=6)
    split = powered("difference", "non-inferiority", 0.5, readers=6, allocation=rule)
    assert (split.cases, split.per_reader) == (60, 30)
    assert 0.3 < split.power < full.power
    false = powered("difference", "non-inferiority", 0.5, truth=0.5, readers=6, allocation=rule)
    assert false.low < 0.03
