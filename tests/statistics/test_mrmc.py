import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, ttest_rel
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from evalsuite.statistics.roc import mrmc
from evalsuite.statistics.roc.analysis_of_variance import mean_covariances, mean_squares, spread
from evalsuite.statistics.roc.auc import auc_covariance
from evalsuite.statistics.roc.merits import Merits, auc_merits
from evalsuite.statistics.roc.one_shot import area_sums, one_shot
from evalsuite.statistics.roc.readings import Readings, turing_readings
from tests.statistics.tables import obuchowski_rockette, reader_aucs
from tests.statistics.test_roc import study

VAN_DYKE = Path(__file__).parents[3] / "shared/reference/vandyke.csv"
NAN = np.nan

# What MRMCaov 0.3.0 prints for DeLong's covariances (shared/reference/vandyke_mrmcaov.txt).
COMPONENTS = {
    "reader": 0.0015364253792, "treatment:reader": 0.0002045840042, "Error": 0.0007921324531,
    "Cov1": 0.0003420089577, "Cov2": 0.0003395265310, "Cov3": 0.0002358496532,
}  # fmt: skip
CORRELATIONS = {"Cov1": 0.4317572856, "Cov2": 0.4286234324, "Cov3": 0.2977401725}
SQUARES = (0.004796170532, 0.0005510306217)  # of treatments, of treatments and readers
DIFFERENCE = {
    "value": -0.04380032206, "standard_error": 0.02068250479, "df": 15.06610794,
    "low": -0.0878671960201, "high": 0.0002665518977, "statistic": -2.117747464,
    "p": 0.05123303082,
}  # fmt: skip
# Each treatment from its own readings; the error of the mean is on the scale of the area.
TREATMENTS = {
    "value": (0.8970370370, 0.9408373591), "ms_reader": (0.003082628662, 0.001304601948),
    "cov2": (0.0004775238683, 0.0002015291937), "standard_error": (0.03307642062, 0.02150464097),
}  # fmt: skip


@pytest.fixture(scope="module")
def van_dyke():
    if not VAN_DYKE.is_file():
        pytest.skip(f"the reference data are not at {VAN_DYKE}")
    table = pd.read_csv(VAN_DYKE)
    names = [tuple(map(str, sorted(set(table[column])))) for column in ("treatment", "reader")]
    table = table.pivot_table("rating", ["treatment", "reader"], ["truth", "case"])
    sides = (table[truth].to_numpy().reshape(2, 5, -1) for truth in (1, 0))
    return Readings("", *names, *sides)


def test_van_dyke(van_dyke):
    def agree(numbers, published):
        for name, value in published.items():
            assert numbers[name] == pytest.approx(value, rel=1e-8, abs=6e-14), name

    merits = auc_merits(van_dyke)
    found = obuchowski_rockette(merits)
    components = found.components.set_index("quantity")
    agree(components["value"], COMPONENTS)
    agree(components["correlation"], CORRELATIONS)
    assert components["correlation"].isna().sum() == 3
    squares = mean_squares(merits.value)
    assert (squares.treatment, squares.treatment_reader) == pytest.approx(SQUARES, rel=1e-8)
    agree(found.differences.iloc[0], DIFFERENCE)
    assert found.differences.loc[0, ["first", "second"]].tolist() == ["1", "2"]
    agree({name: found.treatments[name].tolist() for name in TREATMENTS}, TREATMENTS)
    assert found.differences[["n_readers", "n_cases"]].iloc[0].tolist() == [5, 114]


def test_one_shot_is_the_unbiased_analysis(van_dyke):
    # Standard errors of both treatments and of their difference, MRMCaov 0.3.0.
    rows = (van_dyke.positive.reshape(10, -1), van_dyke.negative.reshape(10, -1))
    found = one_shot(*area_sums(*rows), 2)
    errors = [found.contrast(weights, 112).variance ** 0.5 for weights in ((1, 0), (0, 1), (1, -1))]
    assert errors == pytest.approx([0.03307120333, 0.0214911980, 0.02067153881], rel=1e-9)


def test_van_dyke_readers(van_dyke):
    expected = [0.91965, 0.85878, 0.90386, 0.97311, 0.82979]
    expected += [0.94783, 0.90531, 0.92174, 0.99936, 0.92995]
    assert reader_aucs(van_dyke)["value"].tolist() == pytest.approx(expected, abs=5e-6)


def merits(value, covariance=None):
    """Figures of readers with the given covariance, or independent cases."""
    value = np.array(value, float)
    t, r = value.shape
    if covariance is None:
        covariance = 0.01 * np.eye(t * r).reshape(t, r, t, r)
    names = tuple(map(str, range(t))), tuple(map(str, range(r)))
    return Merits("q", "AUC", *names, value, covariance, np.ones((t, r, 9), bool), "m", "r")


def compound(t, r, error, cov1, cov2, cov3):
    """The covariance that the model assumes."""
    kinds = np.array([[cov3, cov2], [cov1, error]])
    return kinds[np.eye(r, dtype=int)[:, None, :], np.eye(t, dtype=int)[:, None, :, None]]


def simulated(seed, *, t=2, r=5, m=30, n=30, shifts=(1.0, 1.0), points=6, spread=0.3):
    """Ratings with effects of reader, of case and of both together (Roe and Metz 1997)."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(0, spread, (1, r, 1)) + rng.normal(0, spread / 3, (t, r, 1))
    sides = []
    for count, up in ((m, 1), (n, 0)):
        case = rng.normal(0, 0.3**0.5, (1, 1, count)) + rng.normal(0, 0.1**0.5, (t, 1, count))
        own = rng.normal(0, 0.2**0.5, (1, r, count)) + rng.normal(0, 0.4**0.5, (t, r, count))
        scores = case + own + up * (np.array(shifts[:t])[:, None, None] + skill)
        sides.append(np.digitize(scores, np.linspace(-1, 2.2, points - 1)) + 1.0)
    names = tuple("ABCDE"[:t]), tuple(f"r{i:02d}" for i in range(r))
    return Readings("q", *names, *sides)


def test_sums_agree_with_other_software():
    value = np.random.default_rng(0).normal(size=(3, 4))
    table = pd.DataFrame(
        [(t, r, value[t, r]) for t in range(3) for r in range(4)], columns=["t", "r", "y"]
    )
    expected = anova_lm(ols("y ~ C(t) + C(r)", table).fit())["mean_sq"]
    assert list(mean_squares(value)) == pytest.approx(expected.tolist())


def test_mean_covariances():
    assert list(mean_covariances(compound(3, 4, 9, 5, 4, 2))) == [9, 5, 4, 2]
    found = mean_covariances(compound(1, 3, 9, 5, 4, 2))
    assert np.array(found) == pytest.approx(np.array([9, NAN, 4, NAN]), nan_ok=True)


def test_without_common_cases_it_is_students_test():
    # Cov2 = Cov3 = 0: figures of different readers are independent, and t tests hold.
    value = [[0.61, 0.72, 0.58, 0.80], [0.55, 0.70, 0.61, 0.66]]
    expected = ttest_rel(*value)
    row = obuchowski_rockette(merits(value)).differences.iloc[0]
    assert (row["statistic"], row["p"], row["df"]) == pytest.approx((*expected, 3))


def test_denominator_by_hand():
    # MS(R) = 0.01 over two readers 0.6 and 0.8 is 0.02; Cov2 = 0.003; spread 0.02 + 2 * 0.003 =
    # 0.026, SE = sqrt(0.013), df = (0.026 / 0.02)^2 = 1.69. Variance of readers:
    # 0.02 - 0.005 + 0.003.
    found = obuchowski_rockette(merits([[0.6, 0.8]], compound(1, 2, 0.005, 0, 0.003, 0)))
    row = found.treatments.iloc[0]
    assert (row["value"], row["standard_error"]) == pytest.approx((0.7, 0.013**0.5))
    by_hand = spread(0.02, 1, 0.005, 0.003, 2, random=True)
    assert (by_hand.value, by_hand.df) == pytest.approx((0.026, 1.69))
    components = found.components.set_index("quantity")["value"].to_dict()
    assert components == pytest.approx({"reader": 0.018, "Error": 0.005, "Cov2": 0.003})
    assert found.differences.empty


def test_negative_covariances_count_as_none():
    negative = obuchowski_rockette(merits([[0.6, 0.8]], compound(1, 2, 0.005, 0, -0.003, 0)))
    none = obuchowski_rockette(merits([[0.6, 0.8]], compound(1, 2, 0.005, 0, 0, 0)))
    same = ["value", "standard_error", "low", "high", "p"]
    pd.testing.assert_frame_equal(negative.treatments[same], none.treatments[same])


def test_differences_of_readers_who_coincide_are_of_these_readers():
    # Both differ by 0.1, less than chance makes them: the variance is that of the contrast.
    covariance = compound(2, 2, 0.005, 0.001, 0.002, 0.0005)
    (row,) = obuchowski_rockette(merits([[0.7, 0.8], [0.6, 0.7]], covariance)).differences.to_dict(
        "records"
    )
    assert row["standard_error"] == pytest.approx((0.005 - 0.001 + 0.002 - 0.0005) ** 0.5)
    assert row["df"] == np.inf
    assert "readers fixed" in row["method"]
    assert "lie closer together than in 99 of 100" in row["warnings"]


def test_one_reader_is_delongs_test():
    found = simulated(2, r=1)
    value, covariance = auc_covariance(found.positive[:, 0], found.negative[:, 0])
    result = obuchowski_rockette(auc_merits(found))
    row = result.differences.iloc[0]
    error = (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) ** 0.5
    assert row["value"] == pytest.approx(value[0] - value[1])
    assert row["standard_error"] == pytest.approx(error)
    assert row["p"] == pytest.approx(2 * norm.sf(abs(value[0] - value[1]) / error))
    for table in (result.differences, result.treatments):
        assert table["warnings"].str.contains("Only 1 reader: the results are for this").all()
        assert table["method"].str.contains("readers fixed").all()
    assert result.components["quantity"].tolist() == ["Error", "Cov1"]
    assert result.treatments["standard_error"].tolist() == pytest.approx(
        np.sqrt(np.diag(covariance)).tolist()
    )


def test_three_treatments():
    result = obuchowski_rockette(auc_merits(simulated(3, t=3, shifts=(1.0, 1.0, 1.9), r=8)))
    pairs = result.differences[["first", "second"]].to_numpy().tolist()
    assert pairs == [["A", "B"], ["A", "C"], ["B", "C"]]
    errors = result.differences["standard_error"]
    assert (errors == errors[0]).all()
    # Holm: the smallest p times three.
    assert result.differences["p_holm"].min() == pytest.approx(3 * result.differences["p"].min())


def test_logit_scale_stays_inside():
    close = merits([[0.99, 0.9, 0.97]])
    row = obuchowski_rockette(close).treatments.iloc[0]
    assert 0 < row["low"] < row["value"] < row["high"] < 1


def test_few_readers_are_told():
    texts = {
        r: obuchowski_rockette(auc_merits(simulated(4, r=r))).differences["warnings"].item()
        for r in (2, 5, 6)
    }
    assert texts[2].startswith("Only 2 readers: the results say little about other readers. In")
    assert texts[5].startswith("Only 5 readers: the results say little about other readers.")
    assert "say little" not in texts[6]


def test_missing_readings_are_told():
    full = simulated(5, r=6)
    full.positive[0, 0, :5] = NAN
    result = obuchowski_rockette(auc_merits(full))
    expected = (
        "715 of 720 pairs of a reader and a case have an answer. Every figure is of the cases its "
        "reader read, and degrees of freedom are approximate."
    )
    assert result.differences["warnings"].item() == expected
    assert result.treatments["warnings"].tolist() == [
        expected.replace("715 of 720", "355 of 360"),
        "",
    ]
    assert np.isfinite(result.differences["p"].item())


def test_readers_who_never_overlap():
    found = simulated(6, t=1, r=2)
    for cases in (found.positive, found.negative):
        cases[:, 0, :15] = NAN
        cases[:, 1, 15:] = NAN
    row = obuchowski_rockette(auc_merits(found)).treatments.iloc[0]
    assert row["warnings"].startswith("No case was read by two readers: cases are nested")
    assert row["cov2"] == pytest.approx(0, abs=1e-4)
    assert np.isfinite([row["low"], row["high"]]).all()


def test_a_reader_without_auc_is_left_out_and_named():
    found = simulated(7, r=7)
    found.negative[1, 3] = NAN
    result = obuchowski_rockette(auc_merits(found))
    told = "Left out, as their AUC or its variance is undefined: r03."
    assert told in result.differences["warnings"][0]
    assert result.differences["n_readers"].item() == 6
    assert result.treatments["n_readers"].tolist() == [7, 6]
    others = [0, 1, 2, 4, 5, 6]
    only = Readings(
        "q", found.treatments, tuple("abcdef"), found.positive[:, others], found.negative[:, others]
    )
    expected = obuchowski_rockette(auc_merits(only)).differences["p"].item()
    assert result.differences["p"].item() == pytest.approx(expected)


@pytest.mark.parametrize("readers", [1, 2, 6])
@pytest.mark.parametrize("treatments", [1, 2])
@pytest.mark.parametrize("what", ["one case", "no positive", "all equal", "all right"])
def test_what_is_undefined_is_said(what, treatments, readers):
    found = simulated(8, t=treatments, r=readers)
    positive, negative = found.positive, found.negative
    if what == "one case":
        positive = positive[:, :, :1]
    elif what == "no positive":
        positive = positive[:, :, :0]
    elif what == "all equal":
        positive, negative = positive * 0 + 3, negative * 0 + 3
    else:
        positive, negative = positive * 0 + 6, negative * 0 + 1
    bare = Readings("q", found.treatments, found.readers, positive, negative)
    result = obuchowski_rockette(auc_merits(bare))
    assert len(result.treatments) == treatments
    assert len(result.differences) == treatments - 1
    reason = "standard error is undefined" if "all" in what else "No reader has a defined AUC"
    for table in (result.differences, result.treatments):
        assert table["warnings"].str.contains(reason).all()
        assert table["standard_error"].isna().all()
    # Readers who are all right have an exact interval.
    undefined = [result.differences, *([] if what == "all right" else [result.treatments])]
    assert all(table[["low", "high", "p"]].isna().all(axis=None) for table in undefined)


def test_a_visual_turing_test():
    result = obuchowski_rockette(auc_merits(turing_readings(study(), {"origin": 6})[0]))
    assert result.treatments["treatment"].tolist() == ["gan", "ldm"]
    assert result.treatments["n_cases"].tolist() == [4, 4]
    assert result.differences["n_cases"].item() == 6
    # Cases of one cohort are not missing from the other.
    assert not result.treatments["warnings"].str.contains("missing").any()


def test_before_unblinding_it_says_why():
    (found,) = turing_readings(study(truth=False), {"origin": 6})
    (row,) = obuchowski_rockette(auc_merits(found)).treatments.to_dict("records")
    assert np.isnan(row["value"])
    assert row["warnings"].startswith("The table does not say which cases are real")


@pytest.mark.parametrize("cases", [0, 3])
def test_without_any_answer_it_says_so(cases):
    nobody = np.empty((1, 0, cases))
    found = Readings("q", ("gan",), (), nobody, nobody, midpoint=3.5)
    (row,) = obuchowski_rockette(auc_merits(found)).treatments.to_dict("records")
    assert np.isnan(row["value"])
    assert row["warnings"] == "No reader has a defined AUC with a variance."


def test_intervals_cover_and_tests_hold_their_level(monkeypatch):
    # statsmodels collects garbage in every correction, here of a single p value: 0.3 s.
    monkeypatch.setattr(mrmc, "holm", lambda rows, family: rows)
    # The long version of it, with other designs, is told in the docstring of the analysis.
    truth = np.mean(
        [auc_merits(simulated(s, t=1, r=60, m=200, n=200)).value.mean() for s in range(20)]
    )
    covered, rejected = [], []
    for seed in range(400):
        result = obuchowski_rockette(auc_merits(simulated(1000 + seed)))
        row = result.treatments.iloc[0]
        covered.append(row["low"] <= truth <= row["high"])
        rejected.append(result.differences["p"].item() < 0.05)
    assert 0.92 <= np.mean(covered) <= 0.98
    assert 0.025 <= np.mean(rejected) <= 0.08


def test_fast():
    found = simulated(10, r=20, m=150, n=150)
    obuchowski_rockette(auc_merits(found))
    start = time.process_time()
    obuchowski_rockette(auc_merits(found))
    assert time.process_time() - start < 3
