"""What a report is made of, and how it is written: one HTML file, and its parts beside it."""

import base64
import io
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evalsuite.errors import EvalsuiteError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIGITS = 3  # significant figures in the tables of the page; the CSV files have all of them


@dataclass(frozen=True, slots=True)
class Text:
    """Paragraphs; `quoted` ones are meant to be copied into a paper."""

    paragraphs: tuple[str, ...]
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader must know before he trusts what follows."""

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
    """

    name: str
    caption: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    folded: bool = False


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


Block = Text | Notice | Table | Picture


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
    """

    title: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    record: dict[str, str] = field(default_factory=dict)


def write(report: Report, folder: Path) -> Path:
    """Write the report into a new folder, all of it or nothing, and return its page.

    The folder holds `report.html`, which needs no other file; `tables/*.csv` and `*.tex`;
    `figures/*.svg` and `*.png`.

    Raises:
        EvalsuiteError: if the folder holds something or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EvalsuiteError(f"{folder} is not empty. Name another folder with --output DIR.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            _write_parts(report, draft)
            draft.chmod(0o755)
            draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise EvalsuiteError(
            f"{folder}: the report cannot be written: {error.strerror}. "
            "Make room or name another folder with --output DIR."
        ) from None
    return folder / "report.html"


def _write_parts(report: Report, folder: Path) -> None:
    from jinja2 import Environment, PackageLoader, select_autoescape

    (folder / "tables").mkdir()
    (folder / "figures").mkdir()
    images: dict[str, str] = {}
    for block in (block for section in report.sections for block in section.blocks):
        if isinstance(block, Table):
            block.frame.to_csv(folder / "tables" / f"{block.name}.csv", index=False)
            latex = shown(block.frame).to_latex(index=False, escape=True, caption=block.caption)
            (folder / "tables" / f"{block.name}.tex").write_text(latex, encoding="utf-8")
        elif isinstance(block, Picture):
            images[block.name] = _draw(block, folder / "figures")
    environment = Environment(
        loader=PackageLoader("reports"), autoescape=select_autoescape(), trim_blocks=True
    )
    environment.tests["text"] = lambda block: isinstance(block, Text)
    environment.tests["notice"] = lambda block: isinstance(block, Notice)
    environment.tests["table"] = lambda block: isinstance(block, Table)
    environment.filters["cells"] = cells
    page = environment.get_template("report.html").render(
        report=report, images=images, numbers=_numbers(report)
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text, numbers to a few significant figures, what is missing as a dash."""
    return frame.map(cell)


def cell(value: Any) -> str:
    """Return one cell of a table as a reader wants to see it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _figures(value)
    return str(value)


def cells(frame: pd.DataFrame) -> list[list[tuple[str, bool]]]:
    """Return the rows of a table as pairs of text and whether it is a number."""
    return [
        [(cell(value), isinstance(value, int | float)) for value in row]
        for row in frame.astype(object).itertuples(index=False)
    ]


def _figures(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 10**DIGITS:
        return f"{value:,.0f}"
    return f"{value:.{DIGITS}g}" if abs(value) >= 1e-4 else f"{value:.1e}"


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
    """Return the number of each table and of each figure, by name."""
    numbers: dict[str, int] = {}
    for kind in (Table, Picture):
        blocks: Sequence[Any] = [
            b for section in report.sections for b in section.blocks if isinstance(b, kind)
        ]
        numbers |= {block.name: place for place, block in enumerate(blocks, 1)}
    return numbers
