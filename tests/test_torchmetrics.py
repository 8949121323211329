"""Metrics as torchmetrics has them say what the command says, whoever saw the volumes."""

import copy
import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics
from scipy import ndimage

import evalsuite as ev
import evalsuite.torchmetrics as suite
from evalsuite import functions, plugins
from evalsuite.torchmetrics import (
    FrechetDistance,
    FrechetRadiomicsDistance,
    MaximumMeanDiscrepancy,
    PrecisionRecall,
    Realism,
    SliceConsistency,
    StructuralSimilarity,
)
from tests.packages import installed

ROOT = Path(__file__).parents[1]
UNTRAINED = "medicalnet-resnet10-untrained"
FEATURES = np.random.default_rng(0).normal(size=(2, 12, 3))


def volumes(seed, n=7, shape=(9, 10, 11)):
    noise = [np.random.default_rng([seed, i]).normal(size=shape) for i in range(n)]
    return np.stack([ndimage.gaussian_filter(v, 1 + 0.2 * seed) for v in noise]).astype(np.float32)


REAL, SYNTHETIC = volumes(0), volumes(1)
WHOSE = ["ann", "ann", "bea", "cyn", "dee", "dee", "eve"]


def seen(metric, real=REAL, synthetic=SYNTHETIC, subjects=WHOSE):
    """Show a metric volumes of both kinds by turns, some at a time."""
    for i in range(0, len(real), 3):
        chosen = slice(i, i + 3)
        metric.update(torch.from_numpy(real[chosen, None]), real=True, subjects=subjects[chosen])
        metric.update(synthetic[chosen], real=False)
    return metric


def command(name, extractor, n=7, **settings):
    grid = {"spacing": (1, 1, 2)}
    held = ev.Volumes(REAL[:n], **grid, subjects=WHOSE[:n]), ev.Volumes(SYNTHETIC[:n], **grid)
    extractors = {"extractors": extractor} if extractor else {}
    return ev.compute_metrics(*held, metrics=name, workers=1, **extractors, **settings)


@pytest.mark.parametrize(
    ("kind", "extractor", "settings"),
    [
        (FrechetDistance, "radiomics", {}),
        (FrechetDistance, "efficientnet-lite0", {"slices.step": 5, "slices.size": 32}),
        (FrechetDistance, UNTRAINED, {"preset": "ct", "preprocessing.shape": [8, 8, 8]}),
        (FrechetRadiomicsDistance, "radiomics-frd-v1", {}),
        (MaximumMeanDiscrepancy, UNTRAINED, {}),
        (PrecisionRecall, "radiomics", {}),
        (StructuralSimilarity, None, {}),
        (SliceConsistency, None, {"preprocessing.spacing": "native"}),
    ],
)
def test_is_what_the_command_says(kind, extractor, settings):
    chosen = {} if extractor is None else {"extractor": extractor}
    n = 3 if kind is FrechetRadiomicsDistance else 7  # whose features take long
    metric = seen(kind(**chosen, spacing=(1, 1, 2), settings=settings), REAL[:n], SYNTHETIC[:n])
    expected = command(kind.name, extractor, n, settings=settings).estimates
    values = metric.compute()
    assert list(values) == [estimate.key for estimate in expected]
    # Of kernels of about 1 a small difference is left, of features in single precision.
    atol = 1e-7 if kind is MaximumMeanDiscrepancy else 1e-9
    for estimate, mine in zip(expected, metric.estimates(), strict=True):
        numbers = [values[estimate.key].item(), mine.value]
        np.testing.assert_allclose(numbers, estimate.value, rtol=1e-6, atol=atol)
        assert (mine.interval is None) == (estimate.interval is None)
        if estimate.interval:
            ends = [(e.interval.low, e.interval.high) for e in (mine, estimate)]
            np.testing.assert_allclose(*ends, rtol=1e-5, atol=1e-8)
        for field in ("n_real", "subjects_real", "subjects_synthetic", "extractor", "direction"):
            assert getattr(mine, field) == getattr(estimate, field)
        assert list(map(str, mine.warnings)) == list(map(str, estimate.warnings))


def test_scores_are_those_of_the_synthetic_volumes():
    found = command("realism", "radiomics").scores
    of_synthetic = found[found["role"] == "synthetic"].groupby("name", sort=False)["value"]
    values = seen(Realism("radiomics", spacing=(1, 1, 2))).compute()
    assert len(values) == 3
    for name, expected in of_synthetic:
        np.testing.assert_allclose(values[name], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [FrechetDistance, MaximumMeanDiscrepancy, PrecisionRecall])
def test_ready_features_are_taken_as_they_are(kind):
    real, synthetic = FEATURES + 1e4  # where float32 would not do
    metric = kind(None, seed=5)
    metric.update(torch.from_numpy(real[:5]), subjects=torch.arange(5) // 2)
    metric.update(real[5:], real=True, subjects=range(5, 12))
    metric.update(synthetic.tolist(), real=False)
    whose = [*(i // 2 for i in range(5)), *range(5, 12)]
    subjects = whose, list(range(12))
    expected = ev.estimates(kind.name, real, synthetic, subjects=subjects, seed=5)
    assert metric.compute() == {e.key: e.value for e in expected}
    assert [e.interval for e in metric.estimates()] == [e.interval for e in expected]


def test_every_metric_of_one_array_has_a_class():
    classes = {c.name for c in vars(suite).values() if isinstance(c, type) and hasattr(c, "name")}
    known = set()
    for name in plugins.available("metrics"):
        try:
            functions.of_one_array(name)
        except ev.EvalsuiteError:
            continue
        known.add(name)
    assert classes == known


SCRIPT = """
import json, os, sys
import numpy as np
import torch
from torch import distributed
from evalsuite.torchmetrics import FrechetDistance, MaximumMeanDiscrepancy, StructuralSimilarity
from tests.test_torchmetrics import FEATURES, REAL, SYNTHETIC, UNTRAINED, WHOSE, differing

distributed.init_process_group("gloo")
rank, world = distributed.get_rank(), distributed.get_world_size()
told = {}
mine = slice(rank, None, world)
kinds = [
    (FrechetDistance(UNTRAINED), REAL, SYNTHETIC),
    (StructuralSimilarity(), REAL, SYNTHETIC),
    (MaximumMeanDiscrepancy(None), *FEATURES),
]
for metric, real, synthetic in kinds:
    whose = WHOSE if len(real) == len(WHOSE) else [f"p{i // 2}" for i in range(len(real))]
    metric.update(real[mine][:1], subjects=whose[mine][:1])
    metric.update(real[mine][1:], subjects=whose[mine][1:])
    metric.update(synthetic[mine], real=False)
    values = {name: float(value) for name, value in metric.compute().items()}
    intervals = [e.interval and [e.interval.low, e.interval.high] for e in metric.estimates()]
    told[metric.name] = [values, intervals]
alone = MaximumMeanDiscrepancy(None)
if rank == 0:  # the other one has seen nothing
    alone.update(FEATURES[0])
    alone.update(FEATURES[1], real=False)
told["alone"] = {name: float(value) for name, value in alone.compute().items()}
told["differing"] = differing(FrechetDistance(UNTRAINED), REAL[:, : 9 - rank])
# In one piece: torchrun lets the lines of both meet in one pipe.
os.write(1, (json.dumps([rank, told]) + chr(10)).encode())
distributed.destroy_process_group()
"""


def differing(metric, real):
    metric.update(real)
    try:
        metric.compute()
    except ev.EvalsuiteError as error:
        return str(error)


def test_two_processes_say_what_one_says(tmp_path):
    script = tmp_path / "share.py"
    script.write_text(SCRIPT)
    started = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, *started],
        check=True, timeout=180, capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("[")]
    ranks = dict(lines)
    assert ranks[0] == ranks[1]
    halves = [f"p{i // 2}" for i in range(12)]
    one = [
        (FrechetDistance(UNTRAINED), REAL, SYNTHETIC, WHOSE),
        (StructuralSimilarity(), REAL, SYNTHETIC, WHOSE),
        (MaximumMeanDiscrepancy(None), *FEATURES, halves),
    ]
    for metric, real, synthetic, whose in one:
        metric.update(real, subjects=whose)
        metric.update(synthetic, real=False)
        values, intervals = ranks[0][metric.name]
        expected = {name: float(value) for name, value in metric.compute().items()}
        assert values == pytest.approx(expected, rel=1e-6, nan_ok=True)
        ends = [e.interval and [e.interval.low, e.interval.high] for e in metric.estimates()]
        assert [end and pytest.approx(end, rel=1e-5) for end in ends] == intervals
    alone = MaximumMeanDiscrepancy(None)
    alone.update(FEATURES[0])
    alone.update(FEATURES[1], real=False)
    assert ranks[0]["alone"] == pytest.approx({n: float(v) for n, v in alone.compute().items()})
    assert "State preprocessing.shape" in ranks[0]["differing"]


def test_real_features_outlive_a_reset_if_asked():
    real, synthetic = FEATURES
    kept, other = PrecisionRecall(None, reset_real_features=False), PrecisionRecall(None)
    for metric in (kept, other):
        metric.update(real)
        metric.update(synthetic + 9, real=False)
        metric.compute()
        metric.reset()
        metric.update(synthetic, real=False)
    assert kept.compute() == {
        e.key: e.value for e in ev.estimates("precision_recall", real, synthetic)
    }
    with pytest.warns(UserWarning, match="got 0 real and 12 synthetic"):
        values = other.compute()
    assert list(values) == ["precision", "recall", "density", "coverage"]
    assert all(math.isnan(value) for value in values.values())


def test_a_collection_extracts_features_once(monkeypatch):
    calls = []
    original = suite.suite_metric.features_of
    monkeypatch.setattr(
        suite.suite_metric,
        "features_of",
        lambda extractor, volumes: calls.append(len(volumes)) or original(extractor, volumes),
    )
    kinds = [
        FrechetDistance(UNTRAINED, reset_real_features=False),
        PrecisionRecall(UNTRAINED, reset_real_features=False),
    ]
    separate = seen(copy.deepcopy(kinds[1])).compute()
    alone = {name: value.item() for name, value in separate.items()}
    calls.clear()
    both = torchmetrics.MetricCollection(kinds)
    both.update(REAL[:3], real=True, subjects=WHOSE[:3])
    assert sum(calls) == 6
    both.update(REAL[3:], real=True, subjects=WHOSE[3:])
    for _ in range(2):
        both.update(SYNTHETIC, real=False)
        values = both.compute()
        assert [values[name].item() for name in alone] == pytest.approx(list(alone.values()))
        both.reset()
    assert sum(calls) == 6 + 4 + 2 * 7


def test_is_at_home_in_a_training_loop():
    network = torch.nn.Conv3d(1, 1, 3, padding=1)
    step = torch.optim.SGD(network.parameters(), 0.1)
    network.metric = FrechetDistance(
        UNTRAINED, quantity="frechet_distance", reset_real_features=False
    )
    names = set(network.state_dict())
    assert names == {"weight", "bias"}  # no extractor, no features
    assert len(list(network.parameters())) == 2
    network.metric.update(torch.from_numpy(REAL))
    tracker = torchmetrics.MetricTracker(network.metric)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    for _ in range(2):
        tracker.increment()
        out = network(torch.from_numpy(SYNTHETIC)[:, None])
        assert network.metric(out, real=False) is None
        tracker.update(out, real=False)
        value = network.metric.compute()
        assert tracker.compute() == value
        assert value.shape == ()
        assert value > 0
        network.metric.reset()
        out.square().mean().backward()
        step.step()
    assert torch.rand(1) == expected  # nothing was drawn from the chance of the training
    assert torch.is_grad_enabled()
    assert float(tracker.best_metric()) == min(tracker.compute_all()).item()


def test_travels_to_other_processes():
    metric = seen(FrechetDistance(UNTRAINED, quantity="frechet_distance"))
    expected = metric.compute()
    for other in (pickle.loads(pickle.dumps(metric)), metric.clone()):
        assert other.compute() == expected
        other.reset()
        assert seen(other).compute() == expected
    assert metric.compute() == expected


def test_one_quantity_is_one_number():
    metric = PrecisionRecall(None, quantity="recall")
    metric.update(FEATURES[0])
    metric.update(FEATURES[1], real=False)
    expected = ev.estimates("precision_recall", *FEATURES)[1].value
    assert metric.compute() == torch.tensor(expected, dtype=torch.float64)
    assert metric.higher_is_better is True
    assert FrechetDistance(None, quantity="frechet_distance").higher_is_better is False
    assert PrecisionRecall(None).higher_is_better is None
    few = FrechetDistance(None, quantity="frechet_distance")
    few.update(FEATURES[0][:1])
    few.update(FEATURES[1], real=False)
    with pytest.warns(UserWarning, match="FrechetDistance: .*at least 2"):
        assert math.isnan(few.compute())


def test_shapes_that_differ_are_brought_to_one_that_is_stated():
    other = volumes(3, 2, shape=(9, 10, 12))
    metric = FrechetDistance(UNTRAINED)
    metric.update(REAL)
    metric.update(other, real=False)  # are brought to the shape of the real ones
    with pytest.raises(ev.EvalsuiteError, match=r"^Real volumes differ in shape or spacing"):
        metric.update(other)
    grid = {"preprocessing.shape": [8, 8, 8], "preprocessing.spacing": [1, 1, 1]}
    stated = FrechetDistance(UNTRAINED, settings=grid)
    stated.update([*REAL, *other, ev.Volume(REAL[0] + 1, np.diag([1.0, 1, 2, 1]))])
    assert stated.row_shape.tolist() == [512, 0, 0]
    assert sum(flat.numel() for flat in stated.real) == 10 * (11 + 512)


def test_what_cannot_be_is_said_at_once():
    for make, words in (
        (lambda: FrechetDistance("resnet"), 'Unknown extractor "resnet"'),
        (lambda: FrechetDistance(None, quantity="fid"), 'Unknown quantity "fid"'),
        (lambda: PrecisionRecall(None, options={"k": 0}), r"metrics\.precision_recall\.k"),
        (lambda: PrecisionRecall(None, settings={"seed": 1}), '"seed" is given as an argument'),
        (lambda: PrecisionRecall(None, settings={"presets": 1}), "presets"),
        (lambda: FrechetRadiomicsDistance(None), "radiomics-frd-v0, not of your own"),
        (lambda: FrechetDistance(None).update(REAL), "An array of 4 axes; expected features"),
        (lambda: FrechetDistance(None).update(FEATURES[0], subjects=[1]), "1 subjects for 12"),
        (lambda: StructuralSimilarity().update(REAL[0]), "one array of the shape 9 x 10 x 11"),
        (lambda: StructuralSimilarity().update(REAL * 0), "7 volumes cannot be used"),
        (
            lambda: StructuralSimilarity(settings={"preprocessing.shape": "native"}).update(REAL),
            "The metric ms_ssim needs volumes of one shape",
        ),
    ):
        with pytest.raises(ev.EvalsuiteError, match=words):
            make()
    metric = FrechetDistance(None)
    metric.update(FEATURES[0])
    with pytest.raises(ev.EvalsuiteError, match="2 numbers of each volume after 3 of others"):
        metric.update(FEATURES[1][:, :2], real=False)
    with pytest.raises(AttributeError, match="no attribute 'Privacy"):
        suite.PrivacyOf  # noqa: B018


def test_a_metric_of_another_package_is_here_too(tmp_path, monkeypatch):
    source = """
from evalsuite.metrics.metric import Metric, on_features
from evalsuite.records import Estimate, Quantity

SHIFT = Quantity("mean_shift", "Shift", "of the mean.", "lower is better", "0 to 1")

def compute(real, synthetic, *, seed):
    value = float((real.mean(0) - synthetic.mean(0)).norm())
    return [Estimate("mean_shift", value, "lower is better", len(real), len(synthetic), "Norm.")]

METRIC = Metric("mean_shift", "Shift of the mean.", ("features",), on_features(compute),
                quantities=(SHIFT,))
"""
    point = '[project.entry-points."evalsuite.metrics"]\nmean_shift = "shifts:METRIC"\n'
    installed(tmp_path / "other", {"shifts.py": source}, point)
    monkeypatch.syspath_prepend(str(tmp_path / "other"))
    metric = pickle.loads(pickle.dumps(suite.MeanShift(None)))
    monkeypatch.delitem(vars(suite), "MeanShift")
    metric.update([[0.0, 0.0], [0.0, 2.0]])
    metric.update([[3.0, 5.0]], real=False)
    assert metric.compute() == {"mean_shift": 5}
