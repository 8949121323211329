import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, ttest_1samp, ttest_rel
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from evalsuite.statistics.roc import mrmc
from evalsuite.statistics.roc.analysis_of_variance import f_tail, mean_covariances, mean_squares
from evalsuite.statistics.roc.auc import auc_covariance
from evalsuite.statistics.roc.merits import Merits, auc_merits
from evalsuite.statistics.roc.readings import Readings, turing_readings
from tests.statistics.tables import obuchowski_rockette, reader_aucs
from tests.statistics.test_roc import study

VAN_DYKE = Path(__file__).parents[3] / "shared/reference/vandyke.csv"
METHODS = ("jackknife", "DeLong", "unbiased")
NAN = np.nan

# What MRMCaov 0.3.0 prints, one column for each method (shared/reference/vandyke_mrmcaov.txt).
COMPONENTS = {
    "reader": (0.0015349993451, 0.0015364253792, 0.0015365289726),
    "treatment:reader": (0.0002004025236, 0.0002045840042, 0.0002077588007),
    "Error": (0.0008022882656, 0.0007921324531, 0.0007883925117),
    "Cov1": (0.0003466137094, 0.0003420089577, 0.0003416705566),
    "Cov2": (0.0003440748289, 0.0003395265310, 0.0003390649796),
    "Cov3": (0.0002390283709, 0.0002358496532, 0.0002356148455),
}
CORRELATIONS = {
    "Cov1": (0.4320313836, 0.4317572856, 0.4333762074),
    "Cov2": (0.4288668346, 0.4286234324, 0.4300712837),
    "Cov3": (0.2979332755, 0.2977401725, 0.2988547482),
}
TEST = {
    "ms_treatment": (0.004796170532, 0.004796170532, 0.004796170532),
    "ms_treatment_reader": (0.0005510306217, 0.0005510306217, 0.0005510306217),
    "cov2": (0.0003440748289, 0.000339526531, 0.0003390649796),
    "cov3": (0.0002390283709, 0.0002358496532, 0.0002356148455),
    "denominator": (0.001076262912, 0.00106941501, 0.001068281292),
    "value": (4.456318693, 4.484854322, 4.489613895),
    "df1": (1, 1, 1),
    "df2": (15.25967459, 15.06610794, 15.03418081),
    "p": (0.05166568582, 0.05123303082, 0.05116180235),
}
DIFFERENCE = {
    "value": (-0.04380032206, -0.04380032206, -0.04380032206),
    "standard_error": (0.02074861838, 0.02068250479, 0.02067153881),
    "df": (15.25967459, 15.06610794, 15.03418081),
    "low": (-0.0879594985666, -0.0878671960201, -0.0878519409003),
    "high": (0.0003588544442, 0.0002665518977, 0.0002512967779),
    "statistic": (-2.110999454, -2.117747464, -2.118870901),
    "p": (0.05166568582, 0.05123303082, 0.05116180235),
}
FIRST = {
    "value": (0.8970370370, 0.8970370370, 0.8970370370),
    "ms_reader": (0.003082628662, 0.003082628662, 0.003082628662),
    "cov2": (0.0004839618027, 0.0004775238683, 0.0004771787574),
    "standard_error": (0.03317359696, 0.03307642062, 0.03307120333),
    "df": (12.74464760, 12.59596948, 12.58802410),
    "low": (0.8252235975, 0.8253460774, 0.8253526256),
    "high": (0.9688504765, 0.9687279966, 0.9687214484),
}
SECOND = {
    "value": (0.9408373591, 0.9408373591, 0.9408373591),
    "ms_reader": (0.001304601948, 0.001304601948, 0.001304601948),
    "cov2": (0.0002041878550, 0.0002015291937, 0.0002009512017),
    "standard_error": (0.02156636837, 0.02150464097, 0.02149119800),
    "df": (12.71018964, 12.56529646, 12.53390665),
    "low": (0.8941378312, 0.8942154959, 0.8942323290),
    "high": (0.9875368870, 0.9874592222, 0.9874423892),
}


@pytest.fixture(scope="module")
def van_dyke():
    if not VAN_DYKE.is_file():
        pytest.skip(f"the reference data are not at {VAN_DYKE}")
    table = pd.read_csv(VAN_DYKE)
    names = [tuple(map(str, sorted(set(table[column])))) for column in ("treatment", "reader")]
    table = table.pivot_table("rating", ["treatment", "reader"], ["truth", "case"])
    sides = (table[truth].to_numpy().reshape(2, 5, -1) for truth in (1, 0))
    return Readings("", *names, *sides)


@pytest.mark.parametrize("method", METHODS)
def test_van_dyke(van_dyke, method):
    column = METHODS.index(method)

    def agrees(row, published):
        for name, values in published.items():
            digits = {"rel": 1e-8, "abs": 6e-14}
            assert row[name] == pytest.approx(values[column], **digits), name

    found = obuchowski_rockette(auc_merits(van_dyke, method))
    components = found.components.set_index("quantity")
    agrees(components["value"], COMPONENTS)
    agrees(components["correlation"], CORRELATIONS)
    assert components["correlation"].isna().sum() == 3
    agrees(found.test.iloc[0], TEST)
    agrees(found.differences.iloc[0], DIFFERENCE)
    assert found.differences.loc[0, ["first", "second"]].tolist() == ["1", "2"]
    agrees(found.treatments.iloc[0], FIRST)
    agrees(found.treatments.iloc[1], SECOND)
    assert (found.test["n_readers"].item(), found.test["n_cases"].item()) == (5, 114)


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
    found = obuchowski_rockette(merits(value))
    for row, own in zip(found.treatments.to_dict("records"), value, strict=True):
        expected = ttest_1samp(own, 0.5)
        assert (row["statistic"], row["p"]) == pytest.approx(tuple(expected))
        assert row["df"] == 3
        low, high = expected.confidence_interval()
        assert (row["low"], row["high"]) == pytest.approx((low, high))
    expected = ttest_rel(*value)
    row = found.differences.iloc[0]
    assert (row["statistic"], row["p"], row["df"]) == pytest.approx((*expected, 3))
    assert found.test["p"].item() == pytest.approx(expected.pvalue)
    assert found.test["value"].item() == pytest.approx(expected.statistic**2)


def test_denominator_by_hand():
    # MS(R) = 0.01 over two readers 0.6 and 0.8 is 0.02; Cov2 = 0.003; spread 0.02 + 2 * 0.003 =
    # 0.026, SE = sqrt(0.013), df = (0.026 / 0.02)^2 = 1.69. Variance of readers:
    # 0.02 - 0.005 + 0.003.
    found = obuchowski_rockette(merits([[0.6, 0.8]], compound(1, 2, 0.005, 0, 0.003, 0)))
    row = found.treatments.iloc[0]
    assert (row["value"], row["standard_error"], row["df"]) == pytest.approx(
        (0.7, 0.013**0.5, 1.69)
    )
    components = found.components.set_index("quantity")["value"].to_dict()
    assert components == pytest.approx({"reader": 0.018, "Error": 0.005, "Cov2": 0.003})
    assert found.test.empty
    assert found.differences.empty


def test_negative_covariances_count_as_none():
    negative = obuchowski_rockette(merits([[0.6, 0.8]], compound(1, 2, 0.005, 0, -0.003, 0)))
    none = obuchowski_rockette(merits([[0.6, 0.8]], compound(1, 2, 0.005, 0, 0, 0)))
    same = ["value", "standard_error", "df", "low", "high", "p"]
    pd.testing.assert_frame_equal(negative.treatments[same], none.treatments[same])


def test_fixed_readers_have_the_variance_of_their_contrast():
    found = simulated(1)
    of_auc = auc_merits(found)
    result = obuchowski_rockette(of_auc, random_readers=False)
    weights = np.repeat([0.2, -0.2], 5)
    variance = weights @ of_auc.covariance.reshape(10, 10) @ weights
    row = result.differences.iloc[0]
    assert row["standard_error"] == pytest.approx(variance**0.5)
    assert row["p"] == pytest.approx(2 * norm.sf(abs(row["value"]) / variance**0.5))
    assert result.test["p"].item() == pytest.approx(row["p"])
    assert row["df"] == np.inf
    alone = result.treatments.iloc[0]
    assert alone["standard_error"] == pytest.approx((of_auc.covariance[0, :, 0].mean()) ** 0.5)
    assert "readers fixed" in row["method"]


def test_one_reader_is_delongs_test():
    found = simulated(2, r=1)
    value, covariance = auc_covariance(found.positive[:, 0], found.negative[:, 0])
    result = obuchowski_rockette(auc_merits(found))
    row = result.differences.iloc[0]
    error = (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) ** 0.5
    assert row["value"] == pytest.approx(value[0] - value[1])
    assert row["standard_error"] == pytest.approx(error)
    assert row["p"] == pytest.approx(2 * norm.sf(abs(value[0] - value[1]) / error))
    for table in (result.test, result.differences, result.treatments):
        assert table["warnings"].str.contains("Only 1 reader: the results are for this").all()
        assert table["method"].str.contains("readers fixed").all()
    assert result.components["quantity"].tolist() == ["Error", "Cov1"]
    assert result.treatments["standard_error"].tolist() == pytest.approx(
        np.sqrt(np.diag(covariance)).tolist()
    )


def test_three_treatments():
    result = obuchowski_rockette(auc_merits(simulated(3, t=3, shifts=(1.0, 1.0, 1.9), r=8)))
    assert result.test["df1"].item() == 2
    assert result.test["p"].item() < 0.01
    pairs = result.differences[["first", "second"]].to_numpy().tolist()
    assert pairs == [["A", "B"], ["A", "C"], ["B", "C"]]
    errors = result.differences["standard_error"]
    assert (errors == errors[0]).all()
    # F is the mean square of all standardised differences: t (t - 1) / 2 of them, over t.
    squares = (result.differences["statistic"] ** 2).sum()
    assert result.test["value"].item() == pytest.approx(squares / 3)
    # Holm: the smallest p times three.
    assert result.differences["p_holm"].min() == pytest.approx(3 * result.differences["p"].min())


def test_logit_scale_stays_inside():
    close = merits([[0.99, 0.9, 0.97]])
    plain = obuchowski_rockette(close).treatments.iloc[0]
    assert plain["high"] > 1
    assert "on the logit scale it does not" in plain["warnings"]
    row = obuchowski_rockette(close, scale="logit").treatments.iloc[0]
    assert 0 < row["low"] < row["value"] < row["high"] < 1
    assert "logit" not in row["warnings"]


def test_few_readers_are_told():
    texts = {
        r: obuchowski_rockette(auc_merits(simulated(4, r=r))).test["warnings"].item()
        for r in (2, 5, 6)
    }
    assert texts[2].startswith("Only 2 readers: the results say little about other readers. In")
    assert texts[5] == "Only 5 readers: the results say little about other readers."
    assert texts[6] == ""


def test_missing_readings_are_told():
    full = simulated(5, r=6)
    full.positive[0, 0, :5] = NAN
    result = obuchowski_rockette(auc_merits(full))
    expected = (
        "5 of 720 readings are missing. Every figure is of the cases its reader read, and degrees "
        "of freedom are approximate."
    )
    assert result.test["warnings"].item() == expected
    assert result.treatments["warnings"].tolist() == [expected.replace("720", "360"), ""]
    assert np.isfinite(result.test["p"].item())


@pytest.mark.parametrize("method", METHODS)
def test_readers_who_never_overlap(method):
    found = simulated(6, t=1, r=2)
    for cases in (found.positive, found.negative):
        cases[:, 0, :15] = NAN
        cases[:, 1, 15:] = NAN
    row = obuchowski_rockette(auc_merits(found, method)).treatments.iloc[0]
    assert row["warnings"].startswith("No case was read by two readers: cases are nested")
    assert row["cov2"] == pytest.approx(0, abs=1e-4)
    assert np.isfinite([row["low"], row["high"]]).all()


def test_a_reader_without_auc_is_left_out_and_named():
    found = simulated(7, r=7)
    found.negative[1, 3] = NAN
    result = obuchowski_rockette(auc_merits(found))
    assert "Left out, as their AUC or its variance is undefined: r03." in result.test["warnings"][0]
    assert result.test["n_readers"].item() == 6
    assert result.treatments["n_readers"].tolist() == [7, 6]
    others = [0, 1, 2, 4, 5, 6]
    only = Readings(
        "q", found.treatments, tuple("abcdef"), found.positive[:, others], found.negative[:, others]
    )
    expected = obuchowski_rockette(auc_merits(only)).test["p"].item()
    assert result.test["p"].item() == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("readers", [1, 2, 6])
@pytest.mark.parametrize("treatments", [1, 2])
@pytest.mark.parametrize("what", ["one case", "no positive", "all equal", "all right"])
def test_what_is_undefined_is_said(what, treatments, readers, method):
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
    result = obuchowski_rockette(auc_merits(bare, method))
    assert len(result.treatments) == treatments
    assert len(result.differences) == len(result.test) == treatments - 1
    reason = "standard error is undefined" if "all" in what else "No reader has a defined AUC"
    for table in (result.test, result.differences, result.treatments):
        assert table["p"].isna().all()
        assert table["warnings"].str.contains(reason).all()
    for table in (result.differences, result.treatments):
        assert table[["low", "high", "standard_error"]].isna().all(axis=None)


def test_a_visual_turing_test():
    result = obuchowski_rockette(auc_merits(turing_readings(study(), {"origin": 6})[0]))
    assert result.treatments["treatment"].tolist() == ["gan", "ldm"]
    assert result.treatments["n_cases"].tolist() == [4, 4]
    assert result.test["n_cases"].item() == 6
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
    for merits in (auc_merits(found, method) for method in METHODS):
        (row,) = obuchowski_rockette(merits).treatments.to_dict("records")
        assert np.isnan(row["value"])
        assert row["warnings"] == f"No reader has a defined {merits.figure} with a variance."


def test_unknown_covariance():
    with pytest.raises(ValueError, match='^Unknown covariance "delong". Did you mean "DeLong"'):
        auc_merits(simulated(9), "delong")


def test_tail_of_f():
    assert f_tail(1, np.inf, 1.959964**2) == pytest.approx(0.05, abs=1e-6)
    assert f_tail(1, 10, 2.228139**2) == pytest.approx(0.05, abs=1e-6)


def test_intervals_cover_and_tests_hold_their_level(monkeypatch):
    # statsmodels collects garbage in every correction, here of a single p value: 0.3 s.
    monkeypatch.setattr(mrmc, "holm", lambda rows, family: rows)
    # The long version of it, with other designs, is told in the docstring of the analysis.
    truth = np.mean(
        [auc_merits(simulated(s, t=1, r=60, m=200, n=200)).value.mean() for s in range(20)]
    )
    covered, rejected = [], []
    for seed in range(400):
        result = obuchowski_rockette(auc_merits(simulated(1000 + seed)), scale="logit")
        row = result.treatments.iloc[0]
        covered.append(row["low"] <= truth <= row["high"])
        rejected.append(result.test["p"].item() < 0.05)
    assert 0.92 <= np.mean(covered) <= 0.98
    assert 0.025 <= np.mean(rejected) <= 0.08


def test_fast():
    found = simulated(10, r=20, m=150, n=150)
    obuchowski_rockette(auc_merits(found))
    start = time.process_time()
    for method in METHODS:
        obuchowski_rockette(auc_merits(found, method))
    assert time.process_time() - start < 3
