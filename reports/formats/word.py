"""A report as one Word document, for supplements that are submitted so."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.document import Block, Fold, Notice, Picture, Report, Table, Text
from reports.formats.cells import rows, shares

if TYPE_CHECKING:
    from docx.document import Document

WIDE = 17.4  # centimetres between the margins of A4
SMALL, CAPTION, BODY = 8, 9, 10  # points of tables and notes, of captions, and of the text
ROOM, BETWEEN = 100, 4  # characters on a line of a table, and those that two columns lie apart


def write_word(report: Report, path: Path, figures: Path) -> None:
    """Write what is printed of a report as a Word document.

    Args:
        report: to be written.
        path: of the document.
        figures: folder with its figures as PNG.

    Raises:
        ImportError: if python-docx is not installed.
    """
    from docx import Document
    from docx.shared import Cm, Pt

    document = Document()
    for section in document.sections:
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm((21 - WIDE) / 2)
        section.top_margin = section.bottom_margin = Cm(1.8)
    document.styles["Normal"].font.size = Pt(BODY)
    document.styles["Normal"].paragraph_format.space_after = Pt(4)
    caption = document.styles["Caption"]
    caption.font.size, caption.font.bold = Pt(CAPTION), False
    caption.paragraph_format.keep_with_next = True
    caption.paragraph_format.space_before = Pt(8)
    document.core_properties.title = plain(report.title)
    document.add_heading(plain(report.title), 0)
    labels = report.labels
    for answer in report.answers:
        _part(document, answer.head, 2, answer.blocks, labels, figures)
    document.add_page_break()
    for chapter in report.sections:
        if chapter.blocks:
            _part(document, chapter.title, 1, chapter.blocks, labels, figures)
    beyond = [chapter for chapter in report.sections if chapter.appendix]
    if beyond:
        document.add_heading("Appendix", 1)
    for chapter in beyond:
        _part(document, chapter.title, 2, chapter.appendix, labels, figures)
    document.add_heading("What this report was made from", 1)
    for name, value in report.record.items():
        document.add_paragraph(plain(f"{name}: {value}"))
    document.save(str(path))


def plain(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(c if c.isprintable() or c in "\t\n" else " " for c in text)


def _part(
    document: "Document",
    head: str,
    level: int,
    blocks: tuple[Block, ...],
    labels: dict[str, str],
    figures: Path,
) -> None:
    document.add_heading(plain(head), level)
    for block in blocks:
        if isinstance(block, Table):
            _table(document, block, labels[f"table-{block.name}"])
        elif isinstance(block, Picture):
            from docx.shared import Cm

            document.add_picture(str(figures / f"{block.name}.png"), width=Cm(WIDE))
            label = labels[f"figure-{block.name}"]
            document.add_paragraph(plain(f"{label}. {block.caption}"), style="Caption")
        else:
            _words(document, block)


def _words(document: "Document", block: Text | Notice | Fold) -> None:
    if isinstance(block, Notice):
        for sentence in block.sentences:
            document.add_paragraph(plain(sentence), style="Intense Quote")
        return
    if isinstance(block, Fold):
        document.add_paragraph(plain(block.title), style="Subtitle")
    for paragraph in block.paragraphs:
        document.add_paragraph(plain(paragraph))


def _table(document: "Document", table: Table, label: str) -> None:
    from docx.shared import Pt

    caption = plain(f"{label}. {table.caption}")
    if not table.printed:
        file = f"{len(table.frame)} rows in tables/{table.name}.csv."
        document.add_paragraph(f"{caption} {file}", style="Caption")
        return
    document.add_paragraph(caption, style="Caption")
    columns = [str(column) for column in table.frame.columns if column != table.group]
    lines: list[tuple[str, list[str]]] = [("", columns)]
    for group, cells in rows(table):
        if group:
            lines.append((group, []))
        lines.append(("", [text for text, _ in cells]))
    grid = document.add_table(rows=len(lines), cols=len(columns), style="Table Grid")
    _sized(document, grid, lines)
    for row, (group, texts) in zip(grid.rows, lines, strict=True):
        cells = row.cells
        if group:
            _write(cells[0].merge(cells[-1]), group, bold=True)
            continue
        for place, text in zip(cells, texts, strict=True):
            _write(place, text, bold=texts is columns)
    for note in table.notes:
        document.add_paragraph().add_run(plain(note)).font.size = Pt(SMALL)


def _sized(document: "Document", grid: Any, lines: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Give columns the room that they need, and repeat the head on every page."""
    from docx.oxml import OxmlElement
    from docx.shared import Cm

    columns = list(zip(*(texts for _, texts in lines if texts), strict=True))
    longest = [max(map(len, column)) + BETWEEN for column in columns]
    parts = shares(longest, ROOM)
    grid.autofit = False
    for column, part in zip(grid.columns, parts, strict=True):
        column.width = Cm(WIDE * part / sum(parts))
        for cell in column.cells:
            cell.width = column.width
    (head,) = document.element.body.xpath("./w:tbl[last()]/w:tr[1]")
    head.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _write(place: Any, text: str, *, bold: bool) -> None:
    from docx.shared import Pt

    run = place.paragraphs[0].add_run(plain(text))
    run.font.size, run.bold = Pt(SMALL), bold
