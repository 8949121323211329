"""How griffe is to read our docstrings: several arguments in one entry, `Example` as examples."""

import re
from typing import Any

import griffe

SEVERAL = re.compile(r"^( +)(\w+(?:,\s+\w+)+): ", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Rewrites docstrings into what Google's style allows, before they are parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Give each of several arguments that share a sentence an entry of its own."""
        if obj.docstring:
            text = obj.docstring.value.replace("Example:\n", "Examples:\n")
            obj.docstring.value = SEVERAL.sub(_entries, text)


def _entries(shared: re.Match[str]) -> str:
    indent, names = shared[1], re.split(r",\s+", shared[2])
    *first, last = names
    same = [f"{indent}{name}: Together with `{last}`.\n" for name in first]
    return f"{''.join(same)}{indent}{last}: "
