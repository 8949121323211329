"""Cohorts of pairs compared on the same subjects: against other implementations, by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalsuite.statistics.differences import differences, mean_difference
from evalsuite.statistics.multiplicity import holm_adjusted


def rows(name, values, *, direction="lower is better", extractor="", where="", subjects=None):
    """Return rows of the table of scores, `values` by cohort, one a pair in the same order."""
    return [
        {
            "cohort": cohort,
            "extractor": extractor,
            "name": name,
            "where": where,
            "value": value,
            "direction": direction,
            "pair": f"p{i}",
            "subject": subjects[i] if subjects else "",
        }
        for cohort, own in values.items()
        for i, value in enumerate(own)
    ]


def compared(*tables):
    return differences(pd.DataFrame([row for table in tables for row in table]), lambda _: "voxels")


def codes(difference):
    return {caveat.code for caveat in difference.warnings}


def drawn(seed, n=12, shift=0.0):
    random = np.random.default_rng(seed)
    return {"a": random.normal(0, 1, n), "b": random.normal(shift, 1, n)}


@pytest.mark.parametrize("n", [6, 9])
def test_interval_and_test_are_those_of_other_implementations(n):
    values = np.random.default_rng(n).normal(0.4, 1, n)
    found = mean_difference(values)
    t = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((t.low, t.high))

    def signed_ranks(x, axis=-1):
        return (np.sign(x) * stats.rankdata(np.abs(x), axis=axis)).sum(axis=axis)

    exact = stats.permutation_test(
        (values,), signed_ranks, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert found.p == pytest.approx(exact.pvalue)
    assert found.ranks == pytest.approx(exact.statistic)


def test_p_values_of_one_family_are_corrected_together_after_holm():
    made = [
        *rows("mae", drawn(1)),
        *rows("mae", drawn(2), where="region=foreground"),
        *rows("psnr", drawn(3, shift=3), direction="higher is better"),
    ]
    others = rows("distance", drawn(4), extractor="radiomics")
    found = compared(made, others)
    family, alone = found[:3], found[3]
    p = np.sort([one.p for one in family])
    stepped = [3 * p[0], max(3 * p[0], 2 * p[1]), max(3 * p[0], 2 * p[1], p[2])]
    assert sorted(one.p_holm for one in family) == pytest.approx(np.minimum(stepped, 1))
    assert alone.p_holm == alone.p
    assert alone.extractor == "radiomics"
    assert family[1].where == (("region", "foreground"),)


def test_who_is_better_follows_the_direction_and_the_corrected_p():
    low = drawn(0, shift=3)
    (mae,) = compared(rows("mae", low))
    assert (mae.first, mae.second, mae.better) == ("a", "b", "a")
    assert mae.value == pytest.approx(low["a"].mean() - low["b"].mean())
    (psnr,) = compared(rows("psnr", low, direction="higher is better"))
    assert psnr.better == "b"
    (none,) = compared(rows("mae", drawn(0)))
    assert none.p_holm > 0.05
    assert none.better == ""
    assert compared(rows("bias", low, direction="nearer the reference is better")) == []


def test_the_subject_is_the_unit():
    """Ten volumes of each of six subjects count as six, samples of one volume as one."""
    six = drawn(5, n=6)
    many = {name: np.repeat(own, 10) for name, own in six.items()}
    told = compared(rows("mae", many, subjects=np.repeat(list("uvwxyz"), 10).tolist()))
    twice = rows("mae", {n: own + 0.5 for n, own in six.items()})
    twice += rows("mae", {n: own - 0.5 for n, own in six.items()})
    (expected,) = compared(rows("mae", six))
    for (one,) in (told, compared(twice)):
        assert one.subjects == 6
        assert (one.value, one.p) == pytest.approx((expected.value, expected.p))
        assert one.interval.high == pytest.approx(expected.interval.high)


def test_who_lacks_the_number_in_one_cohort_is_left_out_of_both_and_told():
    values = drawn(6) | {"c": drawn(7)["a"]}
    values["b"][:3] = np.nan
    found = {(one.first, one.second): one for one in compared(rows("hd95", values))}
    ab, ac = found["a", "b"], found["a", "c"]
    assert (ab.subjects, ac.subjects) == (9, 12)
    assert ab.value == pytest.approx((values["a"] - values["b"])[3:].mean())
    assert "3 of 12 subjects lack the number" in str(ab.warnings[0])
    assert not ac.warnings


def test_few_subjects_or_no_variance_make_no_certainty():
    (alike,) = compared(rows("mae", {"a": np.ones(12), "b": np.ones(12)}))
    assert (alike.value, alike.p, alike.interval) == (0, 1, None)
    (moved,) = compared(rows("mae", {"a": np.ones(12), "b": np.full(12, 1.2)}))
    assert moved.interval is None
    assert "unvarying-difference" in codes(moved)
    (few,) = compared(rows("mae", {"a": np.arange(4.0), "b": np.arange(4.0) ** 2 + 9}))
    assert few.p == 0.125
    assert "of 4 subjects the smallest p-value is 0.12" in str(few.warnings[-1])
    (one,) = compared(rows("mae", {"a": [1.0], "b": [2.0]}))
    assert one.value == -1
    assert np.isnan(one.p)
    assert one.interval is None


def test_a_mean_that_one_subject_rules_names_no_winner():
    """19 subjects favour a by little, one favours b by so much that the mean does, too."""
    apart = np.append(-np.arange(1.0, 20), 1e4)
    (found,) = compared(rows("mae", {"a": apart, "b": np.zeros(20)}))
    assert found.value > 0
    assert found.p_holm < 0.05
    assert "mean-against-ranks" in codes(found)
    assert found.better == ""


def test_generators_that_are_alike_are_told_apart_at_the_nominal_rate():
    """Of 1,000 studies of three equal generators at most 5 % see any difference."""
    random = np.random.default_rng(0)
    values = random.normal(0, 1, (1000, 3, 15)) + random.normal(0, 2, (1000, 1, 15))
    apart = np.stack([values[:, i] - values[:, j] for i, j in ((0, 1), (0, 2), (1, 2))], axis=1)
    p = np.array([[mean_difference(one).p for one in study] for study in apart])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.01)
    corrected = np.array([holm_adjusted(study).min() for study in p])
    assert 0.02 < (corrected < 0.05).mean() < 0.06
