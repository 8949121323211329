"""The checklist: all items, answered only where the report answers them."""

import re

import pytest

from reports.build import build
from reports.guidelines import AUTHORS, checklist, checklist_tables, guidelines
from tests.reports.evaluations.made_up import cohort, estimate, evaluated, score_rows


def state(table, item):
    return table.set_index("item").loc[str(item), "this report"]


def whole():
    """Return an evaluation in which everything that the checklist asks for was done."""
    return evaluated(
        estimate("kid", 1.0),
        estimate("kid", 1.0, group="sex=F"),
        cohorts=(cohort("gan", skipped=("a: empty",)),),
        config={"cohorts": {"training": "t"}, "metrics": {"mmd": {}}, "seed": 0},
        scores=score_rows("realism", {"gan": [1.0, 2.0], "real": [1.0]}),
    )


def test_all_items_stand_in_order(make_study):
    for table in (checklist([], None), checklist([whole()], make_study(repeats=2))):
        assert list(table["item"]) == [str(item) for item in range(1, 45)]
        assert set(table["this report"]) <= {AUTHORS, "answered", "partly"}


def test_without_anything_all_is_left_to_the_authors():
    table = checklist([], None)
    assert set(table["this report"]) == {AUTHORS}
    assert set(table["where"]) | set(table["left to write"]) == {""}


@pytest.mark.parametrize("item", [*range(1, 6), 10, 13, 15, 20, 21, 22, *range(24, 28), 31, 33, 34,
                                  36, 40, 41, 43, 44])  # fmt: skip
def test_what_no_record_can_know_is_never_answered(make_study, item):
    study = make_study(repeats=2, margins={"real_or_synthetic": 0.5})
    assert state(checklist([whole()], study), item) == AUTHORS


@pytest.mark.parametrize(
    ("item", "done", "not_done"),
    [
        (8, whole, lambda: evaluated(estimate("kid", 1.0))),
        (19, whole, lambda: evaluated(config={"cohorts": {"real": "a"}})),
        (30, whole, lambda: evaluated(estimate("kid", 1.0))),
        (39, whole, lambda: evaluated(estimate("kid", 1.0))),
    ],
    ids=["left out", "training", "groups", "worst volumes"],
)
def test_an_item_is_answered_where_the_evaluation_has_it(item, done, not_done):
    assert state(checklist([done()], None), item) == "partly"
    assert state(checklist([not_done()], None), item) == AUTHORS


def test_items_of_a_study_depend_on_what_it_has(make_study):
    bare = make_study(readers=("A",), templates=("paper",))
    full = make_study(repeats=2, margins={"real_or_synthetic": 0.5})
    for item, without, found in (
        (6, AUTHORS, "partly"),
        (18, AUTHORS, "answered"),
        (38, AUTHORS, "answered"),
    ):
        assert (state(checklist([], bare), item), state(checklist([], full), item)) == (
            without,
            found,
        )
    unrepeated = checklist([], make_study())
    assert state(unrepeated, 18) == "partly"
    assert state(checklist([], make_study(state="open")), 38) == AUTHORS
    missing = make_study(answer=lambda row: None if row["case"] == "real0" else row["answer"])
    assert (state(checklist([], full), 12), state(checklist([], missing), 12)) == (
        "answered",
        "partly",
    )


def test_partly_says_what_is_left_and_answered_does_not(make_study):
    table = checklist([whole()], make_study())
    for row in table.to_dict("records"):
        assert bool(row["where"]) == (row["this report"] != AUTHORS)
        assert bool(row["left to write"]) == (row["this report"] == "partly")


def test_it_points_to_chapters_that_the_report_has(make_study):
    study = make_study(cases=3, repeats=2, margins={"real_or_synthetic": 0.5})
    evaluation = whole()
    report = build(study, [evaluation], replicates=100)
    titles = {section.title for section in report.sections}
    titles |= {"What this report was made from", "all chapters"}
    titles |= {"the first page", "Appendix and tables/*.csv", f"Appendix: {COMPUTED}"}
    for name in COUNTS:
        where = {w for w in checklist([evaluation], study, name)["where"] if w}
        assert where <= titles | {"What was planned, and what came of it"}, name
    assert "checklist" in {section.name for section in report.sections}


COMPUTED = "How the numbers of the study were computed"
COUNTS = {"claim": 44, "grras": 15, "mi-claim-gen": 23, "seven-cs": 7, "stard": 34}


def test_every_checklist_is_whole_and_short_and_plain():
    """STARD 2015 has 30 numbers, of which 10, 12, 13 and 21 have two parts."""
    assert {name: len(one.items) for name, one in guidelines().items()} == COUNTS
    for one in guidelines().values():
        assert len({item.item for item in one.items}) == len(one.items)
        for item in one.items:
            assert len(item.asked) < 90
            assert re.fullmatch(r"[^.]+", item.asked)
            assert bool(item.answered_by) or not (item.where or item.left or item.unless)
    halves = [item.item for item in guidelines()["stard"].items if not item.item.isdigit()]
    assert halves == ["10a", "10b", "12a", "12b", "13a", "13b", "21a", "21b"]
    assert [i.section for i in guidelines()["seven-cs"].items] == [
        "Congruence", "Coverage", "Constraint", "Completeness", "Compliance", "Comprehension",
        "Consistency",
    ]  # fmt: skip


def test_each_says_what_is_not_answered(make_study):
    short, long = checklist_tables([whole()], make_study(repeats=2))
    rows = short.frame.set_index("guideline")
    for name, one in guidelines().items():
        row = rows.loc[one.title]
        told = [row["answered"], row["in part"], row["not answered: for the authors to write"]]
        numbers = [n for numbers in told if numbers != "none" for n in numbers.split(", ")]
        assert sorted(numbers) == sorted(item.item for item in one.items), name
        open_items = set(checklist([whole()], make_study(repeats=2), name).query(
            "`this report` == @AUTHORS")["item"])  # fmt: skip
        assert open_items == set(told[2].split(", "))
    assert len(long.frame) == sum(COUNTS.values())
    assert not long.printed


def test_the_seven_cs_are_answered_by_the_chapters_of_the_metrics():
    nothing = checklist([], None, "seven-cs")
    assert set(nothing["this report"]) == {AUTHORS}
    found = checklist([whole()], None, "seven-cs").set_index("section")
    assert found.loc["Congruence", "where"].startswith("How far are the synthetic cohorts")
    assert found.loc["Comprehension", "this report"] == AUTHORS
    assert found.loc["Consistency", "left to write"] == "other sites and times"
