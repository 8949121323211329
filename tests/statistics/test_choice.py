import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, norm
from statsmodels.stats.proportion import proportion_confint

from evalsuite.statistics.roc import mrmc
from evalsuite.statistics.roc.choice import Choices, choice_merits, choices
from tests.kinds import scales
from tests.statistics.tables import obuchowski_rockette, reader_choices

NAN = np.nan


def study(right, *, cohorts=None, pairs=None, truth=True):
    """The long table of a matrix of right choices (pairs x readers), 1, 0 or nan.

    The sides alternate between readers, and the ids sort either way.
    """
    rows = []
    for r in range(right.shape[1]):
        for p in range(len(right)):
            if np.isnan(right[p, r]):
                continue
            i, j = pairs[p] if pairs else (p, p)
            cohort = cohorts[p] if cohorts else "gan"
            real, fake = (f"z{i:02d}" if p % 3 else f"a{i:02d}"), f"m{j:02d}"
            side = 1 + (p + r) % 2
            names, sources = [real, fake], ["Rome", cohort]
            if side == 2:
                names, sources = names[::-1], sources[::-1]
            rows.append({
                "study": "s", "reader": f"r{r:02d}", "position": p + 1, "phase": "reading",
                "case": "|".join(names), "repeat_of": None, "question": "which",
                **scales("forced_choice"), "answer": side if right[p, r] else 3 - side,
                "revision": 1, "cohort": "|".join(sources), "real_side": side,
            })  # fmt: skip
    table = pd.DataFrame(rows)
    return table if truth else table.drop(columns=["cohort", "real_side"])


def of_matrix(right):
    """Choices of readers about pairs without a common case."""
    right = np.array(right, float)
    numbers = np.arange(right.shape[1])
    readers = tuple(f"r{i}" for i in range(len(right)))
    return Choices("q", ("gan",), readers, right[None], numbers, numbers)


def test_choices_are_read_whatever_the_side():
    right = np.random.default_rng(0).integers(0, 2, (12, 3)).astype(float)
    right[3, 1] = NAN
    (found,) = choices(study(right))
    assert (found.treatments, found.readers) == (("gan",), ("r00", "r01", "r02"))
    shares = reader_choices(found).set_index("reader")["value"]
    assert shares.to_numpy() == pytest.approx(np.nanmean(right, axis=0))
    assert sorted(found.real) == sorted(found.synthetic) == list(range(12))


def test_repeats_training_and_old_revisions_do_not_count():
    table = study(np.ones((4, 1)))
    wrong = 3 - table["answer"]
    repeat = table.assign(answer=wrong, repeat_of=table["position"], position=table["position"] + 4)
    training = table.assign(answer=wrong, phase="training", position=table["position"] + 20)
    before = table.assign(answer=wrong, revision=0)
    (found,) = choices(pd.concat([before, table, repeat, training], ignore_index=True))
    row = reader_choices(found).iloc[0]
    assert (row["value"], row["n_pairs"]) == (1, 4)


def test_exact_intervals_and_test():
    # 9 of 12 right: p = 2 P(X >= 9) = 2 (220 + 66 + 12 + 1) / 4096.
    row = reader_choices(of_matrix([[1] * 9 + [0] * 3])).iloc[0]
    assert row["p"] == pytest.approx(598 / 4096)
    assert (row["low"], row["high"]) == pytest.approx(proportion_confint(9, 12, method="beta"))
    perfect = reader_choices(of_matrix([[1] * 10])).iloc[0]
    assert (perfect["low"], perfect["high"]) == pytest.approx((0.025**0.1, 1))
    assert perfect["p"] == pytest.approx(binomtest(10, 10).pvalue)


def test_variance_by_hand():
    # Of disjoint pairs it is the ordinary covariance of means; variances p (1 - p) / (n - 1).
    found = choice_merits(of_matrix([[1, 1, 1, 0], [1, 0, 0, 1]]))
    assert found.value.tolist() == [[0.75, 0.5]]
    expected = np.cov([[1, 1, 1, 0], [1, 0, 0, 1]]) / 4
    assert expected[0, 0] == pytest.approx(0.75 * 0.25 / 3)
    assert found.covariance[0, :, 0] == pytest.approx(expected)


def test_covariance_of_other_partners_agrees_with_its_definition():
    rng = np.random.default_rng(1)
    real = np.concatenate([np.arange(6)] * 2)
    synthetic = np.concatenate([np.arange(6), np.roll(np.arange(6), 1)])
    right = rng.integers(0, 2, (2, 12)).astype(float)
    right[0, 6:], right[1, :6] = NAN, NAN
    found = choice_merits(Choices("q", ("gan",), ("a", "b"), right[None], real, synthetic))
    for a in range(2):
        for b in range(2):
            apart = [
                right[a, p] * right[b, q]
                for p in range(12)
                for q in range(12)
                if real[p] != real[q] and synthetic[p] != synthetic[q]
            ]
            expected = np.nanmean(right[a]) * np.nanmean(right[b]) - np.nanmean(apart)
            assert found.covariance[0, a, 0, b] == pytest.approx(expected)


def test_over_readers_by_hand():
    # Shares 3/4 and 1/2: MS(R) = 1/32; their covariance is negative and counts as none:
    # SE = sqrt(1/32 / 2) = 1/8.
    found = choice_merits(of_matrix([[1, 1, 1, 0], [0, 0, 1, 1]]))
    assert found.covariance[0, 0, 0, 1] < 0
    row = obuchowski_rockette(found).treatments.iloc[0]
    assert (row["value"], row["standard_error"]) == pytest.approx((5 / 8, 1 / 8))
    assert (row["quantity"], row["n_cases"]) == ("2AFC accuracy", 8)


def test_cohorts_are_told_apart():
    right = np.array([[1.0, 1], [1, 1], [0, 0], [0, 1], [1, 0], [0, 0]])
    (found,) = choices(study(right, cohorts=["ldm", "gan"] * 3))
    table = reader_choices(found).set_index(["treatment", "reader"])
    assert table.loc[("gan", "r00"), ["value", "n_pairs"]].tolist() == pytest.approx([1 / 3, 3])
    assert table.loc[("ldm", "r00"), ["value", "n_pairs"]].tolist() == pytest.approx([2 / 3, 3])
    result = obuchowski_rockette(choice_merits(found))
    assert result.differences.loc[0, ["first", "second"]].tolist() == ["gan", "ldm"]
    assert result.differences["n_cases"].item() == 12


def test_cases_in_several_pairs_are_told():
    right = np.ones((4, 1))
    right[0] = 0
    (found,) = choices(study(right, pairs=[(0, 0), (1, 0), (2, 1), (3, 1)]))
    row = reader_choices(found).iloc[0]
    assert row["warnings"].startswith("Some cases occur in several pairs, so pairs are not")


def test_without_truth_it_says_why():
    table = study(np.ones((4, 2)), truth=False)
    for blind in (table, table.assign(cohort=None, real_side=None)):
        (found,) = choices(blind)
        rows = reader_choices(found)
        assert rows["reader"].tolist() == ["r00", "r01"]
        assert rows[["value", "low", "high", "p"]].isna().all(axis=None)
        assert rows["warnings"].str.startswith("The table does not say which cases are real").all()
        (row,) = obuchowski_rockette(choice_merits(found)).treatments.to_dict("records")
        assert np.isnan(row["value"])
        assert "No reader has a defined 2AFC accuracy with a variance." in row["warnings"]


def test_pairs_without_truth_are_left_out():
    table = study(np.ones((4, 1)))
    table.loc[0, "real_side"] = NAN
    (found,) = choices(table)
    row = reader_choices(found).iloc[0]
    assert row["n_pairs"] == 3
    assert row["warnings"] == "Left out, as their truth is not told: 1 of 4 pairs."


def test_no_choice_no_rows():
    assert choices(study(np.ones((2, 1))).assign(**scales("likert"), answer=1)) == []


@pytest.mark.parametrize("right", [[[1]], [[1], [1]], [[1, NAN], [NAN, 0]]])
def test_little_or_nothing_to_see_is_said(right):
    row = obuchowski_rockette(choice_merits(of_matrix(right))).treatments.iloc[0]
    assert np.isnan([row["standard_error"], row["low"], row["high"], row["p"]]).all()
    assert "undefined" in row["warnings"] or "No reader has" in row["warnings"]


def test_readers_who_are_always_right_have_an_exact_interval():
    row = obuchowski_rockette(choice_merits(of_matrix([[1, 1, 1], [1, 1, 1]]))).treatments.iloc[0]
    assert row[["low", "high", "p"]].tolist() == pytest.approx([0.025 ** (1 / 3), 1, 2 / 2**3])
    assert np.isnan(row["standard_error"])


def test_intervals_cover(monkeypatch):
    # As in test_mrmc: no correction is needed here, and it is slow.
    monkeypatch.setattr(mrmc, "holm", lambda rows, family: rows)
    # Skill of readers, difficulty of pairs and both together are normal; sd 0.3, 0.6 and 1.
    truth = norm.cdf(1 / (1 + 0.3**2 + 0.6**2) ** 0.5)
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(400):
        skill, ease = rng.normal(1, 0.3, (6, 1)), rng.normal(0, 0.6, (1, 50))
        right = (skill + ease + rng.normal(size=(6, 50)) > 0).astype(float)
        result = obuchowski_rockette(choice_merits(of_matrix(right)))
        covered.append(result.treatments["low"].item() <= truth <= result.treatments["high"].item())
    assert 0.92 <= np.mean(covered) <= 0.98
