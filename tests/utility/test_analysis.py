"""Means, intervals and comparisons against closed forms and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalsuite.utility import analysis
from evalsuite.utility.analysis import CASE_COLUMNS, MEAN
from tests.statistics.tables import table_of

compare, summarise = table_of(analysis.compare), table_of(analysis.summarise)
SCRATCH, SYNTHETIC, REAL = "scratch", "synthetic-pretraining", "real-pretraining"


def table(scores, *, share=10.0, structures=("1",), metric="dice"):
    """Return rows of cases; scores[arm] has one row per subject, one column per repeat."""
    rows = [
        {
            "arm": arm,
            "share": 0.0 if arm == "synthetic-only" else share,
            "repeat": repeat + 1,
            "case": f"v{case}",
            "subject": f"s{case}",
            "structure": structure,
            "dice": value,
            "hd95": 1.0 + value,
            metric: value,
        }
        for structure in structures
        for arm, values in scores.items()
        for case, own in enumerate(values)
        for repeat, value in enumerate(own)
    ]
    return pd.DataFrame(rows)[CASE_COLUMNS]


def noisy(seed, *, subjects=12, repeats=3, mean=0.8):
    rng = np.random.default_rng(seed)
    parts = rng.normal(0, 0.05, (subjects, 1)), rng.normal(0, 0.02, (1, repeats))
    return mean + sum(parts) + rng.normal(0, 0.01, (subjects, repeats))


def one(found, **where):
    for column, value in where.items():
        found = found[found[column] == value]
    (row,) = found.to_dict("records")
    return row


def test_one_repeat_is_the_paired_t_test():
    scores = {SCRATCH: noisy(1, repeats=1), SYNTHETIC: noisy(2, repeats=1, mean=0.83)}
    row = one(compare(table(scores)), quantity="dice")
    expected = stats.ttest_rel(scores[SYNTHETIC][:, 0], scores[SCRATCH][:, 0])
    low, high = expected.confidence_interval(0.95)
    assert (row["value"], row["low"], row["high"]) == pytest.approx(
        ((scores[SYNTHETIC] - scores[SCRATCH]).mean(), low, high)
    )
    assert row["p"] == pytest.approx(expected.pvalue)
    assert row["warnings"] == (
        "Of one training each: the interval tells of other subjects, not of other trainings."
    )


def test_the_interval_over_repeats_and_subjects_is_that_of_the_two_way_anova():
    scores = noisy(3)
    row = one(summarise(table({SCRATCH: scores})), quantity="dice")
    n, r = scores.shape
    of_subjects = r * scores.mean(1).var(ddof=1)
    of_repeats = n * scores.mean(0).var(ddof=1)
    rest = scores - scores.mean(1, keepdims=True) - scores.mean(0) + scores.mean()
    residual = (rest**2).sum() / ((n - 1) * (r - 1))
    # Mean of n r scores: (MS_repeat + MS_subject - MS_rest) / (n r); its parts have r - 1 and
    # n - 1 degrees of freedom, and t is the mean of both quantiles by their weight.
    first, second = of_repeats / (n * r), (of_subjects - residual) / (n * r)
    t = (first * stats.t.ppf(0.975, r - 1) + second * stats.t.ppf(0.975, n - 1)) / (first + second)
    half = t * (first + second) ** 0.5
    assert row["value"] == pytest.approx(scores.mean())
    assert (row["low"], row["high"]) == pytest.approx((row["value"] - half, row["value"] + half))
    assert (row["n_repeats"], row["n_subjects"], row["n_undefined"]) == (r, n, 0)


def test_arms_are_compared_case_by_case():
    # Subjects differ by far more than arms: unpaired, nothing would be seen.
    scratch = noisy(4)
    rng = np.random.default_rng(5)
    better = scratch + 0.02 + rng.normal(0, 0.001, scratch.shape)
    found = compare(table({SCRATCH: scratch, SYNTHETIC: better, REAL: scratch - 0.01}))
    gain = one(found, first=SYNTHETIC, second=SCRATCH, quantity="dice")
    assert gain["low"] < 0.02 < gain["high"]
    assert gain["p"] < 1e-3
    among = one(found, first=SYNTHETIC, second=REAL, quantity="dice")
    assert among["value"] == pytest.approx((better - scratch + 0.01).mean())
    constant = one(found, first=REAL, second=SCRATCH, quantity="dice")
    assert constant["value"] == pytest.approx(-0.01)


def test_holm_corrects_the_mean_of_structures_apart_from_the_single_ones():
    scores = {arm: noisy(i) for i, arm in enumerate((SCRATCH, SYNTHETIC, REAL))}
    cases = pd.concat([table(scores, share=share, structures=("1", "2")) for share in (10.0, 50.0)])
    cases["dice"] += np.random.default_rng(0).normal(0, 0.01, len(cases))
    found = compare(cases)
    for metric in ("dice", "hd95"):
        for mean in (True, False):
            family = found[(found["quantity"] == metric) & ((found["structure"] == MEAN) == mean)]
            p = family["p"].to_numpy()
            assert len(p) == (6 if mean else 12)
            order = np.argsort(p)
            adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
            assert family["p_holm"].to_numpy()[order] == pytest.approx(adjusted)


def test_undefined_distances_are_counted_and_leave_both_arms():
    scores = {SCRATCH: noisy(6), SYNTHETIC: noisy(7)}
    cases = table(scores)
    gone = (cases["arm"] == SYNTHETIC) & (cases["case"] == "v0") & (cases["repeat"] == 1)
    cases.loc[gone, "hd95"] = np.nan
    row = one(summarise(cases), arm=SYNTHETIC, quantity="hd95")
    assert row["n_undefined"] == 1
    assert row["warnings"] == "1 of 36 scores are undefined and left out."
    difference = scores[SYNTHETIC] - scores[SCRATCH]
    difference[0, 0] = np.nan
    found = one(compare(cases), quantity="hd95")
    assert found["value"] == pytest.approx(np.nanmean(difference, axis=0).mean())
    assert found["n_undefined"] == 1


def test_nothing_defined_is_nan_with_a_warning():
    row = one(summarise(table({SCRATCH: np.full((3, 2), np.nan)})), quantity="dice")
    assert np.isnan([row["value"], row["low"], row["high"]]).all()
    assert row["warnings"] == (
        "6 of 6 scores are undefined and left out. There is no interval: it needs 2 subjects."
    )


def test_a_subject_with_several_volumes_counts_once():
    cases = table({SCRATCH: np.array([[0.5], [0.7], [0.9]])})
    cases.loc[cases["case"] == "v1", "subject"] = "s0"
    row = one(summarise(cases), quantity="dice")
    assert row["value"] == pytest.approx((0.6 + 0.9) / 2)
    assert row["n_subjects"] == 2


def test_an_arm_without_real_volumes_stands_beside_every_share():
    scratch = pd.concat([table({SCRATCH: noisy(8)}, share=share) for share in (10.0, 50.0)])
    cases = pd.concat([scratch, table({"synthetic-only": noisy(9)})])
    found = compare(cases)
    assert set(found["share"]) == {10.0, 50.0}
    first, second = found[found["quantity"] == "dice"]["value"]
    assert first == pytest.approx(second)
    assert set(summarise(cases)["share"]) == {0.0, 10.0, 50.0}


def test_intervals_end_where_the_score_does():
    row = one(summarise(table({SCRATCH: np.array([[0.99, 0.9], [1.0, 0.8]])})), quantity="dice")
    assert row["high"] == 1


def test_intervals_of_differences_end_where_they_must():
    scores = {SCRATCH: np.array([[0.1, 0.9], [0.2, 0.8]]), SYNTHETIC: np.full((2, 2), 0.5)}
    found = compare(table(scores))
    row = one(found, quantity="dice")
    assert (row["low"], row["high"]) == (-1, 1)
    # With one degree of freedom, t is 12.7; a distance has no largest value.
    distance = one(found, quantity="hd95")
    assert distance["low"] < -1
    assert distance["high"] > 1
