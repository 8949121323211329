"""What mkdocs does beside its own while it builds the site.

`<!-- made: NAME -->` on a line of its own is filled in from the code, tutorials are executed.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from builder import api, commands, coverage, declarations, settings, tutorials

MADE: dict[str, Callable[[], str]] = {
    "benchmarks": coverage.scripts,
    "commands": commands.told,
    "configuration": settings.told,
    "coverage of metrics": coverage.metrics,
    "coverage of readers": coverage.readers,
    "false alarms of readers": coverage.tests,
    "extractors": declarations.extractors,
    "formulas of metrics": api.formulas_of_metrics,
    "metrics": declarations.metrics,
    "protocols": declarations.protocols,
    "public": api.public,
    "question kinds": declarations.question_kinds,
    "statistics": api.statistics,
}
MARK = re.compile(r"^<!-- made: ([\w ]+) -->$", re.MULTILINE)


def on_files(files: Files, *, config: Any) -> Files:
    """Run the tutorials, and add the files that they show."""
    tutorials.run_all()
    for page in tutorials.pages():
        folder = tutorials.ran(page).folder
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != "outputs.json":
                place = page.relative_to(tutorials.DOCS).with_suffix("") / path.relative_to(folder)
                files.append(File.generated(config, place.as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Return a page with what is made of the code, and the outputs of a tutorial, in their places."""
    source = Path(page.file.abs_src_path or "")
    if page.meta.get("run"):
        markdown = tutorials.shown(markdown, tutorials.ran(source), source.stem)
    return MARK.sub(lambda mark: MADE[mark[1]](), markdown)
