import numpy as np
import pytest

from evalsuite.certificate import Fault
from evalsuite.certification.design import drawn, share, split
from evalsuite.certification.faults import COPIES, DROPPED, PLANTINGS, REPEATS, SHARES, Planting
from evalsuite.certification.modes import cluster, modes
from evalsuite.volumes.cohort import Cohort, Entry

SUBJECTS = np.repeat(np.arange(30), [1, 2, 3] * 10)
BY_NAME = {planting.fault.name: planting for planting in PLANTINGS}


def halves(count=3):
    return split(SUBJECTS, count, seed=7)


def test_halves_share_no_subject_and_hold_everyone():
    for of in halves():
        first, second = set(SUBJECTS[of.real]), set(SUBJECTS[of.held_out])
        assert not first & second
        assert len(first) == len(second) == 15
        assert sorted([*of.real, *of.held_out]) == list(range(len(SUBJECTS)))
    one, other, _ = halves()
    assert sorted(one.real) != sorted(other.real)
    np.testing.assert_array_equal(one.real, halves()[0].real)


@pytest.mark.parametrize("planting", PLANTINGS, ids=lambda p: p.fault.name)
def test_a_fault_changes_nothing_at_level_0_and_more_at_each(planting):
    of = halves()[1]
    without = drawn(planting, 0.0, of, SUBJECTS, seed=1)
    np.testing.assert_array_equal(without.rows, of.held_out)
    assert not without.faulty.any()
    before = np.zeros(len(of.held_out), dtype=bool)
    for level in planting.fault.levels:
        found = drawn(planting, level, of, SUBJECTS, seed=1)
        changed = found.faulty | (found.rows != of.held_out)
        assert (changed | ~before).all()  # what was changed stays so
        before = changed
        np.testing.assert_array_equal(found.subjects, without.subjects)
    assert before.any()


def test_shares_are_of_whole_subjects():
    of = halves()[0]
    whose = SUBJECTS[of.held_out]
    for level, expected in zip(SHARES, (2, 4, 8, 15), strict=True):  # of 15
        faulty = drawn(BY_NAME["mirrored"], level, of, SUBJECTS, seed=1).faulty
        assert len(set(whose[faulty])) == expected
        assert not set(whose[faulty]) & set(whose[~faulty])


def test_copies_are_of_the_real_half_and_each_once():
    of = halves()[0]
    found = drawn(Planting(COPIES), 0.5, of, SUBJECTS, seed=1)
    copied = np.isin(found.rows, of.real)
    assert copied.sum() == share(0.5, len(of.held_out))
    assert len(set(found.rows[copied])) == copied.sum()
    repeated = drawn(Planting(REPEATS), 0.5, of, SUBJECTS, seed=1).rows
    assert np.bincount(repeated).max() >= share(0.5, len(of.held_out))
    assert np.isin(repeated, of.held_out).all()


def test_a_dropped_mode_leaves_as_many_volumes_at_every_severity():
    mode = SUBJECTS % 3 == 0
    planting = Planting(Fault("dropped", "Dropped", "share of it", DROPPED))
    for of in halves():
        sizes, inside = set(), []
        for level in (0.0, *DROPPED):
            found = drawn(planting, level, of, SUBJECTS, 1, mode)
            sizes.add(len(found.rows))
            inside.append(int(mode[found.rows].sum()))
            assert len(set(found.rows)) == len(found.rows)
            assert np.isin(found.rows, of.held_out).all()
        assert sizes == {int((~mode[of.held_out]).sum())}
        assert inside == sorted(inside, reverse=True)
        assert inside[-1] == 0
        usual = mode[of.held_out].mean()
        assert inside[0] / sizes.pop() == pytest.approx(usual, abs=0.05)


def cohort(n, **covariates):
    entries = [
        Entry(f"{i}", None, covariates={name: values[i] for name, values in covariates.items()})
        for i in range(n)
    ]
    return Cohort("real", "real", "table.csv", tuple(entries))


def test_the_smallest_cluster_and_values_of_a_column_are_modes():
    random = np.random.default_rng(0)
    centres = np.repeat([[0, 0, 0], [20, 0, 0], [0, 20, 0]], [40, 30, 12], axis=0)
    features = centres + random.normal(size=centres.shape)
    np.testing.assert_array_equal(cluster(features, seed=0), np.arange(82) >= 70)
    sexes = ["f"] * 50 + ["m"] * 31 + ["x"]  # f is more than half, x too rare
    found = {
        planting.fault.name: inside
        for planting, inside in modes(cohort(82, sex=sexes), features, "sex", seed=0)
    }
    assert list(found) == ["dropped_cluster", "dropped_sex=m"]
    np.testing.assert_array_equal(np.flatnonzero(found["dropped_sex=m"]), np.arange(50, 81))
