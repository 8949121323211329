"""What a report is made of: a first page that answers, chapters, and an appendix."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNPRINTED = 20  # rows of a folded table beyond which it would fill the printed report


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

    @property
    def printed(self) -> bool:
        """Whether it is printed; a long one that is folded is on the screen and in its file."""
        return not self.folded or len(self.frame) <= UNPRINTED


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
class Answer:
    """One answer of the first page.

    Args:
        head: what it answers, in one to three words.
        blocks: in order; few and short, as all answers together are to fit on a page.
    """

    head: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter of the report.

    Args:
        name: anchor, lower case with hyphens.
        title: its head.
        blocks: in order.
        appendix: what only some want to know: variants, long tables, how numbers were computed.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
    appendix: tuple[Block, ...] = ()

    @property
    def everything(self) -> tuple[Block, ...]:
        """What the chapter and its part of the appendix hold."""
        return (*self.blocks, *self.appendix)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report.

    Args:
        title: on its first page.
        answers: its first page, which who reads nothing else has to read.
        sections: in order.
        record: what it was made from, by name; the same record makes the same report.
        made_from: the MLflow runs of what it was made from: what, and a tag with its value.

    Raises:
        ValueError: if two tables, two figures or two sections have the same name.
    """

    title: str
    answers: tuple[Answer, ...]
    sections: tuple[Section, ...]
    record: dict[str, str] = field(default_factory=dict)
    made_from: tuple[tuple[str, str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that would overwrite one another's files."""
        for kind, named in (
            ("sections", [section.name for section in self.sections]),
            ("tables", [block.name for block in self.blocks() if isinstance(block, Table)]),
            ("figures", [block.name for block in self.blocks() if isinstance(block, Picture)]),
        ):
            twice = sorted({name for name in named if named.count(name) > 1})
            if twice:
                msg = f"two {kind} of the report are named {twice[0]}"
                raise ValueError(msg)

    def blocks(self) -> Iterator[Block]:
        """Yield all that the report shows, in the order in which it is shown."""
        yield from self.main()
        for section in self.sections:
            yield from section.appendix

    def main(self) -> Iterator[Block]:
        """Yield what the first page and the chapters show."""
        for answer in self.answers:
            yield from answer.blocks
        for section in self.sections:
            yield from section.blocks

    @property
    def summary(self) -> tuple[str, ...]:
        """The sentences of the first page."""
        texts = [b for answer in self.answers for b in answer.blocks if isinstance(b, Text)]
        return tuple(paragraph for text in texts for paragraph in text.paragraphs)

    @property
    def labels(self) -> dict[str, str]:
        """What each table and figure is called, by kind and name, such as `table-readers`."""
        labels: dict[str, str] = {}
        shown, beyond = list(self.main()), [b for s in self.sections for b in s.appendix]
        for letter, blocks in (("", shown), ("A", beyond)):
            for head, kind in (("table", Table), ("figure", Picture)):
                names = [block.name for block in blocks if isinstance(block, kind)]
                labels |= {
                    f"{head}-{name}": f"{head.capitalize()} {letter}{place}"
                    for place, name in enumerate(names, 1)
                }
        return labels


def suffixed(section: Section, suffix: str, ending: str) -> Section:
    """Return the section with other names and title, so that a report may hold it twice."""

    def named(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return tuple(
            replace(block, name=f"{block.name}{suffix}")
            if isinstance(block, Table | Picture)
            else block
            for block in blocks
        )

    title = f"{section.title}{ending}"
    return Section(f"{section.name}{suffix}", title, named(section.blocks), named(section.appendix))
