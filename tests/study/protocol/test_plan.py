import pytest
import yaml

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.design import load_design, read_design, write_design
from evalsuite.study.protocol.plan import digest, plan_of

BASE = {
    "name": "knee",
    "cohorts": [
        {"name": "mri", "path": "a", "role": "real", "cases": 10},
        {"name": "gan", "path": "b", "role": "synthetic", "cases": 10},
    ],
    "readers": ["Ann", "Bea"],
    "template": ["turing", "paper", "text"],
}
AUC = {"question": "real_or_synthetic", "figure": "auc", "hypothesis": "equivalence", "margin": 0.1}
MEANS = {"question": "anatomy", "figure": "difference", "hypothesis": "superiority"}


def planned(primary=AUC, **values):
    return read_design(BASE | {"plan": {"primary": primary, **values}}).plan


@pytest.mark.parametrize(
    ("endpoint", "ends", "words"),
    [
        (AUC, (0.4, 0.6), "lies between 0.4 and 0.6"),
        (AUC | {"hypothesis": "non-inferiority"}, (float("-inf"), 0.6), "is below 0.6"),
        (AUC | {"hypothesis": "superiority"}, (0.6, float("inf")), "is above 0.6"),
        (MEANS, (0.0, float("inf")), "is above 0"),
        (MEANS | {"hypothesis": "equivalence", "margin": 0.5}, (-0.5, 0.5), "-0.5 and 0.5"),
        (
            {**MEANS, "figure": "agreement", "margin": 0.4},
            (0.4, float("inf")),
            "is above 0.4",
        ),
    ],
)
def test_a_hypothesis_is_where_a_number_is_to_lie(endpoint, ends, words):
    plan = planned(endpoint)
    assert plan.primary.ends == pytest.approx(ends)
    assert words in plan.sentences()[0]
    low, high = (max(end, -9) if end < 0 else min(end, 9) for end in ends)
    within = (low + 0.01, high - 0.01)
    assert plan.primary.shown_by(*within)
    assert plan.primary.shown_by(within[0], float("nan")) is None
    if ends[0] > float("-inf"):
        assert not plan.primary.shown_by(low - 0.01, within[1])
    if ends[1] < float("inf"):
        assert not plan.primary.shown_by(within[0], high + 0.01)


def test_the_plan_is_locked_with_the_design_and_no_reader_learns_of_it(tmp_path):
    rationale = "Half a point is what one reader differs by from day to day."
    design = read_design(
        BASE | {"plan": {"primary": AUC, "secondary": [MEANS], "rationale": rationale}}
    )
    other = read_design(BASE | {"plan": {"primary": AUC | {"margin": 0.11}}})
    assert len({design.hash, other.hash, read_design(BASE).hash}) == 3
    assert len({design.plan.hash, other.plan.hash}) == 2
    assert "plan" not in design.public()
    assert "gan" not in str(design.public())
    path = tmp_path / "design.yaml"
    write_design(design, path)
    assert load_design(path) == design
    values = yaml.safe_load(path.read_text())
    # A report checks the file against the hash of the database, with no model between them.
    assert digest(values) == design.hash
    assert plan_of(values) == design.plan
    assert plan_of(values | {"plan": None}) is None
    assert design.plan.sentences()[-1] == rationale
    assert "Holm" in design.plan.sentences()[-2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"primary": AUC | {"question": "colour"}},
            '"colour", which is no question; expected real',
        ),
        ({"primary": AUC | {"question": "anatomy"}}, "expected difference or agreement"),
        ({"primary": AUC | {"question": "remarks"}}, "expected another question"),
        ({"primary": AUC | {"margin": 0.5}}, "leaves nothing to show; expected less than 0.5"),
        ({"primary": AUC | {"margin": 0}}, "the equivalence of real_or_synthetic needs a margin"),
        ({"primary": AUC | {"cohort": "vae"}}, 'the plan names vae for "real_or_synthetic"'),
        (
            {"primary": MEANS | {"figure": "agreement", "hypothesis": "equivalence", "margin": 1}},
            "expected superiority, which says that it is above",
        ),
        ({"primary": AUC, "secondary": [AUC]}, "two endpoints of the plan are the same"),
        ({"primary": AUC, "alpha": 0.6}, "plan.alpha"),
    ],
)
def test_what_cannot_be_shown_is_refused(values, message):
    with pytest.raises(EvalsuiteError, match=message):
        read_design(BASE | {"plan": values})


def test_one_of_several_synthetic_cohorts_has_to_be_named():
    more = {"name": "vae", "path": "c", "role": "synthetic", "cases": 10}
    cohorts = [*BASE["cohorts"], more]
    with pytest.raises(EvalsuiteError, match='no cohort for "real_or_synthetic"; expected gan or'):
        read_design(BASE | {"cohorts": cohorts, "plan": {"primary": AUC}})
    design = read_design(BASE | {"cohorts": cohorts, "plan": {"primary": AUC | {"cohort": "vae"}}})
    assert "(vae)" in design.plan.sentences()[0]
    real = [*BASE["cohorts"], more | {"role": "real"}]
    with pytest.raises(EvalsuiteError, match="expected one real cohort"):
        read_design(BASE | {"cohorts": real, "plan": {"primary": MEANS}})
    alone = {"figure": "agreement", "question": "anatomy", "hypothesis": "superiority"}
    with pytest.raises(EvalsuiteError, match="takes two readers or more"):
        read_design(BASE | {"readers": ["Ann"], "plan": {"primary": alone}})
