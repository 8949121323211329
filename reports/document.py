"""What a report is made of, and how it is written: one HTML file, and its parts beside it."""

import base64
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evalsuite.spreadsheets import guarded_table
from evalsuite.tracking.report import RECORD, SCHEMA
from evalsuite.writable import new_folder
from reports.latex import latex

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNPRINTED = 150  # rows of a folded table beyond which it would fill the printed report
UNBROKEN = 12  # characters that stay on one line of a cell
DIGITS = 3  # significant figures in the tables of the page; the CSV files have all of them


@dataclass(frozen=True, slots=True)
class Text:
    """Paragraphs; `quoted` ones are meant to be copied into a paper."""

    paragraphs: tuple[str, ...]
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader must know before trusting what follows."""

    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report.

    Args:
        name: of its files, lower case with hyphens.
        caption: what it shows, one or two sentences.
        frame: tidy; its columns are the head.
        notes: what stands below it.
        folded: shown only when it is opened, for long tables.
        group: column whose values head groups of rows on the page.
        data: what the CSV file holds where that is more than the page shows.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    folded: bool = False
    group: str = ""
    data: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Fold:
    """Paragraphs for who wants to know more, shown when opened and when printed."""

    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that is there already, as PNG."""

    path: Path


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the report.

    Args:
        name: of its files, lower case with hyphens.
        caption: what it shows and how to read it.
        figure: to be drawn, or an image that is there.
        alternative: what it shows for who cannot see it.
    """

    name: str
    caption: str
    figure: "Figure | Image"
    alternative: str


Block = Text | Notice | Table | Picture | Fold


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter of the report.

    Args:
        name: anchor, lower case with hyphens.
        title: its head.
        blocks: in order.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report.

    Args:
        title: on its first page.
        summary: the few sentences that who reads nothing else has to read.
        sections: in order.
        record: what it was made from, by name; the same record makes the same report.
        cautions: what limits all of it, told before anything else.
        made_from: the MLflow runs of what it was made from: what, and a tag with its value.

    Raises:
        ValueError: if two tables, two figures or two sections have the same name.
    """

    title: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    record: dict[str, str] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    made_from: tuple[tuple[str, str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that would overwrite one another's files."""
        blocks = [block for section in self.sections for block in section.blocks]
        for kind, named in (
            ("sections", [section.name for section in self.sections]),
            ("tables", [block.name for block in blocks if isinstance(block, Table)]),
            ("figures", [block.name for block in blocks if isinstance(block, Picture)]),
        ):
            twice = sorted({name for name in named if named.count(name) > 1})
            if twice:
                msg = f"two {kind} of the report are named {twice[0]}"
                raise ValueError(msg)


def suffixed(section: Section, suffix: str, ending: str) -> Section:
    """Return the section with other names and title, so that a report may hold it twice."""
    blocks = tuple(
        replace(block, name=f"{block.name}{suffix}")
        if isinstance(block, Table | Picture)
        else block
        for block in section.blocks
    )
    return Section(f"{section.name}{suffix}", f"{section.title}{ending}", blocks)


def write(report: Report, folder: Path) -> Path:
    """Write the report into a new folder, all of it or nothing, and return its page.

    The folder holds `report.html`, which needs no other file; `tables/*.csv` and `*.tex`;
    `figures/*.svg` and `*.png`; `report.json`, from which `evalsuite log` makes its run.

    Raises:
        EvalsuiteError: if the folder holds something or cannot be written.
    """
    mend = "Make room or name another folder with --output DIR."
    with new_folder(folder, "the report", mend) as draft:
        _write_parts(report, draft)
    return folder / "report.html"


def _write_parts(report: Report, folder: Path) -> None:
    from jinja2 import Environment, PackageLoader, select_autoescape

    (folder / "tables").mkdir()
    (folder / "figures").mkdir()
    images: dict[str, str] = {}
    for block in (block for section in report.sections for block in section.blocks):
        if isinstance(block, Table):
            data = block.frame if block.data is None else block.data
            guarded_table(data).to_csv(folder / "tables" / f"{block.name}.csv", index=False)
            tex = latex(shown(block.frame), block.caption, block.notes, block.group)
            (folder / "tables" / f"{block.name}.tex").write_text(tex, encoding="utf-8")
        elif isinstance(block, Picture):
            images[block.name] = _draw(block, folder / "figures")
    environment = Environment(
        loader=PackageLoader("reports"), autoescape=select_autoescape(), trim_blocks=True
    )
    environment.tests["text"] = lambda block: isinstance(block, Text)
    environment.tests["notice"] = lambda block: isinstance(block, Notice)
    environment.tests["table"] = lambda block: isinstance(block, Table)
    environment.tests["fold"] = lambda block: isinstance(block, Fold)
    environment.filters |= {"heads": heads, "rows": rows}
    page = environment.get_template("report.html").render(
        report=report, images=images, numbers=_numbers(report), unprinted=UNPRINTED
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    about = {
        "schema": SCHEMA,
        "title": report.title,
        "record": report.record,
        "made_from": report.made_from,
    }
    (folder / RECORD).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text, numbers to a few significant figures, what is missing as a dash."""
    return frame.astype(object).map(cell)


def cell(value: Any) -> str:
    """Return one cell of a table as a reader wants to see it."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return figures(value)
    return str(value)


def figures(value: float) -> str:
    """Return a number to a few significant figures, without an exponent where it is not tiny."""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{DIGITS}g}")
    if abs(rounded) >= 10**DIGITS:
        return f"{value:,.0f}"
    return f"{value:.{DIGITS}g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def heads(table: Table) -> list[tuple[str, bool]]:
    """Return the heads of the columns and whether all cells below are numbers."""
    columns = table.frame.astype(object).drop(columns=[table.group] if table.group else [])
    return [
        (str(name), len(cells) > 0 and all(isinstance(v, int | float) for v in cells))
        for name, cells in columns.items()
    ]


def rows(table: Table) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the rows of a table for the page.

    Returns:
        The head of the group that starts with the row, empty within a group, and the cells as
        pairs of text and class: `n` for a number, `s` for a text too short to be broken.
    """
    shown_rows: list[tuple[str, list[tuple[str, str]]]] = []
    before = ""
    for row in table.frame.astype(object).to_dict("records"):
        group = cell(row.pop(table.group)) if table.group else ""
        cells = [(cell(value), _class(value)) for value in row.values()]
        shown_rows.append(("" if group == before else group, cells))
        before = group
    return shown_rows


def _class(value: Any) -> str:
    if isinstance(value, int | float):
        return "n"
    return "s" if len(cell(value)) <= UNBROKEN else ""


def _draw(picture: Picture, folder: Path) -> str:
    """Write the figure as SVG and PNG and return it as a data address."""
    import matplotlib as mpl

    if isinstance(picture.figure, Image):
        content = picture.figure.path.read_bytes()
        (folder / f"{picture.name}.png").write_bytes(content)
        return "data:image/png;base64," + base64.b64encode(content).decode()
    # Without a fixed salt and date the same figure would be another file every time.
    with mpl.rc_context({"svg.hashsalt": picture.name}):
        buffer = io.BytesIO()
        picture.figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    (folder / f"{picture.name}.svg").write_bytes(buffer.getvalue())
    picture.figure.savefig(folder / f"{picture.name}.png", dpi=200, bbox_inches="tight")
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def _numbers(report: Report) -> dict[str, int]:
    """Return the number of each table and each figure, by kind and name."""
    numbers: dict[str, int] = {}
    for head, kind in (("table", Table), ("figure", Picture)):
        blocks: Sequence[Any] = [
            b for section in report.sections for b in section.blocks if isinstance(b, kind)
        ]
        numbers |= {f"{head}-{block.name}": place for place, block in enumerate(blocks, 1)}
    return numbers
