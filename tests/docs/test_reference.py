"""Nothing a user can name is missing from the reference, and nothing in it is left unexplained."""

import inspect
from importlib import import_module

import pytest

import evalsuite
from builder import api, commands, settings
from evalsuite import plugins
from evalsuite.declared import Declared
from evalsuite.protocols.protocol import load_protocol
from evalsuite.study.protocol.questions import KINDS

pytestmark = pytest.mark.xdist_group("docs")  # the site is built once
COMMANDS = commands.commands()
MODELS = settings.models(*(model for _, roots in settings.ROOTS.values() for model in roots))
UNSAID = {  # written in no file: bases, protocols, and what browsers send
    "Asked", "Behaviour", "Numbered", "Protocol", "Published", "Question", "Screen", "Source", "_Ranged",
}  # fmt: skip
PACKAGES = ("evalsuite.metrics", "evalsuite.statistics")


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
