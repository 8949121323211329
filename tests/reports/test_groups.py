"""Who read, how, and what groups of them found: as a report tells it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.questions import parse_questions
from reports.build import build
from reports.guidelines import checklist
from reports.methods.study import study_paragraphs
from reports.readers import StudyResults
from reports.readers.overview import cautions, overview
from reports.readers.ratings import ratings
from reports.readers.reading import reading
from reports.readers.strata import strata
from reports.sources import fingerprint

READERS = ("Ada", "Bob", "Eve", "Kim")
PROFILE = [
    {"name": "years", "text": "Years?", "kind": "choice", "options": ["none", "few", "many"]},
    {"name": "post", "text": "Post?", "kind": "text"},
    {"name": "fields", "text": "Fields?", "kind": "multiple", "options": ["CT", "MR"]},
]
PEOPLE = pd.DataFrame(
    {
        "reader_number": [1, 2, 3, 4, 5],
        "enrolled": ["at creation", "at creation", "later", "at creation", "later"],
        "years": ["many", "many", "few", None, "few"],
        "post": ["chief", None, None, None, None],
        "fields": ["CT; MR", "CT", "MR", None, None],
    }
)


@pytest.fixture(scope="module")
def study(make_study):
    """Return a study whose last reader clicks through it; the fifth has answered nothing."""
    made = make_study(readers=READERS, repeats=4, profile=[dict(q) for q in PROFILE])
    table = made.table
    careless = table["reader"] == "Kim"
    site = pd.Series(np.where(table["case"].str[-1].astype(int) % 2, "north", "south"), table.index)
    return replace(
        made,
        people=PEOPLE,
        table=table.assign(
            reader_number=table["reader"].map({r: n for n, r in enumerate(READERS, 1)}),
            axial_slices=np.where(careless, 1, 30),
            coronal_slices=1,
            sagittal_slices=1,
            shape="64x64x60",
            window_changes=2,
            viewer="webgl2",
            screen="1366x768@1",
            active_seconds=table["active_seconds"].mask(careless, 0.2),
            stratum=site.where(table["cohort"] == "real", ""),
        ),
    )


def of(blocks, name):
    return next(block for block in blocks if getattr(block, "name", "") == name)


def test_who_came_later_and_what_readers_told_is_in_the_overview(study):
    blocks = overview(StudyResults(study, 50)).blocks
    assert blocks[0].paragraphs[1] == (
        "Eve came later, with an order drawn afresh and balanced likewise."
    )
    profile = of(blocks, "profile").frame
    assert list(profile.columns) == ["reader", "Years?", "Post?", "Fields?"]
    assert profile.iloc[0].tolist() == ["Ada", "many", "chief", "CT; MR"]
    assert profile.iloc[3].tolist() == ["Kim", *["\N{EN DASH}"] * 3]
    told = study_paragraphs(study, [])[0]
    assert "1 reader came after the study was made" in told
    assert "readers were asked of themselves: “Years?”, “Post?”, “Fields?”." in told
    items = checklist([], study).set_index("item")
    assert (items.loc["16", "this report"], items.loc["16", "left to write"]) == ("answered", "")
    assert items.loc["30", "where"] == "Groups of readers and of cases"


def test_signs_stand_before_everything_and_leave_nobody_out(study):
    (sentence,) = [s for s in cautions(StudyResults(study, 50)) if "careless" in s]
    assert sentence.startswith(
        "Signs of careless reading were found in 1 reader (Kim, too fast: 28"
    )
    assert "Nobody was left out" in sentence
    blocks = reading(StudyResults(study, 50)).everything
    signs = of(blocks, "signs").frame.set_index("reader")
    assert signs.loc["Kim", "too fast"] == "28 of 28: raised"
    assert signs.loc["Kim", "slices not seen"] == "28 of 28: raised"
    assert signs.loc["Ada", "too fast"] == "0 of 28"
    assert of(blocks, "behaviour").frame.iloc[3].to_dict() == {
        "reader": "Kim",
        "active seconds": "0.20 (0.20 to 0.20)",
        "axial slices": "1 (2%)",
        "coronal slices": "1 (2%)",
        "sagittal slices": "1 (2%)",
        "changes of the window": "2",
        "viewer": "webgl2",
        "screen": "1366x768@1",
    }
    everyone = of(ratings(study).blocks, "averages").data
    assert set(everyone["n_readers"]) == {4}


def test_a_reader_is_left_out_only_by_name_and_it_is_told(study):
    fewer = study.without(["Kim"])
    assert fewer.readers == ("Ada", "Bob", "Eve")
    words = " ".join(cautions(StudyResults(fewer, 50)))
    assert "Kim read as well but was left out of every number, as was asked for" in words
    assert "have answered nothing" not in words
    assert "careless" not in words
    assert "Nobody was left out" not in reading(StudyResults(fewer, 50)).blocks[0].caption
    assert "Answers of 1 further reader were left out." in study_paragraphs(fewer, [])[0]
    record = build(fewer, [], replicates=20).record
    assert record["readers left out"] == "Kim"
    assert record["answers (SHA-256 of the table)"] != fingerprint(study.table)
    with pytest.raises(EvalsuiteError, match='Unknown reader "Kym". Did you mean "Kim"'):
        study.without(["Kym"])


def test_a_study_without_signs_says_nothing_of_them_beforehand(make_study):
    assert not [
        s for s in cautions(StudyResults(make_study(readers=READERS), 50)) if "careless" in s
    ]


def test_groups_are_told_with_how_many_they_are(study):
    (section,) = strata(study)
    rows = of(section.blocks, "strata-apart").frame.to_dict("records")
    told = [(r["by"], r["group"], r["cohort"], r["readers"], r["cases"]) for r in rows]
    assert told == [
        *(("Years?", group, cohort, n, 16) for group, n in (("few", 1), ("many", 2))
          for cohort in ("blur1", "blur2")),
        *(("Cases", site, cohort, 4, 4 + 8) for site in ("north", "south")
          for cohort in ("blur1", "blur2")),
    ]  # fmt: skip
    data = of(section.blocks, "strata-apart").data
    assert data[["p", "p_holm"]].isna().all(axis=None)
    notes = " ".join(of(section.blocks, "strata-apart").notes)
    assert "Only 1 reader: the results are for this reader alone." in notes
    assert "Only 2 readers: the results say little about other readers." in notes


def test_without_groups_there_is_no_chapter_on_them(study):
    plain = replace(study, people=None, table=study.table.assign(stratum=""))
    assert strata(plain) == []
    assert plain.later == ()
    assert not [
        b for b in overview(StudyResults(plain, 50)).blocks if getattr(b, "name", "") == "profile"
    ]


def test_the_profile_of_a_design_is_read_like_its_questions(study):
    assert study.profile == parse_questions(PROFILE)
    assert study.told_of_readers("years") == {"Ada": "many", "Bob": "many", "Eve": "few"}
