"""Nothing a user can name is missing from the reference, and the site is whole.

One file, since files go to one process each: the site is built once.
"""

import inspect
import re
import shlex
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import evalsuite
from builder import api, commands, settings, tutorials
from evalsuite import plugins
from evalsuite.declared import Declared
from evalsuite.protocols.protocol import load_protocol
from evalsuite.study.protocol.questions import KINDS

COMMANDS = commands.commands()
MODELS = settings.models(*(model for _, roots in settings.ROOTS.values() for model in roots))
UNSAID = {  # written in no file: bases, protocols, and what browsers send
    "Asked", "Behaviour", "Guideline", "Item", "Numbered", "Protocol", "Published", "Question", "Screen", "Source", "_Ranged",
}  # fmt: skip
PACKAGES = ("evalsuite.metrics", "evalsuite.statistics")
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
MISSING = "404.html"  # is served at any address, so its links begin at the root


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_and_option_is_explained(site, words):
    command = COMMANDS[words]
    text = site["reference/commands.html"].sections[words.replace(" ", "-")]
    assert command.help
    for paragraph in command.help.replace("`", "").split("\n\n"):
        assert paragraph.split()[0] in text
    for parameter in commands.parameters(command):
        assert parameter.help, parameter.name
        assert commands.shown(parameter) in text


def test_commands_are_those_that_can_be_run(cli):
    for words in COMMANDS:
        status, out, _ = cli(*words.split(), "--help")
        assert status == 0
        assert f"evalsuite {words}" in " ".join(out.split()) or words.split()[-1] in out
    for name in plugins.available("commands"):
        assert any(words.split()[0] == name for words in COMMANDS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_setting_is_explained(site, model):
    meanings = settings.meanings(model)
    sections = site["reference/configuration.html"].sections
    roots = {roots[0].__name__: anchor for anchor, (_, roots) in settings.ROOTS.items()}
    text = sections[roots.get(model.__name__, model.__name__)]
    for name in settings.settings(model):
        assert meanings.get(name), name
        assert name in text


def test_no_configuration_is_forgotten():
    def below(model):
        for one in model.__subclasses__():
            yield one
            yield from below(one)

    import evalsuite.study.storage.answering  # noqa: F401 - whatever else this process has imported

    ours = ("evalsuite.", "generator.", "reports.", "reader_app.")
    declared = {one.__name__ for one in below(Declared) if one.__module__.startswith(ours)}
    assert declared - {model.__name__ for model in MODELS} <= UNSAID


@pytest.mark.parametrize("name", plugins.available("metrics"))
def test_every_metric_is_explained(site, name):
    metric = plugins.load("metrics", name)
    text = site["reference/metrics.html"].sections[name]
    assert metric.summary in text
    for quantity in (*metric.quantities, *metric.scores):
        for told in (quantity.name, quantity.sentence, quantity.range, *quantity.works):
            assert " ".join(told.split()) in " ".join(text.split())
    for option in metric.told_options():
        assert option["meaning"], option["name"]
        assert option["name"] in text


@pytest.mark.parametrize("name", plugins.available("protocols"))
def test_every_protocol_is_explained(site, name):
    protocol = load_protocol(name)
    text = site["reference/protocols.html"].sections[name.replace(".", "")]
    assert protocol.summary in text
    for key in type(protocol.preprocessing).model_fields:
        assert f"preprocessing.{key}" in text
    for published in protocol.published:
        assert f"{published.value:g}" in text


@pytest.mark.parametrize("name", plugins.available("extractors"))
def test_every_extractor_is_explained(site, name):
    page = site["reference/extractors.html"]
    summary = (plugins.load("extractors", name).__doc__ or "").strip().partition("\n")[0]
    assert summary
    text = " ".join(" ".join(page.sections.values()).split())
    assert f"{name} {summary}".replace("`", "") in text


@pytest.mark.parametrize("name", KINDS)
def test_every_question_kind_is_explained(site, name):
    text = site["reference/question-kinds.html"].sections[name]
    meanings = settings.meanings(KINDS[name])
    for setting in settings.settings(KINDS[name]):
        assert meanings.get(setting), setting
        assert setting in text


@pytest.mark.parametrize("name", evalsuite.__all__)
def test_everything_public_is_explained(site, name):
    thing = getattr(evalsuite, name)
    assert inspect.getdoc(thing)
    assert f"evalsuite.{name}" in site["reference/api.html"].places
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
            assert inspect.getdoc(value), member


def test_every_metric_of_torchmetrics_is_explained(site):
    module = import_module("evalsuite.torchmetrics")
    places = site["reference/torchmetrics.html"].places
    ours = [
        c for c in vars(module).values() if inspect.isclass(c) and c.__module__ == module.__name__
    ]
    assert len(ours) > 5
    for metric in ours:
        assert inspect.getdoc(metric)
        assert f"{module.__name__}.{metric.__name__}" in places


@pytest.mark.parametrize("package", PACKAGES)
def test_every_formula_is_explained(site, package):
    places = site["reference/formulas.html"].places | site["reference/extension-api.html"].places
    counted = 0
    for name in api.modules(package):
        for member, value in vars(import_module(name)).items():
            ours = getattr(value, "__module__", None) == name
            if ours and not member.startswith("_") and inspect.isroutine(value):
                assert inspect.getdoc(value), f"{name}.{member}"
                assert f"{name}.{member}" in places
                counted += 1
    assert counted > 20


def options(command):
    return {"--help", *(name for p in command.params for name in (*p.opts, *p.secondary_opts))}


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


def typed(text):
    """Yield the words after `evalsuite` of each command that a page shows."""
    blocks = [code for language, code in FENCED.findall(text) if language == "sh"]
    spans = [s for s in SPAN.findall(FENCED.sub("", text)) if s.startswith("evalsuite ")]
    for statement in [*spans, *(one for code in blocks for one in tutorials.statements(code))]:
        words = shlex.split(statement.replace("\\\n", " "), comments=True)
        if "evalsuite" in words:
            after = words[words.index("evalsuite") + 1 :]
            yield list(takewhile(lambda word: word not in tutorials.PIPED, after))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_and_option_that_is_shown_exists(page):
    text = page.read_text(encoding="utf-8")
    for words in typed(text):
        names = [" ".join(words[:count]) for count in range(len(words), 0, -1)]
        name = next((name for name in names if name in COMMANDS), None)
        if name is None:  # all of a group, or of the suite
            assert words == ["--help"] or any(c.startswith(f"{words[0]} ") for c in COMMANDS), words
            continue
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in options(COMMANDS[name]), words
    known = {option for command in COMMANDS.values() for option in options(command)}
    for span in SPAN.findall(FENCED.sub("", text)) if page.stem != "benchmarks" else ():
        if span.startswith("--"):
            assert span.split()[0].partition("=")[0].rstrip(",") in known, span


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
