"""The form that a package of somebody else brings along, in a real browser."""

import pytest

from evalsuite.study.home import Home
from evalsuite.study.storage.study_database import StudyDatabase
from tests.browser.chromium import browser_page
from tests.browser.test_viewer import press, shown
from tests.conftest import smooth_volumes
from tests.packages import commands, installed
from tests.reader_app.server import Server
from tests.test_contributing import ENTRY_POINTS, FILES


@pytest.fixture
def server(tmp_path):
    for seed, name in enumerate(("real", "gan")):
        smooth_volumes(tmp_path / name, 4, seed=seed)
    (tmp_path / "study.yaml").write_text(FILES["study.yaml"])
    environment = installed(tmp_path / "package", FILES, ENTRY_POINTS)
    commands(
        tmp_path, environment,
        ["study", "create", "study.yaml", "--home", "studies", "--no-tracking"],
    )  # fmt: skip
    server = Server(Home.at(tmp_path / "studies"), tmp_path / "app.log", **environment)
    yield server
    server.kill()


def test_it_takes_answers_by_keys_and_by_mouse(server, tmp_path):
    store = StudyDatabase(Home.at(tmp_path / "studies").database)
    with browser_page() as page:
        page.goto(f"{server.url}/enter?token={store.invite('lobes', 'Ada')}")
        page.get_by_role("button", name="Begin").click()
        first = shown(page)
        lobe = page.get_by_label("Which lobe is least realistic?")
        press(page, "2")
        assert lobe.input_value() == "2"
        press(page, "4")  # there is no such option
        press(page, "Backspace")
        assert lobe.input_value() == ""
        press(page, "3", "Enter")
        shown(page, first)
        lobe.select_option("parietal")
        page.locator(".submit").click()
        page.get_by_text("Case 3 of 8").wait_for()
    assert [row["answer"] for row in store.responses("lobes")] == [3, 2]
