import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from evalsuite.statistics.ratings.course import NO_TIMES, TIME, slope
from tests.kinds import scales
from tests.statistics.readings import closed_off, long_table, odd_studies, says_why, simulated
from tests.statistics.tables import course, times
from tests.statistics.test_ratings import one

NAN = float("nan")


def test_slope_of_one_reader_is_that_of_a_line():
    rng = np.random.default_rng(0)
    x = rng.permutation(30).astype(float)
    y = 0.05 * x + rng.normal(size=30)
    found, readers = slope(y[:, None], x[:, None], np.zeros(30, int))
    expected = stats.linregress(x, y)
    assert readers.tolist() == [True]
    assert found.value == pytest.approx(expected.slope)
    assert np.sqrt(found.variance) == pytest.approx(expected.stderr)
    assert found.p_value() == pytest.approx(expected.pvalue)


def test_slope_within_cohorts_is_that_of_a_model_with_cohorts():
    rng = np.random.default_rng(0)
    cohorts = np.repeat([0, 1, 2], 10)
    x, y = rng.normal(size=(2, 30)) + cohorts
    fit = sm.OLS(y, np.column_stack([x, np.eye(3)[cohorts]])).fit()
    found, _ = slope(y[:, None], x[:, None], cohorts)
    assert found.value == pytest.approx(fit.params[0])
    assert found.p_value() == pytest.approx(fit.pvalues[0])


def test_readers_with_orders_of_their_own_are_a_sample_of_slopes():
    rng = np.random.default_rng(0)
    x = np.stack([rng.permutation(40) for _ in range(4)], axis=1).astype(float)
    y = rng.normal(size=(40, 4))
    alone = [slope(y[:, [r]], x[:, [r]], np.zeros(40, int))[0].value for r in range(4)]
    found, readers = slope(y, x, np.zeros(40, int))
    assert readers.all()
    assert found.value == pytest.approx(np.mean(alone))
    assert found.from_readers == pytest.approx(np.var(alone, ddof=1) / 4)


def test_a_common_order_cannot_pass_for_a_trend():
    """Cases that all readers see in one order shift all slopes alike, which readers cannot tell."""
    rng = np.random.default_rng(1)
    x = np.tile(np.arange(40.0)[:, None], 6)
    rejected = 0
    for _ in range(200):
        y = rng.normal(size=(40, 1)) + 0.3 * rng.normal(size=(40, 6))
        rejected += slope(y, x, np.zeros(40, int))[0].p_value() < 0.05
    assert rejected <= 20


def with_drift(per_presentation, factor):
    """Return a study of 4 readers whose answers rise and times fall with each presentation."""
    rng = np.random.default_rng(2)
    table = long_table({"real": np.zeros((30, 4)), "gan": np.zeros((30, 4))}, kind="analogue")
    level = 50 + 5 * rng.standard_normal(len(table)) + 10 * (table["role"] == "real")
    noise = np.exp(0.1 * rng.standard_normal(len(table)))
    return table.assign(
        answer=level + per_presentation * table["position"],
        active_seconds=30 * noise * factor ** table["position"],
    )


def test_planted_trends_are_found():
    rows = course(with_drift(0.2, 0.99))
    answers = one(rows, question="appearance", quantity="trend", reader="all")
    assert answers["low"] < 2 < answers["high"]
    assert answers["p"] < 0.01
    assert answers["unit"] == "points per 10 presentations"
    seconds = one(rows, question=TIME, quantity="trend", reader="all")
    assert seconds["low"] < 0.99**10 < seconds["high"]
    assert seconds["high"] < 1
    # The first fifth lies 30 presentations before the middle of the rest: 0.2 x 30 lower.
    learning = one(rows, question="appearance", quantity="first fifth", reader="all")
    assert learning["low"] < -6 < learning["high"]
    assert one(rows, question="appearance", quantity="last fifth", reader="all")["low"] > 0
    assert one(rows, question="appearance", quantity="after a real case", reader="all")["p"] > 0.01
    assert says_why(rows)


def test_what_follows_a_real_case_is_found():
    table = with_drift(0.0, 1.0).sort_values(["reader", "position"])
    before = table.groupby("reader")["role"].shift() == "real"
    rows = course(table.assign(answer=table["answer"] - 8 * before))
    row = one(rows, question="appearance", quantity="after a real case", reader="all")
    assert row["low"] < -8 < row["high"] < 0


def test_training_and_repeats():
    table = with_drift(0.2, 0.99)
    training = table.assign(phase="training", answer=99.0, position=table["position"] - 100)
    last = table.groupby("reader")["position"].transform("max")
    repeats = table[table["position"] == 1].assign(position=61, repeat_of=1, answer=0.0)
    rows = course(pd.concat([training, table, repeats]))
    plain = course(table)
    wanted = {"question": "appearance", "quantity": "trend", "reader": "all"}
    assert one(rows, **wanted)["value"] == pytest.approx(one(plain, **wanted)["value"])
    assert (last == 60).all()


def test_who_answered_repeats_alone_has_no_place_in_the_order():
    """The first showing of a case, and all those of a reader, may lack their rows."""
    table = long_table(simulated(3, 10))
    again = table["case"] == "real00"
    again |= table["reader"] == "reader02"
    odd = table.assign(repeat_of=np.where(again, 99.0, np.nan))
    whole, rest = course(odd), course(table[~again])
    answers = whole["question"] != TIME
    assert whole[answers]["n_readers"].max() == 2
    assert rest["n_readers"].max() == 2
    assert set(whole[answers & (whole["quantity"] == "trend")]["n_cases"]) == {19}


def test_a_pair_is_one_case_whichever_side_was_the_left():
    table = long_table({"real": np.ones((6, 3))})
    left = np.random.default_rng(0).random(len(table)) < 0.5
    for column, real, other in (
        ("case", table["case"], table["case"].str.replace("real", "gan")),
        ("cohort", "real", "gan"),
        ("role", "real", "synthetic"),
    ):
        table[column] = np.where(left, real + "|" + other, other + "|" + real)
    pairs = table.assign(**scales("forced_choice"))
    seconds = times(pairs)
    assert set(seconds["cohort"]) == {"real|gan"}
    assert set(seconds["n_cases"]) == {6}
    assert not seconds["warnings"].str.contains("missing").any()
    assert set(course(pairs)["quantity"]) == {"trend", "first fifth", "last fifth"}


def test_times_are_geometric_means():
    table = with_drift(0.0, 1.0)
    rows = times(table)
    real = table[table["role"] == "real"]
    by_reader = np.log(real["active_seconds"]).groupby(real["reader"]).mean()
    row = one(rows, cohort="real", reader="all", quantity="geometric mean")
    assert row["value"] == pytest.approx(np.exp(by_reader.mean()))
    assert row["low"] < row["value"] < row["high"]
    own = one(rows, cohort="real", reader="reader01", quantity="median")
    seconds = real[real["reader"] == "reader01"]["active_seconds"]
    assert own["value"] == pytest.approx(np.median(seconds), rel=0.01)


def test_a_study_that_is_not_closed_has_a_trend():
    rows = course(closed_off(with_drift(0.2, 0.99)))
    assert set(rows["quantity"]) == {"trend", "first fifth", "last fifth"}
    assert one(rows, question="appearance", quantity="trend", reader="all")["low"] > 0


def test_times_that_were_not_recorded():
    table = long_table(simulated()).drop(columns="active_seconds")
    rows = course(table)
    seconds = rows[rows["question"] == TIME]
    assert seconds["value"].isna().all()
    assert (seconds["warnings"] == str(NO_TIMES)).all()
    assert (times(table)["warnings"] == str(NO_TIMES)).all()


@pytest.mark.parametrize("name", odd_studies())
def test_odd_studies_say_why(name):
    table = odd_studies()[name]
    assert says_why(course(table))
    assert says_why(times(table))
