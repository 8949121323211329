"""The report as files: self-contained, escaped, deterministic, all of it or nothing."""

import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from evalsuite.errors import EvalsuiteError
from reports.document import (
    UNPRINTED,
    Answer,
    Fold,
    Notice,
    Picture,
    Report,
    Section,
    Table,
    Text,
    suffixed,
)
from reports.formats.cells import cell, figures
from reports.formats.folder import write
from reports.formats.latex import escaped, latex
from tests.reports.conftest import visible

FRAME = pd.DataFrame({"cohort": ["a", "a", "b"], "value": [1.5, np.nan, 1234.5]})
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
HOSTILE = "<script>alert(1)</script> & \"x\" 'y' {{ 7 * 7 }} \\input{x} 95 % $_#^~ [a]"


def picture(name="dots"):
    figure = Figure(figsize=(2, 1.5))
    figure.subplots().plot([1, 2], [3, 4], "o")
    return Picture(name, "Dots.", figure, "Two dots.")


def report(text="Text.", **changes):
    blocks = (
        Text((text,)),
        Text((text,), quoted=True),
        Notice((text,)),
        Fold(text, (text,)),
        Table("numbers", text, FRAME, (text,), group="cohort"),
        Table("folded", text, pd.DataFrame({text: [text]}), folded=True),
        picture(),
    )
    beyond = (Table("beyond", text, FRAME),)
    parts = {"answers": (Answer(text, (Text((text,)),)),), "record": {text: text}} | changes
    return Report(title=text, sections=(Section("first", text, blocks, beyond),), **parts)


class Loads(HTMLParser):
    """Collects what a browser would load or run, and checks that all elements are closed."""

    VOID = ("meta", "img", "link", "br", "hr", "input")

    def __init__(self):
        super().__init__()
        self.addresses, self.active, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("script", "iframe", "object", "embed", "link"):
            self.active.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "href", "data", "action"):
                self.addresses.append(value)
            if name.startswith("on"):
                self.active.append(name)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def loads(page):
    parser = Loads()
    parser.feed(page)
    assert parser.open == []
    return parser


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_every_part_is_written_and_the_page_needs_none_of_them(tmp_path):
    page = write(report(), tmp_path / "out")
    assert sorted(digests(tmp_path / "out")) == [
        "figures/dots.pdf", "figures/dots.png", "figures/dots.svg", "report.html", "report.json", "tables/beyond.csv",
        "tables/beyond.tex", "tables/folded.csv", "tables/folded.tex", "tables/numbers.csv", "tables/numbers.tex",
    ]  # fmt: skip
    found = loads(page.read_text())
    assert found.active == []
    assert all(address.startswith(("#", "data:image/")) for address in found.addresses)
    assert "@import" not in page.read_text()
    assert "url(" not in page.read_text()


def test_the_same_report_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(report(), tmp_path / name)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_hostile_text_is_only_text(tmp_path):
    page = write(report(HOSTILE), tmp_path / "out").read_text()
    assert loads(page).active == []
    assert visible(page).count(HOSTILE) >= 12
    assert_sound(" ".join(p.read_text() for p in (tmp_path / "out/tables").glob("*.tex")))


@given(st.text(max_size=40))
def test_any_text_is_shown_as_it_is(tmp_path_factory, text):
    """Surrogates have no UTF-8, and a browser joins white space and drops NUL."""
    text = "x" + text.encode("utf-8", "replace").decode().replace("\0", "").replace("\r", " ")
    made = Report(
        title=text,
        answers=(Answer(text, (Text((text,)),)),),
        sections=(Section("a", text, (Text((text,)),)),),
    )
    page = write(made, tmp_path_factory.mktemp("any") / "out").read_text(encoding="utf-8")
    assert loads(page).active == []
    assert visible(page).count(text) >= 4


def test_details_are_open_in_print(tmp_path):
    page = write(report(), tmp_path / "out").read_text()
    printed = page.split("@media print")[1].split("</style>")[0]
    assert "details::details-content { content-visibility: visible; }" in printed


def test_a_folded_table_of_many_rows_is_not_printed_and_the_print_says_where_it_is(tmp_path):
    many = pd.DataFrame({"row": range(UNPRINTED + 1)})
    few = many.head(UNPRINTED)
    tables = (Table("many", "Many.", many, folded=True), Table("few", "Few.", few, folded=True))
    made = Report("T", (), (Section("s", "S", tables),))
    page = write(made, tmp_path / "out").read_text()
    assert page.count('<details class="long">') == page.count("rows are not printed") == 1
    words = " ".join(visible(page).split())
    assert (
        f"Its {UNPRINTED + 1} rows are not printed; they are on the screen and in tables/many.csv."
        in words
    )
    printed = page.split("@media print")[1].split("</style>")[0]
    assert ".long { display: none; }" in printed
    assert ".printed { display: block;" in printed


def test_the_first_page_comes_first_and_the_appendix_last_with_numbers_of_its_own(tmp_path):
    answer = Answer("Read", (Text(("All of it.",)), picture("front")))
    blocks = (Table("shown", "Shown.", FRAME), picture())
    sections = (
        Section("s", "Chapter", blocks, (Table("variant", "A variant.", FRAME),)),
        Section("t", "Only beyond", (), (Table("last", "The last.", FRAME),)),
    )
    page = write(Report("T", (answer,), sections), tmp_path / "out").read_text()
    words = re.sub(r"\s+", " ", visible(page))
    order = [
        "All of it.", "Figure 1.", "Contents" if "Contents" in words else "Chapter", "Table 1. Shown.",
        "Figure 2.", "Appendix Chapter", "Table A1. A variant.", "Only beyond", "Table A2. The last.",
    ]  # fmt: skip
    places = [words.index(text) for text in order[:5]]
    places += [words.index(text, places[-1]) for text in order[5:]]
    assert places == sorted(places)
    assert 'href="#t"' not in page
    assert 'href="#appendix-s"' in page


def test_tables_and_figures_of_one_name_are_numbered_apart(tmp_path):
    blocks = (
        Table("first", "One.", FRAME),
        Table("dots", "Two.", FRAME),
        picture(),
    )
    made = Report("T", (), (Section("s", "S", blocks),))
    page = visible(write(made, tmp_path / "out").read_text())
    assert "Table 2. Two." in re.sub(r"\s+", " ", page).replace(" .", ".")
    assert "Figure 1. Dots." in re.sub(r"\s+", " ", page).replace(" .", ".")


@pytest.mark.parametrize("kind", ["sections", "tables", "figures"])
def test_two_parts_of_one_name_are_a_bug(kind):
    twice = {
        "sections": [Section("a", "A", ())] * 2,
        "tables": [Section("a", "A", (Table("t", "", FRAME), Table("t", "", FRAME)))],
        "figures": [Section("a", "A", (picture(), picture()))],
    }
    with pytest.raises(ValueError, match=f"two {kind} of the report are named"):
        Report("T", (), tuple(twice[kind]))


def test_a_section_may_occur_twice_under_another_name():
    section = Section("a", "A", (Table("t", "", FRAME), picture(), Text(("x",))))
    other = suffixed(section, "-2", " (2)")
    assert (other.name, other.title) == ("a-2", "A (2)")
    assert [b.name for b in other.blocks[:2]] == ["t-2", "dots-2"]
    Report("T", (), (section, other))


def test_the_csv_file_holds_all_of_a_table_that_is_shown_in_part(tmp_path):
    data = FRAME.assign(method="m", low=0.123456789)
    made = Report("T", (), (Section("s", "S", (Table("t", "C", FRAME, data=data),)),))
    write(made, tmp_path / "out")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out/tables/t.csv"), data)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_exists_is_not_overwritten(tmp_path, kind):
    out = tmp_path / "out"
    (out if kind == "file" else out / "x").parent.mkdir(exist_ok=True)
    (out if kind == "file" else out / "x").write_text("mine")
    says = "is a file" if kind == "file" else "is not empty"
    with pytest.raises(EvalsuiteError, match=f"out {says}. Name another folder with --output DIR."):
        write(report(), out)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_report_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(EvalsuiteError, match="out: the report cannot be written: No space left"):
        write(report(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, DASH), (float("nan"), DASH), (float("inf"), "∞"), (float("-inf"), f"{MINUS}∞"),
        (True, "yes"), (0.0, "0"), (0.12345, "0.123"), (12.345, "12.3"), (1234.5, "1,234"),
        (999.96, "1,000"), (0.00001234, "1.2e-05"), (7, "7"), ("a", "a"),
    ],
)  # fmt: skip
def test_cells(value, text):
    assert cell(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_numbers_keep_three_figures(value):
    shown = float(figures(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.05 if abs(value) < 1e-4 else 0.0051)


def assert_sound(tex):
    """Check that LaTeX would find every group closed and no character of its own."""
    plain = re.sub(r"\\[&%$#_{}\\]", "", re.sub(r"\\text[a-z]+\{\}", "", tex))
    depth = 0
    for character in plain:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert "%" not in plain
    assert "#" not in plain
    assert plain.count("$") % 2 == 0
    assert len(re.findall(r"\\begin\{(\w+)\}", tex)) == len(re.findall(r"\\end\{(\w+)\}", tex))


@given(st.text(max_size=60))
def test_any_text_is_harmless_in_latex(text):
    tex = latex(pd.DataFrame({text: [text, text]}), text, (text,))
    assert_sound(tex)
    assert "\n\n" not in tex  # an empty line ends a paragraph, which a caption may not hold
    body = tex.split("\\midrule\n")[1].split("\n\\bottomrule")[0]
    assert body.splitlines() == [f"{escaped(text)} \\\\"] * 2


def test_latex_of_many_rows_goes_over_pages_and_long_cells_over_lines():
    rows = pd.DataFrame({"group": ["a"] * 36, "x": ["1"] * 36, "y": ["word " * 10] * 36})
    tex = latex(rows, "C", ("Note.",), group="group")
    assert tex.startswith("{\\footnotesize\n\\begin{longtable}{ll}\n\\caption{C} \\\\\n")
    assert tex.endswith("\\bottomrule\n\\end{longtable}\n\\par Note.\n\\par}\n")
    assert_sound(tex)


def test_columns_of_a_wide_table_share_the_line():
    rows = pd.DataFrame({"x": ["1"], "long": ["word " * 30], "longer": ["word " * 40]})
    columns = re.findall(r"\\dimexpr ([\d.]+)", latex(rows, "C"))
    # "x" has what it needs, 4 of 110 characters; both others count as very long.
    assert [float(share) for share in columns] == pytest.approx([53 / 110] * 2, abs=1e-3)


def test_latex_of_a_small_table():
    rows = pd.DataFrame({"group": ["a", "a", "b"], "x_1": ["1 %", DASH, f"{MINUS}2"]})
    assert latex(rows, "95 % of A & B", ("Note.",), group="group").splitlines() == [
        r"\begin{table}",
        r"\footnotesize",
        r"\caption{95 \% of A \& B}",
        r"\begin{tabular}{l}",
        r"\toprule",
        r"x\_1 \\",
        r"\midrule",
        r"\multicolumn{1}{l}{\textit{a}} \\",
        r"1 \% \\",
        r"-- \\",
        r"\multicolumn{1}{l}{\textit{b}} \\",
        r"$-$2 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par Note.",
        r"\end{table}",
    ]
