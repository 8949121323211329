import math

import numpy as np
import pytest

from evalsuite.certificate import ALPHA, POWER, Judged, Trial, Tried
from evalsuite.certification.judge import badness, least, limits, trend, tried
from evalsuite.records import Estimate


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("count", [19, 99, 199])
def test_chance_passes_the_limit_as_often_as_it_says(count):
    values, further = normal(4000, count), normal(4000, 2, seed=1)
    above, below = np.array([limits(row) for row in values]).T
    for rate in ((further[:, 0] > above).mean(), (further[:, 1] < below).mean()):
        assert rate == pytest.approx(ALPHA, abs=3 * math.sqrt(ALPHA * (1 - ALPHA) / 4000))


def test_fewer_splits_than_tell_a_limit_pass_none():
    assert limits(np.arange(18.0)) == (math.inf, -math.inf)


def test_the_least_change_is_the_one_seen_with_its_power():
    usual = normal(20_000)
    shift = least(usual)
    assert shift == pytest.approx(1.6449 + 0.8416, abs=0.05)  # of a standard normal distribution
    assert (normal(20_000, seed=1) + shift > limits(usual)[0]).mean() == pytest.approx(
        POWER, abs=0.02
    )
    assert math.isnan(least(np.full(19, -1.0)))


def test_values_that_are_worse_are_larger():
    estimate = Estimate("x", 3.0, "lower is better", 9, 9, "made up")
    assert badness(estimate) == 3
    higher = Estimate("x", 3.0, "higher is better", 9, 9, "made up")
    assert badness(higher) == -3
    nearer = Estimate("x", 3.0, "nearer the reference is better", 9, 9, "made up", reference=5.0)
    assert badness(nearer) == 2
    assert math.isnan(badness(Estimate("x", 3.0, nearer.direction, 9, 9, "made up")))


def test_power_and_reward_are_shares_of_splits():
    usual = np.arange(1.0, 101.0)  # the limit is the 96th, the other the 6th smallest of 100
    one = tried(1, usual, np.array([97.0, 96.0, 3.0, 6.0, 99.0]), 50, "higher is better")
    assert (one.power, one.rewarded) == (2 / 5, 1 / 5)
    assert one.effect == pytest.approx(-(97 + 96 + 3 + 6 + 99 - 15) / 5)


def test_the_volumes_needed_are_those_of_a_mean():
    """A difference of means, 0.3 of a deviation: n = 2 (1.645 + 0.842)^2 / 0.3^2 = 137 a side."""
    n, effect = 40, 0.3
    usual = normal(20_000) * math.sqrt(2 / n)
    one = tried(1, usual, usual[:10_000] + effect, n, "lower is better")
    assert one.power < POWER
    assert one.needed == pytest.approx(137, rel=0.05)
    # A change that differs between splits as much as it is large may be chance: nothing is said.
    unsure = usual[:10_000] + effect + normal(10_000, seed=2) * effect
    assert tried(1, usual, unsure, n, "lower is better").needed is None
    assert tried(1, usual, usual[:10_000] + 3 * effect, n, "lower is better").needed is None  # seen


def test_severity_and_badness_are_ranked_within_splits():
    rising = np.arange(4.0)[:, None] + normal(1, 6)
    assert trend(rising, (1.0, 2.0, 3.0)) == pytest.approx(1)
    assert trend(-rising, (1.0, 2.0, 3.0)) == pytest.approx(-1)
    assert trend(np.ones((4, 6)), (1.0, 2.0, 3.0)) == 0


def trial(*powers, rewarded=0.0):
    steps = [Tried(float(i), power, rewarded, 0.1, None) for i, power in enumerate(powers, 1)]
    return Trial("blur", 90, 1.0, tuple(steps))


def test_a_fault_is_seen_from_where_every_greater_severity_is():
    assert trial(0.1, 0.8, 1.0).seen_from == 2
    assert trial(0.9, 0.5, 1.0).seen_from == 3
    assert trial(1.0, 1.0, 0.7).seen_from is None
    assert trial(0.0, rewarded=0.8).rewarded


def test_the_least_change_at_other_sizes_is_never_flattered():
    judged = Judged("mmd", "kid", (), "x", "lower is better", 0.0, 1.0, 2.0, ())
    assert judged.least_at((50, 50), 50) == pytest.approx(2)
    assert judged.least_at((200, 200), 50) == pytest.approx(1)  # by the root of n
    assert judged.least_at((25, 25), 50) == pytest.approx(4)  # by n
    assert judged.least_at((50, 10**9), 50) == pytest.approx(2 / math.sqrt(2))
