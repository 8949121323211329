"""Nobody is on both sides; shares nest; the faults of subjects and shares are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import EvalsuiteError
from evalsuite.utility.splits import split
from evalsuite.volumes.cohort import Cohort, Entry, VolumeInfo


def cohort(subjects, *, sides=None, digests=None):
    entries, infos = [], []
    for i, subject in enumerate(subjects):
        covariates = {} if sides is None else {"split": sides[i]}
        entries.append(Entry(f"v{i}.nii", None, subject, covariates))
        digest = digests[i] if digests else str(i)
        infos.append(
            VolumeInfo(None, (9, 9, 9), (1, 1, 1), "RAS", None, "float32", 0, 1, "", digest)
        )
    return Cohort("real", "real", "data.csv", tuple(entries), tuple(infos))


def dealt(subjects, *, shares=(100.0,), repeats=1, test=0.3, seed=0, **columns):
    return split(cohort(subjects, **columns), shares=shares, repeats=repeats, test=test, seed=seed)


@given(
    st.lists(st.sampled_from("abcdefghij"), min_size=12, max_size=40),
    st.integers(0, 1000),
    st.floats(0.2, 0.6),
)
def test_subjects_are_never_on_both_sides_and_shares_nest(subjects, seed, test):
    if len(set(subjects)) < 8:
        return
    found = dealt(subjects, shares=(50.0, 100.0), repeats=3, test=test, seed=seed)
    for repeat in range(3):
        half, whole = (set(found.training(share, repeat)) for share in (50, 100))
        assert half < whole
        assert not {subjects[i] for i in whole} & {subjects[i] for i in found.tested}
        assert whole | set(found.tested) == set(range(len(subjects)))
        # All files of a subject come together.
        assert {i for i, s in enumerate(subjects) if s in {subjects[j] for j in half}} == half


def test_a_share_counts_subjects_and_halves_are_rounded_up():
    # 20 subjects, 6 held out; 25 % of 14 are 3.5, hence 4.
    found = dealt([f"s{i}" for i in range(20)], shares=(25.0, 100.0))
    assert (len(found.test), found.count(25), found.count(100)) == (6, 4, 14)


def test_more_repeats_leave_the_first_ones_as_they_were():
    few, many = (dealt([str(i) for i in range(20)], repeats=r) for r in (2, 5))
    assert many.test == few.test
    assert many.orders[:2] == few.orders
    assert len(set(many.orders)) == 5


def test_the_manifest_may_tell_who_is_tested():
    found = dealt(["a", "b", "c", "d"], sides=["test", "train", "test", "train"])
    assert found.test == ("a", "c")
    assert found.told
    assert not dealt(["a", "b", "c", "d", "e", "f"]).told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"subjects": [str(i) for i in range(20)], "shares": (2.0,)},
            (
                "A share of 2 % of 14 training subjects is not one subject. Use at least 3.58 %, or "
                "add subjects."
            ),
        ),
        (
            {"subjects": [str(i) for i in range(20)], "shares": (10.0, 5.0)},
            (
                "The shares 5 % and 10 % are both 1 of 14 training subjects. Leave one out, or add "
                "subjects."
            ),
        ),
        (
            {"subjects": ["a", "b"]},
            (
                "data.csv: of 2 subjects 1 are held out and 1 left to train on; expected at least 2 "
                "and 1. Add subjects or change --test."
            ),
        ),
        (
            {"subjects": ["a", "a"], "sides": ["train", "test"]},
            (
                "data.csv: the volumes of a are partly train and partly test in the column split; a "
                "subject must be on one side."
            ),
        ),
        (
            {"subjects": ["a", "b"], "sides": ["train", "hold-out"]},
            'data.csv: v1.nii has "hold-out" in the column split; expected train or test.',
        ),
        (
            {"subjects": ["a", "b"], "digests": ["x", "x"]},
            (
                "v1.nii is a copy of v0.nii, which is of another subject: one could be trained on and "
                "the other tested. Remove one of them."
            ),
        ),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(EvalsuiteError) as caught:
        dealt(**{"shares": (100.0,), "test": 0.3, **arguments})
    assert str(caught.value) == message
