from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.statistics.agreement.krippendorff import krippendorff_alphas
from evalsuite.statistics.resample import Draws
from tests.statistics.test_kappa import FOUR_OBSERVERS, NAN, ratings, simulated

SCALES = ("nominal", "ordinal", "interval")


def krippendorff_alpha(answers, scale="ordinal"):
    return float(krippendorff_alphas(answers, Draws.once(*answers.shape), scale)[0])


def coincidences(answers):
    """Return the values and their coincidence matrix, pair by pair (Krippendorff 2011, C)."""
    units = [row[~np.isnan(row)] for row in answers]
    units = [unit for unit in units if len(unit) > 1]
    values = np.unique(np.concatenate(units))
    o = np.zeros((len(values), len(values)))
    for unit in units:
        for a, b in permutations(np.searchsorted(values, unit), 2):
            o[a, b] += 1 / (len(unit) - 1)
    return values, o


def by_definition(answers, scale):
    """Return alpha from the coincidence matrix and Krippendorff's distances, term by term."""
    values, o = coincidences(answers)
    n = o.sum(axis=1)
    k = len(values)
    distance = np.zeros((k, k))
    for a in range(k):
        for b in range(k):
            low, high = min(a, b), max(a, b)
            distance[a, b] = {
                "nominal": a != b,
                "ordinal": (n[low : high + 1].sum() - (n[a] + n[b]) / 2) ** 2,
                "interval": (values[a] - values[b]) ** 2,
            }[scale]
    observed = (o * distance).sum() / n.sum()
    expected = (np.outer(n, n) * distance).sum() / (n.sum() * (n.sum() - 1))
    return 1 - observed / expected


@pytest.mark.parametrize(
    ("scale", "published"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)],
)
def test_published(scale, published):
    # Krippendorff (2011), sections C and D.
    assert krippendorff_alpha(FOUR_OBSERVERS, scale) == pytest.approx(published, abs=5e-4)


def test_published_coincidence_matrix():
    # Krippendorff (2011), section C: 40 pairable values, marginals 9, 13, 10, 5, 3.
    values, o = coincidences(FOUR_OBSERVERS)
    assert values.tolist() == [1, 2, 3, 4, 5]
    expected = [
        [7, 4 / 3, 1 / 3, 1 / 3, 0],
        [4 / 3, 10, 4 / 3, 1 / 3, 0],
        [1 / 3, 4 / 3, 8, 1 / 3, 0],
        [1 / 3, 1 / 3, 1 / 3, 4, 0],
        [0, 0, 0, 0, 3],
    ]
    assert o == pytest.approx(np.array(expected), rel=1e-12)
    assert o.sum(axis=1) == pytest.approx([9, 13, 10, 5, 3], rel=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_by_hand(scale):
    # Answers 1 1, 1 2: of 4 values 3 are 1. Observed: half of the pairs differ, by d; expected:
    # 2 * 3 * 1 of 4 * 3 ordered pairs differ, by d. Alpha = 1 - (1/2) / (1/2) = 0 on any scale.
    assert krippendorff_alpha(np.array([[1.0, 1], [1, 2]]), scale) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("scale", SCALES)
@given(ratings())
def test_closed_forms_agree_with_the_definition(scale, answers):
    paired = answers[(~np.isnan(answers)).sum(axis=1) > 1]
    alpha = krippendorff_alpha(answers, scale)
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        assert np.isnan(alpha)
        return
    assert alpha == pytest.approx(by_definition(answers, scale), abs=1e-10)
    assert alpha <= 1


@given(ratings(), st.floats(-50, 50), st.floats(0.1, 100))
def test_scales_forgive_what_they_should(answers, shift, factor):
    def unchanged(scale, changed):
        assert krippendorff_alpha(changed, scale) == pytest.approx(
            krippendorff_alpha(answers, scale), nan_ok=True, abs=1e-6
        )

    unchanged("interval", answers * factor + shift)
    unchanged("ordinal", answers**3)
    unchanged("nominal", (answers * 7) % 11)
    unchanged("ordinal", answers[::-1, ::-1])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "answers",
    [np.full((4, 3), 3.0), np.array([[1, NAN], [NAN, 2]]), np.full((2, 2), NAN), np.ones((3, 1))],
)
def test_nan_where_undefined(answers, scale):
    assert np.isnan(krippendorff_alpha(answers, scale))


@pytest.mark.parametrize("scale", SCALES)
def test_multiplicities_of_cases_are_repeated_cases(scale):
    answers = simulated(20, 4, 5, missing=0.2)
    counts = np.random.default_rng(0).integers(0, 4, size=(3, 20))
    alphas = krippendorff_alphas(answers, Draws(counts.astype(float), np.ones((1, 4))), scale)
    for alpha, count in zip(alphas, counts, strict=True):
        repeated = np.repeat(answers, count, axis=0)
        assert alpha == pytest.approx(krippendorff_alpha(repeated, scale), rel=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_a_reader_drawn_twice_does_not_agree_with_the_copy(scale):
    answers = np.random.default_rng(1).integers(1, 6, size=(20_000, 3)).astype(float)
    drawn = np.array([[2.0, 1, 0], [3, 3, 1], [3, 0, 0]])
    alphas = krippendorff_alphas(answers, Draws(np.ones((1, 20_000)), drawn), scale)
    assert alphas[:2] == pytest.approx(0, abs=0.02)
    assert np.isnan(alphas[2])


def test_interval_alpha_of_two_readers_without_gaps_is_nearly_an_icc():
    from evalsuite.statistics.agreement.icc import intraclass_correlations

    answers = simulated(400, 2, 7)
    one_way = intraclass_correlations(answers)[0, 0]
    assert krippendorff_alpha(answers, "interval") == pytest.approx(one_way, abs=0.005)
