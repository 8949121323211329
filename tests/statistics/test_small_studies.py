"""Small studies and odd ones: no interval without width, no p-value below what the cases allow."""

from itertools import permutations
from math import comb, factorial, isfinite

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalsuite.statistics.agreement.icc import intraclass_correlations
from evalsuite.statistics.concordance.rank_correlation import independence
from evalsuite.statistics.ratings.averages import mean_rating
from evalsuite.statistics.ratings.comparison import DIFFERENCE, ODDS_RATIO, SUPERIORITY
from evalsuite.statistics.ratings.contrasts import mean_difference, odds_ratio, superiority
from evalsuite.statistics.ratings.crossed import least_p_of_order
from evalsuite.statistics.roc.analysis_of_variance import spread
from evalsuite.statistics.roc.choice import Choices, choice_merits
from evalsuite.statistics.roc.merits import Merits, auc_merits
from evalsuite.statistics.roc.readings import Readings, turing_readings
from tests.statistics.readings import long_table, simulated
from tests.statistics.tables import (
    agreement_between_readers,
    agreement_of_pairs,
    agreement_within_readers,
    averages,
    comparisons,
    concordance,
    course,
    distributions,
    equivalence,
    obuchowski_rockette,
    reader_aucs,
    reader_choices,
)
from tests.statistics.test_agreement import table as with_repeats
from tests.statistics.test_ratings import one

NAN = float("nan")
POINTS = {"appearance": 4, "quality": 4}
WHY = (
    "There is no interval|There is no odds ratio|cannot be|is undefined|no kappa|"
    "Agreement needs|A slope needs|There is no slope"
)


def coinciding(cases=15):
    """Return two readers with equal differences of means and answers that go against each other.

    The covariance that common cases bring is estimated as negative, so nothing was left of the
    variance.
    """
    rng = np.random.default_rng(0)
    while True:
        x, y = rng.integers(1, 5, (2, cases, 2)).astype(float)
        against = np.cov(x.T)[0, 1] + np.cov(y.T)[0, 1] < 0
        first, second = x.mean(axis=0) - y.mean(axis=0)
        if against and 0 < abs(first) < 0.2 and abs(first - second) < 1e-12:
            return x, y


@st.composite
def small_studies(draw):
    """Answers 1 to 4 of 1 to 4 readers to 3 to 20 cases of each cohort, many of them degenerate."""
    readers, m, n = draw(st.integers(1, 4)), draw(st.integers(3, 20)), draw(st.integers(3, 20))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shares = draw(st.sampled_from([(1, 1, 1, 1), (0, 0, 1, 19), (1, 0, 0, 1), (0, 0, 0, 1)]))
    other = draw(st.sampled_from([shares, shares[::-1]]))
    x, y = (
        rng.choice(4, (size, readers), p=np.array(p) / sum(p)) + 1.0
        for size, p in ((m, shares), (n, other))
    )
    how = draw(st.sampled_from(["free", "coinciding", "equal", "one constant", "opposite"]))
    for cohort in (x, y):
        if how == "coinciding":
            cohort[:] = np.stack([rng.permutation(cohort[:, 0]) for _ in range(readers)], axis=1)
        elif how == "equal":
            cohort[:] = cohort[:, :1]
        elif how == "one constant":
            cohort[:, 0] = 3
        elif how == "opposite":
            cohort[:, 1::2] = 5 - cohort[:, :1]
    return x, y


def assert_sound(rows, ends, least_p=0.0, name="value"):
    """Assert that intervals have a width, hold their estimate and end in the range; p has a floor."""
    for row in rows.to_dict("records"):
        told = {k: row[k] for k in (name, "low", "high", "warnings")}
        assert np.isnan(row["low"]) == np.isnan(row["high"]), told
        if isfinite(row[name]) and np.isnan(row["low"]):
            assert any(why in row["warnings"] for why in WHY.split("|")), told
        if not np.isnan(row["low"]):
            assert row["high"] - row["low"] > 1e-6, told
            assert row["low"] - 1e-9 <= row[name] <= row["high"] + 1e-9, told
            assert ends[0] <= row["low"], told
            assert row["high"] <= ends[1], told
        if "p" in row and not np.isnan(row["p"]):
            assert least_p - 1e-12 <= row["p"] <= 1, row


@settings(max_examples=15)
@given(small_studies())
def test_ratings_of_small_studies(study):
    x, y = study
    table = long_table({"real": x, "gan": y})
    least = 2 / comb(len(x) + len(y), len(x))
    found = averages(table, POINTS)
    assert_sound(found, (1, 4))
    assert_sound(distributions(table, POINTS), (0, 1))
    compared = comparisons(table, points=POINTS)
    for quantity, ends in ((DIFFERENCE, (-3, 3)), (SUPERIORITY, (0, 1)), (ODDS_RATIO, (0, np.inf))):
        assert_sound(compared[compared["quantity"] == quantity], ends, least)
    assert_sound(equivalence(table, {"appearance": 0.5}, points=POINTS), (-3, 3), least / 2)
    varying = len(np.unique(np.concatenate([x, y]))) > 1
    for rows in (found, compared):
        everyone = rows[rows["reader"] == "all"]
        if varying and rows is compared:
            assert not everyone["warnings"].str.contains("do not vary").any()
    moved = course(table, POINTS)
    assert_sound(moved[moved["quantity"] != "trend"], (-3, 3), 2 / factorial(40) ** 4)


@settings(max_examples=60)
@given(small_studies())
def test_readers_of_small_studies_are_no_surer_of_others_than_of_themselves(study):
    """The mean over readers is one number per case, whose t-test speaks of these readers alone."""
    x, y = study
    own = [cohort.mean(axis=1) for cohort in (x, y)]
    error = sum(cohort.var(ddof=1) / len(cohort) for cohort in own) ** 0.5
    found = mean_difference(x, y)
    if x.shape[1] == 1 or error < 1e-9:
        return
    df = len(x) + len(y) - 2
    statistic = abs(found.value) / error
    assert found.p_value() >= 2 * stats.t.sf(statistic, df) - 1e-12
    if least_p_of_order(len(x), len(y)) < 0.05:
        assert found.half_width(0.95) >= stats.t.ppf(0.975, df) * error - 1e-12


@settings(max_examples=25)
@given(small_studies())
def test_areas_of_small_studies(study):
    x, y = study
    table = long_table({"real": x, "gan": y}, kind="confidence")
    (readings,) = turing_readings(table, POINTS)
    least = 2 / comb(len(x) + len(y), len(x))
    assert_sound(reader_aucs(readings), (0, 1), least)
    assert_sound(obuchowski_rockette(auc_merits(readings)).treatments, (0, 1), least)


@settings(max_examples=25)
@given(small_studies(), st.booleans())
def test_differences_of_areas_in_small_studies(study, paired):
    x, y = study
    size = min(len(x), len(y)) // 2
    pairs = [np.stack([part[:size].T, part[-size:].T]) for part in (x, y)]
    positive, negative = pairs if paired else (np.stack([x.T, x.T]), pairs[1])
    names = ("a", "b"), tuple(map(str, range(x.shape[1])))
    merits = auc_merits(Readings("q", *names, positive, negative))
    rows = obuchowski_rockette(merits).differences
    rows = rows.assign(warnings=rows["warnings"].str.replace("standard error", "interval"))
    assert_sound(rows, (-1, 1), 2 * 0.5 ** merits.read.any(axis=1)[0].sum())


@settings(max_examples=40)
@given(small_studies())
def test_forced_choices_of_small_studies(study):
    x, _ = study
    pairs = np.arange(len(x))
    names = tuple(map(str, range(x.shape[1])))
    found = Choices("q", ("gan",), names, (x > 2).T[None].astype(float), pairs, pairs)
    least = 2.0 ** (1 - len(pairs))
    assert_sound(reader_choices(found), (0, 1), least)
    overall = obuchowski_rockette(choice_merits(found)).treatments
    assert_sound(overall, (0, 1), least)


@settings(max_examples=25)
@given(small_studies(), st.sampled_from(["likert", "analogue"]))
def test_agreement_in_small_studies(study, kind):
    x, y = study
    size = min(len(x), len(y))
    table = with_repeats(x[:size], y[:size], kind=kind)
    for rows in (
        agreement_between_readers(table, points=POINTS, replicates=40),
        agreement_of_pairs(table),
    ):
        assert_sound(rows, (-1, 1), name="value")
    within = agreement_within_readers(table, points=POINTS, replicates=40)
    repeatability = within["quantity"] == "repeatability coefficient"
    assert_sound(within[~repeatability], (-1, 1), name="value")
    assert_sound(within[repeatability], (0, 196), name="value")


def test_differences_that_coincide_are_no_certainty():
    x, y = coinciding()
    found = mean_difference(x, y)
    assert found.from_readers == 0
    low, high = found.interval(0.95)
    assert low < -0.3
    assert high > 0.3
    assert found.p_value() > 0.3
    table = long_table({"real": x, "gan": y})
    row = one(comparisons(table, points=POINTS), reader="all", quantity=DIFFERENCE)
    assert (row["low"], row["high"], row["p"]) == (low, high, found.p_value())
    assert "vary" not in row["warnings"]
    verdicts = equivalence(table, {"appearance": 0.25}, points=POINTS)
    assert (verdicts["p_holm"] >= 0.05).all()


@pytest.mark.parametrize("shift", [0, 0.1, 1e-7])
def test_rounding_is_no_spread(shift):
    """On a line answers have decimals, and sums of them rounding errors."""
    x, y = (cohort + shift for cohort in coinciding())
    assert mean_difference(x, y).from_readers == 0
    assert mean_difference(x, y).interval(0.95) == pytest.approx(
        mean_difference(*coinciding()).interval(0.95)
    )
    constant = np.full((7, 3), 0.1 + shift)
    assert not mean_rating(constant).varies


def test_areas_that_coincide_have_an_interval():
    x, y = coinciding()
    x[:, 1], y[:, 1] = np.roll(x[:, 0], 1), np.roll(y[:, 0], 1)
    (readings,) = turing_readings(long_table({"real": x, "gan": y}, kind="confidence"), POINTS)
    alone = reader_aucs(readings).iloc[0]
    row = obuchowski_rockette(auc_merits(readings)).treatments.iloc[0]
    assert row["high"] - row["low"] > 0.4 * (alone["high"] - alone["low"])


def test_ordinary_results_are_as_they_were():
    """Estimate, interval and p of 0.25, of the version before any floor."""
    study = simulated(5, 30, difference=0.4, seed=4)
    x, y = study["real"], study["gan"]
    for quantity, expected in {
        mean_rating(x): (2.7933333333333334, 2.2045600251620856, 3.3821066415045813, 2.1871e-4),
        mean_difference(x, y): (
            0.2266666666666668, -0.11161896058093296, 0.5649522939142666, 0.8783969870414943,
        ),
        odds_ratio(x, y): (
            0.5832796215568962, -0.29966614251993806, 1.4662253856337304, 0.40773081464329103,
        ),
    }.items():  # fmt: skip
        assert (quantity.value, *quantity.interval(0.95)) == pytest.approx(expected[:3], rel=1e-12)
        assert quantity.p_value(0.25) == pytest.approx(expected[3], rel=1e-4)
    (readings,) = turing_readings(long_table(study, kind="confidence"), POINTS)
    row = obuchowski_rockette(auc_merits(readings)).treatments.iloc[0]
    area = superiority(x, y)
    ends = area.probability_interval(0.95)
    assert (area.value, *ends, area.on_logit().p_value()) == pytest.approx(
        tuple(row[["value", "low", "high", "p"]])
    )


def test_area_and_superiority_are_one_number_with_one_interval():
    for seed, missing in ((0, 0.0), (1, 0.2), (2, 0.0)):
        study = simulated(3, 12, difference=0.8 if seed < 2 else 9, seed=seed)
        rng = np.random.default_rng(seed)
        for scores in study.values():
            scores[rng.random(scores.shape) < missing] = NAN
        table = long_table(study, kind="confidence")
        (readings,) = turing_readings(table, POINTS)
        rows = comparisons(table, points=POINTS)
        rows = rows[rows["quantity"] == SUPERIORITY].set_index("reader")
        together = obuchowski_rockette(auc_merits(readings)).treatments.iloc[0]
        columns = ["value", "low", "high", "p"]
        assert rows.loc["all", columns].tolist() == pytest.approx(together[columns].tolist())
        alone = reader_aucs(readings).set_index("reader")[columns]
        for reader in readings.readers:
            assert rows.loc[reader, columns].tolist() == pytest.approx(alone.loc[reader].tolist())
        assert rows[columns].notna().all(axis=None)


def test_all_readers_separate_the_cases():
    # Eight pairs without a common case; a reader with an area of 0.63 wins them all in 1 of 40.
    x, y = np.full((8, 3), 4.0), np.full((10, 3), 1.0)
    (readings,) = turing_readings(long_table({"real": x, "gan": y}, kind="confidence"), POINTS)
    row = obuchowski_rockette(auc_merits(readings)).treatments.iloc[0]
    assert row[["value", "low", "high", "p"]].tolist() == pytest.approx(
        [1, 0.025 ** (1 / 8), 1, 2 / 2**8]
    )
    assert "every reader's figure is 1" in row["warnings"]


def test_intervals_end_where_the_scale_does():
    x = np.array([[6.0, 1.0], [6.0, 2.0], [6.0, 1.0], [5.0, 1.0], [6.0, 1.0]])
    found = one(averages(long_table({"real": x}), {"appearance": 6}), reader="all", quantity="mean")
    free = mean_rating(x).interval(0.95)
    assert free[0] < 1
    assert free[1] > 6
    assert (found["low"], found["high"]) == (1, 6)
    line = one(
        averages(long_table({"real": x * 15}, kind="analogue")), reader="all", quantity="mean"
    )
    assert (line["low"], line["high"]) == (0, 100)
    inside = simulated(5, 30)["real"]
    row = one(averages(long_table({"real": inside}), POINTS), reader="all", quantity="mean")
    assert (row["low"], row["high"]) == mean_rating(inside).interval(0.95)


def test_medians_of_few_cases_may_be_answers_nobody_gave():
    rows = averages(long_table({"real": np.full((3, 2), 4.0)}), POINTS)
    row = one(rows, reader="all", quantity="median")
    assert (row["low"], row["high"]) == (1, 4)
    rows = averages(long_table({"real": np.full((9, 2), 4.0)}), POINTS)
    row = one(rows, reader="all", quantity="median")
    assert "at this level no other answer fits" in row["warnings"]


def test_averaged_iccs_are_turned_round_no_more():
    # Issue 11: ICC(1,k) of -2.79 from 4.48 to 0.55, ICC(2,k) of 67.
    rng = np.random.default_rng(0)
    for _ in range(500):
        answers = rng.integers(1, 5, (rng.integers(2, 9), rng.integers(2, 6))).astype(float)
        k = answers.shape[1]
        forms = intraclass_correlations(answers)
        for least, (value, low, high) in zip([-1 / (k - 1)] * 3 + [-1] * 3, forms, strict=True):
            assert not value < least - 1e-9
            assert not value > 1 + 1e-9
            if not np.isnan(low):
                assert least - 1e-9 <= low <= value + 1e-9
                assert value - 1e-9 <= high <= 1


def test_an_average_without_meaning_is_said():
    # Cases do not differ at all, and readers in a random way.
    answers = np.array([[1, 4, 2], [4, 2, 1], [2, 1, 4], [4, 1, 3.0]])
    found = agreement_between_readers(with_repeats(answers), points=POINTS, replicates=50)
    rows = found[found["quantity"] == "ICC(1,k)"]
    assert rows["value"].isna().all()
    assert rows["warnings"].str.contains("below -1, where it has no meaning").all()


def test_rank_correlation_of_few_cases_is_exact():
    # 5 cases in the readers' order: 2 of 120 orders are as far from 0.
    x, y = np.arange(5.0), np.arange(5.0)
    assert independence(x[None], y, 0)[0] == pytest.approx([2 / 120, 2 / 120])
    study = {"gan": np.array([[1.0, 1], [2, 2], [2, 3], [3, 3], [4, 4]])}
    table = long_table({**study, "real": study["gan"]})
    scores = [{"case": f"gan{i:02d}", "metric": "m", "value": float(i)} for i in range(5)]
    rows = concordance(table, pd.DataFrame(scores), replicates=20)
    assert rows["p"].dropna().tolist() == pytest.approx([2 / 120] * len(rows["p"].dropna()))


def test_rank_correlation_agrees_with_scipy():
    rng = np.random.default_rng(4)
    for n in (5, 6):
        x, y = rng.integers(0, 4, (2, n)).astype(float)
        for k, statistic in enumerate((stats.spearmanr, stats.kendalltau)):
            every = np.abs([statistic(x, list(order)).statistic for order in permutations(y)])
            share = (every >= every[0] - 1e-9).mean()
            assert independence(x[None], y, 0)[0, k] == pytest.approx(share)
    x, y = rng.normal(size=(2, 40))
    y += 0.3 * x
    expected = [stats.spearmanr(x, y).pvalue, stats.kendalltau(x, y).pvalue]
    assert independence(x[None], y, 0)[0] == pytest.approx(expected, abs=0.015)


# Franken et al., Investigative Radiology 27 (1992) 732-737, as shipped with MRMCaov: areas of four
# readers with two displays of 67 abnormal and 33 normal cases, jackknife covariances.
FRANKEN = np.array([[1887, 1912.5, 1895.5, 1802.5], [1878.5, 1865, 1857.5, 1800.5]]) / (67 * 33)
ERROR, COV1, COV2, COV3 = (
    0.0015257762493344645, 0.000791682146950473, 0.00048363767268117035, 0.0005125091474260398,
)  # fmt: skip


def franken():
    kinds = np.array([[COV3, COV2], [COV1, ERROR]])
    covariance = kinds[np.eye(4, dtype=int)[:, None, :], np.eye(2, dtype=int)[:, None, :, None]]
    names = ("1", "2"), tuple("abcd")
    read = np.ones((2, 4, 100), bool)
    return Merits("", "AUC", *names, FRANKEN, covariance, read, "jackknife", "")


def test_fixed_readers_with_negative_covariances_agree_with_mrmcaov():
    # summary.mrmc_frrc: sqrt(2 / r * (var - cov1 + (r - 1) * (cov2 - cov3))), which is the
    # jackknife of the contrast itself, from the 800 ratings.
    of_these = spread(NAN, 3, ERROR - COV1, COV2 - COV3, 4, random=False)
    assert (2 / 4 * of_these.value) ** 0.5 == pytest.approx(0.01799277185635086)


def test_random_readers_are_those_of_mrmcaov_and_the_doubt_is_told():
    (row,) = obuchowski_rockette(franken()).differences.to_dict("records")
    # summary.mrmc_rrrc: cov2 - cov3 counts as 0, df2 = 3, F is the square of t.
    assert (row["statistic"] ** 2, row["df"], row["p"]) == pytest.approx(
        (4.694058, 3, 0.118838), rel=1e-5
    )
    told = "for these readers alone the 95% interval is the difference give or take"
    assert told in row["warnings"]


def test_cases_that_change_places_bound_the_p_of_a_difference():
    # Four cases under both treatments: 2 of 16 ways to change places are as far apart.
    positive = np.array([[[5.0, 4.9], [5.1, 5.2]], [[1.0, 4.8], [1.1, 1.2]]])
    negative = np.array([[[1.0, 1.2], [1.1, 1.0]], [[5.0, 1.2], [1.3, 5.2]]])
    merits = auc_merits(Readings("q", ("a", "b"), ("r", "s"), positive, negative))
    found = obuchowski_rockette(merits)
    assert found.differences["p"].item() >= 2 / 2**4


def test_readers_who_repeat_every_answer_have_an_exact_interval():
    answers = simulated(3, 8)["real"]
    rows = agreement_within_readers(with_repeats(answers, answers), points=POINTS, replicates=20)
    row = one(rows[rows["quantity"] == "exact agreement"], reader="all")
    assert row[["value", "low", "high"]].tolist() == pytest.approx([1, 0.025 ** (1 / 8), 1])
    assert "for these readers alone" in row["warnings"]
