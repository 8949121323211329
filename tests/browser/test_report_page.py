"""The page of a report in a real browser: nothing missing, nothing cut, all of it in print."""

import re

import pytest

from evalsuite.study.protocol.kinds.likert import Likert
from evalsuite.study.protocol.questions import TEMPLATES
from reports.build import build
from reports.formats.folder import write
from tests.browser.chromium import browser_page
from tests.reports.conftest import make_evaluation, make_study

LONG = "How good is this volume for the diagnosis of subtle changes of the hippocampal formation? "
A4, A4_TALL = 688, 1024  # pixels between the margins

# How far anything stands beyond the right edge of the page, outside of what may be scrolled.
BEYOND = """() => Math.max(...[...document.querySelectorAll('body *')]
    .filter(e => !e.closest('.scroll') && e.getClientRects().length)
    .map(e => e.getBoundingClientRect().right)) - document.documentElement.clientWidth"""
TABLE_BEYOND = """() => Math.max(...[...document.querySelectorAll('table')]
    .map(e => e.getBoundingClientRect().right)) - document.documentElement.clientWidth"""
UNLOADED = "() => [...document.images].filter(i => !i.naturalWidth || !i.alt).length"
SHOWN = """() => [...document.querySelectorAll('details:not(.long)')]
    .map(d => d.lastElementChild.checkVisibility())"""


@pytest.fixture(scope="module")
def page(tmp_path_factory, make_study, make_evaluation):
    """Write the report of a study with long names of everything."""
    levels = {"real": 0.0, "latent-diffusion-with-vq-gan-trained-on-site-a-and-b": 1.0, "gan": 2.0}
    question = Likert(name="overall", text=LONG * 2, low="useless " * 8, high="excellent " * 8)
    TEMPLATES["long"] = (question,)
    try:
        study = make_study(
            levels=levels,
            readers=[f"Professor Maximiliane Featherstonehaugh-Cholmondeley {i}" for i in range(3)],
            cases=8,
            templates=("long", "turing", "multiple", "text"),
            repeats=3,
            margins={"overall": 1.0},
        )
    finally:
        del TEMPLATES["long"]
    evaluation = make_evaluation(study, levels=levels, names=tuple(levels)[1:])
    return write(
        build(study, [evaluation], replicates=100), tmp_path_factory.mktemp("page") / "out"
    )


def test_the_page_is_whole_on_the_screen_and_on_paper(page):
    with browser_page(width=1100, height=1400) as browser:
        asked, faults = [], []
        browser.on("request", lambda request: asked.append(request.url))
        browser.on("console", lambda message: faults.append(message.text))
        browser.goto(f"file://{page}")
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert faults == []
        assert browser.evaluate(UNLOADED) == 0
        assert browser.evaluate(BEYOND) <= 0
        assert set(browser.evaluate(SHOWN)) == {False}
        browser.set_viewport_size({"width": A4, "height": 970})
        browser.emulate_media(media="print")
        assert browser.evaluate(BEYOND) <= 0
        assert browser.evaluate(TABLE_BEYOND) <= 0
        assert set(browser.evaluate(SHOWN)) == {True}


def test_forty_cases_and_three_readers_are_one_page_of_answers_and_at_most_twelve(
    make_study, tmp_path
):
    study = make_study(
        levels={"real": 0.0, "gan": 0.4, "ddpm": 0.8}, cases=14, templates=("turing", "paper"),
        repeats=4, margins={"appearance": 0.5, "anatomy": 0.5, "consistency": 0.5},
        keep=lambda row: row["case"][-2:] not in ("12", "13") or row["cohort"] != "gan",
    )  # fmt: skip
    page = write(build(study, []), tmp_path / "out")
    with browser_page(width=A4, height=970) as browser:
        browser.goto(f"file://{page}")
        printed = browser.pdf(prefer_css_page_size=True)
        browser.emulate_media(media="print")
        first = browser.evaluate("() => document.querySelector('.first').offsetHeight")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12
    assert first <= A4_TALL


__all__ = ["make_evaluation", "make_study"]
