import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.rated import NO_TRUTH, rated_by_question
from evalsuite.statistics.ratings.averages import mean_rating, median_rating, share_of
from evalsuite.statistics.ratings.crossed import over_readers
from tests.caveats import sentences
from tests.statistics.readings import closed_off, long_table, odd_studies, says_why, simulated
from tests.statistics.tables import averages, distributions

NAN = float("nan")


def one(rows, **wanted):
    """Return the only row with these values."""
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def test_variance_of_a_mean_by_hand():
    # Readers' means 2, 3 and 4: MS_reader / (r c) = var / 3 = 1 / 3. Case means 2, 3, 4 and
    # answers case + reader, so nothing is left: the covariance of two readers is 1 and C = 1 / 3.
    answers = np.add.outer([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    found = mean_rating(answers)
    assert found.value == 3
    assert found.from_readers == pytest.approx(1 / 3)
    assert found.from_cases == pytest.approx(1 / 3)
    # Both quantiles are Student's t with 2 degrees of freedom, 4.3027.
    assert found.half_width(0.95) == pytest.approx(4.30265 * np.sqrt(2 / 3), rel=1e-5)
    assert found.p_value(3 + found.half_width(0.95)) == pytest.approx(0.05)


def test_variance_is_that_of_the_two_way_analysis_of_variance():
    y = simulated(5, 30)["real"]
    c, r = y.shape
    ms_case = r * y.mean(axis=1).var(ddof=1)
    ms_reader = c * y.mean(axis=0).var(ddof=1)
    rest = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    ms_rest = (rest**2).sum() / ((r - 1) * (c - 1))
    assert mean_rating(y).variance == pytest.approx((ms_reader + ms_case - ms_rest) / (r * c))


def test_one_reader_is_the_one_sample_t_test():
    y = simulated(1, 25)["real"]
    expected = stats.ttest_1samp(y[:, 0], 2.5)
    found = mean_rating(y)
    assert found.interval(0.9) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert found.p_value(2.5) == pytest.approx(expected.pvalue)


def test_readers_without_a_common_case_are_a_sample_of_means():
    y = np.array([[1.0, NAN], [3.0, NAN], [NAN, 2.0], [NAN, 4.0], [NAN, 3.0]])
    found = mean_rating(y)
    assert found.value == 2.5
    assert (found.from_readers, found.from_cases) == (0.25, 0)  # var(2, 3) / 2
    assert found.p_value(2) == pytest.approx(0.5)  # t = 1 with 1 degree of freedom


def test_missing_answers_leave_the_variance_unbiased():
    # Reader, case and residual variances 0.2, 0.5 and 0.3; each of 6 readers reads 10 of 20 cases.
    rng = np.random.default_rng(3)
    values, variances = [], []
    for _ in range(1500):
        y = np.sqrt(0.2) * rng.standard_normal(6) + np.sqrt(0.5) * rng.standard_normal((20, 1))
        y = y + np.sqrt(0.3) * rng.standard_normal((20, 6))
        for reader in range(6):
            y[rng.permutation(20)[:10], reader] = NAN
        found = mean_rating(y)
        values.append(found.value)
        variances.append(found.variance)
    assert np.mean(variances) == pytest.approx(np.var(values), rel=0.1)


def test_share_of_one_reader_is_wilsons():
    y = np.array([[1.0], [4.0], [4.0], [3.0], [4.0]])
    found = share_of(y, y == 4)
    expected = proportion_confint(3, 5, method="wilson")
    assert found.share_interval(0.95, 5) == pytest.approx(expected)


def test_share_nobody_chose_has_an_interval_from_the_number_of_cases():
    y = np.full((40, 5), 4.0)
    low, high = share_of(y, y == 1).share_interval(0.95, 40)
    assert (low, high) == pytest.approx(proportion_confint(0, 40, method="wilson"))


@given(arrays(float, (8, 3), elements=st.sampled_from([1.0, 2.0, 3.0, 4.0, NAN])))
def test_shares_sum_to_one_and_lie_in_their_intervals(y):
    if np.isnan(y).all():
        return
    shares = [share_of(y, y == option) for option in (1, 2, 3, 4)]
    assert sum(share.value for share in shares) == pytest.approx(1)
    for share in shares:
        low, high = share.share_interval(0.95, 8)
        if not np.isnan(low):
            assert 0 <= low <= share.value + 1e-9
            assert share.value - 1e-9 <= high <= 1


@given(
    arrays(float, (9, 3), elements=st.integers(1, 5).map(float)),
    st.permutations([0, 1, 2]),
    st.permutations(list(range(9))),
)
def test_order_of_readers_and_cases_does_not_matter(y, readers, cases):
    shuffled = y[cases][:, readers]
    assert mean_rating(shuffled).variance == pytest.approx(mean_rating(y).variance, abs=1e-12)
    assert median_rating(shuffled, 0.95) == median_rating(y, 0.95)
    low, high = median_rating(y, 0.95)[1:]
    assert low <= median_rating(y, 0.95)[0] <= high


def test_median_of_complete_answers_is_the_ordinary_one():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(30, 4))
    median, low, high = median_rating(y, 0.95)
    assert median == pytest.approx(np.median(y))
    # The ends are answers at which the interval of the share no higher just holds one half.
    shares = [share_of(y, y <= end) for end in (low, high)]
    assert shares[0].share_interval(0.95, 30)[1] >= 0.5
    assert share_of(y, y < low).share_interval(0.95, 30)[1] < 0.5
    assert shares[1].share_interval(0.95, 30)[0] >= 0.5
    assert share_of(y, y < high).share_interval(0.95, 30)[0] < 0.5


def test_distributions_give_the_papers_table():
    # Two readers, four cases: A (answer 1) to D (answer 4) as in the paper.
    rows = distributions(
        long_table({"real": np.array([[4.0, 4.0], [4.0, 3.0], [3.0, 3.0], [2.0, 4.0]])}),
        {"appearance": 4},
    )
    assert list(rows["reader"].unique()) == ["all", "reader00", "reader01"]
    assert one(rows, reader="reader00", option=4)["value"] == 0.5
    assert one(rows, reader="reader01", option=3)["n_chosen"] == 2
    assert one(rows, reader="all", option=2)["value"] == pytest.approx(1 / 8)
    assert one(rows, reader="all", option=1)["value"] == 0
    assert one(rows, reader="all", option=1)["n_chosen"] == 0
    assert (rows.groupby("reader")["n_chosen"].sum() == [8, 4, 4]).all()


def test_multiple_choice_counts_each_option():
    table = long_table({"real": np.zeros((3, 2))}, kind="multiple")
    ticks = {"real00": "[1, 3]", "real01": [3], "real02": []}
    table["answer"] = table["case"].map(ticks)
    rows = distributions(table, {"appearance": 4})
    own = rows[rows["reader"] == "reader00"].set_index("option")["value"]
    assert own.tolist() == pytest.approx([1 / 3, 0, 2 / 3, 0])
    table["answer"] = "3; 1"
    with pytest.raises(EvalsuiteError, match=r"expected a list of options such as \[1, 3\]"):
        distributions(table)


def test_averages_of_an_analogue_scale():
    rng = np.random.default_rng(0)
    y = np.round(rng.uniform(0, 100, (20, 3)), 1)
    rows = averages(long_table({"real": y}, kind="analogue"))
    assert one(rows, reader="all", quantity="mean")["value"] == pytest.approx(y.mean())
    assert one(rows, reader="all", quantity="median")["value"] == pytest.approx(np.median(y))
    assert distributions(long_table({"real": y}, kind="analogue")).empty


def test_hidden_repeats_training_and_old_revisions_are_left_out():
    table = long_table({"real": np.full((4, 2), 3.0)})
    again = table.iloc[[0]].assign(position=9, repeat_of=1, answer=1.0)
    training = table.iloc[[0]].assign(position=0, phase="training", answer=1.0)
    corrected = table.iloc[[1]].assign(revision=1, answer=2.0)
    rows = distributions(pd.concat([table, again, training, corrected]), {"appearance": 4})
    counts = rows[rows["reader"] == "all"]["n_chosen"].tolist()
    assert counts == [0, 1, 7, 0]


def test_a_study_that_is_not_closed_says_so():
    table = closed_off(long_table(simulated()))
    rows = averages(table)
    assert rows["cohort"].unique().tolist() == ["all cases"]
    assert rows["warnings"].str.contains(str(NO_TRUTH), regex=False).all()


@pytest.mark.parametrize("name", odd_studies())
def test_odd_studies_say_why(name):
    table = odd_studies()[name]
    assert says_why(averages(table))
    assert says_why(distributions(table, {"appearance": 4}))


def test_few_and_single_readers_and_missing_answers_are_told():
    odd = odd_studies()

    def warnings(name):
        return averages(odd[name])["warnings"].iloc[0]

    assert "There is only one reader" in warnings("one reader")
    assert "No case was read by two readers" in warnings("never overlap")
    assert "have an answer" in warnings("missing answers")
    assert "the answers do not vary" in warnings("all equal")
    assert "it needs answers to 2 cases" in warnings("one case")


def test_cases_without_a_cohort_are_counted():
    table = long_table(simulated())
    table.loc[table["case"] == "gan03", ["cohort", "role"]] = None
    (rated,) = rated_by_question(table)
    assert "Left out, as their cohort is not told: 1 of 60 cases." in sentences(rated)
    assert len(rated.scores["gan"]) == 29


def test_a_table_without_its_columns_is_refused():
    with pytest.raises(EvalsuiteError, match="no column reader"):
        averages(long_table(simulated()).drop(columns="reader"))


def test_p_value_and_interval_agree():
    rng = np.random.default_rng(5)
    for _ in range(20):
        y = rng.normal(size=(6, 3)) + rng.normal(size=3)
        found = over_readers(y.mean(axis=0), [y])
        low, high = found.interval(0.95)
        assert found.p_value(low) == pytest.approx(0.05, rel=1e-6)
        assert found.p_value(high) == pytest.approx(0.05, rel=1e-6)
        assert found.upper_tail(low) == pytest.approx(0.025, rel=1e-6)
        assert found.upper_tail(high) == pytest.approx(0.975, rel=1e-6)
