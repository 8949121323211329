"""Copies and membership: arithmetic by hand, other implementations, and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from evalsuite.metrics.privacy import copies, membership
from evalsuite.metrics.subjects import median_interval, proportion_interval


def near(distances, subjects=None):
    return copies.near([distances], subjects)[0]


@pytest.mark.parametrize("step", [1, 7, 60])
def test_blocks_change_nothing(step):
    random = np.random.default_rng(4)
    distances, subjects = random.integers(0, 9, (60, 70)) / 8, random.integers(0, 40, 70)
    found, columns = copies.near((distances[i : i + step] for i in range(0, 60, step)), subjects)
    np.testing.assert_array_equal(found.distances, np.sort(distances)[:, :50])
    np.testing.assert_array_equal(columns, np.sort(distances.T)[:, :50])
    np.testing.assert_array_equal(found.closest, distances.argmin(axis=1))
    for row, closest, other in zip(distances, found.closest, found.others, strict=True):
        assert other == row[subjects != subjects[closest]].min()


def test_closeness_by_hand():
    distances = np.array([[4.0, 1.0, 2.0, 5.0], [3.0, 3.0, 9.0, 3.0], [0.0, 0.0, 1.0, 7.0]])
    assert copies.nearest(distances).tolist() == [1, 3, 0]
    assert copies.nearest_neighbour_ratio(near(distances)).tolist() == [0.5, 1, 0]
    # 1 / mean(1, 2, 4, 5), 3 / mean(3, 3, 3, 9), and 0 where there is an exact copy.
    assert copies.relative_distance(distances) == pytest.approx([1 / 3, 3 / 4.5, 0])


def test_relative_distance_looks_at_fifty_and_never_at_the_volume_itself():
    line = np.arange(1.0, 81.0)[None]
    assert copies.relative_distance(line) == pytest.approx([1 / 25.5])
    within = np.array([[math.inf, 1.0, 2.0], [1.0, math.inf, 3.0], [2.0, 3.0, math.inf]])
    assert copies.relative_distance(within) == pytest.approx([1 / 1.5, 1 / 2, 2 / 2.5])


@pytest.mark.parametrize(
    ("m", "rate", "rank"),
    [(19, 0.05, 1), (39, 0.05, 2), (30, 0.05, 1), (99, 0.1, 10), (5, 0.05, 1)],
)
def test_conformal_threshold_by_hand(m, rate, rank):
    values = np.random.default_rng(0).permutation(m) + 1.0
    threshold = copies.conformal_threshold(values, rate)
    assert threshold == (rank, rank / (m + 1), rank, m)


@given(m=st.integers(5, 80), rate=st.floats(0.02, 0.3), seed=st.integers(0, 10**6))
def test_a_new_volume_is_flagged_at_the_rate_of_the_threshold(m, rate, seed):
    values = np.random.default_rng(seed).lognormal(size=(4000, m + 1))
    threshold = copies.conformal_threshold(values[0, 1:], rate)
    limit = np.sort(values[:, 1:], axis=1)[:, threshold.rank - 1]
    flagged = (values[:, 0] < limit).mean()
    deviation = math.sqrt(threshold.rate * (1 - threshold.rate) / 4000)
    assert flagged == pytest.approx(threshold.rate, abs=5 * deviation)
    assert threshold.rate <= max(rate + 1e-6, 1 / (m + 1))


def test_flagged_by_chance_is_exceeded_by_five_in_a_hundred_cohorts():
    random = np.random.default_rng(0)
    threshold = copies.conformal_threshold(np.arange(30.0), 0.05)
    limits = random.random((20000, 30)).min(axis=1)
    flagged = (random.random((20000, 80)) < limits[:, None]).sum(axis=1)
    most = copies.flagged_by_chance(threshold, np.arange(threshold.calibration), np.arange(80))
    assert (flagged > most).mean() <= 0.05
    assert (flagged > most - 1).mean() > 0.05


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Clopper and Pearson's limits; with no hit the upper one is 1 - 0.025^(1/n).
    [(0, 20, 0, 1 - 0.025**0.05), (5, 10, 0.1871, 0.8129), (10, 10, 0.025**0.1, 1)],
)
def test_proportion_interval(hits, n, low, high):
    found = proportion_interval(np.arange(n) < hits, np.arange(n))
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("n", "ranks"),
    # P(B <= 0) = 1/64 for 6; 1/1024 + 10/1024 for 10; P(B <= 5) = 0.0207 for 20.
    [(5, None), (6, (1, 6)), (10, (2, 9)), (20, (6, 15))],
)
def test_median_interval(n, ranks):
    found = median_interval(np.random.default_rng(0).permutation(n) + 1.0, np.arange(n))
    assert ranks == (found and (found.low, found.high))


def test_median_ratio_interval_covers():
    random, hits = np.random.default_rng(0), 0
    for seed in range(120):
        first, second = random.lognormal(0.2, 0.3, 40), random.lognormal(0, 0.3, 30)
        found = copies.median_ratio_interval(
            first, second, (np.arange(len(first)), np.arange(len(second))), seed
        )
        hits += found.low < math.exp(0.2) < found.high
    assert 0.88 <= hits / 120 <= 1  # nominally 0.95, standard error 0.02


@given(n=st.integers(1, 12), t=st.integers(2, 12), seed=st.integers(0, 10**6))
def test_authenticity_agrees_with_the_definition(n, t, seed):
    random = np.random.default_rng(seed)
    new, known = random.normal(size=(n, 2)), random.normal(size=(t, 2))
    within = cdist(known, known) + np.diag([math.inf] * t)
    expected = []
    for x in new:
        i = min(range(t), key=lambda i: math.dist(x, known[i]))
        own = min(math.dist(known[i], known[j]) for j in range(t) if j != i)
        expected.append(math.dist(x, known[i]) > own)
    assert copies.authentic(near(cdist(new, known)), near(within)).tolist() == expected


# --- membership


@given(
    first=arrays(int, st.integers(1, 20), elements=st.integers(0, 8)),
    second=arrays(int, st.integers(1, 20), elements=st.integers(0, 8)),
)
def test_probability_is_the_area_under_the_roc_curve(first, second):
    from sklearn.metrics import roc_auc_score

    first, second = first.astype(float), second.astype(float)
    found = membership.probability_smaller(first, second)
    labels = [1] * len(first) + [0] * len(second)
    assert found == pytest.approx(roc_auc_score(labels, -np.concatenate([first, second])))
    assert found + membership.probability_smaller(second, first) == pytest.approx(1)


@given(value=st.floats(0, 1), n=st.integers(3, 300), m=st.integers(3, 300))
def test_probability_interval_solves_its_equation(value, n, m):
    found = membership.probability_interval(value, float(n), float(m))
    assert 0 <= found.low <= value <= found.high <= 1
    for end in (found.low, found.high):
        if end in (0, 1) or abs(end - value) < 1e-6:
            continue
        # Hanley and McNeil 1982, with (m + n) / 2 - 1 for both m - 1 and n - 1.
        q1, q2 = end / (2 - end), 2 * end**2 / (1 + end)
        size = (n + m) / 2 - 1
        variance = end * (1 - end) + size * (q1 - end**2) + size * (q2 - end**2)
        assert (value - end) ** 2 == pytest.approx(1.959964**2 * variance / (n * m), rel=1e-4)
    mirrored = membership.probability_interval(1 - value, float(n), float(m))
    assert mirrored.low == pytest.approx(1 - found.high, abs=1e-6)
    assert found.high - found.low > 0.001  # never without width, not even at 0 and 1


@pytest.mark.parametrize("truth", [0.5, 0.7, 0.95])
def test_probability_interval_covers(truth):
    from scipy.stats import norm

    random, hits = np.random.default_rng(0), 0
    for _ in range(600):
        second = random.normal(norm.ppf(truth) * math.sqrt(2), 1, 30)
        value = membership.probability_smaller(random.normal(size=150), second)
        found = membership.probability_interval(value, 150.0, 30.0)
        hits += found.low < truth < found.high
    assert 0.92 <= hits / 600 <= 0.995  # nominally 0.95, standard error 0.009


def test_nearest_is_training_by_hand():
    # The first two have a training volume as the nearest, the third the one held-out volume.
    to_training = np.array([[1.0, 5.0], [4.0, 2.0], [6.0, 7.0]])
    found = membership.nearest_is_training(
        near(to_training), near(np.full((3, 1), 3.0)), np.arange(2), np.arange(1)
    )
    # One follower each: whoever was trained on, 2 of 3 would follow, and nothing varies.
    assert found == pytest.approx((2 / 3, 2 / 3, 0))
    # All three follow one volume, which is a training one in 2 of 3 dealings: 0 or 1.
    found = membership.nearest_is_training(
        near(to_training), near(np.zeros((3, 1))), np.arange(2), np.arange(1)
    )
    assert found == pytest.approx((0, 2 / 3, math.sqrt(2 / 9)))


@given(t=st.integers(2, 12), m=st.integers(2, 12), n=st.integers(2, 15), seed=st.integers(0, 10**6))
def test_deviation_is_that_of_dealing_the_real_volumes_anew(t, m, n, seed):
    random = np.random.default_rng(seed)
    apart = cdist(random.normal(size=(n, 3)), random.normal(size=(t + m, 3)))
    nearest, shares = apart.argmin(axis=1), []
    for _ in range(4000):
        trained = random.permutation(t + m) < t
        shares.append(trained[nearest].mean())
    found = membership.nearest_is_training(
        near(apart[:, :t]), near(apart[:, t:]), np.arange(t), np.arange(apart.shape[1] - t)
    )
    assert found.expected == pytest.approx(np.mean(shares), abs=0.04)
    assert found.deviation == pytest.approx(np.std(shares), rel=0.1)


def test_share_of_nearest_is_told_from_chance_at_the_nominal_rate():
    outside = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        known, other, new = (random.normal(size=(k, 64)) for k in (150, 30, 80))
        found = membership.nearest_is_training(
            near(cdist(new, known)),
            near(cdist(new, other)),
            np.arange(len(known)),
            np.arange(len(other)),
        )
        outside += abs(found.value - found.expected) > 1.96 * found.deviation
    # Nominally 0.05, standard error 0.013. A binomial deviation gives 0.17: volumes in crowded
    # places are the nearest of many.
    assert 0.01 <= outside / 300 <= 0.09
