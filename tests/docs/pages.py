"""Pages of the site as tests see them: places, links, and what is loaded."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
HEADINGS = {"h1", "h2", "h3"}


@dataclass
class Page(HTMLParser):
    """One page: the places that may be linked, the links, and the words of each section.

    Args:
        path: of the file.
    """

    path: Path
    places: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    sections: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        super().__init__(convert_charrefs=True)
        self._under = ""

    @classmethod
    def read(cls, path):
        """Return the page of a file."""
        page = cls(path)
        page.feed(path.read_text(encoding="utf-8"))
        page.close()
        return page

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if place := values.get("id"):
            self.places.add(place)
            if tag in HEADINGS:
                self._under = place
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        # `canonical` and the like say where a page is, they load nothing.
        if tag in LOADED and values.get("rel") not in {"canonical", "prev", "next"}:
            self.loaded += [values[LOADED[tag]]] if values.get(LOADED[tag]) else []

    def handle_data(self, data):
        self.sections[self._under] = self.sections.get(self._under, "") + data
