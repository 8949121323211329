"""The site builds without a warning, loads nothing from elsewhere, and no link in it is broken."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

pytestmark = pytest.mark.xdist_group("docs")  # the site is built once
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MISSING = "404.html"  # is served at any address, so its links begin at the root


def inner(page):
    for link in page.links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc:
            yield link, unquote(parts.path), unquote(parts.fragment)


def test_no_link_is_broken(site):
    by_file = {page.path: page for page in site.values()}
    broken = []
    for name, page in site.items():
        for link, path, place in inner(page) if name != MISSING else ():
            target = (page.path.parent / path).resolve() if path else page.path
            places = by_file[target].places if target in by_file else {place}
            if not target.is_file() or (place and place not in places):
                broken.append((name, link))
    assert broken == []
    assert sum(1 for page in site.values() for _ in inner(page)) > 1000


def test_nothing_is_loaded_from_elsewhere(site):
    for name, page in site.items():
        assert page.loaded or "report" in name
        for source in page.loaded:
            parts = urlsplit(source)
            assert parts.scheme in {"", "data"}, (name, source)
            assert not parts.netloc, (name, source)
            if name != MISSING and parts.path and not parts.scheme:
                assert (page.path.parent / unquote(parts.path)).is_file(), (name, source)
    folder = site["index.html"].path.parent
    for sheet in folder.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", sheet.read_text())


def test_every_page_can_be_found(site):
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w/-]+\.md", config.partition("\nnav:\n")[2]))
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    assert named == pages
    assert {path.removesuffix(".md") for path in named} <= {p.removesuffix(".html") for p in site}


def test_what_is_made_of_the_code_is_in_its_place(site):
    for name, page in site.items():
        text = page.path.read_text(encoding="utf-8")
        assert "<!-- made:" not in text, name
        assert "\n--8&lt;--" not in text, name


def test_the_readme_is_short_and_leads_on():
    assert len(README.splitlines()) <= 150
    pictures = re.findall(r"!\[[^\]]+\]\((docs/images/[\w-]+\.png)\)", README)
    assert [Path(p).stem for p in pictures] == ["table", "mosaic", "reading", "report"]
    for command in ("make demo", "make test", "make docs"):
        assert command in README
    for path in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", README):
        assert (ROOT / path).is_file(), path


def test_links_of_the_readme_lead_to_headings(site):
    for path, place in re.findall(r"\]\(docs/([^)#]+)\.md#([\w-]+)\)", README):
        assert place in site[f"{path}.html"].places


def test_every_kind_of_extension_is_told():
    told = (ROOT / "docs/how-to/extend.md").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    groups = re.findall(r'entry-points\."(evalsuite\.\w+)"', project)
    assert len(groups) > 8
    for group in [*groups, "evalsuite.report_chapters"]:
        assert f'entry-points."{group}"' in told


def test_no_font_is_fetched():
    theme = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["theme"]
    assert theme["font"] is False
