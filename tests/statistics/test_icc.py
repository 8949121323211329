import numpy as np
import pytest
from hypothesis import given
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from evalsuite.statistics.agreement.icc import (
    FORMS,
    icc_replicates,
    intraclass_correlations,
    mean_squares,
)
from evalsuite.statistics.resample import Draws
from tests.statistics.test_kappa import NAN, ratings, simulated

# Shrout and Fleiss (1979), table 2: 6 targets, 4 judges.
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def test_published():
    # Shrout and Fleiss (1979), tables 3 and 4.
    squares = mean_squares(JUDGES)
    assert [squares.cases, squares.within, squares.readers, squares.residual] == pytest.approx(
        [11.24, 6.26, 32.49, 1.02], abs=5e-3
    )
    values = intraclass_correlations(JUDGES)[:, 0]
    assert len(values) == len(FORMS)
    assert values == pytest.approx([0.17, 0.29, 0.71, 0.44, 0.62, 0.91], abs=5e-3)


def test_intervals_agree_with_other_software():
    # pingouin 0.6.1 prints these ends for the data of Shrout and Fleiss.
    assert intraclass_correlations(JUDGES)[:, 1:] == pytest.approx(
        np.array(
            [
                [-0.133, 0.723], [0.019, 0.761], [0.342, 0.946],
                [-0.884, 0.912], [0.071, 0.927], [0.676, 0.986],
            ]
        ),
        abs=6e-4,
    )  # fmt: skip


def test_mean_squares_agree_with_statsmodels():
    import pandas as pd

    answers = simulated(15, 4, 0)
    n, k = answers.shape
    long = pd.DataFrame(
        {
            "rating": answers.ravel(),
            "case": np.repeat(np.arange(n), k),
            "reader": np.tile(np.arange(k), n),
        }
    )
    theirs = anova_lm(ols("rating ~ C(case) + C(reader)", long).fit())["mean_sq"]
    ours = mean_squares(answers)
    assert [ours.cases, ours.readers, ours.residual] == pytest.approx(list(theirs), rel=1e-10)


@given(ratings(missing=False))
def test_pairwise_form_agrees_with_the_mean_squares(answers):
    n, k = answers.shape
    if n < 2:
        return
    s = mean_squares(answers)
    single = [
        (s.cases - s.within, s.cases + (k - 1) * s.within),
        (s.cases - s.residual, s.cases + (k - 1) * s.residual + k * (s.readers - s.residual) / n),
        (s.cases - s.residual, s.cases + (k - 1) * s.residual),
    ]
    mean = [
        (s.cases - s.within, s.cases),
        (s.cases - s.residual, s.cases + (s.readers - s.residual) / n),
        (s.cases - s.residual, s.cases),
    ]
    values = icc_replicates(answers, Draws.once(n, k))[0]
    for value, (numerator, denominator) in zip(values, single + mean, strict=True):
        if denominator > 1e-6:
            assert value == pytest.approx(numerator / denominator, abs=1e-7)


def test_forms_differ_as_they_should():
    # Consistency forgives constant differences of readers, agreement does not.
    cases = np.arange(10.0)[:, None]
    answers = np.hstack([cases, cases + 3, cases + 6])
    one, two, three, *_ = intraclass_correlations(answers)[:, 0]
    assert three == pytest.approx(1, rel=1e-12)
    assert one < two < 1


def test_perfect_agreement_has_no_interval():
    found = intraclass_correlations(np.repeat(np.arange(5.0)[:, None], 3, axis=1))
    assert found[:, 0] == pytest.approx([1] * 6)
    assert np.isnan(found[:, 1:]).all()


@pytest.mark.parametrize("constant", [3.0, 55.3])
def test_equal_ratings_are_undefined(constant):
    assert np.isnan(intraclass_correlations(np.full((4, 3), constant))).all()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (np.ones((1, 3)), "but got 1 cases and 3 readers with 0 answers missing"),
        (np.ones((3, 1)), "but got 3 cases and 1 readers with 0 answers missing"),
        (np.array([[1, NAN], [2, 3]]), "but got 2 cases and 2 readers with 1 answers missing"),
    ],
)
def test_too_little_is_refused(answers, message):
    with pytest.raises(ValueError, match=message):
        intraclass_correlations(answers)


def test_multiplicities_of_cases_are_repeated_cases():
    answers = simulated(20, 4, 5)
    counts = np.random.default_rng(0).integers(0, 4, size=(3, 20))
    values = icc_replicates(answers, Draws(counts.astype(float), np.ones((1, 4))))
    for row, count in zip(values, counts, strict=True):
        repeated = np.repeat(answers, count, axis=0)
        assert row == pytest.approx(
            icc_replicates(repeated, Draws.once(*repeated.shape))[0], rel=1e-9
        )


def test_a_reader_drawn_twice_does_not_agree_with_the_copy():
    answers = np.random.default_rng(1).integers(1, 6, size=(20_000, 3)).astype(float)
    drawn = np.array([[2.0, 1, 0], [3, 3, 1], [3, 0, 0]])
    values = icc_replicates(answers, Draws(np.ones((1, 20_000)), drawn))
    assert values[:2, :3] == pytest.approx(np.zeros((2, 3)), abs=0.02)
    assert np.isnan(values[2]).all()
