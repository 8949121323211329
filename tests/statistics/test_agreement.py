import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.agreement.icc import intraclass_correlations
from evalsuite.statistics.agreement.kappa import (
    fleiss_kappas,
    mean_quadratic_kappas,
    quadratic_weights,
)
from evalsuite.statistics.agreement.within import repeatability_coefficient
from evalsuite.statistics.answers import answers_by_question
from evalsuite.statistics.jackknife import jackknife
from evalsuite.statistics.resample import bootstrap
from tests.kinds import scales
from tests.statistics.tables import (
    agreement_between_readers,
    agreement_of_pairs,
    agreement_within_readers,
)
from tests.statistics.test_icc import JUDGES
from tests.statistics.test_kappa import (
    DIAGNOSES,
    FOUR_OBSERVERS,
    NAN,
    gwet_ac,
    quadratic_kappa,
    simulated,
)
from tests.statistics.test_krippendorff import krippendorff_alpha

ICCS = [f"ICC({form},{of})" for of in "1k" for form in (1, 2, 3)]


def table(first, second=None, *, kind="likert", cohorts=None):
    """Return the long table of a matrix of answers, and of their hidden repeats."""
    showings = [first] if second is None else [first, second]
    rows = [
        {
            "study": "s",
            "reader": f"R{r}",
            "position": again * len(first) + c + 1,
            "phase": "reading",
            "case": f"c{c:03d}",
            "repeat_of": c + 1 if again else None,
            "question": "quality",
            **scales(kind),
            "answer": answers[c, r],
            "revision": 0,
            "cohort": cohorts[c] if cohorts else None,
        }
        for again, answers in enumerate(showings)
        for r in range(first.shape[1])
        for c in range(first.shape[0])
        if not np.isnan(answers[c, r])
    ]
    return pd.DataFrame(rows)


def between(answers, **keywords):
    return agreement_between_readers(
        table(answers), points={"quality": 5}, replicates=200, **keywords
    )


def value(found, coefficient):
    return found.loc[found["quantity"] == coefficient, "value"].iloc[0]


def test_published_values_through_the_table():
    found = between(FOUR_OBSERVERS)
    assert value(found, "Krippendorff alpha (ordinal)") == pytest.approx(0.815, abs=5e-4)
    assert value(found, "Gwet AC2") == pytest.approx(0.914, abs=5e-5)
    assert value(found, "Fleiss kappa") == pytest.approx(0.76117, abs=5e-6)
    assert value(between(DIAGNOSES), "Fleiss kappa") == pytest.approx(0.430, abs=5e-4)
    found = agreement_between_readers(table(JUDGES, kind="analogue"), replicates=100)
    assert [value(found, form) for form in ICCS] == pytest.approx(
        [0.17, 0.29, 0.71, 0.44, 0.62, 0.91], abs=5e-3
    )


def test_every_coefficient_of_an_ordinal_question_with_its_interval():
    answers = simulated(60, 5, 0)
    found = between(answers)
    names = ["quadratic weighted kappa", "Fleiss kappa", "Gwet AC2", "Krippendorff alpha (ordinal)"]
    assert list(found["quantity"]) == names + ICCS + ICCS
    pairs = [(i, j) for i in range(5) for j in range(i)]
    mean = np.mean([quadratic_kappa(answers[:, i], answers[:, j]) for i, j in pairs])
    assert value(found, "quadratic weighted kappa") == pytest.approx(mean)
    exact = found[found["interval"] == "F distribution"]
    expected = intraclass_correlations(answers)[:, 1:]
    assert exact[["low", "high"]].to_numpy() == pytest.approx(expected)
    assert (found["low"] < found["value"]).all()
    assert (found["value"] < found["high"]).all()
    assert (found["high"] < 1).all()
    assert set(found["n_cases"]) == {60}
    assert set(found["n_readers"]) == {5}
    assert set(found["n_answers"]) == {300}
    bootstrapped = found[found["interval"] == "bootstrap"]
    assert bootstrapped["method"].str.contains("200 bootstrap draws of cases and readers").all()
    assert bootstrapped["warnings"].str.contains("Only 5 readers").all()
    assert found["reference"].str.len().min() > 0


def test_two_readers_are_not_drawn():
    found = between(simulated(40, 2, 0))
    method = found["method"].iloc[0]
    assert method.endswith("bootstrap draws of cases; speaks of these readers only")
    assert found["low"].notna().all()


def test_intervals_are_wider_for_unseen_readers():
    answers = simulated(60, 8, 1) + np.array([0, 0, 0, 0, 1, 1, 1, -1])
    answers = np.clip(answers, 1, 5)
    all_readers = between(answers)
    statistics = {
        "quadratic weighted kappa": mean_quadratic_kappas,
        "Fleiss kappa": lambda scores, draws: fleiss_kappas(scores, draws, np.arange(1.0, 6)),
    }
    for name, values in statistics.items():
        sampled, fixed = (
            bootstrap(
                lambda draws, of=values: of(answers, draws)[:, None],
                cases=60, readers=8, over=over, interval="fisher t", replicates=200,
                compares_readers=True,
            )
            for over in ("cases and readers", "cases")
        )  # fmt: skip
        row = all_readers[all_readers["quantity"] == name].iloc[0]
        # Few readers make the mean kappa skewed: it is left without each in turn.
        skewed = name != "Fleiss kappa"
        assert row["interval"] == ("jackknife" if skewed else "bootstrap")
        if skewed:
            sampled = jackknife(
                lambda draws, of=values: of(answers, draws)[:, None], cases=60, readers=8
            )
        assert row["standard_error"] == pytest.approx(sampled.standard_error[0], rel=1e-12)
        assert row["high"] - row["low"] > fixed.high[0] - fixed.low[0]


def test_cohorts_are_strata():
    answers = simulated(40, 3, 0)
    cohorts = ["real", "fake"] * 20
    found = agreement_between_readers(
        table(answers, cohorts=cohorts), points={"quality": 5}, replicates=100
    )
    drawn = found[found["interval"].isin(["bootstrap", "jackknife"])]
    assert drawn["method"].str.contains("readers.*, cases within cohorts").all()
    strata = answers_by_question(table(answers, cohorts=cohorts))[0].strata
    assert strata.tolist() == [0, 1] * 20


def test_forced_choice_compares_the_volume_and_not_the_side():
    # Both readers hold case a for the real one, shown left to one and right to the other.
    rows = [
        {"reader": reader, "position": p, "phase": "reading", "case": pair, "repeat_of": None,
         "question": "real", **scales("forced_choice"), "answer": answer, "revision": 0}
        for reader, shown in {
            "A": [("a|b", 1), ("c|d", 1), ("e|f", 2)],
            "B": [("b|a", 2), ("d|c", 2), ("e|f", 2)],
        }.items()
        for p, (pair, answer) in enumerate(shown, start=1)
    ]  # fmt: skip
    answers = answers_by_question(pd.DataFrame(rows))[0]
    assert answers.cases == ("a|b", "c|d", "e|f")
    assert answers.first.tolist() == [[1, 1], [1, 1], [2, 2]]
    found = agreement_between_readers(pd.DataFrame(rows), replicates=50)
    assert list(found["quantity"]) == [
        "Cohen kappa", "Fleiss kappa", "Gwet AC1", "Krippendorff alpha (nominal)",
    ]  # fmt: skip
    assert (found["value"] == 1).all()
    assert found[["low", "high"]].isna().all(axis=None)
    assert found["warnings"].str.contains("There is no interval").all()


def test_training_revisions_repeats_and_texts():
    answers = simulated(10, 2, 0)
    rows = table(answers, 6 - answers)
    training = rows.assign(phase="training", answer=5)
    text = rows.assign(**scales("text"), question="remark", answer="none")
    earlier = rows.assign(answer=1, revision=-1)
    mixed = pd.concat([training, earlier, rows, text]).sample(frac=1, random_state=0)
    (found,) = answers_by_question(mixed)
    assert np.array_equal(found.first, answers)
    assert np.array_equal(found.second, 6 - answers)


def test_points_are_taken_from_the_answers_only_with_a_warning():
    answers = np.minimum(simulated(30, 3, 0), 4)
    told = agreement_between_readers(table(answers), points={"quality": 5}, replicates=50)
    untold = agreement_between_readers(table(answers), replicates=50)
    assert value(told, "Gwet AC2") == pytest.approx(
        gwet_ac(answers, range(1, 6), weights=quadratic_weights(range(1, 6)))
    )
    row = untold[untold["quantity"] == "Gwet AC2"].iloc[0]
    assert row["value"] < value(told, "Gwet AC2")
    assert "was not told and is taken as 4" in row["warnings"]
    assert "taken as" not in untold["warnings"].iloc[0]


def test_icc_takes_complete_cases_and_says_so():
    answers = simulated(30, 3, 0)
    answers[:4, 1] = NAN
    found = between(answers)
    row = found[found["quantity"] == "ICC(2,1)"].iloc[0]
    assert row["value"] == pytest.approx(intraclass_correlations(answers[4:])[1, 0])
    assert row["n_cases"] == 26
    assert row["warnings"].startswith("Left out, as a reader did not answer them: 4 of 30 cases.")
    assert value(found, "Krippendorff alpha (ordinal)") == krippendorff_alpha(answers)


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (np.full((30, 1), 2.0), "Agreement needs at least 2 readers, but got 1."),
        (np.array([[1.0, 2, 3]]), "Agreement needs at least 2 cases with answers of two readers"),
        (
            np.array([[1, NAN], [NAN, 2], [3, NAN]]),
            "No case was answered by two readers, so their 3 cases cannot be compared.",
        ),
        (np.full((30, 3), 2.0), "All answers compared are equal"),
    ],
)
def test_undefined_is_nan_with_a_sentence(answers, sentence):
    found = between(answers)
    defined = found[found["quantity"] == "Gwet AC2"] if "equal" in sentence else found[:0]
    undefined = found.drop(defined.index)
    assert len(undefined) >= 9
    assert undefined[["value", "low", "high"]].isna().all(axis=None)
    assert undefined["warnings"].str.contains(sentence, regex=False).all()
    # AC2 asks what chance would give over all categories offered, so it is defined.
    assert (defined["value"] == 1).all()
    assert defined["warnings"].str.contains("There is no interval").all()


def test_nobody_answered():
    rows = table(simulated(5, 2, 0)).assign(answer=None)
    found = agreement_between_readers(rows, replicates=20)
    assert found["value"].isna().all()
    assert found["warnings"].str.contains("Agreement needs at least 2 readers, but got 0.").all()
    assert agreement_of_pairs(rows)["value"].isna().all()
    assert agreement_within_readers(rows).empty
    assert "value" in agreement_between_readers(rows[:0])


def test_pairs():
    answers = simulated(30, 3, 0)
    answers[:10, 0] = NAN
    answers[10:, 2] = NAN
    found = agreement_of_pairs(table(answers)).set_index("reader")
    assert list(found.index) == ["R0 and R1", "R0 and R2", "R1 and R2"]
    assert found.loc["R0 and R1", "value"] == quadratic_kappa(answers[:, 0], answers[:, 1])
    assert found.loc["R0 and R1", "n_cases"] == 20
    assert np.isnan(found.loc["R0 and R2", "value"])
    assert found.loc["R0 and R2", "warnings"] == (
        "Kappa needs at least 2 cases with both answers, but got 0."
    )
    assert found.loc["R1 and R2", "warnings"] == "Only 10 cases: the interval is rough."
    between_all = between(answers)
    assert "no common case, or only equal answers): R0 and R2." in between_all["warnings"].iloc[0]


def test_within_readers():
    first, second = simulated(40, 4, 0), simulated(40, 4, 1)
    second[:30] = first[:30]
    second[:, 3] = NAN
    found = agreement_within_readers(table(first, second), replicates=300)
    exact = found[found["quantity"] == "exact agreement"].set_index("reader")
    kappa = found[found["quantity"] == "quadratic weighted kappa"].set_index("reader")
    assert list(exact.index) == list(kappa.index) == ["R0", "R1", "R2", "all"]
    same = (first == second)[:, :3]
    assert exact["value"].tolist() == pytest.approx([*same.mean(axis=0), same.mean()])
    kappas = [quadratic_kappa(first[:, r], second[:, r]) for r in range(3)]
    assert kappa["value"].tolist() == pytest.approx([*kappas, np.mean(kappas)])
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()
    assert exact["low"].min() > 0
    assert exact["high"].max() < 1
    assert exact.loc["all", "method"].endswith("bootstrap draws of readers")


def test_within_readers_wilson_by_hand():
    # 8 of 10 the same, z = 1.96: centre (0.8 + z^2 / 20) / (1 + z^2 / 10) = 0.71674, half width
    # z (0.8 0.2 / 10 + z^2 / 400)^(1/2) / (1 + z^2 / 10) = 0.22657 (Wilson 1927).
    first = np.tile([1.0, 2], 5)[:, None]
    second = first.copy()
    second[:2] = 3
    row = agreement_within_readers(table(first, second)).iloc[0]
    assert row[["value", "low", "high"]].tolist() == pytest.approx(
        [0.8, 0.71674 - 0.22657, 0.71674 + 0.22657], abs=1e-4
    )


def test_repeatability_of_an_analogue_scale():
    rng = np.random.default_rng(0)
    first = rng.uniform(20, 80, size=(200, 3))
    second = first + rng.normal(0, 3 * np.sqrt(2), size=(200, 3))
    found = agreement_within_readers(table(first, second, kind="analogue"), replicates=100)
    rows = found[found["quantity"] == "repeatability coefficient"]
    # Error 3 within a reader: 1.96 * 2^(1/2) * 3 = 8.32.
    assert rows["value"].to_numpy() == pytest.approx(8.32, rel=0.1)
    assert ((rows["low"] < 8.32) & (rows["high"] > 8.32)).all()
    # 200 differences whose mean is known to be 0 have 200 degrees of freedom.
    for ours, tail in (("low", 0.975), ("high", 0.025)):
        ends = rows["value"] * np.sqrt(200 / chi2.ppf(tail, 200))
        assert rows[ours].to_numpy() == pytest.approx(ends.to_numpy())
    assert value(found, "Lin concordance") > 0.9
    assert np.isnan(repeatability_coefficient(np.array([NAN]), np.array([1.0])))
    # Differences 3 and 4: 1.96 (25 / 2)^(1/2).
    assert repeatability_coefficient(np.array([0.0, 0]), np.array([3.0, 4])) == pytest.approx(
        1.96 * 12.5**0.5
    )


def test_one_reader_who_always_answers_the_same():
    found = agreement_within_readers(table(np.full((8, 1), 3.0), np.full((8, 1), 3.0)))
    assert found["value"].tolist() == pytest.approx([1, NAN], nan_ok=True)
    assert "All answers compared are equal" in found["warnings"].iloc[1]


def test_same_seed_same_table():
    answers = simulated(20, 3, 0)
    pd.testing.assert_frame_equal(between(answers, seed=3), between(answers, seed=3))


def changed(**values):
    rows = table(simulated(4, 2, 0))
    for column, value in values.items():
        rows[column] = rows[column].astype(object)
        rows.loc[0, column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            changed().drop(columns=["scale", "answer"]),
            "The table of answers has no column scale, answer; expected reader, position, phase",
        ),
        (
            changed(answer="good"),
            'The answer \'good\' of reader "R0" to the question "quality" is no number',
        ),
        (
            changed(answer=6),
            'The answer 6 of reader "R0" does not fit the question "quality"; expected a whole num',
        ),
        (changed(answer=2.5), "The answer 2.5 of reader"),
        (
            pd.concat([changed(), changed().assign(position=99)]).drop_duplicates(
                ["reader", "position"]
            ),
            'Reader "R0" answered the question "quality" twice on the case "c000"; expected the sec',
        ),
    ],
)
def test_faults_of_the_table_are_told(rows, message):
    with pytest.raises(EvalsuiteError) as raised:
        agreement_between_readers(rows, points={"quality": 5}, replicates=20)
    assert message in str(raised.value)


def test_an_analogue_answer_out_of_range_is_told():
    rows = table(np.array([[50.0, 101], [3, 4]]), kind="analogue")
    with pytest.raises(EvalsuiteError, match="expected a number from 0 to 100"):
        agreement_between_readers(rows)
