"""The app as `evalsuite study serve` starts it, read through a proxy that puts it below a path."""

from evalsuite.study.storage.study_database import StudyDatabase
from tests.browser.chromium import browser_page
from tests.browser.test_reading import READY, answer, sign_in, wait_for_case
from tests.reader_app.conftest import make_study  # noqa: F401
from tests.reader_app.proxy import proxy
from tests.reader_app.server import Server

PATH = "/radiology/study"


def test_a_case_is_read_below_a_path(make_study, tmp_path):  # noqa: F811
    home, created = make_study(cases=2)
    log = tmp_path / "app.log"
    options = ("--home", home.app.parent, "--base-path", PATH, "--trusted-proxies", "127.0.0.1")
    server = Server(home, log, *map(str, options), path=PATH, root=tmp_path)
    asked = []
    try:
        with proxy(PATH, server.port) as address, browser_page() as page:
            page.on("request", lambda request: asked.append(request.url))
            server.url = address + PATH
            sign_in(page, server, created)
            first = wait_for_case(page)
            assert page.locator(READY).first.get_attribute("data-viewer") == "webgl2"
            wait_for_case(page, answer(page, [1, 2, 3]))

            page.keyboard.press("2")
            page.get_by_role("button", name="Instructions, sign out").click()
            page.get_by_text("Rate each volume.").wait_for()
            page.get_by_role("button", name="Back to the case").click()
            second = wait_for_case(page)
            checked = page.locator("fieldset [aria-checked=true]")
            assert (second != first, checked.count()) == (True, 1)  # half an answer is still there

            page.get_by_role("button", name="Instructions, sign out").click()
            page.get_by_role("button", name="Sign out", exact=True).click()
            page.get_by_text("Open the personal link").wait_for()
            assert page.context.cookies() == [] or "session" not in str(page.context.cookies())
            page.goto(f"{address}{PATH}/enter?token=guess")
            page.get_by_text("That link or token opens nothing.").wait_for()
    finally:
        server.kill()
    strangers = [url for url in asked if not url.startswith((f"{address}{PATH}/", "blob:"))]
    assert strangers == []
    store = StudyDatabase(home.database)
    assert len(store.responses("birds")) == 3
    told = log.read_text()
    assert f"http://127.0.0.1:{server.port}{PATH}" in told
    # Behind a proxy that is trusted, a visitor's address is the one that the proxy tells.
    assert "A sign-in from 203.0.113.9 was refused, number 1" in told
