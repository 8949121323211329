"""No page of the app has a serious fault of accessibility, as axe sees it."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from evalsuite.study.storage.study_database import StudyDatabase
from tests.browser.chromium import browser_page
from tests.browser.test_viewer import press, shown
from tests.reader_app.conftest import make_study  # noqa: F401
from tests.reader_app.server import Server


def faults(page):
    """Return what axe calls serious or critical."""
    page.wait_for_timeout(700)  # Streamlit fades its pages in
    found = Axe().run(page).response["violations"]
    return [
        (fault["id"], [node["html"][:160] for node in fault["nodes"]])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.fixture
def study(make_study, tmp_path):  # noqa: F811
    home, created = make_study(template=["turing"], cases=1)
    server = Server(home, tmp_path / "app.log")
    yield server, StudyDatabase(home.database), created
    server.kill()


def test_axe_finds_nothing_serious_from_the_first_page_to_the_last(study):
    server, store, created = study
    found = {}
    with browser_page(width=1366, height=768) as page:
        page.goto(server.url)
        page.get_by_text("I lead a study").click()
        page.get_by_label("Secret of its lead").wait_for()
        found["sign in"] = faults(page)
        page.goto(f"{server.url}/enter?token={created.invitations['Dr. Ada']}")
        page.get_by_text("I have read this").wait_for()
        found["consent"] = faults(page)
        page.get_by_text("I have read this").click()
        page.get_by_role("button", name="Begin").click()
        first = shown(page)
        found["reading"] = faults(page)
        press(page, "?")
        found["keys"] = faults(page)
        press(page, "Escape", "2", "Enter")
        shown(page, first)
        store.pause("birds")
        page.reload()
        page.get_by_role("button", name="Look again").wait_for()
        found["paused"] = faults(page)
        store.resume("birds")
        page.reload()
        shown(page)
        press(page, "2", "Enter")
        page.get_by_text("Thank you").wait_for()
        found["done"] = faults(page)
        secret = created.lead_secret
        page.context.clear_cookies()
        page.goto(f"{server.url}/enter?study=birds&lead={secret}")
        page.get_by_text("Lead's page").wait_for()
        found["lead"] = faults(page)
    assert [page for page, faults in found.items() if faults] == [], found
    assert len(found) == 7


def test_axe_finds_nothing_serious_where_there_is_no_study(tmp_path):
    from evalsuite.study.home import Home

    server = Server(Home.at(tmp_path / "studies"), tmp_path / "app.log")
    try:
        with browser_page() as page:
            page.goto(server.url)
            page.get_by_text("There is no study yet").wait_for()
            assert faults(page) == []
    finally:
        server.kill()
