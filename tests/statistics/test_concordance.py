import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.stats import t as t_of

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.concordance.cases import NO_INTERVAL
from evalsuite.statistics.concordance.rank_correlation import (
    mean_ratings,
    rank_correlations,
    rank_correlations_of_rows,
)
from evalsuite.statistics.concordance.simultaneous import Estimated, together
from evalsuite.statistics.resample import Draws
from evalsuite.statistics.result import Result
from tests.statistics.readings import long_table, odd_studies, says_why, simulated
from tests.statistics.tables import concordance, generator_concordance
from tests.statistics.test_ratings import one

NAN = float("nan")


def scored(study, values, metric="sharpness", direction="higher is better"):
    """Return the scores of all cases of a study, in its order."""
    cases = [f"{name}{i:02d}" for name, answers in study.items() for i in range(len(answers))]
    return pd.DataFrame({"case": cases, "metric": metric, "value": values, "direction": direction})


def blurred(readers=4, cases=30, seed=0):
    """Return a study whose ratings of synthetic cases fall with a known blur, and the blur."""
    rng = np.random.default_rng(seed)
    blur = rng.uniform(0, 2, cases)
    noise = 0.5 * rng.standard_normal((cases, readers))
    gan = np.rint(3.7 - blur[:, None] + noise).clip(1, 4)
    real = np.rint(3.7 + 0.5 * rng.standard_normal((cases, readers))).clip(1, 4)
    return {"real": real, "gan": gan}, np.concatenate([np.zeros(cases), blur])


@given(
    arrays(float, (12, 3), elements=st.sampled_from([1.0, 2.0, 3.0, 4.0, NAN])),
    arrays(float, (2, 12), elements=st.integers(0, 6).map(float)),
    st.integers(0, 1000),
)
def test_weighted_correlations_are_those_of_the_written_out_resample(ratings, x, seed):
    answered = ~np.isnan(ratings).all(axis=1)
    ratings, x = ratings[answered], x[:, answered]
    n = len(ratings)
    if n < 5:
        return
    rng = np.random.default_rng(seed)
    cases = rng.multinomial(n, np.full(n, 1 / n), size=3).astype(float)
    readers = rng.multinomial(3, np.full(3, 1 / 3), size=3).astype(float)
    for w, v in ((cases, readers), (cases, np.ones((1, 3))), (np.ones((1, n)), readers)):
        found = rank_correlations(x, ratings)(Draws(w, v))
        for b in range(3):
            y = mean_ratings(ratings, v[[min(b, len(v) - 1)]])[0]
            written = np.repeat(np.arange(n), w[min(b, len(w) - 1)].astype(int))
            written = written[~np.isnan(y[written])]
            for k in range(2):
                if len(written) < 2 or min(np.ptp(x[k][written]), np.ptp(y[written])) == 0:
                    assert np.isnan(found[b, [k, 2 + k]]).all()
                    continue
                rho = stats.spearmanr(x[k][written], y[written]).statistic
                tau = stats.kendalltau(x[k][written], y[written]).statistic
                assert found[b, [k, 2 + k]] == pytest.approx([rho, tau])


def test_values_and_p_are_scipys():
    study, blur = blurred()
    rows = concordance(long_table(study), scored(study, -blur), replicates=50)
    y = study["gan"].mean(axis=1)
    for coefficient, test in (
        ("Spearman rho", stats.spearmanr),
        ("Kendall tau-b", stats.kendalltau),
    ):
        row = one(rows, cases="synthetic", quantity=coefficient)
        expected = test(-blur[30:], y)
        assert row["value"] == pytest.approx(expected.statistic)
        # One order of 10,000 that were tried, the given one, is as far from 0.
        assert row["p"] == 1e-4 > expected.pvalue


def test_a_metric_that_sees_the_blur_agrees_and_a_random_one_does_not():
    study, blur = blurred()
    noise = np.random.default_rng(4).normal(size=60)
    scores = pd.concat(
        [
            scored(study, blur, "blur", "lower is better"),
            scored(study, -blur, "sharpness"),
            scored(study, noise, "noise"),
        ]
    )
    rows = concordance(long_table(study), scores, replicates=300)
    rows = rows[(rows["cases"] == "synthetic") & (rows["quantity"] == "Spearman rho")]
    blur_row, sharp, random = (one(rows, metric=m) for m in ("blur", "sharpness", "noise"))
    assert blur_row["low"] > 0.4
    assert blur_row["p_holm"] < 0.001
    assert sharp["value"] == blur_row["value"]
    assert random["low"] < 0 < random["high"]
    assert random["p"] > 0.05


def test_groups_of_cases():
    study = simulated(names=("real", "gan", "ldm"))
    scores = scored(study, np.random.default_rng(0).normal(size=90))
    rows = concordance(long_table(study), scores, replicates=20)
    assert list(rows["cases"].unique()) == ["synthetic", "gan", "ldm", "real", "all"]
    assert one(rows, cases="all", quantity="Spearman rho")["n_cases"] == 90


def test_a_strict_reader_who_missed_cases_does_not_raise_them():
    # The strict reader answers 2 points lower; without that reader cases 0 and 1 would seem better.
    kind, strict = np.array([3.0, 3.0, 3.0, 4.0, 4.0]), np.array([NAN, NAN, 1.0, 2.0, 2.0])
    means = mean_ratings(np.stack([kind, strict], axis=1), np.ones((1, 2)))[0]
    assert means[:3].max() < means[3:].min()


def test_scores_without_direction_or_for_some_cases():
    study, blur = blurred()
    scores = scored(study, -blur).drop(columns="direction")
    scores.loc[scores["case"].isin(["gan00", "gan01"]), "value"] = NAN
    rows = concordance(long_table(study), scores, replicates=20)
    row = one(rows, cases="synthetic", quantity="Spearman rho")
    assert row["n_cases"] == 28
    assert "Whether high or low is better is not told" in row["warnings"]


def test_two_readers_speak_for_themselves():
    study, blur = blurred(readers=2)
    rows = concordance(long_table(study), scored(study, -blur), replicates=50)
    assert rows["method"].str.contains("speaks of these readers only").all()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.zeros(60), "The scores of all cases are equal"),
        (np.where(np.arange(60) % 20 == 0, 1.0, NAN), "needs 5 cases with score and answers"),
    ],
)
def test_what_cannot_agree_says_why(values, sentence):
    study, _ = blurred()
    rows = concordance(long_table(study), scored(study, values), replicates=20)
    assert rows["value"].isna().all()
    assert rows["warnings"].str.contains(sentence).all()


def test_perfect_agreement_has_no_interval_and_says_so():
    answers = np.tile(np.arange(1.0, 7.0)[:, None], 3)
    study = {"real": answers, "gan": answers}
    scores = scored(study, np.tile(np.arange(6), 2))
    rows = concordance(long_table(study), scores, replicates=50)
    row = one(rows, cases="synthetic", quantity="Spearman rho")
    assert row["value"] == pytest.approx(1)
    assert np.isnan(row["low"])
    assert str(NO_INTERVAL) in row["warnings"]


@pytest.mark.parametrize("name", odd_studies())
def test_odd_studies_say_why(name):
    table = odd_studies()[name]
    scores = scored(simulated(), np.random.default_rng(0).normal(size=60))
    assert says_why(concordance(table, scores, replicates=50))
    estimates = pd.DataFrame({"cohort": ["gan", "ldm"], "metric": "mmd", "value": [1.0, 2.0]})
    rows = generator_concordance(table, estimates, replicates=50)
    assert says_why(rows)
    assert rows["value"].isna().all()


def test_scores_that_cannot_be_read_are_refused():
    study, blur = blurred()
    table, scores = long_table(study), scored(study, -blur)
    with pytest.raises(EvalsuiteError, match="table of scores has no column value; expected case"):
        concordance(table, scores.drop(columns="value"))
    with pytest.raises(
        EvalsuiteError, match='metric "sharpness" has two values for the case "real'
    ):
        concordance(table, pd.concat([scores, scores.iloc[:1]]))


def of_generators(values, direction="lower is better"):
    """Return a study of four generators, each half a point worse than the one before."""
    rng = np.random.default_rng(0)
    names = [f"gan{k}" for k in range(len(values))]
    study = {
        name: np.rint(3.6 - 0.5 * k + 0.5 * rng.standard_normal((25, 4))).clip(1, 4)
        for k, name in enumerate(names)
    }
    study["real"] = np.full((10, 4), 4.0)
    estimates = pd.DataFrame(
        {"cohort": names, "metric": "frechet", "value": values, "direction": direction}
    )
    return long_table(study), estimates


def test_generators_in_the_readers_order():
    rows = generator_concordance(*of_generators([1.0, 2.0, 3.0, 4.0]), replicates=300)
    row = one(rows, quantity="Kendall tau-b")
    assert row["value"] == pytest.approx(1)
    assert row["p"] == pytest.approx(2 / 24)  # this order and its reverse, of 4!
    assert row["low"] > 0
    assert row["high"] == 1
    assert "With 4 generators p cannot be below 0.083" in row["warnings"]


def test_generators_with_one_swap_by_hand():
    # Order 2, 1, 3, 4 against 1, 2, 3, 4: one of six pairs is discordant, tau = 4/6, and rho =
    # 1 - 6 * 2 / (4 * 15) = 0.8. Orders with |tau| >= 4/6: 1 + 3, and as many reversed, of 24.
    rows = generator_concordance(*of_generators([2.0, 1.0, 3.0, 4.0]), replicates=50)
    tau, rho = (one(rows, quantity=c) for c in ("Kendall tau-b", "Spearman rho"))
    assert tau["value"] == pytest.approx(4 / 6)
    assert tau["p"] == pytest.approx(8 / 24)
    assert rho["value"] == pytest.approx(0.8)


def test_many_generators_are_tested_by_random_orders():
    rows = generator_concordance(*of_generators(np.arange(9.0)), replicates=50)
    row = one(rows, quantity="Kendall tau-b")
    assert row["value"] > 0.7
    assert row["p"] < 0.05
    assert "9,999" in row["method"]


def test_equal_values_rank_nothing():
    rows = generator_concordance(*of_generators([1.0, 1.0, 1.0]), replicates=50)
    assert rows["value"].isna().all()
    assert rows["warnings"].str.contains("All generators have the same value").all()


@given(
    arrays(float, 5, elements=st.integers(0, 4).map(float)),
    arrays(float, (2, 5), elements=st.integers(0, 4).map(float)),
)
def test_small_correlations_are_scipys(x, y):
    found = rank_correlations_of_rows(x, y)
    for row, (rho, tau) in zip(y, found, strict=True):
        if min(np.ptp(x), np.ptp(row)) == 0:
            assert np.isnan([rho, tau]).all()
        else:
            assert rho == pytest.approx(stats.spearmanr(x, row).statistic)
            assert tau == pytest.approx(stats.kendalltau(x, row).statistic)


def estimated(values, draws, question="q", df=30.0):
    """Return correlations with draws around them."""
    return [
        Estimated(
            Result(
                where={"question": question}, value=v, low=np.tanh(np.arctanh(v) - 0.4), high=0.99
            ),
            v + column, float(column.std()), df,
        )
        for v, column in zip(values, np.transpose(draws), strict=True)
    ]  # fmt: skip


def test_one_interval_is_its_own_simultaneous_one():
    noise = 0.1 * np.random.default_rng(0).standard_normal((4000, 1))
    (alone,) = together(estimated([0.3], noise), 0.95)
    error = noise.std() / (1 - 0.3**2)
    expected = np.tanh(np.arctanh(0.3) + t_of(30).ppf([0.025, 0.975]) * error)
    ends = [alone.parts["simultaneous_low"], alone.parts["simultaneous_high"]]
    assert ends == pytest.approx(expected.tolist(), abs=2e-3)
    assert alone.parts["p_best"] == 1


def test_simultaneous_intervals_are_between_one_and_bonferroni():
    rng = np.random.default_rng(1)
    alike = np.repeat(0.1 * rng.standard_normal((4000, 1)), 12, axis=1)
    apart = 0.1 * rng.standard_normal((4000, 12))
    lows = [together(estimated([0.3] * 12, d), 0.95)[0].parts["simultaneous_low"]
            for d in (alike, apart)]  # fmt: skip
    error = 0.1 / (1 - 0.3**2)
    single, sidak, bonferroni = (
        np.tanh(np.arctanh(0.3) + t_of(30).ppf(tail) * error)
        for tail in (0.025, (1 - 0.95 ** (1 / 12)) / 2, 0.025 / 12)
    )
    assert lows[0] == pytest.approx(single, abs=0.005)
    assert lows[1] == pytest.approx(sidak, abs=0.01)
    assert lows[1] >= bonferroni - 0.003


def test_the_highest_of_many_is_told_from_the_others_or_not():
    draws = 0.1 * np.random.default_rng(2).standard_normal((2000, 6))
    held = together(estimated([0.9, 0.85, 0.1, 0.0, 0.0, 0.0], draws), 0.95)
    p = [result.parts["p_best"] for result in held]
    assert p[0] == 1
    assert p[1] > 0.5
    assert max(p[2:]) < 0.01
    # The largest of 5 pairs by chance is no finding: 1.6 standard errors of a difference.
    near = together(estimated([0.5, 0.27, 0.27, 0.27, 0.27, 0.27], draws), 0.95)
    assert min(result.parts["p_best"] for result in near[1:]) > 0.2


def test_concordance_tells_what_holds_of_all():
    rng = np.random.default_rng(3)
    study = simulated(4, 25)
    means = study["gan"].mean(axis=1)
    scores = pd.DataFrame(
        [
            {"case": f"gan{i:02d}", "metric": metric, "value": value}
            for metric, noise in (("near", 0.05), ("far", 5.0), ("farther", 5.0))
            for i, value in enumerate(means + noise * rng.standard_normal(25))
        ]
    )
    table = concordance(long_table(study), scores, replicates=300)
    rows = table[(table["quantity"] == "Spearman rho") & (table["cases"] == "synthetic")]
    assert (rows["simultaneous_low"] <= rows["low"] + 1e-12).all()
    assert (rows["simultaneous_high"] >= rows["high"] - 1e-12).all()
    rows = rows.set_index("metric")
    assert rows.loc["near", "p_best"] == 1
    assert rows.loc[["far", "farther"], "p_best"].max() < 0.05
