from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from evalsuite.statistics.roc.analysis_of_variance import mean_covariances, mean_squares
from evalsuite.statistics.roc.auc import share_covariance
from evalsuite.statistics.roc.choice import Choices, choice_merits
from evalsuite.statistics.roc.merits import auc_merits
from evalsuite.statistics.roc.one_shot import MOMENTS, area_sums, one_shot
from evalsuite.statistics.roc.variants import BOTH_RANDOM, CASES_FIXED, READERS_FIXED
from tests.statistics.readings import long_table
from tests.statistics.tables import comparisons, obuchowski_rockette
from tests.statistics.test_mrmc import simulated

FIXTURES = Path(__file__).parent / "fixtures"
NAN = np.nan


def imrmc(study):
    """Return the ratings of positive and negative cases, one row per modality and reader."""
    table = pd.read_csv(FIXTURES / f"imrmc_{study}.csv").set_index("case")
    cells = [column.split() for column in table.columns.drop("truth")]
    modalities, readers = (sorted(set(names)) for names in zip(*cells, strict=True))
    rows = [f"{modality} {reader}" for modality in modalities for reader in readers]
    ratings = table.reindex(columns=rows).to_numpy(float).T
    return modalities, *(ratings[:, table["truth"] == truth] for truth in (1, 0))


@pytest.mark.parametrize("study", [1, 2, 3, 4, 5])
def test_it_agrees_with_imrmc(study):
    modalities, positive, negative = imrmc(study)
    found = one_shot(*area_sums(positive, negative), len(modalities))
    told = pd.read_csv(FIXTURES / "imrmc.csv").query("study == @study")
    assert len(told) >= 18
    for row in told.itertuples():
        places = [modalities.index(name) for name in row.of.split()]
        i, j = places[0], places[-1]
        contrast = np.zeros(len(modalities))
        contrast[[i, j]] = 1, -1
        k = MOMENTS.index(row.quantity[:2]) if row.quantity[:2] in MOMENTS else 0
        ours = {
            "AUC": found.value[i],
            "covariance": found.covariance[i, j],
            "difference": contrast @ found.value,
            "variance of difference": contrast @ found.covariance @ contrast,
            MOMENTS[k]: found.moments[i, j, k],
            f"{MOMENTS[k]}.coeff": found.coefficients[i, j, k],
        }[row.quantity]
        digits = 1e-8 if row.source == "frozen" else 1e-12
        assert ours == pytest.approx(row.value, rel=digits, abs=1e-14), row


def test_fully_crossed_it_is_obuchowski_and_rockette():
    readings = simulated(3, t=2, r=4, m=12, n=15)
    rows = (readings.positive.reshape(8, -1), readings.negative.reshape(8, -1))
    found = one_shot(*area_sums(*rows), 2)
    value, covariance = share_covariance(*area_sums(*rows))
    value, covariance = value.reshape(2, 4), covariance.reshape(2, 4, 2, 4)
    both = mean_covariances(covariance)
    difference = 2 / 4 * (mean_squares(value).treatment_reader + 4 * (both.cov2 - both.cov3))
    assert [1, -1] @ found.covariance @ [1, -1] == pytest.approx(difference, rel=1e-10)
    one = mean_squares(value[:1]).reader / 4 + mean_covariances(covariance[:1, :, :1]).cov2
    assert found.covariance[0, 0] == pytest.approx(one, rel=1e-10)
    contrast = found.contrast((1, -1), 25)
    assert contrast.variance == pytest.approx(difference, rel=1e-10)
    assert contrast.df_readers == pytest.approx(3)
    assert contrast.alone == pytest.approx([1, -1] @ found.alone @ [1, -1], rel=1e-10)


def split_plot(seed, r=6, n=30, groups=3):
    """Readings of which each group of readers read its own part of the cases."""
    found = simulated(seed, t=1, r=r, m=n, n=n)
    apart = np.arange(r)[:, None] % groups != np.arange(n) % groups
    for side in (found.positive, found.negative):
        side[0][apart] = NAN
    return found


def test_a_split_plot_is_analysed_by_u_statistics():
    readings = split_plot(1)
    merits = auc_merits(readings)
    row = obuchowski_rockette(merits).treatments.iloc[0]
    assert "one-shot U-statistic covariance" in row["method"]
    assert "Gallas 2006" in row["reference"]
    value, covariance = share_covariance(*area_sums(readings.positive[0], readings.negative[0]))
    shared = covariance[~np.eye(6, dtype=bool)]
    # Readers of different groups have no case in common, and so no covariance.
    assert (np.abs(shared) < 1e-12).sum() == 6 * 4
    variance = value.var(ddof=1) / 6 + max(shared.mean(), 0)
    assert row["standard_error"] == pytest.approx(variance**0.5, rel=1e-9)
    full = auc_merits(simulated(1, t=1, r=6))
    assert "DeLong" in obuchowski_rockette(full).treatments.iloc[0]["method"]


def test_blocks_of_equal_size_weigh_the_same():
    readings = split_plot(2)
    found = one_shot(*area_sums(readings.positive[0], readings.negative[0]), 1)
    assert found.value[0] == pytest.approx(auc_merits(readings).value.mean())
    assert found.readers[0] == pytest.approx(6)


def test_variants_say_who_is_a_sample():
    merits = auc_merits(simulated(4, r=5))
    table = obuchowski_rockette(merits).variants.set_index(["treatment", "kind"])
    assert set(table.index.get_level_values(1)) == {READERS_FIXED, CASES_FIXED}
    # Readers alone: Student's paired test of their figures.
    cases_fixed = table.loc["A less B", CASES_FIXED]
    assert cases_fixed["p"] == pytest.approx(ttest_rel(*merits.value).pvalue)
    assert cases_fixed["random"] == "readers"
    # Cases alone: the variance of the mean contrast over cases.
    contrast = np.concatenate([np.full(5, 0.2), np.full(5, -0.2)])
    variance = contrast @ merits.covariance.reshape(10, 10) @ contrast
    readers_fixed = table.loc["A less B", READERS_FIXED]
    assert readers_fixed["standard_error"] == pytest.approx(variance**0.5)
    assert readers_fixed["random"] == "cases"
    one = table.loc["A", CASES_FIXED]
    assert one["standard_error"] == pytest.approx(merits.value[0].std(ddof=1) / 5**0.5)
    assert obuchowski_rockette(auc_merits(simulated(4, r=1))).variants.empty


def test_variants_of_incomplete_readings():
    readings = split_plot(3, r=4, groups=2)
    table = obuchowski_rockette(auc_merits(readings)).variants.set_index("kind")
    assert np.isnan(table.loc[CASES_FIXED, "low"])
    assert "readers who all read the same cases" in table.loc[CASES_FIXED, "warnings"]
    found = one_shot(*area_sums(readings.positive[0], readings.negative[0]), 1)
    error = found.covariance[0, 0] ** 0.5
    assert table.loc[BOTH_RANDOM, "standard_error"] == pytest.approx(error)
    assert table.loc[BOTH_RANDOM, "warnings"] == ""
    readings.positive[0, 0, 4:] = NAN
    uneven = obuchowski_rockette(auc_merits(readings)).variants.set_index("kind")
    assert "unequal numbers of comparisons" in uneven.loc[BOTH_RANDOM, "warnings"]


def test_superiority_is_the_same_area_where_answers_are_missing():
    readings = split_plot(4, r=4, groups=2)
    cohorts = {"real": readings.positive[0].T, "gan": readings.negative[0].T}
    table = comparisons(long_table(cohorts), points={"appearance": 6})
    row = table[(table["quantity"] == "probability of superiority") & (table["reader"] == "all")]
    area = obuchowski_rockette(auc_merits(readings)).treatments.iloc[0]
    for column in ("value", "low", "high", "p"):
        assert row[column].item() == pytest.approx(area[column]), column
    assert "U-statistic" in row["method"].item()


def test_choices_that_not_every_reader_made():
    rng = np.random.default_rng(5)
    right = (rng.random((1, 4, 24)) < 0.6).astype(float)
    pairs = np.arange(24)
    whole = Choices("which", ("gan",), tuple("abcd"), right, pairs, pairs)
    assert choice_merits(whole).sums is None
    right[0, :2, ::2], right[0, 2:, 1::2] = NAN, NAN
    merits = choice_merits(whole)
    found = one_shot(*merits.sums, 1)
    assert found.value[0] == pytest.approx(np.nanmean(right))
    assert np.isfinite(obuchowski_rockette(merits).treatments["low"].item())


def test_a_reader_without_comparisons_changes_nothing():
    readings = split_plot(6, r=4, groups=2)
    rows = (readings.positive[0], readings.negative[0])
    idle = [np.vstack([side, np.full(side.shape[1], NAN)]) for side in rows]
    found, same = one_shot(*area_sums(*idle), 1), one_shot(*area_sums(*rows), 1)
    assert found.covariance == pytest.approx(same.covariance)
    assert found.alone == pytest.approx(same.alone)
    assert found.n_readers == 4
