import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from evalsuite.statistics.agreement.kappa import (
    column_kappas,
    fleiss_kappas,
    gwet_acs,
    kappa_errors,
    mean_quadratic_kappas,
    quadratic_weights,
)
from evalsuite.statistics.resample import Draws

NAN = float("nan")
SCALE = np.arange(1.0, 6)

# Fleiss (1971), table 1: the diagnoses, one of 5 categories, of 30 subjects by 6 raters each.
DIAGNOSES = np.array(
    [
        [float(category) for category in subject]
        for subject in re.findall(
            r"\d+",
            "444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 "
            "144444 124444 222333 144444 224445 333335 111455 111112 224444 133555 "
            "555555 244444 224555 114444 144445 222224 111155 224444 133333 555555",
        )
    ]
)

# Krippendorff (2011), also cac.raw4raters of R's irrCAC: 12 units, 4 observers, some missing.
FOUR_OBSERVERS = np.array(
    [
        [1, 1, NAN, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
        [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [NAN, 5, 5, 5], [NAN, NAN, 1, 1],
        [NAN, 3, NAN, NAN],
    ]
)  # fmt: skip


def quadratic_kappa(first, second):
    return float(column_kappas(first[:, None], second[:, None], np.ones((1, len(first))))[0, 0])


def fleiss_kappa(answers, weights=None):
    categories = np.unique(answers[~np.isnan(answers)])
    return float(fleiss_kappas(answers, Draws.once(*answers.shape), categories, weights)[0])


def gwet_ac(answers, categories, weights=None):
    scores = np.array(categories, float)
    return float(gwet_acs(answers, Draws.once(*answers.shape), scores, weights)[0])


def simulated(cases, readers, seed, *, missing=0.0):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(cases, 1)) + rng.normal(0, 0.8, size=(cases, readers))
    ratings = np.digitize(latent, [-1.5, -0.5, 0.5, 1.5]) + 1.0
    ratings[rng.random(ratings.shape) < missing] = NAN
    return ratings


def ratings(*, readers=(2, 5), missing=True):
    entries = st.sampled_from([1.0, 2, 3, 4, 5, *([NAN] if missing else [])])
    return st.integers(*readers).flatmap(
        lambda r: st.integers(1, 12).flatmap(lambda c: arrays(float, (c, r), elements=entries))
    )


def test_quadratic_kappa_by_hand():
    # Answers 1 2 3 3 and 1 3 3 2. Mean squared difference (0 + 1 + 0 + 1) / 4 = 1/2. Of answers
    # paired at random: mean squares 23/4 each less twice (9/4) (9/4): 46/4 - 162/16 = 11/8.
    # 1 - (1/2) / (11/8) = 7/11.
    assert quadratic_kappa(np.array([1.0, 2, 3, 3]), np.array([1.0, 3, 3, 2])) == pytest.approx(
        7 / 11, rel=1e-14
    )


@pytest.mark.parametrize("seed", range(5))
def test_quadratic_kappa_agrees_with_scikit_learn_and_statsmodels(seed):
    first, second = simulated(40, 2, seed).T
    table = np.array([[np.sum((first == a) & (second == b)) for b in SCALE] for a in SCALE])
    theirs = cohens_kappa(table, wt="quadratic")
    ours = quadratic_kappa(first, second)
    assert ours == pytest.approx(
        cohen_kappa_score(first, second, weights="quadratic", labels=SCALE), rel=1e-12
    )
    assert ours == pytest.approx(theirs.kappa, rel=1e-12)
    # Theirs divides by n, ours by n - 1.
    errors = kappa_errors(first[:, None], second[:, None])
    assert errors[0] == pytest.approx(theirs.std_kappa * np.sqrt(40 / 39), rel=1e-10)


def test_error_of_kappa_leaves_missing_answers_out():
    first, second = simulated(40, 2, 3).T
    holes = first.copy()
    holes[::4] = NAN
    kept = ~np.isnan(holes)
    assert kappa_errors(holes[:, None], second[:, None]) == pytest.approx(
        kappa_errors(first[kept, None], second[kept, None]), rel=1e-12
    )


def test_on_two_categories_it_is_the_unweighted_kappa():
    first, second = (simulated(60, 2, 1) > 3).astype(float).T
    assert quadratic_kappa(first, second) == pytest.approx(
        cohen_kappa_score(first, second), rel=1e-12
    )


@given(ratings(readers=(2, 2)), st.floats(-100, 100), st.floats(0.1, 10))
def test_quadratic_kappa_keeps_its_laws(pair, shift, scale):
    first, second = pair.T
    kappa = quadratic_kappa(first, second)
    assert quadratic_kappa(second, first) == pytest.approx(kappa, nan_ok=True)
    if np.isnan(kappa):
        both = ~np.isnan(first) & ~np.isnan(second)
        assert len(set(first[both]) | set(second[both])) <= 1
        return
    assert -1 - 1e-12 <= kappa <= 1
    assert quadratic_kappa(scale * first + shift, scale * second + shift) == pytest.approx(
        kappa, abs=1e-6
    )


def test_a_constant_difference_lowers_kappa():
    first = simulated(50, 1, 0)[:, 0]
    assert quadratic_kappa(first, first) == 1
    assert 0 < quadratic_kappa(first, first + 1) < 1


@pytest.mark.parametrize(
    ("first", "second"),
    [([3, 3, 3], [3, 3, 3]), ([1, NAN, 2], [NAN, 4, NAN]), ([55.3] * 3, [55.3] * 3)],
)
def test_quadratic_kappa_is_nan_where_undefined(first, second):
    assert np.isnan(quadratic_kappa(np.array(first, float), np.array(second, float)))


def test_pairs_and_their_mean():
    answers = simulated(30, 4, 2, missing=0.2)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    kappas = [quadratic_kappa(answers[:, i], answers[:, j]) for i, j in pairs]
    mean = mean_quadratic_kappas(answers, Draws.once(30, 4))
    assert mean == pytest.approx([np.mean(kappas)], rel=1e-12)


def test_mean_leaves_out_undefined_pairs():
    answers = np.array([[1, 1, NAN], [2, 2, NAN], [3, 2, NAN], [NAN, NAN, 4]])
    assert mean_quadratic_kappas(answers, Draws.once(4, 3)) == pytest.approx(
        [quadratic_kappa(answers[:, 0], answers[:, 1])]
    )


def test_fleiss_published():
    # Fleiss (1971): mean agreement .555, chance .220, kappa .430.
    assert fleiss_kappa(DIAGNOSES) == pytest.approx(0.430, abs=5e-4)


def test_gwet_and_weighted_fleiss_published():
    # irrCAC (Gwet): AC1 0.77544 (pa 0.81818, pe 0.19032), Fleiss 0.76117; with quadratic weights
    # AC2 0.914 (pa 0.975, pe 0.714); with linear weights AC2 0.859.
    assert gwet_ac(FOUR_OBSERVERS, SCALE) == pytest.approx(0.77544, abs=5e-6)
    assert fleiss_kappa(FOUR_OBSERVERS) == pytest.approx(0.76117, abs=5e-6)
    quadratic = quadratic_weights(SCALE)
    assert gwet_ac(FOUR_OBSERVERS, SCALE, weights=quadratic) == pytest.approx(0.91400, abs=5e-6)
    assert fleiss_kappa(FOUR_OBSERVERS, weights=quadratic) == pytest.approx(0.86494, abs=6e-6)
    linear = 1 - np.abs(SCALE[:, None] - SCALE) / 4
    assert gwet_ac(FOUR_OBSERVERS, SCALE, weights=linear) == pytest.approx(0.859, abs=5e-4)


def test_gwet_by_hand():
    # Two readers, four cases, categories 1 to 3: answers 11, 12, 33, 33. Observed 3/4; shares 3/8,
    # 1/8, 4/8; chance (15/64 + 7/64 + 16/64) / 2 = 19/64; AC1 = (48 - 19) / (64 - 19) = 29/45.
    answers = np.array([[1.0, 1], [1, 2], [3, 3], [3, 3]])
    assert gwet_ac(answers, [1, 2, 3]) == pytest.approx(29 / 45, rel=1e-14)
    # Quadratic weights 1, 3/4, 0: observed (3 + 3/4) / 4 = 15/16; the weights sum to 3 + 4 (3/4)
    # = 6, chance 6/6 times 38/64 = 19/32; AC2 = (30 - 19) / (32 - 19) = 11/13.
    weighted = gwet_ac(answers, [1, 2, 3], weights=quadratic_weights([1, 2, 3]))
    assert weighted == pytest.approx(11 / 13, rel=1e-14)


def test_gwet_does_not_collapse_where_one_category_prevails():
    answers = np.ones((50, 2))
    answers[0, 0] = answers[1, 1] = 2
    assert fleiss_kappa(answers) < 0
    assert gwet_ac(answers, [1, 2]) > 0.9


def test_gwet_depends_on_the_categories_offered():
    answers = np.array([[1.0, 1], [2, 2], [1, 2]])
    assert gwet_ac(answers, [1, 2, 3]) > gwet_ac(answers, [1, 2])


def test_undefined_coefficients_are_nan():
    equal = np.full((4, 3), 2.0)
    alone = np.array([[1, NAN], [NAN, 2]])
    assert np.isnan(fleiss_kappa(equal))
    assert np.isnan(fleiss_kappa(alone))
    assert np.isnan(gwet_ac(alone, [1, 2]))
    assert np.isnan(gwet_ac(equal, [2]))
    assert gwet_ac(equal, [1, 2]) == 1


def test_an_answer_that_was_not_offered_is_refused():
    with pytest.raises(ValueError, match="The answer 6 is none of the categories 1, 2, 3, 4, 5."):
        gwet_ac(np.array([[1.0, 6]]), SCALE)


@given(ratings(), st.randoms(use_true_random=False))
def test_order_of_readers_and_cases_does_not_matter(answers, random):
    c, r = answers.shape
    mixed = answers[random.sample(range(c), c)][:, random.sample(range(r), r)]
    for coefficient in (fleiss_kappa, lambda x: gwet_ac(x, SCALE)):
        assert coefficient(mixed) == pytest.approx(coefficient(answers), nan_ok=True, abs=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_multiplicities_of_cases_are_repeated_cases(missing):
    answers = simulated(20, 4, 5, missing=missing)
    counts = np.random.default_rng(0).integers(0, 4, size=(3, 20))
    draws = Draws(counts.astype(float), np.ones((1, 4)))
    weights = quadratic_weights(SCALE)
    ours = np.column_stack(
        [
            mean_quadratic_kappas(answers, draws),
            fleiss_kappas(answers, draws, SCALE),
            gwet_acs(answers, draws, SCALE, weights),
        ]
    )
    for row, count in zip(ours, counts, strict=True):
        repeated = np.repeat(answers, count, axis=0)
        once = Draws.once(*repeated.shape)
        assert row == pytest.approx(
            [
                mean_quadratic_kappas(repeated, once)[0],
                fleiss_kappa(repeated),
                gwet_ac(repeated, SCALE, weights=weights),
            ],
            rel=1e-9,
        )


def test_a_reader_drawn_twice_does_not_agree_with_the_copy():
    # Readers who answer at random agree by chance only, whoever is drawn how often.
    rng = np.random.default_rng(1)
    answers = rng.integers(1, 6, size=(20_000, 3)).astype(float)
    draws = Draws(np.ones((1, 20_000)), np.array([[2.0, 1, 0], [3, 3, 1]]))
    for values in (
        mean_quadratic_kappas(answers, draws),
        fleiss_kappas(answers, draws, SCALE),
        gwet_acs(answers, draws, SCALE),
    ):
        assert values == pytest.approx(0, abs=0.02)
    # Nobody is left to compare with.
    alone = Draws(np.ones((1, 20_000)), np.array([[3.0, 0, 0]]))
    assert np.isnan(mean_quadratic_kappas(answers, alone)).all()
    assert np.isnan(fleiss_kappas(answers, alone, SCALE)).all()


def test_observed_agreement_counts_pairs_of_different_readers():
    # Readers drawn 2, 1 and 1 times answer 1, 1, 2: ordered pairs of different readers 4 * 4 - 6
    # = 10, agreeing 2 * (2 * 1) = 4; shares 3/4 and 1/4, chance 10/16.
    value = fleiss_kappas(
        np.array([[1.0, 1, 2]]), Draws(np.ones((1, 1)), np.array([[2.0, 1, 1]])), np.array([1.0, 2])
    )
    assert value == pytest.approx([(4 / 10 - 10 / 16) / (1 - 10 / 16)], rel=1e-12)
