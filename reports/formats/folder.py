"""A report as a folder: one page that needs no other file, and its parts beside it."""

import json
import re
from pathlib import Path

from evalsuite.spreadsheets import guarded_table
from evalsuite.tracking.report import RECORD, SCHEMA
from evalsuite.writable import new_folder
from reports.document import Fold, Notice, Picture, Report, Table, Text
from reports.formats.cells import heads, rows, shown
from reports.formats.latex import latex
from reports.formats.pictures import save

REFERENCE = re.compile(r"\[\d+\] ")  # a paragraph that is an entry of the list of references


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
    (folder / "tables").mkdir()
    (folder / "figures").mkdir()
    images: dict[str, str] = {}
    for block in report.blocks():
        if isinstance(block, Table):
            data = block.frame if block.data is None else block.data
            guarded_table(data).to_csv(folder / "tables" / f"{block.name}.csv", index=False)
            tex = latex(shown(block.frame), block.caption, block.notes, block.group)
            (folder / "tables" / f"{block.name}.tex").write_text(tex, encoding="utf-8")
        elif isinstance(block, Picture):
            images[block.name] = save(block, folder / "figures")
    (folder / "report.html").write_text(_page(report, images), encoding="utf-8")
    about = {
        "schema": SCHEMA,
        "title": report.title,
        "record": report.record,
        "made_from": report.made_from,
    }
    (folder / RECORD).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


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
