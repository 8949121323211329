"""A report as a folder: one page that needs no other file, and its parts beside it."""

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from evalsuite.extras import require
from evalsuite.spreadsheets import guarded_table
from evalsuite.tracking.report import RECORD, SCHEMA
from evalsuite.writable import new_folder
from reports.document import Fold, Notice, Picture, Report, Table, Text
from reports.formats.cells import heads, rows, shown
from reports.formats.latex import latex, latex_document
from reports.formats.pictures import save
from reports.formats.word import write_word

Format = Literal["docx", "latex"]
NO_FONT = (
    "No font of this machine has {letters}: figures as PDF and PNG show boxes for them, and the "
    "page shows them where the reader's machine has one. Install fonts such as Noto Sans CJK."
)

REFERENCE = re.compile(r"\[\d+\] ")  # a paragraph that is an entry of the list of references


def write(report: Report, folder: Path, formats: Sequence[Format] = ()) -> Path:
    """Write the report into a new folder, all of it or nothing, and return its page.

    The folder holds `report.html`, which needs no other file; `tables/*.csv` and `*.tex`;
    `figures/*.svg`, `*.pdf` and `*.png`; `report.json`, from which `evalsuite log` makes its run.

    Args:
        report: to be written.
        folder: new.
        formats: written besides: `docx` is `report.docx`, `latex` is `report.tex`.

    Raises:
        EvalsuiteError: if the folder holds something or cannot be written, or python-docx is
            missing.
    """
    if "docx" in formats:
        require("word", purpose="A report as a Word document")
    mend = "Make room or name another folder with --output DIR."
    with new_folder(folder, "the report", mend) as draft:
        without = _write_parts(report, draft)
        if "docx" in formats:
            write_word(report, draft / "report.docx", draft / "figures")
        if "latex" in formats:
            (draft / "report.tex").write_text(latex_document(report), encoding="utf-8")
    if without:
        warnings.warn(NO_FONT.format(letters=without), stacklevel=2)
    return folder / "report.html"


def _write_parts(report: Report, folder: Path) -> str:
    """Write page, tables and figures, and return the letters that no installed font has."""
    (folder / "tables").mkdir()
    (folder / "figures").mkdir()
    images: dict[str, str] = {}
    without: set[str] = set()
    for block in report.blocks():
        if isinstance(block, Table):
            data = block.frame if block.data is None else block.data
            guarded_table(data).to_csv(folder / "tables" / f"{block.name}.csv", index=False)
            tex = latex(shown(block.frame), block.caption, block.notes, block.group)
            (folder / "tables" / f"{block.name}.tex").write_text(tex, encoding="utf-8")
        elif isinstance(block, Picture):
            images[block.name], lacking = save(block, folder / "figures")
            without |= set(lacking)
    (folder / "report.html").write_text(_page(report, images), encoding="utf-8")
    about = {
        "schema": SCHEMA,
        "title": report.title,
        "record": report.record,
        "made_from": report.made_from,
    }
    (folder / RECORD).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return "".join(sorted(without))


def _page(report: Report, images: dict[str, str]) -> str:
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(
        loader=PackageLoader("reports"), autoescape=select_autoescape(), trim_blocks=True
    )
    kinds = {"text": Text, "notice": Notice, "table": Table, "fold": Fold}
    environment.tests |= {
        name: lambda block, kind=kind: isinstance(block, kind) for name, kind in kinds.items()
    }
    environment.tests["reference"] = lambda text: REFERENCE.match(text) is not None
    environment.filters |= {"heads": heads, "rows": rows}
    return environment.get_template("report.html").render(
        report=report, images=images, labels=report.labels
    )
