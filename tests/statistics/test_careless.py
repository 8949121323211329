"""Signs of careless reading: what each rule counts, and that honest readers are left in peace."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.careless import ASKED, READERS, study
from evalsuite.statistics.careless import (
    CONTRADICTED,
    FAST,
    RULES,
    SAME,
    UNSEEN,
    careless,
    raised,
    told,
)
from tests.caveats import sentences

POINTS = {"q": 4, "r": 6}


def table(readings):
    """Return a long table of (reader, case, answers, and what else differs) in their order."""
    rows = []
    places = {}
    for reader, case, answers, *more in readings:
        position = places[reader] = places.get(reader, 0) + 1
        for question, answer in zip("qr", answers, strict=False):
            rows.append(
                {
                    "reader": reader, "position": position, "phase": "reading", "case": case,
                    "repeat_of": None, "question": question, "scale": "ordinal",
                    "analysis": "ratings", "answer": answer, "revision": 0,
                    "active_seconds": 20.0, "axial_slices": 30, "coronal_slices": 1,
                    "sagittal_slices": 1, "shape": "64x80x60", **(more[0] if more else {}),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def varied(reader, n=20, cases="c", **more):
    return [(reader, f"{cases}{i}", (1 + i % 4, 1 + i % 5), more) for i in range(n)]


def sign(results, reader, rule):
    (found,) = [r for r in results if (r.at("reader"), r.quantity) == (reader, rule.name)]
    return found.where["sign"], found.counts["found"], found.counts["judged"]


def test_every_reader_is_told_by_every_rule():
    results = careless(table([*varied("Ada"), *varied("Bob")]), POINTS)
    assert [(r.at("reader"), r.quantity) for r in results] == [
        (reader, rule) for reader in ("Ada", "Bob") for rule in RULES
    ]
    assert raised(results) == []
    assert careless(table(varied("Ada", phase="training")), POINTS) == []


@pytest.mark.parametrize(("fast", "expected"), [(3, "raised"), (2, "no"), (0, "no")])
def test_a_tenth_of_the_cases_in_less_than_two_seconds_is_a_sign(fast, expected):
    readings = varied("Ada", 30)
    hurried = [(*reading[:3], {"active_seconds": 1.9}) for reading in readings[:fast]]
    found = careless(table([*hurried, *readings[fast:]]), POINTS)
    assert sign(found, "Ada", FAST) == (expected, fast, 30)
    just = [(*reading[:3], {"active_seconds": 2.0}) for reading in readings]
    assert sign(careless(table(just), POINTS), "Ada", FAST) == ("no", 0, 30)


def test_what_was_not_recorded_or_read_too_seldom_is_not_judged():
    nothing = {"active_seconds": None, "axial_slices": None}
    found = careless(table([*varied("Ada", **nothing), *varied("Bob", 9, active_seconds=0.2)]))
    assert sign(found, "Ada", FAST) == ("not judged", 0, 0)
    assert sign(found, "Ada", UNSEEN) == ("not judged", 0, 0)
    assert sign(found, "Bob", FAST) == ("not judged", 9, 9)
    assert sign(found, "Bob", CONTRADICTED) == ("not judged", 0, 0)
    old = table(varied("Ada"))
    old = old.drop(columns=[c for c in old if c.endswith("_slices") or c == "shape"])
    assert sign(careless(old), "Ada", UNSEEN) == ("not judged", 0, 0)


@pytest.mark.parametrize(("same", "expected"), [(20, "raised"), (19, "raised"), (18, "no")])
def test_the_same_answers_to_nearly_all_cases_are_a_sign(same, expected):
    dull = [("Ada", f"c{i}", (2, 3) if i < same else (2, 4)) for i in range(20)]
    results = careless(table([*dull, *varied("Bob")]), POINTS)
    assert sign(results, "Ada", SAME) == (expected, same, 20)
    assert sign(results, "Bob", SAME) == ("no", 1, 20)
    if expected == "raised":
        assert [told(result) for result in raised(results)] == [
            f"Ada, one answer: {same} of 20 cases got the same answers"
        ]


def test_the_same_answers_as_the_others_give_are_none():
    def of(reader, best):
        return [(reader, f"c{i}", (4, 6) if i < best else (3, 6)) for i in range(20)]

    results = careless(table([*of("Ada", 20), *of("Bob", 10)]), POINTS)
    assert sign(results, "Ada", SAME) == ("no", 20, 20)
    told_why = sentences(next(r for r in results if r.quantity == SAME.name))
    assert told_why == ("Not raised: the other readers gave these answers about as often.",)
    results = careless(table([*of("Ada", 20), *of("Bob", 9)]), POINTS)
    assert sign(results, "Ada", SAME) == ("raised", 20, 20)


def repeats(reader, pairs):
    """Return readings of which each of the pairs of answers to `r` is one to the same case."""
    first = [(reader, f"c{i}", (1 + i % 4, a)) for i, (a, _) in enumerate(pairs)]
    again = [
        (reader, f"c{i}", (1 + i % 4, b), {"repeat_of": i + 1}) for i, (_, b) in enumerate(pairs)
    ]
    return first + again


def test_repeats_half_the_scale_apart_are_a_sign():
    # Of 6 points the ends are 5 apart: 1 and 4 are more than half of it apart, 3 and 5 are not.
    apart, near = (1, 4), (3, 5)
    for far, expected in ((4, "raised"), (3, "no")):
        pairs = [apart] * far + [near] * (5 - far)
        results = careless(table(repeats("Ada", pairs)), POINTS)
        # The answers to the other question are the same again: 5 more, none of them apart.
        assert sign(results, "Ada", CONTRADICTED) == (expected, far, 10)
    two = careless(table(repeats("Ada", [apart, apart])), {"r": 6, "q": 4})
    assert sign(two, "Ada", CONTRADICTED) == ("no", 2, 4)  # fewer than three raise nothing


def test_a_question_without_order_contradicts_nothing():
    rows = table(repeats("Ada", [(1, 4)] * 6)).assign(scale="nominal")
    assert sign(careless(rows, POINTS), "Ada", CONTRADICTED) == ("not judged", 0, 0)


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ((1, 1, 1), "raised"),
        ((3, 3, 3), "raised"),
        ((4, 1, 1), "no"),
        ((1, 1, 4), "no"),
    ],
)
def test_hardly_a_slice_seen_in_half_of_the_cases_is_a_sign(slices, expected):
    seen = dict(zip(("axial_slices", "coronal_slices", "sagittal_slices"), slices, strict=True))
    results = careless(table([*varied("Ada", 10, **seen), *varied("Ada", 10, "d")]), POINTS)
    assert sign(results, "Ada", UNSEEN)[0] == expected
    results = careless(table([*varied("Ada", 9, **seen), *varied("Ada", 11, "d")]), POINTS)
    assert sign(results, "Ada", UNSEEN)[0] == "no"


def test_three_of_five_slices_are_most_of_them():
    seen = {"axial_slices": 3, "shape": "256x256x5"}
    assert sign(careless(table(varied("Ada", **seen)), POINTS), "Ada", UNSEEN)[0] == "no"
    seen |= {"shape": "256x256x6"}
    assert sign(careless(table(varied("Ada", **seen)), POINTS), "Ada", UNSEEN)[0] == "no"
    seen |= {"shape": "256x256x7"}
    assert sign(careless(table(varied("Ada", **seen)), POINTS), "Ada", UNSEEN)[0] == "raised"


def test_corrections_count_as_answers_and_not_as_times():
    rows = table(varied("Ada"))
    corrected = rows.assign(revision=1, active_seconds=0.1, answer=2)
    results = careless(pd.concat([rows, corrected]), POINTS)
    assert sign(results, "Ada", FAST) == ("no", 0, 20)
    assert sign(results, "Ada", SAME) == ("raised", 20, 20)


@pytest.mark.parametrize("kind", ["told apart", "alike", "nearly all the best"])
def test_honest_readers_are_left_in_peace_and_careless_ones_are_noticed(kind):
    random = np.random.default_rng(3)
    honest = [raised(careless(study(random, ASKED["both"], kind, "honest"))) for _ in range(3)]
    assert sum(map(len, honest)) == 0  # of 12 readers; benchmarks/careless.py has the rates
    for reader, rule in (("clicks through", FAST), ("one answer", SAME), ("one slice", UNSEEN)):
        found = raised(careless(study(random, ASKED["both"], kind, reader)))
        assert {(s.at("reader"), s.quantity) for s in found} == {(f"R{READERS - 1}", rule.name)}
