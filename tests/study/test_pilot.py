"""Variances from a pilot: against mean squares of statsmodels, and on average over simulations."""

import numpy as np
import pandas as pd
import pytest
import yaml

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.rated import Rated
from evalsuite.study.pilot import components, pilot_components
from evalsuite.study.protocol.power import Components, _effects


def rated(*scores):
    names = [f"cohort {number}" for number in range(len(scores))]
    readers = tuple(f"R{number}" for number in range(scores[0].shape[1]))
    return Rated(
        "q", "ratings", 0, (0, 100), readers, {}, dict(zip(names, scores, strict=True)), {}, ()
    )


def test_complete_ratings_give_the_components_of_the_analysis_of_variance():
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    truth = Components(reader=2, reader_cohort=3, case=4, reader_case=1)
    ratings = _effects(np.random.default_rng(5), (1, 2, 4, 7), truth)[0]
    cohort, reader, case = (axis.ravel() for axis in np.indices((2, 4, 7)))
    table = pd.DataFrame({"t": cohort, "r": reader, "c": case, "y": ratings.ravel()})
    squares = anova_lm(ols("y ~ C(t) + C(r) + C(t):C(r) + C(t):C(c) + 0", table).fit())
    ms = squares["sum_sq"] / squares["df"]
    both = ms["Residual"]
    found = components(rated(ratings[0].T, ratings[1].T))
    assert found.reader_case == pytest.approx(both)
    assert found.case == pytest.approx((ms["C(t):C(c)"] - both) / 4)
    assert found.reader_cohort == pytest.approx((ms["C(t):C(r)"] - both) / 7)
    assert found.reader == pytest.approx((ms["C(r)"] - ms["C(t):C(r)"]) / 14)


def test_unequal_cohorts_with_gaps_are_right_on_average():
    truth = Components(reader=2, reader_cohort=1, case=4, reader_case=1)
    draw, found = np.random.default_rng(2), []
    for _ in range(600):
        effects = _effects(draw, (1, 3, 6, 12), truth)[0]
        parts = [effects[0].T, effects[1, :, :8].T, effects[2].T]
        parts[0][0, 0] = np.nan  # a case that one reader left out
        found.append(components(rated(*parts)))
    for name in ("reader", "reader_cohort", "case", "reader_case"):
        mean = np.mean([getattr(one, name) for one in found])
        assert mean == pytest.approx(getattr(truth, name), rel=0.1), name


def test_a_split_plot_pilot_in_which_no_case_was_read_by_all_is_right_on_average():
    truth = Components(reader=2, reader_cohort=1, case=4, reader_case=1)
    draw, found = np.random.default_rng(3), []
    for _ in range(600):
        effects = _effects(draw, (1, 2, 6, 18), truth)[0]
        parts = [effects[0].T, effects[1].T]
        for part in parts:
            for group in range(3):
                others = [r for r in range(6) if r % 3 != group]
                part[6 * group : 6 * group + 6, others] = np.nan
        found.append(components(rated(*parts)))
    for name in ("reader", "reader_cohort", "case", "reader_case"):
        mean = np.mean([getattr(one, name) for one in found])
        assert mean == pytest.approx(getattr(truth, name), rel=0.1), name


def test_ratings_that_do_not_vary_have_no_negative_variance():
    parts = np.random.default_rng(3).normal(size=(2, 9, 4))
    found = components(rated(*parts))
    assert min(found.reader, found.reader_cohort, found.case) >= 0
    assert components(rated(np.ones((3, 2)), np.ones((3, 2)))) == Components(0, 0, 0, 0)


@pytest.mark.parametrize(
    "scores", [[np.ones((5, 3))], [np.ones((5, 1))] * 2, [np.ones((1, 3))] * 2]
)
def test_too_few_ratings_are_told(scores):
    with pytest.raises(EvalsuiteError, match="at least 2 readers of both and 2 cases"):
        components(rated(*scores))


@pytest.fixture
def pilot(tmp_path):
    """Write an export of three readers with ratings on a scale of 0 to 100, and a text."""

    def write(**changes):
        truth = Components(reader=20, reader_cohort=9, case=100, reader_case=30)
        effects = 50 + _effects(np.random.default_rng(4), (1, 2, 3, 10), truth)[0]
        rows = [
            {
                "study": "p", "reader": f"R{r}", "position": k + 10 * t, "phase": "reading",
                "presentation": f"p{t}{k}{r}", "case": f"0{t}{k}", "repeat_of": "", "kind": "analogue",
                "question": "sharp", "answer": effects[t, r, k], "revision": 0,
                "cohort": ("None", "gan")[t], "role": ("real", "synthetic")[t], "real_side": "",
            }
            for t in (0, 1) for r in (0, 1, 2) for k in range(10)
        ]  # fmt: skip
        rows += [{**row, "question": "why", "kind": "text", "answer": "unclear"} for row in rows]
        path = tmp_path / "pilot.csv"
        pd.DataFrame(rows).to_csv(path, index=False)
        questions = [
            {"name": "sharp", "kind": "analogue", "text": "Sharp?", "low": "no", "high": "yes"},
            {"name": "why", "kind": "text", "text": "Why?"},
        ]
        about = {"study": "p", "state": "closed", "design": {"questions": questions}, **changes}
        path.with_suffix(".design.yaml").write_text(yaml.safe_dump(about))
        return path, components(rated(effects[0].T, effects[1].T))

    return write


def test_a_table_of_an_export_gives_its_variances(pilot, cli):
    path, expected = pilot()
    question, found = pilot_components(path, None)
    assert question == "sharp"
    for name in ("reader", "reader_cohort", "case", "reader_case"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name))
    status, out, err = cli(
        *("study", "power", "--from", path, "--difference", "8", "--margin", "10"),
        *("--readers", "3", "--cases", "40", "--replicates", "200"),
    )
    assert status == 0, err
    assert f"Variances of sharp in {path}: reader {expected.reader:.3g}, " in err
    assert len(out.strip().splitlines()) == 3


def test_what_is_no_pilot_is_told(pilot, tmp_path):
    path, _ = pilot(design={"questions": []})
    with pytest.raises(EvalsuiteError, match=r"it is no table of .* with its design beside it"):
        pilot_components(path, None)
    path, _ = pilot()
    with pytest.raises(EvalsuiteError, match="name the question by --question, one of sharp"):
        pilot_components(path, "sharpness")
    with pytest.raises(EvalsuiteError, match=r"other\.csv: it cannot be read: No such file"):
        pilot_components(tmp_path / "other.csv", None)
