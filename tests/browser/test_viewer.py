"""The viewer and the questions in a real browser: what is shown where, and what is kept."""

import io
import json

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from evalsuite.study.storage.study_database import StudyDatabase
from tests.browser.chromium import browser_page
from tests.browser.mounted import drawn
from tests.reader_app.conftest import make_study  # noqa: F401
from tests.reader_app.server import Server

EXTENT = {"axial": (24, 30), "coronal": (24, 20), "sagittal": (30, 20)}  # of the phantom
NO_WEBGL2 = """
const ask = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind === "webgl2" ? null : ask.call(this, kind, ...more);
};
"""
SHOWN = """
before => {
  const find = (root) => {
    for (const e of root.querySelectorAll("*")) {
      if (e.dataset?.ready && e.dataset.ready !== before) return e.dataset.ready;
      const within = e.shadowRoot && find(e.shadowRoot);
      if (within) return within;
    }
    return null;
  };
  return find(document);
}
"""


@pytest.fixture
def reading(make_study, tmp_path, request):  # noqa: F811
    """Start a study and open it in a browser as its first reader."""
    opened = []

    def start(*, script=None, **changes):
        home, created = make_study(**changes)
        store = StudyDatabase(home.database)
        store.consent(1)
        server = Server(home, tmp_path / "app.log")
        opened.append(server.kill)
        entered = browser_page(width=1280, height=800)
        page = entered.__enter__()
        page.frames_sent = 0

        def count(_frame):
            page.frames_sent += 1

        page.on("websocket", lambda socket: socket.on("framesent", count))
        opened.append(lambda: entered.__exit__(None, None, None))
        if script:
            page.add_init_script(script)
        page.goto(f"{server.url}/enter?token={created.invitations['Dr. Ada']}")
        shown(page)
        return page, store, server

    yield start
    for close in reversed(opened):
        close()


def shown(page, before=None):
    return page.wait_for_function(SHOWN, arg=before, timeout=60_000).json_value()


def fetched_ahead(page):
    """Wait until the first two cases are there."""
    there = "performance.getEntriesByType('resource').filter((e) => e.name.includes('/voxels/'))"
    page.wait_for_function(f"() => {there}.length > 1")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def answers(store):
    return {row["question"]: row["answer"] for row in store.responses("birds")}


def label(page, plane, side=0):
    return page.locator(f".tile[data-plane={plane}] .name").nth(side).text_content()


def light(page, plane):
    """Tell which of the edges left, right, top and bottom of a plane are light."""
    drawn(page)
    box = page.locator(f".tile[data-plane={plane}]").bounding_box()
    across, up = EXTENT[plane]
    scale = min(box["width"] / across, box["height"] / up)
    clip = {
        "x": box["x"] + (box["width"] - across * scale) / 2,
        "y": box["y"] + (box["height"] - up * scale) / 2,
        "width": across * scale,
        "height": up * scale,
    }
    picture = page.screenshot(clip=clip)
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
    rows, columns = pixels.shape
    middle_rows = slice(rows * 5 // 10, rows * 8 // 10)
    middle_columns = slice(columns * 56 // 100, columns * 70 // 100)  # beside names and letters
    edges = {
        "left": pixels[middle_rows, 2 : columns // 12],
        "right": pixels[middle_rows, -columns // 12 : -2],
        "top": pixels[2 : rows // 12, middle_columns],
        "bottom": pixels[-rows // 12 : -2, middle_columns],
    }
    return {edge for edge, part in edges.items() if np.median(part) > 100}


@pytest.fixture
def make_phantoms(tmp_path):
    """Write one asymmetric volume over and over, stored along ever different axes."""

    def make(name, orientations):
        voxels = np.zeros((24, 30, 20), np.float32)
        voxels[-4:] = 200  # the patient's right
        voxels[:, -4:] = 220  # the front
        voxels[:, :, -3:] = 240  # the head
        phantom = nib.Nifti1Image(voxels, np.eye(4))
        folder = tmp_path / "phantoms" / name
        folder.mkdir(parents=True)
        for number, axes in enumerate(orientations):
            change = nib.orientations.ornt_transform(
                nib.io_orientation(phantom.affine), nib.orientations.axcodes2ornt(axes)
            )
            nib.save(phantom.as_reoriented(change), folder / f"{number}.nii.gz")
        return folder

    return make


@pytest.mark.parametrize("script", [None, NO_WEBGL2], ids=["webgl2", "canvas"])
def test_left_is_right_however_a_volume_is_stored(reading, make_phantoms, script):
    cohorts = [
        {"name": name, "path": str(make_phantoms(name, orientations)), "role": role}
        for name, role, orientations in (
            ("heron", "real", ("RAS", "LPS")),
            ("magpie", "synthetic", ("PIR", "SLA")),
        )
    ]
    page, store, _ = reading(script=script, template="turing", cohorts=cohorts, cases=2)
    token = shown(page)
    cases = 1 if script else 4  # how a volume was stored is settled before it is drawn
    for number in range(cases):
        press(page, "h")
        assert page.locator("[data-viewer]").get_attribute("data-viewer") == (
            "canvas" if script else "webgl2"
        )
        # On screen: the patient's right on the left, the front and the head on top; from the
        # side the front on the left, as in the report's figures and on every workstation.
        assert light(page, "axial") == {"left", "top"}
        assert light(page, "coronal") == {"left", "top"}
        assert light(page, "sagittal") == {"left", "top"}
        page.get_by_text("the patient's right is on the left of the image").wait_for()
        letters = page.locator(".tile[data-plane=axial] b").all_text_contents()
        assert letters == ["R", "L", "A", "P"]
        press(page, "1", "Enter")
        if number < 3:
            token = shown(page, token)
        else:
            page.get_by_text("Thank you").wait_for()
    assert len(store.responses("birds")) == cases


def test_every_kind_of_question_by_keyboard_and_a_reload_loses_nothing(reading):
    questions = [
        {"kind": "likert", "name": "quality", "text": "<b>Quality</b>", "low": "bad", "high": "ok"},
        {"kind": "analogue", "name": "real", "text": "Real?", "low": "no", "high": "yes"},
        {"kind": "multiple", "name": "faults", "text": "Faults", "options": ["a", "b", "c"]},
        {"kind": "text", "name": "remark", "text": "Remark"},
        {"kind": "confidence", "name": "sure", "text": "Sure?", "points": 5},
    ]
    page, store, _ = reading(questions=questions)
    token = shown(page)
    slice_ = label(page, "axial")
    press(page, "4", "7", "ArrowRight", "ArrowRight", "Tab", "3", "2", "1", "2", "Tab")
    page.keyboard.type("r f w 3 <i>x</i>")  # no shortcut among them acts while writing
    press(page, "Enter")
    page.keyboard.type("?")
    press(page, "Escape", "ArrowUp", "Tab", "9", "2")
    assert page.locator("legend b").count() == 0
    assert page.locator(".submit").text_content() == "Submit (Enter)"
    assert label(page, "axial") != slice_
    page.reload()
    assert shown(page) == token
    assert page.locator(".submit").text_content() == "Submit (Enter)"
    kept = page.evaluate("() => JSON.stringify({ ...localStorage })")
    assert "draft" not in kept
    press(page, "Enter")
    shown(page, token)
    assert answers(store) == {
        "quality": 4,
        "real": 72,
        "faults": [1, 3],
        "remark": "r f w 3 <i>x</i>\n?",
        "sure": 2,
    }
    assert page.evaluate("token => sessionStorage.getItem(`draft-${token}`)", token) is None


def test_nothing_pressed_before_a_case_is_seen_answers_it(reading):
    page, store, _ = reading(template="turing")
    first = shown(page)
    fetched_ahead(page)  # the third is held back
    held = []

    def hold(route):
        held.append(route)

    page.route("**/reader/voxels/**", hold)
    press(page, "3", "Enter")
    second = shown(page, first)
    press(page, "5", "Enter")
    page.get_by_text("Case 3 of 12").wait_for()
    press(page, "2", "Enter", "4", "Enter", "Enter", "1", "Enter")
    page.wait_for_timeout(500)
    assert [row["answer"] for row in store.responses("birds")] == [3, 5]
    assert held
    for route in held:
        route.continue_()
    page.unroute_all()
    third = shown(page, second)
    assert page.locator(".submit").text_content() == "1 question left"
    press(page, "6", "Enter")
    shown(page, third)
    assert [row["answer"] for row in store.responses("birds")] == [3, 5, 6]


def test_an_answer_is_sent_until_it_is_acknowledged_and_stored_once(reading):
    questions = [
        {"kind": "confidence", "name": "sure", "text": "Sure?", "points": 6},
        {"kind": "text", "name": "remark", "text": "Remark"},
    ]
    page, store, server = reading(questions=questions, revisable=True)
    first = shown(page)
    lost = []

    def lose(route):
        route.fetch()  # the server stores it, but its word is lost
        lost.append(route.request.post_data)
        route.abort()

    page.route("**/reader/answer", lose, times=2)
    press(page, "2", "Enter")
    second = shown(page, first)
    assert len(lost) == 2
    assert lost[0] == lost[1]
    assert [row["revision"] for row in store.responses("birds")] == [0, 0]

    # Streamlit's dialog about the lost connection takes neither the focus nor the keys.
    press(page, "5", "t")
    page.keyboard.type("before, ")
    server.kill()
    page.locator("[data-testid=stDialog]").wait_for(state="attached", timeout=20_000)
    page.keyboard.type("r3 after")
    press(page, "Escape", "Enter")
    notice = page.locator(".notice")
    notice.wait_for(timeout=10_000)
    assert notice.text_content() == (
        "No connection to the server. Your answers are kept here; trying again."
    )
    server.start()
    third = shown(page, second)
    assert notice.is_hidden()
    given = [row["answer"] for row in store.responses("birds")]
    assert given == [2, None, 5, "before, r3 after"]

    # A page loaded anew while an answer is under way sends it first.
    page.route("**/reader/answer", lambda route: route.abort())
    press(page, "6", "Enter")
    notice.wait_for(timeout=10_000)
    page.unroute_all()
    page.reload()
    shown(page, third)
    assert [row["answer"] for row in store.responses("birds")] == [*given, 6, None]


def test_looking_around_sends_nothing_and_is_recorded(reading):
    page, store, _ = reading(template="turing", idle_seconds=5)
    token = shown(page)
    sent = []
    fetched_ahead(page)
    frames = page.frames_sent
    assert frames > 0
    page.on("request", lambda request: sent.append(request.url))
    page.evaluate("() => fetch('/healthy')")
    assert sent.pop().endswith("/healthy")
    axial = int(label(page, "axial").split()[1])
    press(page, "ArrowUp", "ArrowUp", "ArrowUp", "ArrowDown")
    drawn(page)
    assert int(label(page, "axial").split()[1]) == axial + 2
    press(page, "ArrowRight", "End")
    drawn(page)
    number, of = label(page, "coronal").split()[1::2]
    assert number == of
    press(page, "w", "l", "n", "+")
    page.wait_for_timeout(800)
    press(page, "f", "f", "v", "v", "h", "c", "r")
    page.wait_for_timeout(800)
    box = page.locator(".tile[data-plane=coronal]").bounding_box()
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 4
    page.mouse.move(x, y)
    page.mouse.wheel(0, -120)
    page.mouse.click(x, y)
    page.wait_for_timeout(800)  # what comes later than half a second is another change
    page.mouse.down(button="right")
    page.mouse.move(x + 30, y + 60, steps=5)
    page.mouse.up(button="right")
    page.wait_for_timeout(800)
    window = page.locator(".numbers:not([hidden])").text_content().split()
    # 30 pixels to the right make it 2^(30/128) times as wide, 60 down raise its level.
    assert window[2:] == ["W", "118", "L", "75", "%"]
    press(page, "?")
    assert page.locator("dialog").is_visible()
    press(page, "3", "Escape")  # not an answer while the list of keys is open
    assert page.locator("dialog").is_hidden()
    assert page.locator(".submit").text_content() == "1 question left"
    assert sent == []
    assert page.frames_sent == frames
    page.wait_for_timeout(6500)
    press(page, "3", "Enter")
    shown(page, token)
    with store.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT behaviour FROM submissions").scalar_one()
    behaviour = json.loads(row)
    assert behaviour["viewer"].startswith("webgl2")
    assert behaviour["slices"]["axial"] >= 3
    assert behaviour["slices"]["coronal"] >= 3
    assert behaviour["slices"]["sagittal"] >= 1
    assert 2 <= behaviour["window_changes"] <= 9
    assert behaviour["tools"]["zooms"] == 2  # "+", and a reset later
    assert 1 <= behaviour["tools"]["layouts"] <= 4  # F and V, one after the other
    assert behaviour["small_screen"] is False
    assert 1 <= behaviour["seconds"] - behaviour["active_seconds"] <= 3
    assert behaviour["screen"] == {**page.viewport_size, "ratio": 1}
    assert len(behaviour["shape"]) == 3
    for plane, there in zip(("sagittal", "coronal", "axial"), behaviour["shape"], strict=True):
        assert behaviour["slices"][plane] <= there


def test_two_volumes_move_together(reading):
    page, store, _ = reading(template="2afc", paired=True)
    first = shown(page)
    assert page.locator(".stage h3").all_text_contents() == ["Left (1)", "Right (2)"]
    before = label(page, "axial")
    box = page.locator(".tile[data-plane=axial]").nth(1).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.wheel(0, -120)
    page.mouse.down()
    page.mouse.up()
    drawn(page)
    assert label(page, "axial") != before
    for plane in ("axial", "coronal", "sagittal"):
        assert label(page, plane, 0) == label(page, plane, 1)
    press(page, "2", "Enter")
    shown(page, first)
    assert list(answers(store).values()) == [2]


def test_pictures_take_over_when_the_graphics_are_lost(reading):
    page, store, _ = reading(template="turing", training=1)
    token = shown(page)
    press(page, "ArrowUp", "ArrowUp", "4")
    drawn(page)
    place = label(page, "axial")
    page.locator(".viewer > canvas").evaluate(
        "c => c.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
    )
    page.locator("[data-viewer=canvas]").wait_for()
    assert label(page, "axial") == place
    press(page, "Enter")
    page.get_by_text("This volume is").wait_for()
    press(page, "Enter")
    shown(page, token)
    rows = store.responses("birds")
    assert [(row["answer"], row["phase"]) for row in rows] == [(4, "training")]
