"""Agreement and areas beside what psych and pROC say, by benchmarks/references/agreement.R."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalsuite.statistics.agreement.icc import FORMS, intraclass_correlations
from evalsuite.statistics.roc.auc import auc_covariance
from tests.statistics.test_kappa import quadratic_kappa

FIXTURES = Path(__file__).parent / "fixtures"
STUDY = pd.read_csv(FIXTURES / "clmm_simulated.csv").dropna()
RATINGS = STUDY.filter(regex="^r")
TOLD = pd.read_csv(FIXTURES / "agreement.csv", index_col="quantity")
PAIRS = [(a, b) for k, a in enumerate(RATINGS) for b in list(RATINGS)[k + 1 :]]


def test_intraclass_correlations_and_their_intervals():
    assert intraclass_correlations(RATINGS.to_numpy()) == pytest.approx(
        TOLD.loc[list(FORMS)].to_numpy(), rel=1e-10
    )


@pytest.mark.parametrize("pair", PAIRS)
def test_quadratic_kappa(pair):
    ours = quadratic_kappa(*(RATINGS[reader].to_numpy() for reader in pair))
    assert ours == pytest.approx(TOLD.value[f"kappa {' '.join(pair)}"], rel=1e-10)


def test_areas_and_the_covariance_of_delong():
    first = (STUDY.cohort == "first").to_numpy()
    ratings = RATINGS.to_numpy().T
    areas, covariance = auc_covariance(ratings[:, first], ratings[:, ~first])
    assert areas == pytest.approx([TOLD.value[f"AUC {reader}"] for reader in RATINGS], rel=1e-10)
    expected = np.diag([TOLD.value[f"variance {reader}"] for reader in RATINGS])
    for a, b in PAIRS:
        cell = tuple(map(RATINGS.columns.get_loc, (a, b)))
        expected[cell] = expected[cell[::-1]] = TOLD.value[f"covariance {a} {b}"]
    assert covariance == pytest.approx(expected, rel=1e-10)
