import numpy as np
import pytest
import scipy.stats
from scipy.special import stdtrit

from evalsuite.statistics.jackknife import jackknife
from evalsuite.statistics.resample import Draws, bootstrap


def mean_rating(ratings):
    def statistic(draws):
        sums = ((draws.cases @ ratings) * draws.readers).sum(axis=1)
        return (sums / (draws.cases.sum(axis=1) * draws.readers.sum(axis=1)))[:, None]

    return statistic


def two_way(cases, readers, seed, *, case=1.0, reader=0.5, noise=1.0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, case, (cases, 1))
        + rng.normal(0, reader, (1, readers))
        + rng.normal(0, noise, (cases, readers))
    )


def components(ratings):
    """Return the sums that the variances of the bootstrap of the mean converge to."""
    c, r = ratings.shape
    centred = ratings - ratings.mean()
    of_case, of_reader = centred.mean(axis=1), centred.mean(axis=0)
    noise = centred - of_case[:, None] - of_reader
    return (of_case**2).sum() / c**2, (of_reader**2).sum() / r**2, (noise**2).sum() / (c * r) ** 2


@pytest.mark.parametrize("over", ["cases", "readers"])
def test_error_over_one_factor_is_that_of_a_mean(over):
    ratings = two_way(25, 8, 0)
    means = ratings.mean(axis=1 if over == "cases" else 0)
    found = bootstrap(
        mean_rating(ratings), cases=25, readers=8, over=over, replicates=20_000, interval="fisher t"
    )
    expected = scipy.stats.sem(means)
    assert found.value == pytest.approx([ratings.mean()], rel=1e-12)
    assert found.standard_error == pytest.approx([expected], rel=0.02)
    mean = ratings.mean()
    ends = scipy.stats.t.interval(0.95, len(means) - 1, np.arctanh(mean), expected / (1 - mean**2))
    assert [found.low[0], found.high[0]] == pytest.approx(np.tanh(ends), abs=0.03)


def test_crossed_error_is_the_unbiased_estimate_and_the_spread_is_not():
    ratings = two_way(12, 6, 1, reader=0.7)
    found = bootstrap(
        mean_rating(ratings), cases=12, readers=6, over="cases and readers", replicates=40_000
    )
    of_cases, of_readers, noise = components(ratings)
    # The pigeonhole bootstrap of a mean, exactly: V_c + V_r + noise.
    assert found.replicates.var() == pytest.approx(of_cases + of_readers + noise, rel=0.03)
    unbiased = of_cases * 12 / 11 + of_readers * 6 / 5 - noise * 12 / 11 * 6 / 5
    assert found.standard_error[0] ** 2 == pytest.approx(unbiased, rel=0.06)


def test_crossed_error_is_no_smaller_than_one_factor_gives():
    ratings = two_way(10, 5, 3, case=0.0, reader=0.0)
    found = bootstrap(mean_rating(ratings), cases=10, readers=5, over="cases and readers")
    of_cases, of_readers, _ = components(ratings)
    least = max(of_cases * 10 / 9, of_readers * 5 / 4)
    assert found.standard_error[0] ** 2 >= least * 0.9


@pytest.mark.parametrize("seed", range(20))
def test_crossed_error_is_no_smaller_than_either_factor_alone_gives(seed):
    statistic = mean_rating(two_way(10, 5, seed, case=0.0, reader=0.0))
    both, cases, readers = (
        bootstrap(statistic, cases=10, readers=5, over=over, replicates=200).standard_error[0]
        for over in ("cases and readers", "cases", "readers")
    )
    assert both >= max(cases, readers) * (1 - 1e-12)


def test_intervals_cover_over_cases_and_readers():
    hits = []
    for seed in range(250):
        ratings = two_way(30, 6, seed)
        found = bootstrap(
            mean_rating(ratings),
            cases=30,
            readers=6,
            over="cases and readers",
            interval="fisher t",
            replicates=200,
            seed=seed,
        )
        hits.append(found.low[0] <= 0 <= found.high[0])
    # 95.0 % in 2,000 simulations; 0.91 is three standard errors below.
    assert 0.91 <= np.mean(hits) <= 0.99


def test_percentiles_agree_with_scipy():
    sample = np.random.default_rng(0).exponential(size=40)

    def spread(draws):
        w = draws.cases
        mean = w @ sample / 40
        return np.sqrt(w @ sample**2 / 40 - mean**2)[:, None]

    ours = bootstrap(spread, cases=40, readers=1, over="cases", replicates=40_000)
    theirs = scipy.stats.bootstrap(
        (sample,),
        np.std,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert [ours.low[0], ours.high[0]] == pytest.approx([theirs.low, theirs.high], rel=0.02)


def test_draws_keep_the_sizes_of_study_and_strata():
    strata = np.array([0] * 7 + [1] * 3)
    seen = []

    def spy(draws):
        seen.append(draws)
        return np.zeros((max(len(draws.cases), len(draws.readers)), 1))

    bootstrap(spy, cases=10, readers=4, over="cases and readers", strata=strata, replicates=150)
    drawn = [d for d in seen if len(d.cases) > 1 and len(d.readers) > 1]
    assert sum(len(d.cases) for d in drawn) == 150
    for draws in drawn:
        assert (draws.cases[:, :7].sum(axis=1) == 7).all()
        assert (draws.cases[:, 7:].sum(axis=1) == 3).all()
        assert (draws.readers.sum(axis=1) == 4).all()


def test_same_seed_same_numbers():
    ratings = two_way(10, 4, 0)
    keywords = {"cases": 10, "readers": 4, "over": "cases and readers", "replicates": 100}
    first, again, other = (
        bootstrap(mean_rating(ratings), **keywords, seed=seed).replicates for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_undefined_replicates_are_counted_and_left_out():
    # Defined only where the first of 4 cases is drawn: in 1 - (3/4)^4 = 68 % of replicates.
    def sometimes(draws):
        return np.where(draws.cases[:, :1] > 0, draws.cases[:, 1:2], np.nan)

    # Undefined in the study itself.
    def never(draws):
        return np.where(draws.cases[:, :1] == 1, np.nan, draws.cases[:, 1:2])

    found = bootstrap(sometimes, cases=4, readers=1, over="cases", replicates=4000)
    assert found.undefined[0] / 4000 == pytest.approx(0.75**4, abs=0.03)
    assert np.isfinite([found.low[0], found.high[0], found.standard_error[0]]).all()
    assert found.value == [1]
    found = bootstrap(never, cases=4, readers=1, over="cases", replicates=1000)
    assert np.isnan([found.low[0], found.high[0], found.standard_error[0]]).all()


def test_fisher_intervals_stay_inside():
    def skewed(draws):
        return np.column_stack([0.97 + 0.02 * (draws.cases[:, 0] - 1), np.ones(len(draws.cases))])

    found = bootstrap(skewed, cases=10, readers=1, over="cases", interval="fisher t")
    assert 0.5 < found.low[0] < 0.97 < found.high[0] < 1
    assert np.isnan([found.low[1], found.high[1]]).all()
    # The derivative of Fisher's z at v is 1 / (1 - v^2).
    step = scipy.stats.t.ppf(0.975, 9) * found.standard_error[0] / (1 - 0.97**2)
    assert np.arctanh([found.low[0], found.high[0]]) == pytest.approx(
        np.arctanh(0.97) + np.array([-step, step]), rel=1e-9
    )


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="The level is 1.0; expected a number between 0 and 1."):
        bootstrap(mean_rating(two_way(5, 3, 0)), cases=5, readers=3, over="cases", level=1.0)


def test_once_is_the_study():
    draws = Draws.once(3, 2)
    assert draws.cases.tolist() == [[1, 1, 1]]
    assert draws.readers.tolist() == [[1, 1]]


def test_jackknife_of_a_mean_is_both_standard_errors():
    # Without the noise of single answers the variance is s_r^2 / r + s_c^2 / c.
    reader, case = np.array([0.1, 0.25, -0.1, 0.05]), np.linspace(-0.4, 0.5, 12)
    scores = 0.1 + reader + case[:, None]

    def mean(draws):
        weights = draws.cases[:, :, None] * draws.readers[:, None]
        return (weights * scores).sum(axis=(1, 2))[:, None] / weights.sum(axis=(1, 2))[:, None]

    found = jackknife(mean, cases=12, readers=4)
    parts = reader.var(ddof=1) / 4, case.var(ddof=1) / 12
    assert found.standard_error[0] == pytest.approx(sum(parts) ** 0.5)
    quantile = (parts[0] * stdtrit(3, 0.975) + parts[1] * stdtrit(11, 0.975)) / sum(parts)
    half = quantile * sum(parts) ** 0.5 / (1 - found.value[0] ** 2)
    assert np.arctanh(found.high[0]) - np.arctanh(found.value[0]) == pytest.approx(half)
    strata = np.repeat([0, 1], 6)
    within = jackknife(mean, cases=12, readers=4, strata=strata)
    # Cohorts that differ are no noise: the halves of the cases lie apart.
    assert within.standard_error[0] < 0.9 * found.standard_error[0]
