"""Counts of copies: closed forms, simulations of what intervals and powers promise."""

import functools
import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from evalsuite.statistics.memorisation import (
    Alarm,
    alarm,
    by_subject,
    conformal_p,
    copies,
    least_flagged,
    least_leak,
    most_copies,
    proportion_limits,
)


def test_p_values_count_the_hold_out_and_the_volume_itself():
    p = conformal_p(np.array([0.5, 2.0, 2.5, 9.0]), np.array([3.0, 1.0, 2.0]))
    assert p.tolist() == [1 / 4, 3 / 4, 3 / 4, 1.0]  # a tie counts against the volume


def test_each_subject_stands_for_its_most_suspicious_volume():
    scores = by_subject(np.array([3.0, 1.0, 5.0, 2.0]), np.array([0, 0, 1, 1]))
    assert scores.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("rate", "rank"), [(0.01, 1), (0.05, 1), (0.1, 2), (0.249, 4), (0.25, 5)])
def test_the_threshold_flags_at_most_the_rate_where_it_can(rate, rank):
    found = alarm(np.arange(19.0), rate)
    assert (found.rank, found.threshold) == (rank, rank - 1)
    assert found.rate == rank / 20


def test_flagging_and_p_values_agree():
    random = np.random.default_rng(0)
    calibration, scores = random.normal(size=40), random.normal(size=500)
    found = alarm(calibration, 0.1)
    assert ((scores < found.threshold) == (conformal_p(scores, calibration) <= found.rate)).all()


def test_false_alarms_follow_the_law_of_ranks():
    # All of the f smallest of m + n exchangeable scores are among the n with probability
    # n (n-1) ... (n-f+1) / ((m+n) (m+n-1) ... (m+n-f+1)).
    n, m = 12, 30
    beyond = np.cumsum(Alarm(0.0, 1, m).chance(n)[::-1])[::-1]
    for f in range(n + 1):
        assert beyond[f] == pytest.approx(math.perm(n, f) / math.perm(m + n, f))
    least = next(f for f in range(n) if math.perm(n, f) / math.perm(m + n, f) <= 0.025)
    assert least_flagged(n, Alarm(0.0, 1, m)) == least == 3


def test_a_hold_out_too_small_for_any_proof_says_so():
    # With m = 1 all n volumes are flagged with probability 1 / (n + 1), above 2.5 %.
    assert least_flagged(10, Alarm(0.0, 1, 1)) == 11
    assert least_leak(10, Alarm(0.0, 1, 1), 1.0) is None


@pytest.mark.parametrize("planted", [0, 1, 5, 20])
@pytest.mark.parametrize("rank", [1, 3])
def test_intervals_hold_the_number_of_copies(planted, rank):
    random = np.random.default_rng([planted, rank])
    n, m, held, low_missed = 100, 60, 0, 0
    ends = functools.cache(lambda hits: copies(hits, n, Alarm(0.0, rank, m))[1:])
    for _ in range(600):
        scores = np.concatenate([np.full(planted, -1.0), random.random(n - planted)])
        found = alarm(random.random(m), rank / (m + 1))
        assert found.rank == rank
        low, high = ends(int((scores < found.threshold).sum()))
        held += low <= planted <= high
        low_missed += low > planted
    assert held / 600 > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 600)
    assert low_missed / 600 < 0.025 + 3 * math.sqrt(0.025 * 0.975 / 600)


def test_expected_false_alarms_are_taken_off():
    # Of the 100 - c volumes that are no copies a tenth is flagged: c + (100 - c) / 10 = 28 -> c = 20.
    assert copies(28, 100, Alarm(0.0, 5, 49))[0] == pytest.approx(20)
    assert copies(3, 100, Alarm(0.0, 5, 49))[0] == 0.0


@pytest.mark.parametrize("sensitivity", [1.0, 0.6])
def test_the_least_leak_is_found_with_the_power_that_is_told(sensitivity):
    random = np.random.default_rng(7)
    n, m = 80, 40
    leak = least_leak(n, Alarm(0.0, 1, m), sensitivity)
    proven = functools.cache(lambda hits: copies(hits, n, Alarm(0.0, 1, m))[1] > 0)

    def power(c: int) -> float:
        found = 0
        for _ in range(1500):
            limit = np.sort(random.random(m))[0]
            hits = random.binomial(c, sensitivity) + int((random.random(n - c) < limit).sum())
            found += proven(hits)
        return found / 1500

    assert power(leak) > 0.8 - 0.035
    assert power(leak - 1) < 0.8 + 0.035


def test_copies_that_are_seldom_seen_are_not_excluded():
    found = Alarm(0.0, 1, 99)
    assert most_copies(0, 50, found, 1.0) == 0
    # 0.5 ** 5 = 3.1 %, 0.5 ** 6 = 1.6 %, and no false alarm of the other 45 of (99 of 144).
    assert most_copies(0, 50, found, 0.5) == 4  # 0.5 ** 5 * 99 / 144 is below 2.5 % already
    assert most_copies(0, 50, found, 0.0) == 50
    assert most_copies(50, 50, found, 0.5) == 50


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (7, 20), (20, 20)])
def test_limits_of_shares_are_those_of_statsmodels(hits, n):
    expected = proportion_confint(hits, n, method="beta")
    assert proportion_limits(hits, n) == pytest.approx(expected)
