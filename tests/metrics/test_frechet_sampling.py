"""Standard errors of the Frechet distance against other samples, deleted subjects, closed forms."""

import numpy as np
import pytest
import torch

from evalsuite.metrics.frechet_distance import frechet_distance
from evalsuite.metrics.frechet_influence import influence, unit_influence
from evalsuite.metrics.frechet_sampling import (
    Error,
    Sampled,
    error_of,
    infinity_error_of,
    mean_of,
    sampled,
)
from evalsuite.metrics.subjects import Subjects, each_its_own, members


def cohorts(rng, n, d, difference):
    pair = rng.standard_normal((2, n, d))
    return torch.from_numpy(pair[0]), torch.from_numpy(pair[1] + difference)


def of(shares, changes):
    """Return a distance of 4 + 4 subjects of whom only the real ones contribute."""
    shares, changes = np.array(shares, float), np.array(changes, float)
    halves = np.ones(len(changes))
    return Sampled(2.0, (shares, shares * 0), halves, halves, 2.0, (changes, changes * 0))


def test_by_hand():
    # Shares 3, -3, 1, -1: 9 + 9 + 1 + 1 = 20, over 4 and times 4 / 3.
    alone = of([3, -3, 1, -1], np.zeros((2, 4)))
    assert error_of(alone).size == pytest.approx((20 * 4 / 3) ** 0.5)
    assert infinity_error_of(alone).size == pytest.approx((20 * 4 / 3) ** 0.5)
    assert error_of(alone).freedom == pytest.approx(3)
    # Changes of +1 or -1 in turn are all due to pairs: in two divisions squares of 8, of halves of
    # 2 subjects, so times 2. Half of it is the variance.
    pairs = of([1, -1, 1, -1], [[1, 1, -1, -1], [-1, -1, 1, 1]])
    assert error_of(pairs).pairs == pytest.approx(8 * 2 / 2)
    assert error_of(pairs).alone == 0
    # Two divisions make the extrapolation half as much more variable.
    assert infinity_error_of(pairs).pairs == pytest.approx(1.5 * 8 * 2 / 2)
    # Changes that are the same in all divisions are a subject's own: half belongs to the distance.
    own = of([3, -3, 1, -1], [[2, -2, 0, 0], [2, -2, 0, 0]])
    assert error_of(own).size ** 2 == pytest.approx((4 + 4 + 1 + 1) * 4 / 3)
    assert infinity_error_of(own).size ** 2 == pytest.approx((1 + 1 + 1 + 1) * 4 / 3)


def test_heavy_tails_leave_few_degrees_of_freedom():
    even = error_of(of([3, -3, 3, -3], np.zeros((0, 4))))
    one = error_of(of([9, 0, 0, -9], np.zeros((0, 4))))
    assert even.tailed == even.freedom == pytest.approx(3)
    few = error_of(of([9, *[0] * 8, -9], np.zeros((0, 10))))
    assert one.tailed == one.freedom == pytest.approx(3)
    # Squares are 81 twice and 0 eight times, about 16.2: 2 * 162^2 / (2 * 64.8^2 + 8 * 16.2^2).
    assert few.tailed == pytest.approx(5)
    assert few.freedom == pytest.approx(9)


def test_ends_of_an_interval_are_score_limits():
    error = Error(3.0, 1.0, alike=1.0, limit=4.0, growth=0.5, freedom=19.0, tailed=19.0)
    assert error.size == 2
    low, high = error.interval(9.0, 0.95)
    t = 2.0930
    # The variance falls by 3 while the distance falls by 4, and rises by a half for each 1.
    assert (9 - low) ** 2 == pytest.approx(t**2 * (4 - 0.75 * (9 - low)), rel=1e-4)
    assert 9 - low > t  # that of cohorts that are alike
    assert (high - 9) ** 2 == pytest.approx(t**2 * (4 + 0.5 * (high - 9)), rel=1e-4)


def test_no_end_is_nearer_than_for_cohorts_that_are_alike():
    for limit in (1e-9, 0.0, -1.0):
        error = Error(3.0, 1.0, alike=1.0, limit=limit, growth=0.0, freedom=19.0, tailed=19.0)
        assert error.interval(9.0, 0.95) == pytest.approx((9 - 2.0930, 9 + 2 * 2.0930), rel=1e-4)
    nothing = Error(0.0, 0.0, alike=0.0, limit=0.0, growth=0.0, freedom=1.0, tailed=1.0)
    assert nothing.interval(2.0, 0.95) == (2, 2)


def test_variance_of_cohorts_that_are_alike_is_told_by_halves_as_well():
    changes = np.array([[1.0, 1, -1, -1], [-1, -1, 1, 1]] * 4)
    shares = np.array([9.0, -9.0, 9.0, -9.0])
    for spread, expected in ((0.0, None), (10.0, 10.0**2 * 8 / 7), (100.0, "all")):
        halves = 30 + spread * np.array([1, -1] * 4)
        found = error_of(
            Sampled(2.0, (shares, shares * 0), halves, halves, 2.0, (changes, changes * 0))
        )
        assert found.pairs == pytest.approx(4 * 8 / 7 * 2 / 2)
        assert found.alike == pytest.approx(
            {None: found.pairs, "all": found.size**2}.get(expected, expected)
        )


def test_variance_grows_with_the_distance_and_with_the_skewness_of_contributions():
    # Squares of 20 make a variance of 20 * 4 / 3; twice the distance of 2 is 4. Cubes sum to 0.
    assert error_of(of([3, -3, 1, -1], np.zeros((0, 4)))).growth == pytest.approx(20 * 4 / 3 / 4)
    # Cubes of 216 - 3 * 8 = 192 over squares of 36 + 3 * 4 = 48: 4 more.
    skewed = error_of(of([6, -2, -2, -2], np.zeros((0, 4))))
    assert skewed.growth == pytest.approx(48 * 4 / 3 / 4 + 4)
    assert error_of(of([-6, 2, 2, 2], np.zeros((0, 4)))).growth == pytest.approx(48 * 4 / 3 / 4)


def test_intervals_of_cohorts_that_are_alike_hold_the_truth_as_often_as_they_say():
    # Of few features, where the squares that a distance is made of are few and so skewed. 100 pairs
    # leave 2 % of chance. Those on a logarithmic scale, as were before, held 99 to 100 %.
    rng = np.random.default_rng(11)
    subjects = each_its_own(20, 20)
    found = [
        sampled(*cohorts(rng, 20, 2, 0.0), subjects, divisions=6, seed=seed) for seed in range(100)
    ]
    for values, error in (
        ([f.value for f in found], error_of), ([f.infinity for f in found], infinity_error_of)
    ):  # fmt: skip
        ends = [error(f).interval(v, 0.95) for f, v in zip(found, values, strict=True)]
        held = np.mean([low <= np.mean(values) <= high for low, high in ends])
        assert 0.92 <= held <= 0.98


@pytest.mark.parametrize("d", [4, 60])
def test_error_is_that_of_leaving_out_a_subject(d):
    # Cohorts that differ much: pairs matter little, and all that a subject shows goes with it.
    rng = np.random.default_rng(1)
    subjects = Subjects(np.repeat(np.arange(30), 2), np.repeat(np.arange(20), 3))
    own = [rng.standard_normal((s, 1, d)) for s in (30, 20)]
    real, synthetic = (
        torch.from_numpy((base + 0.5 * rng.standard_normal((len(base), k, d))).reshape(-1, d))
        for base, k in zip(own, (2, 3), strict=True)
    )
    synthetic = 2 * synthetic + 3
    whole = frechet_distance(real, synthetic)

    def left(code, without):
        values = []
        for rows in members(code):
            kept = np.setdiff1d(np.arange(len(code)), rows)
            values.append(without(kept))
        return (len(values) - 1) / len(values) * np.square(np.array(values) - whole).sum()

    jackknife = left(subjects.real, lambda kept: frechet_distance(real[kept], synthetic))
    jackknife += left(subjects.synthetic, lambda kept: frechet_distance(real, synthetic[kept]))
    found = sampled(real, synthetic, subjects, divisions=6, seed=0)
    assert found.value == pytest.approx(whole)
    assert error_of(found).size == pytest.approx(jackknife**0.5, rel=0.15)


@pytest.mark.parametrize(
    ("n", "d", "difference"), [(60, 16, 0.0), (60, 16, 1.0), (16, 40, 0.0), (16, 40, 1.0)]
)
def test_errors_are_the_standard_deviations_over_cohorts(n, d, difference):
    rng = np.random.default_rng(2)
    found = [
        sampled(*cohorts(rng, n, d, difference), each_its_own(n, n), divisions=2, seed=seed)
        for seed in range(40)
    ]
    values, limits = ([f.value for f in found], [f.infinity for f in found])
    # 40 values give a standard deviation to 11 %.
    claimed = np.mean([error_of(f).size for f in found])
    assert claimed == pytest.approx(np.std(values, ddof=1), rel=0.34)
    claimed = np.mean([infinity_error_of(f).size for f in found])
    assert claimed == pytest.approx(np.std(limits, ddof=1), rel=0.34)


def test_error_of_the_units_is_a_part_of_it():
    # In standard deviations of the real cohort a distance varies with them, too.
    rng = np.random.default_rng(8)
    values, errors = [], []
    for seed in range(60):
        real, synthetic = cohorts(rng, 30, 3, 2.0)
        real, synthetic = real / real.std(dim=0), synthetic / real.std(dim=0)
        units = unit_influence(real, synthetic)
        pair = (real, synthetic, each_its_own(30, 30))
        found = [sampled(*pair, divisions=2, seed=seed, units=u) for u in (None, units)]
        values.append(found[0].value)
        errors.append([error_of(f).size for f in found])
    given, own = np.mean(errors, axis=0) / np.std(values, ddof=1)
    assert given < 0.8  # 60 values give a standard deviation to 9 %
    assert own == pytest.approx(1, abs=0.2)


def test_pairs_are_counted_once():
    # Two samples of one population, many rows: all is due to pairs, which the plain jackknife
    # counts twice, so that its error is 2^(1/2) times too large.
    rng = np.random.default_rng(3)
    found = [
        sampled(*cohorts(rng, 300, 12, 0.0), each_its_own(300, 300), divisions=2, seed=seed)
        for seed in range(12)
    ]
    plain = [np.sqrt(sum(np.square(share).sum() for share in f.shares)) for f in found]
    ratio = np.mean([error_of(f).size for f in found]) / np.mean(plain)
    assert ratio == pytest.approx(0.5**0.5, rel=0.12)


def test_mean_of_planes_honours_what_they_share():
    rng = np.random.default_rng(4)
    subjects = each_its_own(24, 24)

    def distance(pair):
        return sampled(*pair, subjects, divisions=3, seed=1)

    first, other = (distance(cohorts(rng, 24, 3, 1.0)) for _ in range(2))
    same = mean_of([first, first])
    assert same.value == first.value
    assert error_of(same).size == pytest.approx(error_of(first).size)
    assert infinity_error_of(same).size == pytest.approx(infinity_error_of(first).size)
    apart = mean_of([first, other])
    assert apart.value == pytest.approx((first.value + other.value) / 2)
    assert apart.infinity == pytest.approx((first.infinity + other.infinity) / 2)
    independent = np.hypot(error_of(first).size, error_of(other).size) / 2
    assert error_of(apart).size == pytest.approx(independent, rel=0.15)


def test_slices_of_a_volume_are_one_subject():
    rng = np.random.default_rng(5)
    real, synthetic = cohorts(rng, 20, 3, 1.0)
    once = sampled(real, synthetic, each_its_own(20, 20), divisions=3, seed=1)
    slices = (cohort[:, None].expand(-1, 8, -1) for cohort in (real, synthetic))
    pooled = sampled(*slices, each_its_own(20, 20), divisions=3, seed=1)
    # Covariances are divided by 8 n - 1 in place of 8 (n - 1).
    assert error_of(pooled).size == pytest.approx(error_of(once).size, rel=0.06)
    rows = [cohort.repeat_interleave(8, dim=0) for cohort in (real, synthetic)]
    codes = np.repeat(np.arange(20), 8)
    volumes = sampled(*rows, Subjects(codes, codes), divisions=3, seed=1)
    assert volumes.value == pytest.approx(pooled.value)
    assert error_of(volumes).size == pytest.approx(error_of(pooled).size)


def test_few_subjects_are_not_divided():
    rng = np.random.default_rng(6)
    found = sampled(*cohorts(rng, 7, 3, 1.0), each_its_own(7, 7), divisions=3, seed=1)
    assert found.halves.size == 0
    squares = sum(np.square(share).sum() * 7 / 6 for share in found.shares)
    assert error_of(found).size == pytest.approx(squares**0.5)


def test_intervals_of_slices_hold_the_truth_where_those_that_take_slices_for_subjects_do_not():
    # benchmarks/frechet_intervals.py tells the shares.
    rng = np.random.default_rng(7)
    subjects = each_its_own(30, 30)

    def volumes(shift):
        """Return six slices of two planes: alike within a volume and between planes."""
        own, rest = rng.standard_normal((30, 1, 5)), rng.standard_normal((2, 30, 6, 5))
        return torch.from_numpy(own + 0.5 * rest + shift)

    values, intervals, naive = [], [], []
    for seed in range(40):
        real, synthetic = volumes(0.0), volumes(0.5)
        planes = [
            sampled(*pair, subjects, divisions=2, seed=seed)
            for pair in zip(real, synthetic, strict=True)
        ]
        distance = mean_of(planes)
        values.append(distance.value)
        intervals.append(error_of(distance).interval(distance.value, 0.95))
        slices = [
            influence(x.flatten(0, 1), y.flatten(0, 1))
            for x, y in zip(real, synthetic, strict=True)
        ]
        squares = [float(v.square().sum()) / 180**2 for f in slices for v in (f.real, f.synthetic)]
        naive.append(1.96 * sum(squares) ** 0.5 / 2)
    truth = np.mean(values)
    held = [low <= truth <= high for low, high in intervals]
    assert np.mean(held) >= 0.875  # two standard errors below 95 %
    assert np.mean(np.abs(np.array(values) - truth) <= naive) <= 0.7
