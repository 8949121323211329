"""Closed forms: Student's t with non-central parameter; mean squares against statsmodels."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.power import Components, _effects, contrast, power

VAN_DYKE = Path(__file__).parents[4] / "shared/reference/vandyke.csv"


def one(**changes):
    settings = {"readers": [5], "cases": [20], "difference": 0.4, "margin": 0.4}
    (row,) = power(**settings | changes)
    return row


def two_sided(shift, error, df, level=0.05):
    critical = stats.t.ppf(1 - level / 2, df)
    return stats.nct.sf(critical, df, shift / error) + stats.nct.cdf(-critical, df, shift / error)


def equivalent(margin, error, df, level=0.05):
    """Return the power of two one-sided tests at no difference, over the estimated error."""
    s = np.linspace(1e-6, 6, 20_001)
    density = stats.chi2.pdf(df * s**2, df) * 2 * df * s
    room = np.maximum(margin / error - stats.t.ppf(1 - level, df) * s, 0)
    return np.trapezoid((2 * stats.norm.cdf(room) - 1) * density, s)


def test_readers_alone_give_the_paired_t_test():
    # Each reader's difference varies by 2 x 0.08 and there are 5 of them.
    only = Components(reader=0.3, reader_cohort=0.08, case=0, reader_case=0)
    row = one(components=only, replicates=4000)
    error = np.sqrt(2 * 0.08 / 5)
    assert row.detected_low < two_sided(0.4, error, 4) < row.detected_high
    assert row.ruled_out_low < equivalent(0.4, error, 4) < row.ruled_out_high


def test_several_questions_share_the_level():
    only = Components(reader=0.3, reader_cohort=0.08, case=0, reader_case=0)
    row = one(components=only, replicates=4000, readers=[9], questions=4)
    error = np.sqrt(2 * 0.08 / 9)
    assert row.level == 0.0125
    assert row.detected_low < two_sided(0.4, error, 8, 0.0125) < row.detected_high
    assert row.ruled_out_low < equivalent(0.4, error, 8, 0.0125) < row.ruled_out_high


def test_cases_alone_give_the_t_test_of_two_groups():
    only = Components(reader=0.3, reader_cohort=0, case=0.2, reader_case=0)
    row = one(components=only, replicates=4000)
    error = np.sqrt(2 * 0.2 / 20)
    assert row.detected_low < two_sided(0.4, error, 38) < row.detected_high
    assert row.ruled_out_low < equivalent(0.4, error, 38) < row.ruled_out_high
    # The mean of the estimated error is the true one times c4(38) = 0.99344.
    assert row.half_width == pytest.approx(0.99344 * error * stats.t.ppf(0.975, 38), rel=0.01)


@pytest.mark.parametrize("readers", [2, 3, 8])
def test_false_alarms_keep_the_level(readers):
    row = one(readers=[readers], difference=0, replicates=4000)
    # No surer of other readers than of these, which costs two readers a half of the level.
    assert (0.02 if readers == 2 else 0.025) < row.detected < 0.062
    # On an ordinal scale, too.
    effects = _effects(np.random.default_rng(0), (4000, 2, readers, 20), Components())
    rounded = contrast(np.rint(2.5 + effects).clip(1, 4))
    alarms = (abs(rounded.difference) > rounded.half_width(0.05)).mean()
    assert (0.02 if readers == 2 else 0.025) < alarms < 0.062


def test_a_difference_as_large_as_the_margin_is_not_ruled_out_more_often_than_the_level():
    generator = np.random.default_rng(5)
    sd = {"reader_cohort": 0.2, "case": 0.4, "reader_case": 0.66}
    size = (4000, 2, 6, 40)
    ratings = sd["reader_case"] * generator.standard_normal(size)
    ratings += sd["case"] * generator.standard_normal((4000, 2, 1, 40))
    ratings += sd["reader_cohort"] * generator.standard_normal((4000, 2, 6, 1))
    ratings[:, 0] += 0.5
    analysed = contrast(ratings)
    ruled_out = abs(analysed.difference) + analysed.half_width(0.1) < 0.5
    assert 0.03 < ruled_out.mean() < 0.06


def test_the_variance_is_unbiased():
    generator = np.random.default_rng(6)
    ratings = generator.standard_normal((20_000, 2, 3, 5))
    ratings += 2 * generator.standard_normal((20_000, 2, 1, 5))
    analysed = contrast(ratings)
    expected = 2 * (2.0**2 / 5 + 1 / (3 * 5))
    assert analysed.difference.var() == pytest.approx(expected, rel=0.05)
    assert (analysed.from_readers + analysed.from_cases).mean() == pytest.approx(expected, rel=0.03)


def test_mean_squares_agree_with_statsmodels():
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    ratings = np.random.default_rng(7).normal(size=(1, 2, 3, 4))
    ratings += np.random.default_rng(8).normal(scale=2, size=(1, 2, 1, 4))
    cohort, reader, case = (axis.ravel() for axis in np.indices((2, 3, 4)))
    table = pd.DataFrame({"t": cohort, "r": reader, "c": case, "y": ratings.ravel()})
    fit = ols("y ~ C(t) + C(r) + C(t):C(r) + C(t):C(c) + 0", table).fit()
    squares = anova_lm(fit)
    mean_square = squares["sum_sq"] / squares["df"]
    analysed = contrast(ratings)
    scale = 2 / (3 * 4)
    assert analysed.from_readers[0] == pytest.approx(scale * mean_square["C(t):C(r)"])
    assert analysed.from_cases[0] == pytest.approx(
        scale * (mean_square["C(t):C(c)"] - mean_square["Residual"])
    )
    means = table.groupby("t")["y"].mean()
    assert analysed.difference[0] == pytest.approx(means[0] - means[1])


def test_more_readers_and_cases_help_and_no_number_of_cases_replaces_readers():
    rows = power([3, 6, 12], [10, 40], difference=0.4, margin=0.4, replicates=1000)
    found = {(row.readers, row.cases): row for row in rows}
    assert len(rows) == len(found) == 6
    for what in ("detected", "ruled_out"):
        share = {size: getattr(row, what) for size, row in found.items()}
        assert share[3, 10] < share[6, 10] < share[12, 10] < share[12, 40]
    assert found[12, 40].half_width < found[3, 40].half_width
    assert one(readers=[3], cases=[400], replicates=300).half_width > 0.3


def test_tables_repeat_and_rows_do_not_depend_on_one_another():
    table = power([3, 4], [10, 12], difference=0.4, margin=0.4, replicates=200, seed=3)
    assert table == power([3, 4], [10, 12], difference=0.4, margin=0.4, replicates=200, seed=3)
    assert table[3] == one(readers=[4], cases=[12], replicates=200, seed=3)
    assert table[3].detected != one(readers=[4], cases=[12], replicates=200, seed=4).detected


def test_memory_is_bounded_without_changing_what_is_simulated(monkeypatch):
    whole = one(replicates=2000)
    monkeypatch.setattr("evalsuite.study.protocol.power.AT_ONCE", 10_000)
    parts = one(replicates=2000)
    assert parts.detected == pytest.approx(whole.detected, abs=0.06)


def test_intervals_are_wilson_s():
    row = one(replicates=400)
    expected = proportion_confint(round(row.detected * 400), 400, method="wilson")
    assert (row.detected_low, row.detected_high) == pytest.approx(expected)


def test_few_readers_are_warned_of():
    assert "With 2 readers little can be said about other readers" in one(readers=[2]).warnings[0]
    assert one(readers=[5]).warnings == ()


def test_the_default_variances_are_those_of_published_radiologists():
    if not VAN_DYKE.is_file():
        pytest.skip(f"the data of Van Dyke et al. are not at {VAN_DYKE}")
    import pandas as pd

    table = pd.read_csv(VAN_DYKE).query("truth == 0")
    found = []
    for _, part in table.groupby("treatment"):
        y = part.pivot_table(index="reader", columns="case", values="rating").to_numpy()
        readers, cases = y.shape
        rest = y - y.mean(1, keepdims=True) - y.mean(0, keepdims=True) + y.mean()
        within = (rest**2).sum() / ((readers - 1) * (cases - 1))
        found.append(
            (
                y.mean(1).var(ddof=1) - within / cases,
                y.mean(0).var(ddof=1) - within / readers,
                within,
            )
        )
    reader, case, reader_case = np.mean(found, axis=0)
    typical = Components()
    assert (typical.reader, typical.case, typical.reader_case) == pytest.approx(
        (reader, case, reader_case), abs=0.006
    )
    # Readers x techniques, on the same cases: the variance of the differences of the means less
    # that of the differences of single ratings around them.
    before, after = (
        part.pivot_table(index="reader", columns="case", values="rating").to_numpy()
        for _, part in table.groupby("treatment")
    )
    change = after - before
    rest = change - change.mean(1, keepdims=True) - change.mean(0, keepdims=True) + change.mean()
    noise = (rest**2).sum() / ((change.shape[0] - 1) * (change.shape[1] - 1))
    interaction = (change.mean(1).var(ddof=1) - noise / change.shape[1]) / 2
    assert typical.reader_cohort == pytest.approx(interaction, abs=0.001)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"readers": [1]}, r"needs at least 2 readers, but got \[1\]\."),
        ({"cases": []}, r"needs at least 2 cases in each cohort, but got \[\]\."),
        ({"difference": -1}, r"The difference must be 0 or more, but got -1\."),
        ({"margin": 0}, r"The margin must be above 0, but got 0\."),
        ({"margin": float("nan")}, r"The margin must be above 0, but got nan\."),
        ({"replicates": 0}, "At least 1 replicate is needed, but got 0"),
        ({"components": Components(1, 0, 0, 0)}, "With no variance but that between readers"),
    ],
)
def test_impossible_studies_are_told(changes, message):
    with pytest.raises(EvalsuiteError, match=message):
        one(**changes)


def test_negative_variances_are_told():
    with pytest.raises(EvalsuiteError, match="A variance cannot be negative, but"):
        Components(case=-0.1)
