"""Options without order: shares and agreement, but no mean, no distance and no order."""

import numpy as np
import pandas as pd
import pytest

from tests.statistics.readings import long_table
from tests.statistics.tables import (
    agreement_between_readers,
    agreement_of_pairs,
    agreement_within_readers,
    averages,
    comparisons,
    course,
    distributions,
)

POINTS = {"appearance": 3}
QUANTITIES = ["Fleiss kappa", "Gwet AC1", "Krippendorff alpha (nominal)"]


@pytest.fixture
def answers():
    """Return the options that two readers chose of three, 40 cases in two cohorts, agreeing often."""
    rng = np.random.default_rng(0)
    truth = rng.integers(1, 4, (40, 1))
    other = rng.integers(1, 4, (40, 2))
    chosen = np.where(rng.random((40, 2)) < 0.7, truth, other).astype(float)
    return {"real": chosen[:20], "gan": chosen[20:]}


@pytest.fixture
def table(answers):
    return long_table(answers).assign(scale="nominal")


def test_agreement_is_that_of_equal_answers(table, answers):
    found = agreement_between_readers(table, points=POINTS, replicates=100)
    assert list(found["quantity"]) == QUANTITIES
    chosen = np.concatenate(list(answers.values()))
    same = (chosen[:, 0] == chosen[:, 1]).mean()
    shares = np.array([(chosen == option).mean() for option in (1, 2, 3)])
    # Chance: Scott's of pooled shares; Gwet's; and Krippendorff's, without replacement.
    scott = (shares**2).sum()
    gwet = (shares * (1 - shares)).sum() / 2
    krippendorff = (scott * 80 - 1) / 79
    by_hand = [(same - chance) / (1 - chance) for chance in (scott, gwet, krippendorff)]
    assert found["value"].tolist() == pytest.approx(by_hand)


def test_a_new_order_of_the_options_changes_nothing(table):
    swapped = table.assign(answer=table["answer"].map({1: 3, 2: 1, 3: 2}))
    one, other = (
        agreement_between_readers(t, points=POINTS, replicates=50)["value"].to_numpy()
        for t in (table, swapped)
    )
    assert one == pytest.approx(other)


def test_no_coefficient_of_squared_distances(table):
    assert agreement_of_pairs(table).empty
    again = table.assign(repeat_of=1, position=table["position"] + 100)
    both = pd.concat([table, again], ignore_index=True)
    twice = agreement_within_readers(both, points=POINTS, replicates=50)
    assert list(twice["quantity"]) == ["exact agreement"] * 3  # of each reader, and of both
    assert (twice["value"] == 1).all()


def test_shares_but_no_means(table):
    shares = distributions(table, POINTS)
    everyone = shares[shares["reader"] == "all"].set_index(["cohort", "option"])["value"]
    assert everyone.groupby("cohort").sum().tolist() == pytest.approx([1, 1])
    assert averages(table, POINTS).empty
    assert comparisons(table, points=POINTS).empty
    assert "appearance" not in set(course(table, POINTS)["question"])
