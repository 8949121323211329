"""Clipped density and coverage, and the Vendi score."""

import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks.references.diversity import FIXTURE, cohorts
from evalsuite.metrics import clipped, vendi
from evalsuite.metrics.clipped import expected_clipped_coverage
from evalsuite.metrics.grouped_jackknife import variances
from evalsuite.metrics.metric import UndefinedError
from evalsuite.metrics.subjects import Subjects, each_its_own
from evalsuite.metrics.vendi import vendi_score

KEPT = json.loads(FIXTURE.read_text())


def tensors(*arrays):
    return [torch.as_tensor(array, dtype=torch.float64) for array in arrays]


def of(metric, *arrays, **options):
    return {e.name: e for e in metric.compute(*tensors(*arrays), seed=0, **options)}


@pytest.mark.parametrize("place", range(len(KEPT)))
def test_values_are_those_of_the_authors(place):
    kept = KEPT[place]
    pair = cohorts(kept, place)
    found = of(clipped, *pair, k=kept["k"], intervals=False)
    found |= of(vendi, *pair, intervals=False)
    for name in ("clipped_density", "clipped_coverage", "vendi_score"):
        assert found[name].value == pytest.approx(kept[name], rel=1e-10)


def test_clipped_density_and_coverage_on_a_line_by_hand():
    # Real at 0, 1, 3, 7 and 20, k = 1: the radii are 1, 1, 2, 4 and 13, their median 2, so the
    # balls are [-1, 1], [0, 2], [1, 5], [5, 9] and [18, 22]. Of the real ones themselves 0 lies
    # in that of 1, 1 in those of 0 and 3, and no other: 2 of 5 count.
    # Of -0.5, 1.5, 6 and 40 the first three lie in some: 3 of 4, over 2 of 5, is more than 1.
    real = np.array([[0.0], [1], [3], [7], [20]])
    found = of(clipped, real, np.array([[-0.5], [1.5], [6], [40]]), k=1, intervals=False)
    assert found["clipped_density"].value == 1
    # Of 40, 41, 42 and 1.5 one does: 1 of 4 over 2 of 5.
    found = of(clipped, real, np.array([[40.0], [41], [42], [1.5]]), k=1, intervals=False)
    assert found["clipped_density"].value == pytest.approx(5 / 8)
    # Within the whole radii, 1.5 is near 1 and 3; all else is further off than any radius: 2 of 5.
    # Of s good volumes s / (s + 4) is expected: 0, 1/5, 1/3, 3/7, 1/2. Two are fewer than 2 of 5.
    np.testing.assert_allclose(expected_clipped_coverage(5, 4, 1), [0, 1 / 5, 1 / 3, 3 / 7, 1 / 2])
    assert found["clipped_coverage"].value == pytest.approx(3 / 5)


def test_expected_coverage_is_that_of_sums_over_a_beta_binomial():
    m, k = 12, 4
    found = expected_clipped_coverage(m, 9, k)
    for good in range(k, 10):
        j = np.arange(good + 1)
        expected = (np.minimum(j, k) * stats.betabinom.pmf(j, good, k, m - k)).sum() / k
        assert found[good] == pytest.approx(expected)
    assert not found[:k].any()


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_both_fall_with_the_share_of_noise(share):
    real, synthetic = np.random.default_rng(3).normal(size=(2, 300, 4))
    synthetic[: int(share * 300)] += 50
    found = of(clipped, real, synthetic, intervals=False)
    assert found["clipped_density"].value == pytest.approx(1 - share, abs=0.06)
    assert found["clipped_coverage"].value == pytest.approx(1 - share, abs=0.1)


def test_an_outlier_of_the_real_ones_saves_no_noise():
    real, synthetic = np.random.default_rng(3).normal(size=(2, 60, 4))
    real[:6] *= 60  # balls of hundreds of units
    synthetic = synthetic + 30
    assert of(clipped, real, synthetic, intervals=False)["clipped_density"].value == 0


def test_blocks_decide_nothing():
    real, synthetic = np.random.default_rng(5).integers(0, 4, size=(2, 70, 3)).astype(float)
    whole, parts = (
        [e.value for e in of(clipped, real, synthetic, memory=memory, intervals=False).values()]
        for memory in (1 << 28, 1)
    )
    assert whole == parts


def test_volumes_of_one_subject_are_no_neighbours():
    random = np.random.default_rng(6)
    real = np.repeat(random.normal(size=(30, 4)), 3, axis=0) + random.normal(size=(90, 4)) * 1e-6
    synthetic = random.normal(size=(90, 4))
    subjects = Subjects(np.repeat(np.arange(30), 3), np.arange(90))
    alone = of(clipped, real, synthetic, intervals=False, k=2)["clipped_coverage"]
    known = of(clipped, real, synthetic, intervals=False, k=2, subjects=subjects)[
        "clipped_coverage"
    ]
    assert alone.value < 0.1 < known.value
    assert [w.code for w in known.warnings] == ["calibrated-for-independent"]


def test_too_few_for_neighbours_or_groups_are_told():
    real, synthetic = np.random.default_rng(0).normal(size=(2, 8, 3))
    with pytest.raises(UndefinedError, match="at least 9 volumes"):
        of(clipped, real, synthetic, k=8)
    whose = Subjects(np.array([0, 0, 0, 0, 0, 1, 1, 2]), np.arange(8))
    with pytest.raises(UndefinedError, match="too many show one subject"):
        of(clipped, real, synthetic, k=5, subjects=whose)
    for found in (*of(clipped, real, synthetic).values(), *of(vendi, real, synthetic).values()):
        assert found.interval is None
        assert "too few for an interval" in str(found.warnings[0])
    with pytest.raises(UndefinedError, match="A synthetic volume has no features but 0"):
        of(vendi, real, synthetic * 0)


def test_unlike_volumes_are_counted():
    assert vendi_score(torch.eye(7).double()) == pytest.approx(7)
    assert vendi_score(torch.ones(7, 3).double()) == pytest.approx(1)
    # Three directions, of 2, 1 and 1 volumes: exp of the entropy of 1/2, 1/4, 1/4 is 2^(3/2).
    rows = torch.tensor([[5.0, 0, 0, 0], [1, 0, 0, 0], [0, 3, 0, 0], [0, 0, 2, 0]]).double()
    assert vendi_score(rows) == pytest.approx(2**1.5)
    assert vendi_score(rows[:, :3]) == pytest.approx(2**1.5)  # by products of features


def test_the_yardstick_is_of_as_many_real_volumes():
    real, synthetic = np.random.default_rng(2).normal(size=(2, 60, 30))
    equal = of(vendi, real, synthetic, intervals=False)["vendi_score"]
    assert equal.reference == pytest.approx(vendi_score(torch.from_numpy(real)))
    fewer = of(vendi, real, synthetic[:20], intervals=False)["vendi_score"]
    assert fewer.reference == pytest.approx(fewer.value, rel=0.05)
    assert fewer.reference < 0.8 * equal.reference
    more = of(vendi, real[:20], synthetic, intervals=False)["vendi_score"]
    assert [w.code for w in more.warnings] == ["fewer-real-for-vendi"]


def test_the_grouped_jackknife_knows_the_variance_of_a_mean():
    random = np.random.default_rng(1)
    values = random.normal(size=2000), random.normal(size=1000) * 3
    many = [
        variances(
            lambda a, b: np.array([values[0][a].mean() - values[1][b].mean()]),
            each_its_own(2000, 1000),
            seed,
        )[0]
        for seed in range(40)
    ]
    assert np.mean(many) == pytest.approx(1 / 2000 + 9 / 1000, rel=0.2)
    repeated = Subjects(np.repeat(np.arange(20), 100), np.arange(1000))
    blocks = np.repeat(random.normal(size=20), 100)
    whole = [
        variances(lambda a, b: np.array([blocks[a].mean()]), repeated, seed)[0]
        for seed in range(40)
    ]
    # Of 20 subjects, not of 2,000 volumes.
    assert np.mean(whole) == pytest.approx(blocks[::100].var(ddof=1) / 20, rel=0.2)


def test_intervals_hold_the_expectation_of_a_fresh_draw():
    inside = {"clipped_density": 0, "clipped_coverage": 0, "vendi_score": 0}
    truth = {name: [] for name in inside}
    draws = []
    for seed in range(12):
        real, synthetic = np.random.default_rng(seed).normal(size=(2, 50, 4))
        synthetic[:20] += 1.5
        found = of(clipped, real, synthetic) | of(vendi, real, synthetic)
        draws.append(found)
        for name, estimate in found.items():
            truth[name].append(estimate.value)
    for found in draws:
        for name, estimate in found.items():
            low, high = estimate.interval.low, estimate.interval.high
            inside[name] += low <= np.mean(truth[name]) <= high
            assert math.isfinite(estimate.standard_error)
    assert min(inside.values()) >= 11, inside
