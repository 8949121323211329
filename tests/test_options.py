"""Options of metrics are judged by their declaration; what a metric does not take is not passed."""

import inspect
import json
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import pytest
import torch
from pydantic import Field

from evalsuite import plugins
from evalsuite.errors import EvalsuiteError
from evalsuite.measure import Cohorts, measure
from evalsuite.memory import Kept
from evalsuite.metrics.metric import (
    Metric,
    UndefinedError,
    judging_options,
    on_features,
)
from evalsuite.preparation import Preparation
from evalsuite.progress import silent
from evalsuite.records import Estimate, FeatureTable, Interval
from evalsuite.volumes.cohort import Cohort, Entry
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.volume import Volume
from tests.caveats import sentences

STEPS = Preprocessing(spacing=(1.0, 1.0, 1.0), shape=(4, 4, 4))
METRICS = {name: point.load() for name, point in plugins.available("metrics").items()}


def spread(
    real,
    synthetic,
    *,
    seed: int,
    k: int = 3,
    share: float = 0.5,
    sizes: tuple[int, ...] = (1, 2),
    kind: Literal["mean", "median"] = "mean",
    late: "Annotated[int | None, Field(ge=2)]" = None,
    free=None,
):
    """Measure as a third party would: plain annotations, no `subjects`."""
    del seed, late, free
    interval = Interval(0.0, 1.0, 0.95, "third party")
    value = float(k * share * len(sizes) * (len(real) + len(synthetic)))
    return [
        Estimate(kind, value, "lower is better", len(real), len(synthetic), "m", interval=interval)
    ]


THIRD_PARTY = Metric("spread", "A metric of a third party.", ("features",), on_features(spread))


@pytest.mark.parametrize(
    ("metric", "options", "told"),
    [
        ("mmd", {"permutations": "abc"}, 'permutations: expected a whole number of at least 1, but found "abc".'),
        ("mmd", {"permutations": -3}, "permutations: expected a whole number of at least 1, but found -3."),
        ("mmd", {"permutations": True}, "permutations: expected a whole number of at least 1, but found true."),
        ("frechet", {"level": 95}, "level: expected a number above 0 and below 1, but found 95."),
        ("mmd", {"permutations": 0}, "permutations: expected a whole number of at least 1, but found 0."),
        ("mmd", {"bandwidth": float("nan")}, "bandwidth: expected a number above 0 or null, but found NaN."),
        ("mmd", {"bandwidth": float("inf")}, "bandwidth: expected a number above 0 or null, but found Infinity."),
        ("precision_recall", {"k": 2.5}, "k: expected a whole number of at least 1, but found 2.5."),
        ("ms_ssim", {"kernel_size": 1}, "kernel_size: expected an odd whole number of at least 3, but found 1."),
        ("ms_ssim", {"kernel_size": 4}, "kernel_size: must be odd, but is 4."),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_sentence(metric, options, told):
    with pytest.raises(EvalsuiteError) as caught:
        METRICS[metric].judged(options)
    assert str(caught.value) == f"metrics.{metric}.{told}"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"k": "3"}, 'metrics.spread.k: expected a whole number, but found "3".'),
        ({"k": 3.5}, "metrics.spread.k: expected a whole number, but found 3.5."),
        ({"share": True}, "metrics.spread.share: expected a number, but found true."),
        ({"sizes": [1, "x"]}, 'metrics.spread.sizes.1: expected a whole number, but found "x".'),
        ({"kind": "mode"}, 'metrics.spread.kind: expected mean or median, but found "mode".'),
        ({"late": 1}, "metrics.spread.late: expected a whole number of at least 2 or null"),
        ({"sise": 1}, 'the setting "metrics.spread.sise" is unknown (did you mean "sizes"?).'),
        ({"seed": 1}, 'the setting "metrics.spread.seed" is unknown (known: free, k, kind, late'),
    ],
)
def test_plain_annotations_of_a_third_party_are_checked_as_well(options, told):
    with pytest.raises(EvalsuiteError) as caught:
        THIRD_PARTY.judged(options)
    assert str(caught.value).startswith(told)


def test_right_options_come_as_the_declared_types_beside_the_defaults():
    chosen = {"k": 5, "share": 1, "sizes": [3], "kind": "median", "free": {"any": [1]}}
    assert THIRD_PARTY.judged(chosen) == {
        "k": 5,
        "share": 1.0,
        "sizes": (3,),
        "kind": "median",
        "late": None,
        "free": {"any": [1]},
    }


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_option_says_what_it_means_and_what_is_allowed(metric):
    for option in metric.told_options():
        assert option["meaning"], option
        assert option["allowed"] != "anything", option
        assert metric.judged({option["name"]: option["default"]}) == metric.options()
        with pytest.raises(EvalsuiteError, match=f"{option['name']}: expected"):
            metric.judged({option["name"]: [[]]})


def test_the_list_of_metrics_tells_options_from_the_same_declaration(cli):
    rows = {row["name"]: row for row in json.loads(cli("metrics", "--json")[1])}
    assert rows["frechet"]["options"] == [
        {
            "name": "level",
            "allowed": "a number above 0 and below 1",
            "default": 0.95,
            "meaning": "nominal coverage of the intervals",
        }
    ]
    table = " ".join(cli("metrics")[1].split())
    assert "level 0.95 nominal coverage of the intervals; a number above 0 and below 1" in table


def test_a_direct_call_is_judged_by_the_same_bounds():
    x = torch.zeros(4, 1, dtype=torch.float64)

    @judging_options
    def compute(real, synthetic, *, seed=0, k: Annotated[int, Field(ge=2)] = 3):
        del seed
        return real, synthetic, k

    assert compute(x, x, k=np.int64(5))[2] == 5
    with pytest.raises(
        ValueError, match=r"^k: expected a whole number of at least 2, but found 1\.$"
    ):
        compute(x, x, seed=None, k=1)
    with pytest.raises(ValueError, match="^replicates: expected a whole number of at least 2"):
        METRICS["anatomy"].compute(None, None, seed=0, replicates=1)


class Zeros(Entry):
    def read(self):
        return Volume(np.zeros((4, 4, 4), np.float32), np.eye(4))


def measured(metric, subjects):
    """Return what a metric finds of 4 real and 4 synthetic volumes with a feature each."""

    def cohort(name, role):
        entries = tuple(
            Zeros(f"{name}{i}", f"{name}{i}.nii", subject=s) for i, s in enumerate(subjects)
        )
        return Cohort(name, role, name, entries)

    real, synthetic = cohort("r", "real"), cohort("s", "synthetic")
    names = tuple("abcd")
    tables = {("e", name): FeatureTable(name, "e", names, np.arange(4.0)[:, None]) for name in "rs"}

    class Extractor:
        name, standardise, slices = "e", False, None

    cohorts = Cohorts(real, [synthetic], None, {}, tables, Preparation(STEPS, STEPS), Kept(1))
    chosen = [(metric, {"seed": 0})]
    found = measure(chosen, [Extractor()], cohorts, by=None, memory=1, progress=silent)
    return found.estimates


TOO_NARROW = "The interval takes all volumes for independent"


@pytest.mark.parametrize(("subjects", "told"), [("aabc", True), ("abcd", False)])
def test_a_metric_that_knows_no_subjects_is_computed_and_says_so(subjects, told):
    (estimate,) = measured(THIRD_PARTY, subjects)
    assert estimate.value == 3 * 0.5 * 2 * 8
    assert any(w.startswith(TOO_NARROW) for w in sentences(estimate)) == told


def test_a_metric_that_takes_subjects_is_given_them_and_answers_for_its_interval():
    given = []

    def compute(real, synthetic, *, seed, subjects=None):
        given.append(subjects.real.tolist())
        return spread(real, synthetic, seed=seed)

    knowing = replace(THIRD_PARTY, needs=("features", "subjects"), compute=on_features(compute))
    (estimate,) = measured(knowing, "aabc")
    assert given == [[0, 0, 1, 2]]
    assert not any(w.startswith(TOO_NARROW) for w in sentences(estimate))


def test_an_estimate_without_an_interval_has_none_that_is_too_narrow():
    def compute(real, synthetic, *, seed):
        return [replace(e, interval=None) for e in spread(real, synthetic, seed=seed)]

    (estimate,) = measured(replace(THIRD_PARTY, compute=on_features(compute)), "aabc")
    assert not any(w.startswith(TOO_NARROW) for w in sentences(estimate))


@pytest.mark.parametrize("error", [ValueError, TypeError, IndexError])
def test_a_bug_in_a_metric_shows_as_a_bug(error):
    def compute(real, synthetic, *, seed):
        raise error("a bug")

    with pytest.raises(error, match="a bug"):
        measured(replace(THIRD_PARTY, compute=on_features(compute)), "abcd")


def test_a_metric_may_look_at_all_that_there_is_of_both_cohorts():
    def compute(real, synthetic, *, seed):
        del seed
        assert list(real.features) == list(synthetic.features) == ["e"]
        assert [v.shape for v in real.volumes] == [(4, 4, 4)] * 4
        return [
            Estimate(
                "names", 1.0, "lower is better", 4, 4, "+".join(synthetic.names), extractor="e"
            )
        ]

    whole = replace(THIRD_PARTY, needs=("features", "volumes"), compute=compute)
    (estimate,) = measured(whole, "abcd")
    assert estimate.method == "s0+s1+s2+s3"
    assert estimate.extractor == "e"


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_needs_what_its_function_takes(metric):
    takes = inspect.signature(metric.compute).parameters
    assert ("training" in takes) == ("training" in metric.needs)
    if hasattr(metric.compute, "__wrapped__") and {"subjects", "slices"} & set(takes):
        assert ("slices" in takes) == ("slices" in metric.needs)
        assert ("subjects" in takes) == ("subjects" in metric.needs)


def test_what_a_metric_cannot_compute_is_a_row_that_says_why():
    def compute(real, synthetic, *, seed):
        raise UndefinedError("Too few.")

    (estimate,) = measured(replace(THIRD_PARTY, compute=on_features(compute)), "abcd")
    assert np.isnan(estimate.value)
    assert sentences(estimate) == ("Too few.",)
