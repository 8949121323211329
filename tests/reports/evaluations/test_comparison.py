"""Which evaluations stand side by side, and what becomes of them when they do."""

import pytest

from reports.evaluations import evaluation_sections
from reports.evaluations.comparison import comparisons
from tests.reports.evaluations.made_up import cohort, estimate, evaluated, score_rows

ONE = {
    "cohorts": {"real": "a", "training": "t"},
    "preprocessing": {"spacing": [1, 1, 1]},
    "extractors": {"radiomics": {"version": 1}},
    "metrics": {"mmd": {"permutations": 100, "seed": 0}},
    "seed": 0,
}


def pair(other, **known):
    """Return two evaluations, the second with another configuration."""
    return [
        evaluated(estimate("kid", 1.0), config=ONE, folder="one"),
        evaluated(
            estimate("kid", 2.0, "vae"), cohorts=("vae",), config=other, folder="two", **known
        ),
    ]


@pytest.mark.parametrize(
    "other",
    [
        ONE,
        ONE | {"seed": 5, "metrics": {"mmd": {"permutations": 100, "seed": 5}}},
        ONE | {"metrics": {"frechet": {"bootstrap": 10}}, "by": "sex"},
        ONE | {"extractors": {"medicalnet": {"weights_sha256": "x"}}},
        ONE | {"cohorts": {"real": "a"}},
    ],
    ids=["the same", "seed", "another metric", "another extractor", "no training cohort"],
)
def test_done_alike_they_stand_side_by_side(other):
    (found,) = comparisons(pair(other))
    assert found.cohorts == ("gan", "vae")
    assert [(e.synthetic, e.value) for e in found.evaluation.estimates] == [("gan", 1), ("vae", 2)]
    names = [section.name for section in evaluation_sections(pair(other))]
    assert names == ["evaluation", "evaluation-distance"]


@pytest.mark.parametrize(
    "other",
    [
        ONE | {"preprocessing": {"spacing": [2, 1, 1]}},
        ONE | {"extractors": {"radiomics": {"version": 2}}},
        ONE | {"metrics": {"mmd": {"permutations": 200, "seed": 0}}},
        ONE | {"cohorts": {"real": "a", "training": "u"}},
    ],
    ids=["preprocessing", "extractor", "settings", "training"],
)
def test_done_otherwise_they_get_chapters_of_their_own(other):
    found = comparisons(pair(other))
    assert [c.cohorts for c in found] == [("gan",), ("vae",)]
    sections = evaluation_sections(pair(other))
    assert [section.name for section in sections] == [
        "evaluation-1", "evaluation-distance-1", "evaluation-2", "evaluation-distance-2",
    ]  # fmt: skip
    assert sections[3].title.endswith("(comparison 2)")
    told = " ".join(sections[0].blocks[0].paragraphs)
    assert "There are 2 comparisons in this report" in told


def test_other_real_volumes_are_another_yardstick_even_under_the_same_name():
    strangers = cohort("real", "real", n=40, fingerprint="other" * 13)
    assert len(comparisons(pair(ONE, real=strangers))) == 2


def test_the_third_joins_the_group_it_agrees_with():
    first, second = pair(ONE | {"preprocessing": {"spacing": [2, 1, 1]}})
    third = evaluated(cohorts=("flow",), config=ONE, folder="three")
    assert [c.cohorts for c in comparisons([first, second, third])] == [("gan", "flow"), ("vae",)]


def test_other_volumes_of_the_same_name_get_the_name_of_their_folder():
    rows = score_rows("realism", {"gan": [1.0], "real": [2.0]})
    one = evaluated(estimate("kid", 1.0), folder="a/one", scores=rows)
    other = cohort("gan", fingerprint="f" * 64)
    two = evaluated(estimate("kid", 2.0), cohorts=(other,), folder="b/two", scores=rows)
    three = evaluated(
        estimate("kid", 3.0), cohorts=(cohort("gan", fingerprint="e" * 64),), folder="c/two"
    )
    (found,) = comparisons([one, two, three])
    assert found.cohorts == ("gan", "gan (two)", "gan (two) 2")
    assert [e.value for e in found.evaluation.estimates] == [1, 2, 3]
    assert set(found.scores["cohort"]) == {"gan", "gan (two)", "real"}
    assert set(found.scores["against"]) == {"gan", "gan (two)", "real"}
    assert found.remarks[0] == "gan of b/two is called gan (two) here."


def test_the_same_cohort_twice_keeps_the_first_values_and_says_so():
    scores = score_rows("realism", {"gan": [1.0, 2.0]})
    one = evaluated(estimate("kid", 1.0), folder="one", scores=scores)
    again = evaluated(estimate("kid", 1.0), folder="again", scores=scores)
    (found,) = comparisons([one, again])
    assert (len(found.evaluation.estimates), len(found.scores), found.remarks) == (1, 2, ())
    other = evaluated(estimate("kid", 1.001), folder="other")
    (found,) = comparisons([one, other])
    assert [e.value for e in found.evaluation.estimates] == [1.0]
    assert found.remarks == (
        (
            "other has other values for numbers that an evaluation before it has, too (another seed "
            "or version); those of the first are shown."
        ),
    )


def test_groups_and_features_are_not_mistaken_for_one_another():
    grouped = [estimate("kid", v, group=g) for v, g in ((1.0, ""), (2.0, "sex=F"), (3.0, "sex=M"))]
    (found,) = comparisons([evaluated(*grouped, estimate("kid", 4.0, extractor="other"))])
    assert [e.value for e in found.evaluation.estimates] == [1, 2, 3, 4]


def test_unreadable_volumes_that_were_left_out_are_told():
    left = cohort("gan", skipped=("a.nii.gz: empty", "b.nii.gz: empty"))
    (overview, *_) = evaluation_sections([evaluated(cohorts=(left,))])
    assert "2 unreadable volumes of gan were left out." in overview.blocks[0].paragraphs
    assert overview.blocks[0].paragraphs[0] == (
        "40 real volumes (real) are the yardstick for synthetic ones: 30 of gan."
    )
