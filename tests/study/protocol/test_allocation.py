import math
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.allocation import Allocation, allocated, seats
from evalsuite.study.protocol.schedule import lone_readings, orders
from evalsuite.study.truth import CaseTruth
from tests.study.protocol.test_schedule import make


def truth(case, cohort="r", stratum="", subject="", phase="reading"):
    role = "real" if cohort.startswith("r") else "synthetic"
    return CaseTruth(case, phase, cohort, role, stratum, case, case, "", "", subject)


def cases_of(cells):
    """Return cases; cells by cohort and stratum, with how many cases each subject has."""
    return {
        t.case: t
        for (cohort, stratum), subjects in cells.items()
        for s, size in enumerate(subjects)
        for t in [
            truth(f"{cohort}{stratum}-{s}-{i}", cohort, stratum, f"{cohort}{stratum}-{s}")
            for i in range(size)
        ]
    }


def draw(rule, truths, readers, source="s/1", taken=None):
    showings = [(case,) for case in truths]
    rows = allocated(rule, showings, truths, source, readers=readers, taken=taken)
    return [{case for (case,) in row} for row in rows]


CELLS = st.dictionaries(
    st.tuples(st.sampled_from(["r", "s", "t"]), st.sampled_from(["", "a", "b"])),
    st.integers(1, 15),
    min_size=1,
    max_size=6,
)


@given(
    CELLS,
    st.integers(2, 7),
    st.integers(1, 40),
    st.sampled_from(["partially-crossed", "anchor-and-rotate"]),
    st.integers(0, 9),
)
def test_selections_hold_every_cell_in_proportion_and_cases_are_read_equally_often(
    sizes, readers, cap, scheme, seed
):
    truths = cases_of({cell: [1] * n for cell, n in sizes.items()})
    anchors = cap // 3 if scheme == "anchor-and-rotate" else 0
    assume(bool(anchors) == (scheme == "anchor-and-rotate"))
    rule = Allocation(scheme=scheme, cap=cap, anchors=anchors)
    assume(not rule.fault(len(truths), readers))
    rows = draw(rule, truths, readers, f"s/{seed}")
    assert [len(row) for row in rows] == [cap] * readers
    read = Counter(case for row in rows for case in row)
    everyone = {case for case in truths if all(case in row for row in rows)}
    assert len(everyone) >= anchors
    once = sorted(read[case] for case in truths)[: len(truths) - anchors]
    mean = readers * (cap - anchors) / (len(truths) - anchors)
    assert {math.floor(mean), math.ceil(mean)} >= set(once)
    for row in rows:
        of_cell = Counter((truths[case].cohort, truths[case].stratum) for case in row)
        for cell, size in sizes.items():
            # One rounding for the anchors and one for the rest.
            assert abs(of_cell[cell] - cap * size / len(truths)) < (2 if anchors else 1) + 1e-9
        of_cohort = Counter(truths[case].cohort for case in row)
        for cohort, count in of_cohort.items():
            size = sum(n for (name, _), n in sizes.items() if name == cohort)
            assert abs(count - cap * size / len(truths)) < (2 if anchors else 1) + 1e-9


@given(CELLS, st.integers(2, 6), st.integers(1, 40), st.integers(0, 9))
def test_split_plots_divide_the_cases_evenly_among_groups_of_readers(sizes, readers, cap, seed):
    truths = cases_of({cell: [1] * n for cell, n in sizes.items()})
    rule = Allocation(scheme="split-plot", cap=cap)
    assume(not rule.fault(len(truths), readers) and math.ceil(len(truths) / cap) <= readers)
    rows = draw(rule, truths, readers, f"s/{seed}")
    groups = {frozenset(row) for row in rows}
    assert len(groups) == math.ceil(len(truths) / cap)
    assert sum(map(len, groups)) == len(truths) == len(set().union(*groups))
    sizes_of_groups = Counter(map(frozenset, rows)).values()
    assert max(sizes_of_groups) - min(sizes_of_groups) <= 1
    for cell, size in sizes.items():
        shares = [sum((truths[c].cohort, truths[c].stratum) == cell for c in g) for g in groups]
        assert max(shares) - min(shares) <= 1
        assert sum(shares) == size
    assert max(map(len, groups)) - min(map(len, groups)) <= 1
    for cohort in {cohort for cohort, _ in sizes}:
        shares = [sum(truths[c].cohort == cohort for c in g) for g in groups]
        assert max(shares) - min(shares) <= 1


def test_subjects_of_unequal_size_still_fill_the_fewest_groups():
    # 24 subjects with one case and 18 with two: 60 cases, three groups of 20.
    for seed in range(20):
        truths = cases_of({(c, s): [1] * 6 + [2] * 4 for c in "rs" for s in "ab"})
        truths |= cases_of({("r", "c"): [2], ("s", "c"): [2]})
        rows = draw(Allocation(scheme="split-plot", cap=20), truths, 6, f"s/{seed}")
        assert sorted(map(len, set(map(frozenset, rows)))) == [20, 20, 20]


@given(
    st.lists(st.integers(1, 4), min_size=8, max_size=20),
    st.integers(2, 5),
    st.integers(0, 9),
    st.sampled_from(["split-plot", "partially-crossed"]),
)
def test_volumes_of_one_subject_go_to_the_same_readers(sizes, readers, seed, scheme):
    truths = cases_of({("r", ""): sizes, ("s", ""): sizes})
    cap = math.ceil(len(truths) / readers) + 8
    assume(cap < len(truths))
    rows = draw(Allocation(scheme=scheme, cap=cap), truths, readers, f"s/{seed}")
    for row in rows:
        assert len(row) <= cap
        subjects = {truths[case].subject for case in row}
        assert row == {case for case, t in truths.items() if t.subject in subjects}
    assert set().union(*rows) == set(truths)


def test_every_two_readers_have_about_as_much_in_common():
    # 6 readers x 20 of 60 cases: each case is read twice, and 15 pairs of readers share 4 each.
    truths = cases_of({("r", ""): [1] * 30, ("s", ""): [1] * 30})
    rule = Allocation(scheme="partially-crossed", cap=20)
    for seed in range(20):
        rows = draw(rule, truths, 6, f"s/{seed}")
        shared = [len(a & b) for a, b in combinations(rows, 2)]
        assert sum(shared) == 60
        assert min(shared) >= 3
        assert max(shared) <= 5


def test_later_readers_change_nobody_s_cases_and_go_on_evenly():
    truths = cases_of({("r", ""): [1] * 20, ("s", ""): [1] * 20})
    rule = Allocation(scheme="anchor-and-rotate", cap=16, anchors=4)
    first = draw(rule, truths, 3)
    more = draw(rule, truths, 3, taken=6)
    assert more[:3] == first
    read = Counter(case for row in more for case in row)
    assert sorted(read.values()) == [2] * 36 + [6] * 4


def test_what_falls_to_a_reader_does_not_hang_on_the_order_of_names_or_cases():
    assert seats(["Ann", "Bea", "Cid"], "s/1") == seats(["Cid", "Ann", "Bea"], "s/1")
    truths = cases_of({("r", ""): [1] * 9, ("s", ""): [1] * 9})
    rule = Allocation(scheme="partially-crossed", cap=7)
    assert draw(rule, truths, 3) == draw(rule, dict(reversed(truths.items())), 3)
    assert draw(rule, truths, 3, "s/1") != draw(rule, truths, 3, "s/2")


def test_real_and_synthetic_volumes_of_one_subject_are_kept_together():
    truths = {
        f"{cohort}{i}": truth(f"{cohort}{i}", cohort, subject=str(i))
        for cohort in "rs"
        for i in range(12)
    }
    for row in draw(Allocation(scheme="split-plot", cap=8), truths, 3):
        assert {case[1:] for case in row if case[0] == "r"} == {
            case[1:] for case in row if case[0] == "s"
        }


@pytest.mark.parametrize(
    ("rule", "sizes", "readers", "said"),
    [
        ({"scheme": "split-plot", "cap": 3}, [4, 4], 4, "up to 4 cases|too few for groups"),
        ({"scheme": "partially-crossed", "cap": 3}, [4, 4], 4, "up to 4 cases"),
        ({"scheme": "partially-crossed", "cap": 4}, [3, 3, 3], 2, "cannot read all cases"),
    ],
)
def test_subjects_too_large_for_the_cap_are_refused(rule, sizes, readers, said):
    with pytest.raises(EvalsuiteError, match=said):
        draw(Allocation(**rule), cases_of({("r", ""): sizes}), readers)


def test_orders_give_each_reader_their_cases_alone_with_repeats_among_them():
    design, cases = make(
        {"r": 12, "s": 12}, repeats=3, training=1, readers=("Ann", "Bea", "Cid", "Dan")
    )
    design = design.model_copy(update={"allocation": Allocation(scheme="split-plot", cap=12)})
    truths = [
        truth(case, cohort, phase=phase)
        for phase, of_phase in cases.items()
        for cohort, ids in of_phase.items()
        for case in ids
    ]
    found = orders(design, truths, 7, ["Eve"])
    assert list(found) == ["Ann", "Bea", "Cid", "Dan", "Eve"]
    assert orders(design, truths, 7)["Ann"] == found["Ann"]
    of_reader = {
        name: frozenset(s.cases for s in slots if s.phase == "reading")
        for name, slots in found.items()
    }
    assert sorted(Counter(of_reader.values()).values()) == [2, 3]
    for name, slots in found.items():
        assert len(of_reader[name]) == 12
        assert Counter(case[0] for (case,) in of_reader[name]) == {"r": 6, "s": 6}
        assert sum(s.repeat_of is not None for s in slots) == 3
        assert sum(s.phase == "training" for s in slots) == 2
    assert lone_readings(found) == []
    alone = {name: found[name] for name in ("Ann", "Bea", "Cid", "Dan")}
    pairs = [n for n in alone if of_reader[n] == of_reader["Ann"]]
    del alone[pairs[1]]
    assert "12 of 24 cases" in lone_readings(alone)[0]


def test_pairs_keep_their_sides_balanced_under_an_allocation():
    design, cases = make({"r": 16, "s": 16}, paired=True, readers=("Ann", "Bea"))
    design = design.model_copy(update={"allocation": Allocation(scheme="split-plot", cap=8)})
    truths = [truth(case, cohort) for cohort, ids in cases["reading"].items() for case in ids]
    found = orders(design, truths, 3)
    shown = [frozenset(frozenset(s.cases) for s in slots) for slots in found.values()]
    assert not shown[0] & shown[1]
    assert len(shown[0] | shown[1]) == 16
    for slots in found.values():
        assert sum(s.cases[0].startswith("r") for s in slots) == 4
