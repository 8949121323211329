import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, mannwhitneyu

from evalsuite.study.blinding.separation import (
    _highest,
    auc_interval,
    features,
    out_of_fold,
    separations,
)


def separate(values, synthetic, **changes):
    options = {"seed": 0, "folds": 5, "repeats": 3, "permutations": 499, **changes}
    values = np.array(values, dtype=float)
    found = separations(values, values[:, :0], np.array(synthetic), **options)
    assert found.peak is None
    return found.single, found.classifier


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=4, max_size=30).filter(
        lambda cases: 0 < sum(flag for _, flag in cases) < len(cases)
    )
)
def test_the_auc_is_that_of_mann_and_whitney(cases):
    values, flags = np.array([v for v, _ in cases], float), np.array([f for _, f in cases])
    (found,), _ = separate(values[:, None], flags, permutations=19)
    m, n = flags.sum(), (~flags).sum()
    expected = mannwhitneyu(values[flags], values[~flags]).statistic / (m * n)
    assert found.auc == pytest.approx(expected)
    assert found.low <= found.auc <= found.high


@pytest.mark.parametrize(
    ("real", "synthetic", "auc", "low", "high"),
    [
        # The example of nonoverlap of all pairs in R's SingleCaseES, whose interval is method 5.
        (
            [20, 20, 26, 25, 22, 23],
            [28, 25, 24, 27, 30, 30, 29],
            0.9166666666666666,
            0.5973193600384168,
            0.9859976893703788,
        )
    ],
)
def test_the_interval_is_newcombes(real, synthetic, auc, low, high):
    values, flags = [*real, *synthetic], [False] * len(real) + [True] * len(synthetic)
    (found,), _ = separate(np.array(values)[:, None], flags)
    assert found.auc == pytest.approx(auc)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@given(st.floats(0, 1), st.integers(1, 80), st.integers(1, 80))
def test_the_interval_holds_the_estimate_lies_within_0_and_1_and_is_symmetric(auc, m, n):
    low, high = auc_interval(auc, m, n)
    assert 0 <= low <= auc <= high <= 1
    assert auc_interval(1 - auc, m, n) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_the_interval_of_a_perfect_separation_is_no_point():
    low, high = auc_interval(1.0, 20, 20)
    # (1 - t)^2 = 1.96^2 t (1 - t) (1 + 19 ((1 - t) / (2 - t) + t / (1 + t))) / 400 at t = low
    spread = 1 + 19 * ((1 - low) / (2 - low) + low / (1 + low))
    assert (1 - low) == pytest.approx(1.959964**2 * low * spread / 400, rel=1e-5)
    assert high == 1.0
    assert auc_interval(1.0, 200, 200)[0] > low > 0.5


def test_the_p_value_is_that_of_all_splits():
    """Of 4 against 4 all 70 splits are equally likely; cue and classifier have a say each."""
    values = np.array([1.0, 2, 3, 7, 4, 6, 8, 9])[:, None]
    flags = np.arange(8) >= 4
    (found,), together = separate(values, flags, permutations=9999, folds=8, repeats=1)
    splits = [np.isin(np.arange(8), chosen) for chosen in itertools.combinations(range(8), 4)]
    scores = out_of_fold(
        features(values),
        np.array(splits, dtype=float).T,
        folds=8,
        repeats=1,
        random=np.random.default_rng(0),
    )
    alone = np.array([abs(auc_of(values[:, 0], s) - 0.5) for s in splits])
    learned = np.array([auc_of(own.round(9), s) for own, s in zip(scores.T, splits, strict=True)])
    p_alone = np.array([(alone >= a - 1e-12).mean() for a in alone])
    p_learned = np.array([(learned >= a - 1e-12).mean() for a in learned])
    least = np.minimum(p_alone, p_learned)
    (own,) = [i for i, s in enumerate(splits) if (s == flags).all()]
    assert found.p == pytest.approx((least <= p_alone[own]).mean(), abs=0.015)
    assert together.p == pytest.approx((least <= p_learned[own]).mean(), abs=0.015)


def auc_of(values, flags):
    statistic = mannwhitneyu(values[flags], values[~flags]).statistic
    return statistic / (flags.sum() * (~flags).sum())


def test_the_scores_are_sums_of_what_correlates_in_the_other_cases():
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(23, 4)), (np.arange(23) % 2).astype(float)
    scores = out_of_fold(x, labels[:, None], folds=5, repeats=1, random=np.random.default_rng(1))
    for test in np.array_split(np.random.default_rng(1).permutation(23), 5):
        train = np.setdiff1d(np.arange(23), test)
        weights = np.array([np.corrcoef(column, labels[train])[0, 1] for column in x[train].T]) ** 3
        standard = (x[test] - x[train].mean(axis=0)) / x[train].std(axis=0)
        expected = standard @ weights / np.linalg.norm(weights)
        np.testing.assert_allclose(scores[test, 0], expected, atol=1e-5)


def test_what_a_case_is_called_has_no_say_in_its_own_score():
    x, labels = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2 == 0
    for case in range(30):
        other = labels.copy()
        other[case] = not other[case]
        deals = np.array([labels, other], dtype=float).T
        scores = out_of_fold(x, deals, folds=30, repeats=1, random=np.random.default_rng(0))
        assert scores[case, 0] == pytest.approx(scores[case, 1], abs=1e-6)


def test_the_order_of_cases_and_a_monotone_change_of_a_cue_do_not_count():
    random = np.random.default_rng(0)
    values, flags = random.normal(size=(40, 3)), np.arange(40) < 20
    first, _ = separate(values, flags)
    order = random.permutation(40)
    again, _ = separate(np.exp(values[order]), flags[order])
    for a, b in zip(first, again, strict=True):
        assert (a.auc, a.low, a.high) == pytest.approx((b.auc, b.low, b.high))


def test_turning_a_cue_round_mirrors_its_auc():
    random = np.random.default_rng(0)
    values, flags = random.normal(size=(40, 1)), np.arange(40) < 15
    ((one,), _), ((other,), _) = separate(values, flags), separate(-values, flags)
    assert one.auc == pytest.approx(1 - other.auc)
    assert (one.low, one.p) == pytest.approx((1 - other.high, other.p))


def test_a_group_in_the_middle_of_the_other_is_found_by_the_classifier():
    values = np.r_[np.linspace(-3, -1, 15), np.linspace(1, 3, 15), np.linspace(-0.9, 0.9, 30)]
    (alone,), together = separate(values[:, None], np.arange(60) >= 30)
    assert alone.auc == 0.5
    assert together.auc > 0.95
    assert together.p < 0.05 < alone.p


def test_without_any_cue_there_is_nothing_to_learn():
    singles, together = separate(np.zeros((10, 0)), np.arange(10) < 5)
    assert singles == []
    assert (together.auc, together.p) == (0.5, 1.0)
    assert together.low < 0.5 < together.high


def test_more_cues_ask_for_more_evidence():
    random = np.random.default_rng(4)
    flags = np.arange(24) < 12
    cue = random.normal(size=24) + 1.1 * flags
    noise = random.normal(size=(24, 60))
    (alone,), _ = separate(cue[:, None], flags, permutations=1999)
    crowd, _ = separate(np.c_[cue, noise], flags, permutations=1999)
    assert alone.p < 0.05 < crowd[0].p
    assert alone.auc == pytest.approx(crowd[0].auc)


def by_place(places, flags, **changes):
    options = {"seed": 0, "folds": 5, "repeats": 2, "permutations": 499, **changes}
    places = np.array(places, dtype=float)
    return separations(places[:, :0], places, np.array(flags), **options)


def test_a_place_among_many_is_found_in_few_cases_and_judged_by_cases_that_did_not_choose_it():
    """Ten cases of each have 184,756 deals: by rank one of 5,000 places would look as good."""
    places = np.random.default_rng(0).normal(size=(20, 5000)).clip(-10, 10)
    flags = np.arange(20) >= 10
    chance = by_place(places, flags).peak.separation
    assert chance.p > 0.05
    assert chance.low < 0.5 < chance.high
    places[flags, 1234] += 9
    found = by_place(places, flags).peak
    assert (found.index, found.separation.auc) == (1234, 1.0)
    assert found.separation.p < 0.01


def test_the_highest_correlation_is_that_of_numpy():
    random = np.random.default_rng(1)
    places, deals = random.normal(size=(12, 7)), random.random((12, 5)) < 0.5
    places[:, 3] = 2.0  # the same in all cases tells nothing
    every = np.delete(places, 3, axis=1)
    expected = [max(abs(np.corrcoef(x, deal)[0, 1]) for x in every.T) for deal in deals.T]
    np.testing.assert_allclose(_highest(places, deals.astype(float)), expected, atol=2e-5)


def test_one_place_in_a_population_alike_is_found_in_five_percent_of_splits():
    random = np.random.default_rng(2)
    found = 0
    for seed in range(200):
        places = random.standard_t(3, size=(16, 60)).clip(-10, 10)
        peak = by_place(places, random.permutation(16) < 7, seed=seed, permutations=99).peak
        found += peak.separation.p < 0.05
    assert found <= binom.isf(0.001, 200, 0.05)
