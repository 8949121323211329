"""A radiologist in a real browser, keyboard only; the server dies half-way; nothing leaks."""

import csv
import json

import pytest

from evalsuite.study.export import export
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth
from tests.browser.chromium import browser_page
from tests.reader_app.conftest import make_study  # noqa: F401
from tests.reader_app.server import Server

READY = "[data-ready]"


@pytest.fixture
def server(tmp_path, request):
    started = []

    def start(home, **environment):
        started.append(Server(home, tmp_path / "app.log", **environment))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def wait_for_case(page, before=None):
    page.wait_for_function(
        "before => { const r = document.querySelector('[data-testid=stApp]') && all(document);"
        "function all(root) { for (const e of root.querySelectorAll('*')) {"
        "if (e.dataset && e.dataset.ready && e.dataset.ready !== before) return e.dataset.ready;"
        "if (e.shadowRoot) { const f = all(e.shadowRoot); if (f) return f; } } return null; }"
        "return r; }",
        arg=before,
        timeout=40_000,
    )
    return page.locator(READY).first.get_attribute("data-ready")


def keys_of(number):
    """Return the keys that answer a case: four scales, and every other time one place marked."""
    return [1 + number % 6, 1 + number % 4, 4, 1 + (number + 1) % 4, "0g"[number % 2]]


def answer(page, keys):
    before = page.locator(READY).first.get_attribute("data-ready")
    for key in keys:
        page.keyboard.press(str(key))
    page.keyboard.press("Enter")
    return before


def test_a_whole_study_by_keyboard_survives_a_kill_and_tells_nothing(
    make_study,  # noqa: F811
    server,
    tmp_path,
):
    home, created = make_study(template=["turing", "paper", "marks"])
    app = server(home)
    seen = []
    typed = {}
    with browser_page() as page:
        capture(page, seen)
        sign_in(page, app, created)
        token = wait_for_case(page)
        for number in range(5):
            keys = keys_of(number)
            page.keyboard.press("ArrowDown")
            page.keyboard.press("ArrowRight")
            page.keyboard.press("PageUp")
            typed[token] = keys
            token = wait_for_case(page, answer(page, keys))
        # Half an answer is typed when the server is killed.
        page.keyboard.press("6")
        app.kill()
        page.wait_for_timeout(500)
        app.start()
    with browser_page() as page:
        capture(page, seen)
        sign_in(page, app, created, consent=False)
        assert wait_for_case(page) == token, "the reader is at the same case again"
        for number in range(5, 12):
            keys = keys_of(number)
            typed[token] = keys
            before = answer(page, keys)
            if number < 11:
                token = wait_for_case(page, before)
        page.get_by_text("Thank you").wait_for(timeout=30_000)
    store = StudyDatabase(home.database)
    assert store.verify("birds") is None
    store.close("birds")
    export("birds", tmp_path / "out.csv", home, unblind=False)
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    exported = {}
    for row in rows:
        exported.setdefault(row["presentation"], []).append(json.loads(row["answer"]))
    assert {token: [*answers[:4], len(answers[4])] for token, answers in exported.items()} == {
        token: [*keys[:4], keys.count("g")] for token, keys in typed.items()
    }
    marked = [mark for answers in exported.values() for mark in answers[4]]
    assert [len(mark["voxel"]) for mark in marked] == [3] * 6
    assert all(float(row["active_seconds"]) > 0 for row in rows)
    visited = [json.dumps(row) for row in rows]
    assert len(visited) == 60
    assert_tells_nothing(seen, home)


def capture(page, seen):
    """Keep everything that the browser is sent: bodies, addresses, headers, frames."""

    def body(response):
        try:
            content = response.body()
        except Exception:  # noqa: BLE001 - redirects and aborted requests have no body
            content = b""
        head = json.dumps([response.url, response.headers]).encode()
        seen.append((response.url, head + content))

    page.on("response", body)
    page.on(
        "websocket",
        lambda socket: socket.on(
            "framereceived",
            lambda frame: seen.append(
                (socket.url, frame if isinstance(frame, bytes) else frame.encode())
            ),
        ),
    )


def assert_tells_nothing(seen, home):
    truths = read_truth(home.truth("birds"))
    secrets = {"heron", "magpie", "truth.tsv", str(home.app), str(home.lead)}
    for truth in truths.values():
        secrets |= {truth.case, truth.source, truth.volume, truth.digest, truth.prepared}
    urls = {url.partition("?")[0] for url, _ in seen}
    assert any("/reader/voxels/" in url for url in urls)
    assert any(url.startswith("ws") for url in urls)
    for url, content in seen:
        for secret in secrets:
            assert secret.encode() not in content, f"{secret} in {url}"
    # The headers of all cases are the same bytes, so none tells a case apart.
    voxels = [c for u, c in seen if "/reader/voxels/" in u]
    heads = {c[c.index(b"\x5c\x01\x00\x00") :][:352] for c in voxels if b"\x5c\x01\x00\x00" in c}
    assert len(heads) == 1
    assert len(voxels) >= 12


def sign_in(page, app, created, *, consent=True):
    page.goto(f"{app.url}/enter?token={created.invitations['Dr. Ada']}")
    assert "token" not in page.url
    if consent:
        # Streamlit's own widgets, by keyboard as well.
        page.get_by_text("I have read this").wait_for(timeout=30_000)
        page.get_by_role("checkbox").focus()
        page.keyboard.press("Space")
        button = page.get_by_role("button", name="Begin")
        page.wait_for_function(
            "() => [...document.querySelectorAll('button')]"
            ".some(b => b.textContent.includes('Begin') && !b.disabled)"
        )
        button.focus()
        page.keyboard.press("Enter")
