"""Reasons not to trust a number: numbered once, pointed to wherever the number is shown."""

import re

from evalsuite.caveats import Notes, keys
from evalsuite.records import Caveat
from reports.document import Notice, Table
from reports.evaluations import evaluation_answers, evaluation_sections
from reports.evaluations.comparison import comparisons
from reports.glossary import measured_on, title
from tests.reports.conftest import paragraphs
from tests.reports.evaluations.made_up import cohort, estimate, evaluated


def few(n):
    return Caveat("few", "{n} real volumes are few.")(n=n)


PADDED = Caveat("padded", "Most volumes were padded.", "cohort")
TOO_FEW = Caveat("too-few", "Too few.")


def numbered(*evaluations):
    found = comparisons(evaluations)
    return Notes.of(*(comparison.evaluation for comparison in found))


def sentences(notes, *kinds):
    return tuple(notes.sentences(title, measured_on, kinds).values())


def warned():
    """Return an evaluation with a warning on cohorts, one on numbers and one in groups."""
    cohorts = [cohort(n, warnings=(PADDED,)) for n in ("gan", "vae")]
    return evaluated(
        estimate("kid", 1.0, "gan", warnings=(few(40),)),
        estimate("kid", 2.0, "vae", warnings=(few(50),)),
        estimate("mmd_rbf", 1.0, "gan"),
        estimate("kid", 3.0, "gan", group="sex=F", warnings=(TOO_FEW,)),
        cohorts=cohorts,
    )


def test_each_is_told_once_with_what_it_concerns():
    notes = numbered(warned())
    assert sentences(notes, "cohort", "estimate", "group") == (
        "[1] gan and vae: Most volumes were padded.",
        "[2] KID on radiomics in all volumes together: 40 to 50 real volumes are few.",
        "[3] KID on radiomics of gan in sex=F: Too few.",
    )
    assert notes.marks(keys([PADDED])) == "[1]"
    assert [notes.marks(keys(e.warnings)) for e in notes.everything] == ["[2]", "[2]", "", "[3]"]


def test_one_of_all_volumes_and_of_groups_is_told_once_and_stands_with_those_of_all():
    made = evaluated(
        estimate("kid", 1.0, warnings=(few(40),)),
        *(estimate("kid", 2.0, group=f"sex={s}", warnings=(few(n),)) for s, n in zip("FM", (9, 31), strict=True)),
    )  # fmt: skip
    notes = numbered(made)
    assert sentences(notes, "estimate") == ("[1] KID on radiomics: 9 to 40 real volumes are few.",)
    assert sentences(notes, "group") == ()


def test_every_number_shown_exists_and_every_caveat_is_pointed_to():
    sections = evaluation_sections([warned()])
    blocks = [block for section in sections for block in section.blocks]
    told = [s for b in blocks if isinstance(b, Notice) for s in b.sentences]
    known = [int(re.match(r"\[(\d+)\]", sentence)[1]) for sentence in told]
    assert known == [1, 2, 3]
    tables = [b.frame for b in blocks if isinstance(b, Table)]
    text = " ".join(
        [str(c) for t in tables for c in t.columns]
        + [str(v) for t in tables for v in t.to_numpy().ravel()]
    )
    pointed = {int(n) for marks in re.findall(r"\[([\d, ]+)\]", text) for n in marks.split(",")}
    assert pointed == {1, 2, 3}


def test_a_warning_with_the_name_of_a_cohort_is_one_for_all_of_them():
    sections = evaluation_sections([warned()])
    side_by_side = next(b.frame for b in sections[1].blocks if isinstance(b, Table))
    assert {"gan [1]", "vae [1]"} <= set(side_by_side.columns)
    assert side_by_side.loc[0, "gan [1]"] == "1 [2]"


def test_one_that_two_warnings_share_a_number_is_marked_with_both():
    both = estimate("kid", 1.0, warnings=(few(3), TOO_FEW))
    assert numbered(evaluated(both)).marks(keys(both.warnings)) == "[1, 2]"


def test_the_summary_counts_them():
    assert paragraphs(evaluation_answers([warned()], pictured=False))[-1] == (
        "3 notes limit what the numbers of the evaluation say; they stand in that part."
    )
    one = evaluated(estimate("kid", 1.0, warnings=(TOO_FEW,)))
    assert paragraphs(evaluation_answers([one], pictured=False))[-1].startswith(
        "One note limits what the numbers"
    )
    assert not any(
        "note" in said for said in paragraphs(evaluation_answers([evaluated()], pictured=False))
    )


def test_names_with_braces_do_no_harm():
    named = Caveat("named", "Those of {cohort}.", "cohort")(cohort="a{n}{")
    strange = cohort("a{n}{", warnings=(named, Caveat("plain", "Plain {n}.")))
    assert sentences(numbered(evaluated(cohorts=(strange,))), "cohort") == (
        "[1] a{n}{: Those of a{n}{.",
        "[2] a{n}{: Plain {n}.",
    )
