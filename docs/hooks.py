"""What mkdocs fills in while it builds the site: `<!-- made: NAME -->` on a line of its own."""

import re
from collections.abc import Callable
from typing import Any

from builder import api, commands, declarations, settings

MADE: dict[str, Callable[[], str]] = {
    "commands": commands.told,
    "configuration": settings.told,
    "formulas of metrics": api.formulas_of_metrics,
    "extractors": declarations.extractors,
    "metrics": declarations.metrics,
    "protocols": declarations.protocols,
    "public": api.public,
    "question kinds": declarations.question_kinds,
    "statistics": api.statistics,
}
MARK = re.compile(r"^<!-- made: ([\w ]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page with what is made of the code in the place of its marks."""
    return MARK.sub(lambda mark: MADE[mark[1]](), markdown)
