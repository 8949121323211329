import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit
from scipy.stats import t
from sklearn.metrics import auc as trapezoid
from sklearn.metrics import roc_auc_score, roc_curve
from statsmodels.stats.proportion import proportion_confint

from evalsuite.statistics.rated import rated_by_question
from evalsuite.statistics.roc.auc import auc_covariance, placements, t_interval
from evalsuite.statistics.roc.curves import roc_curves, roc_points
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.readings import Readings, turing_readings
from tests.caveats import sentences
from tests.kinds import scales
from tests.statistics.tables import reader_aucs, reader_rates

NAN = np.nan


def ratings(points=5):
    """Two matrices of ratings with the same number of rows and at least 2 cases each."""
    scale = st.integers(1, points).map(float)

    def both(k):
        sides = [
            st.integers(2, 7).flatmap(lambda c: arrays(float, (k, c), elements=scale))
            for _ in range(2)
        ]
        return st.tuples(*sides)

    return st.integers(1, 3).flatmap(both)


def simulated(seed, *, readers=3, m=12, n=15, points=5, missing=0.0):
    """Correlated ratings; the positive cases are higher."""
    rng = np.random.default_rng(seed)
    sides = []
    for count, shift in ((m, 0.8), (n, 0.0)):
        scores = shift + rng.normal(size=(1, count)) + rng.normal(size=(readers, count))
        cut = np.digitize(scores, np.linspace(-1, 2, points - 1)) + 1.0
        sides.append(np.where(rng.random(cut.shape) < missing, NAN, cut))
    return sides


def single(positive, negative, **options):
    """Readings of one reader."""
    positive, negative = (np.array(c, float).reshape(1, 1, -1) for c in (positive, negative))
    return Readings("", ("",), ("ann",), positive, negative, **options)


def wins(positive, negative):
    """1, 1/2 or 0 for every pair, nan where it was not read."""
    difference = positive[:, None] - negative
    return np.where(np.isnan(difference), NAN, (np.sign(difference) + 1) / 2)


def test_by_hand():
    # Positive 2 3 3, negative 1 2. Wins, one row per positive case: 1 1/2 | 1 1 | 1 1.
    # AUC = 5.5 / 6. Placements of positive cases: 3/4 1 1, of negative ones: 1 5/6.
    # Their variances: S10 = ((1/6)^2 + 2 (1/12)^2) / 2 = 1/48, S01 = 2 (1/12)^2 = 1/72.
    # DeLong: a third of S10 and half of S01, 1/144 each, make 1/72.
    value, covariance = auc_covariance(np.array([[2.0, 3, 3]]), np.array([[1.0, 2]]))
    assert value == pytest.approx([11 / 12])
    assert covariance == pytest.approx(np.array([[1 / 72]]))


def test_covariance_by_hand():
    # Both readers: AUC 3/4. Wins of ann: 1 1 | 1 0; of bob: 1 0 | 1 1.
    # Placements of positive cases: 1 1/2 and 1/2 1: S10 = -1/8; of negative ones: 1 1/2 and
    # 1 1/2: S01 = 1/8. DeLong: -1/16 + 1/16 = 0. Variances: 1/16 + 1/16.
    ann, bob = ([5.0, 3], [2.0, 4]), ([3.0, 5], [2.0, 4])
    positive, negative = np.array([ann[0], bob[0]]), np.array([ann[1], bob[1]])
    _, delong = auc_covariance(positive, negative)
    assert delong == pytest.approx(np.array([[1 / 8, 0], [0, 1 / 8]]))


@given(ratings())
def test_agrees_with_scikit_learn(sides):
    positive, negative = sides
    value, _ = auc_covariance(positive, negative)
    truth = np.repeat([1, 0], [positive.shape[1], negative.shape[1]])
    for row, (of_positive, of_negative) in enumerate(zip(positive, negative, strict=True)):
        scores = np.concatenate([of_positive, of_negative])
        assert value[row] == pytest.approx(roc_auc_score(truth, scores))
        thresholds, across, up = roc_points(of_positive, of_negative)
        theirs = roc_curve(truth, scores, drop_intermediate=False)
        for mine, other in zip((across, up, thresholds), theirs, strict=True):
            assert mine == pytest.approx(other)


@given(ratings())
def test_symmetries(sides):
    positive, negative = sides
    value, covariance = auc_covariance(positive, negative)
    flipped, same = auc_covariance(negative, positive)
    assert flipped == pytest.approx(1 - value)
    assert same == pytest.approx(covariance, abs=1e-12)
    increasing, again = auc_covariance(positive**3 - 7, negative**3 - 7)
    assert increasing == pytest.approx(value)
    assert again == pytest.approx(covariance, abs=1e-12)
    shuffled, still = auc_covariance(positive[:, ::-1], negative[:, ::-1])
    assert shuffled == pytest.approx(value)
    assert still == pytest.approx(covariance, abs=1e-12)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_delong_agrees_with_its_formula(missing):
    positive, negative = simulated(1, missing=missing)
    _, covariance = auc_covariance(positive, negative)
    won = [wins(p, n) for p, n in zip(positive, negative, strict=True)]
    for a in range(3):
        for b in range(3):
            expected = 0.0
            for axis in (1, 0):
                first, second = (np.nanmean(won[i], axis=axis) for i in (a, b))
                na, nb = (np.isfinite(v).sum() for v in (first, second))
                product = (first - np.nanmean(won[a])) * (second - np.nanmean(won[b]))
                expected += np.nansum(product) / np.sqrt(na * (na - 1) * nb * (nb - 1))
            assert covariance[a, b] == pytest.approx(expected)


def test_readers_without_common_cases_are_independent():
    positive, negative = simulated(5, readers=2, m=20, n=20)
    for cases in (positive, negative):
        cases[0, :10] = NAN
        cases[1, 10:] = NAN
    _, covariance = auc_covariance(positive, negative)
    alone = [auc_covariance(positive[[r]], negative[[r]])[1] for r in range(2)]
    assert covariance[0, 1] == pytest.approx(0, abs=1e-12)
    assert np.diag(covariance) == pytest.approx(np.ravel(alone))


def test_undefined_where_cases_lack():
    positive = np.array([[1.0, 2], [NAN, 2], [NAN, NAN]])
    negative = np.array([[1.0, 2], [1, 2], [1, 2]])
    value, covariance = auc_covariance(positive, negative)
    assert np.isfinite(value).tolist() == [True, True, False]
    assert np.isfinite(np.diag(covariance)).tolist() == [True, False, False]
    assert np.isnan(auc_covariance(np.empty((2, 0)), np.empty((2, 0)))[0]).all()


def test_intervals():
    assert t_interval(0.9, 0.04, 0.95) == pytest.approx((0.821601, 0.978399), abs=1e-6)
    # Student's 97.5 % quantile with 4 degrees of freedom is 2.776445.
    assert t_interval(0.6, 0.1, 0.95, df=4) == pytest.approx((0.322355, 0.877645), abs=1e-6)


def test_mean_curve_keeps_the_area():
    positive, negative = simulated(7, readers=4, points=9)
    table = roc_curves(Readings("q", ("t",), tuple("abcd"), positive[None], negative[None]))
    areas = {
        reader: trapezoid(curve["false_positive_rate"], curve["sensitivity"])
        for reader, curve in table.groupby("reader")
    }
    expected = auc_covariance(positive, negative)[0]
    assert [areas[reader] for reader in "abcd"] == pytest.approx(expected)
    assert areas["all"] == pytest.approx(expected.mean())
    ends = table.groupby("reader")[["false_positive_rate", "sensitivity"]]
    assert (ends.first() == 0).all(axis=None)
    assert np.allclose(ends.last(), 1)


def test_no_curve_without_cases():
    table = roc_curves(single([1, 2], []))
    assert table.empty
    assert "sensitivity" in table.columns


def test_reader_aucs():
    (row,) = reader_aucs(single([2, 3, 3], [1, 2])).to_dict("records")
    assert row["value"] == pytest.approx(11 / 12)
    assert row["standard_error"] == pytest.approx((1 / 72) ** 0.5)
    assert (row["n_positive"], row["n_negative"]) == (3, 2)
    # Of the ten ways to choose two of five cases none is rarer than 1 in 10 on either side.
    assert row["p"] >= 0.2
    assert row["warnings"].startswith("There is no interval of 95%: 3 and 2 cases are too few")


def test_reader_aucs_have_students_interval_of_log_odds():
    positive, negative = [5, 4, 2, 6, 3, 3, 5], [1, 4, 2, 3, 1, 2]
    (row,) = reader_aucs(single(positive, negative)).to_dict("records")
    value, covariance = auc_covariance(np.array([positive], float), np.array([negative], float))
    assert row["value"] == value[0]
    assert row["standard_error"] == pytest.approx(covariance[0, 0] ** 0.5)
    # Satterthwaite's degrees of freedom of the variances of both kinds of placement.
    placed = placements(np.array([positive], float), np.array([negative], float))
    parts = [part[0].var(ddof=1) / part.shape[1] for part in placed]
    df = sum(parts) ** 2 / (parts[0] ** 2 / 6 + parts[1] ** 2 / 5)
    # Student's t of log odds, whose error is that of the area over its derivative.
    odds, error = logit(value[0]), row["standard_error"] / (value[0] * (1 - value[0]))
    assert row["p"] == pytest.approx(2 * t.sf(abs(odds) / error, df))
    ends = expit(t.interval(0.95, df, odds, error))
    assert (row["low"], row["high"]) == pytest.approx(tuple(ends))


def test_perfect_separation_has_an_exact_interval():
    # Three pairs without a common case, all right: the lower end is 0.025^(1/3), p = 2 / 2^3.
    (row,) = reader_aucs(single([4, 5, 5, 6], [1, 2, 3])).to_dict("records")
    assert (row["value"], row["high"]) == (1, 1)
    assert row["low"] == pytest.approx(0.025 ** (1 / 3))
    assert row["p"] == pytest.approx(0.25)
    assert "without error" in row["warnings"]
    (row,) = reader_aucs(single([1, 2, 3], [4, 5, 5, 6])).to_dict("records")
    assert (row["value"], row["low"]) == (0, 0)
    assert row["high"] == pytest.approx(1 - 0.025 ** (1 / 3))


@pytest.mark.parametrize(
    ("positive", "negative", "value", "warning"),
    [
        ([], [1, 2], NAN, "The AUC is undefined: no real case was read."),
        ([1, 2], [], NAN, "The AUC is undefined: no synthetic case was read."),
        ([2], [1, 3], 0.5, "There is no interval: it needs at least 2 cases of either truth, but only 1 real case was read."),
        ([2, 2], [2, 2], 0.5, "There is no interval: the ratings do not vary."),
    ],
)  # fmt: skip
def test_undefined_is_said(positive, negative, value, warning):
    table = reader_aucs(single(positive, negative, truths=("real", "synthetic")))
    (row,) = table.to_dict("records")
    assert row["value"] == pytest.approx(value, nan_ok=True)
    assert np.isnan([row["low"], row["high"], row["p"], row["standard_error"]]).all()
    assert row["warnings"] == warning


def test_reader_rates():
    # Of the positive cases 2 of 3 are above 3, of the negative ones 3 of 4 below; one each at 3.
    found = reader_rates(single([5, 4, 1, 3], [1, 2, 2, 5, 3], midpoint=3.0))
    assert found["quantity"].tolist() == ["sensitivity", "specificity", "accuracy"]
    assert found["value"].tolist() == pytest.approx([2 / 3, 3 / 4, 5 / 7])
    ends = [proportion_confint(k, n, method="beta") for k, n in ((2, 3), (3, 4), (5, 7))]
    assert found[["low", "high"]].to_numpy() == pytest.approx(np.array(ends))
    assert found["p"].isna().all()
    told = "Left out, as they are in the middle of the scale: 2 of 9 ratings."
    assert (found["warnings"] == told).all()
    assert (found["n_positive"] == 3).all()


def test_accuracy_against_chance_needs_as_many_of_both():
    # 7 of 8 right: p = 2 (8 + 1) / 2^8.
    found = reader_rates(single([4, 4, 4, 1], [1, 1, 1, 1], midpoint=2.5)).set_index("quantity")
    assert found.loc["accuracy", "p"] == pytest.approx(18 / 256)
    assert np.isnan(found.loc["sensitivity", "p"])


def test_rates_of_no_case_are_undefined():
    found = reader_rates(single([], [1, 2], midpoint=1.5)).set_index("quantity")
    assert np.isnan(found.loc["sensitivity", "value"])
    assert (
        found.loc["sensitivity", "warnings"] == "The sensitivity is undefined: no case was decided."
    )
    assert found.loc["accuracy", "value"] == 0.5


def study(truth=True):
    """Two readers, a real and two synthetic cohorts of two cases; training and a repeat."""
    cohorts = {"r": ("Rome", "real"), "x": ("gan", "synthetic"), "y": ("ldm", "synthetic")}
    rows = []
    for reader in ("ann", "bob"):
        showings = [("r0", "training", "")]
        showings += [(f"{c}{i}", "reading", "") for c in "rxy" for i in range(2)]
        showings += [("x0", "reading", 4)]
        for position, (case, phase, repeat_of) in enumerate(showings, 1):
            answer = {"r": 5, "x": 2, "y": 4}[case[0]] + (reader == "bob")
            cohort, role = cohorts[case[0]]
            rows.append({
                "study": "s", "reader": reader, "position": position, "phase": phase,
                "presentation": f"{reader}{position}", "case": case, "repeat_of": repeat_of,
                "question": "origin", **scales("confidence"), "answer": answer, "revision": 1,
                "cohort": cohort, "role": role,
            })  # fmt: skip
    table = pd.DataFrame(rows)
    return table if truth else table.drop(columns=["cohort", "role"])


def test_turing_readings():
    (found,) = turing_readings(study(), {"origin": 6})
    assert (found.treatments, found.readers, found.midpoint) == (
        ("gan", "ldm"),
        ("ann", "bob"),
        3.5,
    )
    assert found.positive.tolist() == [[[5, 5], [6, 6]]] * 2
    expected = [[[2, 2, NAN, NAN], [3, 3, NAN, NAN]], [[NAN, NAN, 4, 4], [NAN, NAN, 5, 5]]]
    np.testing.assert_array_equal(found.negative, expected)
    assert sentences(found) == ()
    # Real cases are rated higher: real against synthetic is positive against negative.
    assert (reader_aucs(found)["value"] == 1).all()
    rates = reader_rates(found).set_index(["treatment", "reader", "quantity"])["value"]
    assert rates["gan", "ann", "specificity"] == 1
    assert rates["ldm", "ann", "specificity"] == 0


def test_turing_without_truth():
    (found,) = turing_readings(study(truth=False), {"origin": 6})
    table = reader_aucs(found)
    assert table["value"].isna().all()
    assert table["warnings"].str.startswith("The table does not say which cases are real").all()


def test_turing_without_synthetic_cases():
    table = study()
    (found,) = turing_readings(table[table["role"] == "real"], {"origin": 6})
    assert found.treatments == ("",)
    assert (
        reader_aucs(found)["warnings"].iloc[0]
        == "The AUC is undefined: no synthetic case was read."
    )


def test_copies_of_a_case_in_one_subject_are_one_case():
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(1, 1, (3, 14)), rng.normal(0, 1, (3, 17))
    expected = auc_covariance(positive, negative)
    twice = [np.repeat(side, 2, axis=1) for side in (positive, negative)]
    subjects = np.repeat(np.arange(14), 2), np.repeat(np.arange(100, 117), 2)
    value, covariance = auc_covariance(*twice, subjects)
    assert value == pytest.approx(expected[0])
    assert covariance == pytest.approx(expected[1])
    # Taken as independent they would halve the variance.
    assert np.diag(auc_covariance(*twice)[1]) == pytest.approx(np.diag(covariance) / 2, rel=0.1)
    alone = np.arange(14), np.arange(14, 31)
    assert auc_covariance(positive, negative, alone)[1] == pytest.approx(expected[1])


def test_a_subject_of_both_truths_varies_together():
    # Each subject has a real and a synthetic case that are rated up or down together.
    rng = np.random.default_rng(1)
    values, variances, apart = [], [], []
    for _ in range(400):
        whom = rng.normal(0, 1, 25)
        positive, negative = (whom + rng.normal(s, 0.5, (1, 25)) for s in (0.5, 0.0))
        value, covariance = auc_covariance(positive, negative, (np.arange(25), np.arange(25)))
        values.append(value[0])
        variances.append(covariance[0, 0])
        apart.append(auc_covariance(positive, negative)[1][0, 0])
    assert np.mean(variances) == pytest.approx(np.var(values), rel=0.25)
    assert np.mean(apart) > 2 * np.var(values)


def test_subjects_of_a_study_reach_the_analysis():
    table = study().assign(subject=lambda t: t["case"])
    alone = auc_merits(turing_readings(table, {"origin": 6})[0])
    assert "as one" not in alone.method
    table["subject"] = table["case"].str[:-1] + "0"
    (readings,) = turing_readings(table, {"origin": 6})
    merits = auc_merits(readings)
    assert "cases of a subject as one" in merits.method
    assert merits.trials.disjoint.max() < alone.trials.disjoint.max()
    (other,) = rated_by_question(table, {"origin": 6})
    assert any("subjects only" in str(caveat) for caveat in other.warnings)
