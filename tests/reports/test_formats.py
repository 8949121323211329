"""A report as a Word document and as one of LaTeX, and letters that no font has."""

import re
import warnings

import pytest
from matplotlib.figure import Figure

from evalsuite.errors import EvalsuiteError
from reports.document import Picture, Report, Section
from reports.figures.letters import lacking
from reports.formats.folder import write
from reports.formats.latex import latex_document
from tests.reports.test_document import HOSTILE, assert_sound, report

ABSENT = "\ue8ff"  # private use: no font says what it looks like


def captioned(text):
    figure = Figure(figsize=(2, 1.5))
    figure.text(0.5, 0.5, text)
    return Picture("dots", "Dots.", figure, "Dots.")


def test_a_word_document_holds_what_is_printed(tmp_path):
    docx = pytest.importorskip("docx")
    write(report(HOSTILE + "\x0b"), tmp_path / "out", ["docx"])
    document = docx.Document(str(tmp_path / "out/report.docx"))
    words = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert words.count(HOSTILE) >= 8
    assert "Figure 1. Dots." in words
    assert "Table A1." in words
    assert len(document.inline_shapes) == 1
    numbers = document.tables[0]
    assert [cell.text for cell in numbers.rows[0].cells] == ["value"]
    assert [row.cells[0].text for row in numbers.rows][1:] == [
        "a",
        "1.5",
        "\N{EN DASH}",
        "b",
        "1,234",
    ]
    assert len(document.tables) == 3
    assert "w:tblHeader" in numbers.rows[0]._tr.xml
    assert "w:tblHeader" not in numbers.rows[1]._tr.xml


def test_without_python_docx_the_mend_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("evalsuite.extras._installed", lambda name: name != "python-docx")
    with pytest.raises(EvalsuiteError, match=r"Word document.*pip install 'evalsuite\[word\]'"):
        write(report(), tmp_path / "out", ["docx"])
    assert not (tmp_path / "out").exists()


def test_the_latex_document_takes_in_every_table_and_figure_that_lies_beside_it(tmp_path):
    write(report(HOSTILE), tmp_path / "out", ["latex"])
    tex = (tmp_path / "out/report.tex").read_text()
    for path in re.findall(r"\\input\{(.+?)\}", tex):
        assert (tmp_path / "out" / path).exists()
    assert len(re.findall(r"\\input", tex)) == len(list((tmp_path / "out/tables").glob("*.tex")))
    for path in re.findall(r"\\includegraphics\[.*?\]\{(.+?)\}", tex):
        assert (tmp_path / "out" / f"{path}.pdf").read_bytes().startswith(b"%PDF")
    assert tex.index(r"\appendix") < tex.index("tables/beyond.tex")
    body = tex.split(r"\begin{document}")[1].split(r"\end{document}")[0]
    assert_sound(body.replace("[H]", ""))
    assert latex_document(report(HOSTILE)) == tex


def test_letters_that_no_font_has_are_told_once_and_stay_text(tmp_path):
    assert lacking(f"A name \N{MINUS SIGN} é {ABSENT}{ABSENT}\n") == ABSENT
    section = Section("s", "S", (captioned(f"Dr. {ABSENT}"),))
    with pytest.warns(UserWarning, match="No font of this machine has") as told:
        write(Report("T", (), (section,)), tmp_path / "out")
    assert len(told) == 1
    assert ABSENT in str(told[0].message)
    svg = (tmp_path / "out/figures/dots.svg").read_text()
    assert f">Dr. {ABSENT}<" in svg


def test_letters_that_a_font_has_are_outlines_and_nothing_is_told(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write(Report("T", (), (Section("s", "S", (captioned("Dr. É"),)),)), tmp_path / "out")
    svg = (tmp_path / "out/figures/dots.svg").read_text()
    assert "<text" not in svg
