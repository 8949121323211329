"""Every study makes a whole report: nothing undefined without a word, nothing that runs."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from evalsuite.statistics.cautions import ONE_READER, few_readers
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.ratings.averages import MISSING
from evalsuite.statistics.result import Result
from evalsuite.study.protocol.kinds.likert import Likert
from reports.build import build
from reports.document import Fold, Picture, Table
from reports.formats.folder import write
from reports.readers import StudyResults, study_sections
from reports.readers.overview import cautions
from reports.readers.shown import fixed, footnotes, interval, probability
from tests.caveats import plain
from tests.reports.conftest import findings, told, visible
from tests.reports.test_document import HOSTILE, assert_sound, loads

MINUS = "\N{MINUS SIGN}"
UNTOLD = re.compile(r"(?<![\w-])(nan|NaN|NaT|inf|-inf|None|<NA>|True|False)(?![\w-])")


def odd(make_study, make_pairs):
    """Return by name a study that lacks something, and what the report must say of it."""
    two = ("Reader A", "Reader B")

    def apart(row):
        return (row["case"][-1] in "0123") == (row["reader"] == "Reader A")

    def missing(row):
        return None if row["position"] % 4 == 1 else row["answer"]

    return {
        "missing answers": (
            lambda: make_study(answer=missing),
            "18 of 72 answers were not given; the statistics use those that there are.",
        ),
        "cases that were not read": (
            lambda: make_study(keep=lambda row: row["position"] < 16),
            "readings did not take place",
        ),
        "one reader": (
            lambda: make_study(readers=["Reader A"]),
            "There is only one reader: nothing here holds for other readers.",
        ),
        "two readers": (
            lambda: make_study(readers=two, repeats=3),
            "In simulations 95 % intervals of means, differences, areas and shares were cautious",
        ),
        "one case of each cohort": (
            lambda: make_study(cases=1),
            "There is no interval: it needs 2 cases of each cohort.",
        ),
        "one case": (
            lambda: make_study(levels={"real": 0.0}, cases=1),
            "A comparison needs answers to a real and to a synthetic cohort.",
        ),
        "one reader and one case": (
            lambda: make_study(levels={"real": 0.0}, cases=1, readers=["Reader A"]),
            "Agreement needs at least 2 readers, but got 1.",
        ),
        "all answers equal": (
            lambda: make_study(answer=lambda _: 3, templates=("turing", "analogue")),
            "All answers compared are equal, so agreement cannot be told from chance.",
        ),
        "two readers who never overlap": (
            lambda: make_study(readers=two, keep=apart),
            "No case was answered by two readers, so their 24 cases cannot be compared.",
        ),
        "readers of one cohort each": (
            lambda: make_study(
                readers=two,
                keep=lambda row: (row["cohort"] == "real") == (row["reader"] == "Reader A"),
            ),
            "No reader answered cases of both cohorts, so they cannot be compared.",
        ),
        "not closed": (
            lambda: make_study(state="open"),
            "The study is open, not closed: answers may still come",
        ),
        "no answers": (
            lambda: make_study(keep=lambda _: False),
            "There are no answers yet. Make the report again once readers have answered.",
        ),
        "only training": (
            lambda: make_study(keep=lambda row: row.update(phase="training") or True),
            "There are no answers yet.",
        ),
        "no answer to anything": (
            lambda: make_study(answer=lambda _: None),
            "72 of 72 answers were not given",
        ),
        "no answer to anything, not closed": (
            lambda: make_study(state="open", answer=lambda _: None),
            "72 of 72 answers were not given",
        ),
        "only repeats of a case": (
            lambda: make_study(repeats=2, keep=lambda row: row["position"] > 0),
            "3 readers read 24 cases",
        ),
        "only free text": (
            lambda: make_study(templates=("text",)),
            "No question has answers on a scale, so agreement has no meaning here.",
        ),
        "only free text, and none": (
            lambda: make_study(templates=("text",), answer=lambda _: None),
            "Readers could write remarks, but none did.",
        ),
        "only several answers at once": (
            lambda: make_study(templates=("multiple",)),
            "Several answers may apply to a case.",
        ),
        "only a visual Turing test": (
            lambda: make_study(templates=("turing",)),
            "Area under the ROC curve with which readers told real from synthetic cases",
        ),
        "only lines": (lambda: make_study(templates=("analogue",)), "are 100 points apart)"),
        "pairs only": (
            make_pairs,
            "No question was asked of single cases on a scale, so there are no ratings to compare.",
        ),
        "pairs, always right": (
            lambda: make_pairs(right=1.0),
            "Share of pairs in which readers found the real case",
        ),
        "one pair": (lambda: make_pairs(pairs=1), "Which of the two is real?"),
        "pairs of one reader": (lambda: make_pairs(readers=["A"]), "There is only one reader"),
        "no synthetic cohort": (
            lambda: make_study(levels={"real": 0.0}),
            "No reader rated both a real and a synthetic case, so this cannot be said",
        ),
        "no real cohort": (
            lambda: make_study(levels={"blur1": 0.0, "blur2": 1.0}),
            "A comparison needs answers to a real and to a synthetic cohort.",
        ),
        "readers who never err": (
            lambda: make_study(answer=lambda row: 6 if row["cohort"] == "real" else 1,
                               templates=("turing",)),
            "The ratings separate the cases without error",
        ),
        "no times": (
            lambda: make_study(keep=lambda row: row.update(active_seconds=None) or True),
            "No active time was recorded with the answers.",
        ),
        "readers who did not begin": (
            lambda: make_study(keep=lambda row: row["reader"] != "Reader C"),
            "Of 3 readers 1 have answered nothing: Reader C.",
        ),
        "margins": (
            lambda: make_study(templates=("turing", "likert"),
                               margins={"quality": 0.5, "real_or_synthetic": 0.5}),
            "“Not shown” does not prove the contrary.",
        ),
        "a margin of a question that nobody answered": (
            lambda: make_study(margins={"quality": 0.5}, templates=("turing", "likert"),
                               keep=lambda row: row["question"] != "quality"),
            "A margin was stated for quality, which nobody answered.",
        ),
        "a margin of pairs": (
            lambda: make_pairs(margins={"real_side": 0.1}),
            "guess, within the margin of 0.1 that the design stated before the reading?",
        ),
        "trivial cues": (
            lambda: audited(make_study(cases=2), leaks=True),
            "Readers may have judged these cues instead of the anatomy.",
        ),
        "no trivial cues": (lambda: audited(make_study(cases=2), leaks=False), "No trivial cue"),
        "a cohort that is named like a head": (
            lambda: make_study(
                levels={"real": 0.0, "answer": 1.0, "reader": 2.0}, readers=("cohort", "number", "C")
            ),
            "“number”",
        ),
    }  # fmt: skip


def audited(study, *, leaks):
    from dataclasses import replace

    found = {"auc": 0.9, "low": 0.8, "high": 0.95}
    return replace(study, audit={"leaks": leaks, "classifier": found})


NAMES = sorted(odd(None, None))
CONCORDANT = (
    "missing answers",
    "one reader",
    "one case of each cohort",
    "all answers equal",
    "two readers who never overlap",
    "no synthetic cohort",
    "pairs only",
    "only free text",
)


def lay_out(figure, target, **options):
    if options.get("format") == "svg":
        target.write(b"<svg/>")
    else:
        target.write_bytes(b"drawn")


@pytest.mark.parametrize("name", NAMES)
def test_every_study_makes_a_report_with_a_clear_statement(
    name, make_study, make_pairs, make_evaluation, tmp_path, monkeypatch
):
    make, statement = odd(make_study, make_pairs)[name]
    study = make()
    evaluations = [make_evaluation(study)] if name in CONCORDANT else []
    report = build(study, evaluations, replicates=100)
    # Only the layout is worked out, in which a figure of nothing would fail.
    monkeypatch.setattr(Figure, "savefig", lay_out)
    page = write(report, tmp_path / "out").read_text(encoding="utf-8")
    words = " ".join(visible(page).split())
    assert statement in words
    assert UNTOLD.findall(words) == []
    assert loads(page).active == []
    for block in report.blocks():
        if isinstance(block, Table):
            assert_sound((tmp_path / f"out/tables/{block.name}.tex").read_text(encoding="utf-8"))
            assert_explained(block)
        if isinstance(block, Picture):
            assert (tmp_path / f"out/figures/{block.name}.svg").stat().st_size > 0
            assert (tmp_path / f"out/figures/{block.name}.png").stat().st_size > 0


def assert_explained(table):
    """Check that an estimate without a value or an interval has a reason in its warnings."""
    data = table.data
    if data is None or not {"value", "warnings"} <= set(data.columns):
        return
    numbers = data[["value", "low", "high"]].to_numpy(float)
    silent = data["warnings"].fillna("").astype(str).str.strip() == ""
    bare = data[~np.isfinite(numbers).all(axis=1) & silent]
    assert bare.empty, f"{table.name}: {bare.to_dict('records')[:2]}"
    assert len(table.frame), table.name


def test_the_names_of_people_and_cohorts_are_only_text(make_study, tmp_path):
    """Slugs are checked by the design, but a foreign table may hold anything."""
    study = make_study(
        levels={"real": 0.0, HOSTILE: 1.0},
        readers=[HOSTILE, "Dr. B", "Prof. C. D"],
        cases=6,
        templates=("turing", "text"),
        answer=lambda row: HOSTILE if row["kind"] == "text" else row["answer"],
        title=HOSTILE,
    )
    page = write(build(study, [], replicates=100), tmp_path / "out").read_text(encoding="utf-8")
    assert loads(page).active == []
    assert HOSTILE in visible(page)
    tables = {
        p.stem: p.read_text(encoding="utf-8") for p in (tmp_path / "out/tables").glob("*.tex")
    }
    assert "remarks" in tables
    for tex in tables.values():
        assert_sound(tex)


@pytest.mark.filterwarnings("ignore:Glyph")  # no font has all of Unicode
@settings(max_examples=4)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30))
@example("$x$ costs $5_$")
def test_any_name_is_only_text(make_study, tmp_path_factory, text):
    """Also in figures, where dollars would make a formula of it."""
    study = make_study(
        levels={"real": 0.0, f"a{text}": 1.0},
        readers=[f"b{text}", "C"],
        cases=2,
        templates=("turing", "text"),
        answer=lambda row: f"d{text}" if row["kind"] == "text" else row["answer"],
        title=f"e{text}",
    )
    folder = tmp_path_factory.mktemp("names") / "out"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Figure, "savefig", lay_out)
        page = write(build(study, [], replicates=100), folder).read_text(encoding="utf-8")
    assert loads(page).active == []
    words = visible(page)
    assert all(f"{letter}{text}" in words for letter in "abde")
    for path in (folder / "tables").glob("*.tex"):
        assert_sound(path.read_text(encoding="utf-8"))


def test_what_was_asked_is_only_text(tmp_path):
    question = Likert(name="quality", text=HOSTILE, low=HOSTILE, high="good")
    rows = [
        {"reader": reader, "position": i, "phase": "reading", "presentation": f"{reader}{i}",
         "case": f"c{i}", "question": "quality", "kind": "likert", "answer": i % 5 + 1,
         "revision": 0, "cohort": "real" if i % 2 else "gan",
         "role": "real" if i % 2 else "synthetic"}
        for reader in "AB" for i in range(8)
    ]  # fmt: skip
    page = write(build(told(rows, [question]), [], replicates=100), tmp_path / "out").read_text()
    assert loads(page).active == []
    assert HOSTILE in visible(page)


def test_the_shares_of_a_hand_count(make_study):
    """Two readers, two real cases: answers 3 and 3, 3 and 5: 75 % chose 3, 25 % chose 5."""
    answers = {("Reader A", "real0"): 3, ("Reader A", "real1"): 3,
               ("Reader B", "real0"): 3, ("Reader B", "real1"): 5}  # fmt: skip
    study = make_study(levels={"real": 0.0}, cases=2, readers=("Reader A", "Reader B"),
                       templates=("likert",),
                       answer=lambda row: answers[row["reader"], row["case"]])  # fmt: skip
    ratings = study_sections(StudyResults(study, 100))[1]
    table = next(b for b in ratings.blocks if isinstance(b, Table) and b.name == "shares")
    assert [text.split(" ")[0] for text in table.frame["real"]] == ["0%", "0%", "75%", "0%", "25%"]
    means = next(b for b in ratings.blocks if isinstance(b, Table) and b.name == "averages")
    # The mean of Reader A, 3, and of Reader B, 4.
    assert means.frame["mean"][0].startswith("3.50 ")


def test_the_findings_name_direction_size_and_doubt(make_study):
    told = " ".join(findings(make_study(cases=12, templates=("likert",))))
    assert "3 readers read 36 cases of made-up." in told
    assert re.search(
        r"real was rated \d\.\d\d \(\d\.\d\d to \d\.\d\d\) higher than blur1 \(p.[<=].0\.\d{3}\) and ",
        told,
    )
    told = " ".join(findings(make_study(cases=12, templates=("likert",), effect=0.0)))
    assert "(may be chance, p" in told
    told = " ".join(findings(make_study(cases=4, templates=("likert",), answer=lambda _: 3)))
    assert "real was rated as high as blur1 and as high as blur2 (" in told


def test_findings_of_pairs_count_pairs(make_pairs):
    assert findings(make_pairs(pairs=5))[1] == "3 readers read 5 pairs of made-up."


def test_the_gravest_caution_comes_first_and_a_good_study_has_none(make_study):
    grave = audited(make_study(state="open", readers=["A"], cases=2), leaks=True)
    first, second, third = cautions(StudyResults(grave, 50))
    assert first.startswith("The study is open")
    assert "0.90 (0.80 to 0.95)" in second
    assert third.startswith("There is only one reader")
    assert cautions(StudyResults(make_study(readers=list("ABCDEF"), cases=2), 50)) == []


def test_what_the_overview_says_is_not_said_again(make_study, tmp_path):
    report = build(make_study(cases=12), [], replicates=100)
    words = visible(write(report, tmp_path / "out").read_text())
    assert "say little about other readers" in words
    assert "Only 3 readers" not in words
    assert "was not told" not in words
    (fold,) = [block for block in report.blocks() if isinstance(block, Fold)]
    assert len(set(fold.paragraphs)) == len(fold.paragraphs)


def test_footnotes_mark_what_is_not_true_of_every_row(make_study):
    study = make_study(cases=1, readers=["Dr. A", "B"])
    first, whole, left = map(plain, ("First one. Its end.", "For all.", "Left out: Dr. A."))
    rows = [Result(value=0.0, warnings=w) for w in ((first, whole), (whole,), (whole, left, first))]
    marks, notes = footnotes(rows, study)
    assert marks == ["[a]", "", "[a, b]"]
    assert notes == (str(whole), f"[a] {first}", f"[b] {left}")
    assert footnotes(rows, study, marked=False)[1] == tuple(map(str, (first, whole, left)))


def test_caveats_that_differ_in_numbers_alone_are_told_once(make_study):
    study = make_study(cases=1, readers=["A", "B"])
    caveats = [
        (
            MISSING(n=2, size=9),
            *left_out("x", np.array([True]), ["A"]),
        ),
        (
            MISSING(n=5, size=9),
            *left_out("x", np.array([True]), ["B"]),
        ),
        (),
    ]
    marks, notes = footnotes([Result(value=0.0, warnings=own) for own in caveats], study)
    assert marks == ["[a, b]", "[a, c]", ""]
    assert notes == (
        "[a] 2 to 5 of 9 pairs of a reader and a case have an answer.",
        "[b] Left out, as x: A.",
        "[c] Left out, as x: B.",
    )


def test_what_holds_for_the_whole_study_is_no_footnote_but_what_holds_for_a_row_is(make_study):
    study = make_study(cases=1, readers=["A", "B", "C"])
    of_all, of_some = few_readers(3), few_readers(2)
    rows = [Result(value=0.0, warnings=w) for w in (of_all, of_some, (ONE_READER,), ())]
    assert footnotes(rows, study)[1] == (f"[a] {of_some[0]}", f"[b] {ONE_READER}")
    alone = make_study(cases=1, readers=["A"])
    assert footnotes([Result(value=0.0, warnings=(ONE_READER,))], alone) == ([""], ())


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.5, 0.25, 0.75), "0.50 (0.25 to 0.75)"),
        ((-0.5, -0.75, -0.001), f"{MINUS}0.50 ({MINUS}0.75 to 0.00)"),
        ((12.34, 5.6, 20.1), "12.3 (5.6 to 20.1)"),
        ((1234.5, 1000.2, 1500.0), "1,234 (1,000 to 1,500)"),
        ((0.012, 0.004, 0.02), "0.012 (0.004 to 0.020)"),
        ((4904.0, 181.0, 132_691.0), "4,904 (181 to over 10,000)"),
        ((0.0, np.nan, np.nan), "0.00 (no interval)"),
        ((np.nan, np.nan, np.nan), "not defined"),
        ((np.inf, np.nan, np.nan), "over 10,000"),
    ],
)
def test_an_estimate_with_its_interval(numbers, text):
    assert interval(*numbers) == text


def test_numbers_of_papers():
    assert [probability(p) for p in (0.0004, 0.0312, 1.0)] == [
        "<\N{NO-BREAK SPACE}0.001",
        "0.031",
        "1.000",
    ]
    assert probability(np.nan) == "\N{EN DASH}"
    assert fixed(-0.001, 2) == "0.00"
