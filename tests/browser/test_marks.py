"""Where is it wrong: points and boxes by pointer and keys, in one volume and in a pair."""

import json

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from evalsuite.study.protocol.questions import parse_questions
from evalsuite.study.storage.study_database import StudyDatabase
from reader_app.routes import form_of
from tests.browser.mounted import drawn, mounted, pixels, tile
from tests.browser.test_viewer import press, shown
from tests.reader_app.conftest import make_study  # noqa: F401
from tests.reader_app.server import Server

PLACES = {
    "kind": "marks",
    "name": "places",
    "text": "Where is it wrong?",
    "shape": "both",
    "categories": ["Blurred", "Wrong anatomy"],
}
DRAWN = np.array((255, 209, 102))  # the colour of marks
CASE = np.full((40, 50, 30), 90, np.uint8)


def asked(page, *cases, **changes):
    questions = parse_questions([PLACES | changes])
    shown = [{**q.shown(), "form": form_of(q)} for q in questions]
    mounted(page, list(cases), (1, 1, 2), questions=shown)


def kept(page):
    """Return the answer as the browser keeps it until it is sent."""
    return json.loads(page.evaluate("() => sessionStorage.getItem('draft-t')") or "{}").get(
        "places"
    )


def spot(page, plane, across, up, side=0):
    """Return the point of the screen at shares of a plane's tile."""
    box = tile(page, plane, side).bounding_box()
    return box["x"] + across * box["width"], box["y"] + up * box["height"]


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    drawn(page)


def ink(page, plane, side=0):
    """Return how many pixels in the middle of a plane, without its letters, have marks' colour."""
    picture = pixels(page, tile(page, plane, side))[40:-40, 40:-40]
    return int((picture == DRAWN).all(axis=2).sum())


def test_points_boxes_categories_and_nothing(opened):
    page = opened()
    asked(page, CASE)
    assert kept(page) is None
    press(page, "0")
    assert kept(page) == []
    none = page.get_by_role("button", name="Nothing to mark")
    assert none.get_attribute("aria-pressed") == "true"
    # A point at the crosshair, which is seen in its slices only.
    press(page, "g")
    assert kept(page) == [{"voxel": [20, 25, 15], "category": 1}]
    assert none.is_hidden()
    assert ink(page, "axial") > 20
    press(page, "ArrowUp")
    drawn(page)
    assert ink(page, "axial") == 0
    # A digit is the category of the place that was marked last, and of the next.
    press(page, "2")
    assert kept(page) == [{"voxel": [20, 25, 15], "category": 2}]
    # With the pointer: where it clicks, in the slice that is shown.
    press(page, "y")
    drawn(page)
    start = page.get_by_role("button", name="Mark with the pointer")
    assert start.get_attribute("aria-pressed") == "true"
    x, y = spot(page, "axial", 0.5, 0.5)
    page.mouse.click(x, y)
    drawn(page)
    (voxel,) = [mark["voxel"] for mark in kept(page)[1:]]
    assert voxel == pytest.approx([19.5, 24.5, 16], abs=0.1)
    assert kept(page)[1]["category"] == 2
    # A box: one slice thick, then as thick as a drag in another plane.
    press(page, "u")
    drag(page, spot(page, "axial", 0.45, 0.4), spot(page, "axial", 0.6, 0.6))
    box = kept(page)[2]
    assert (box["voxel"][2], box["end"][2]) == (15.5, 16.5)
    assert all(low < high for low, high in zip(box["voxel"], box["end"], strict=True))
    assert ink(page, "axial") > 200
    press(page, "c")
    drawn(page)
    low, high = np.array(box["voxel"]), np.array(box["end"])
    middle = (low + high) / 2
    scale = min(
        tile(page, "coronal").bounding_box()["width"] / 40,
        tile(page, "coronal").bounding_box()["height"] / 60,
    )
    frame = tile(page, "coronal").bounding_box()

    def on_screen(x, z):
        return (
            frame["x"] + frame["width"] / 2 - (x - 19.5) * scale,
            frame["y"] + frame["height"] / 2 - (z - 14.5) * 2 * scale,
        )

    # The coronal slice that is shown goes through the box.
    page.get_by_role("button", name="Wrong anatomy · box").click()
    drawn(page)
    drag(page, on_screen(middle[0], 16), on_screen(middle[0], 20))
    thick = kept(page)
    assert len(thick) == 3
    assert (thick[2]["voxel"][2], thick[2]["end"][2]) == (15.5, 20.5)
    assert thick[2]["voxel"][:2] == box["voxel"][:2]
    press(page, "Backspace")
    assert len(kept(page)) == 2
    page.get_by_role("button", name="Remove mark 1").click()
    assert [mark["voxel"] for mark in kept(page)] == [voxel]


def test_a_box_by_keys_has_two_corners_and_a_row_leads_back_to_it(opened):
    page = opened()
    asked(page, CASE, shape="box", categories=[])
    press(page, "g", "ArrowUp", "ArrowUp")
    press(page, "c", "ArrowUp", "ArrowUp", "ArrowUp", "s", "ArrowDown", "g")
    assert kept(page) == [{"voxel": [18.5, 24.5, 14.5], "end": [20.5, 28.5, 17.5]}]
    press(page, "Home")
    drawn(page)
    page.get_by_role("button", name="1 · box").click()
    drawn(page)
    assert "21 of 40" in tile(page, "sagittal").locator(".name").text_content()
    # No more than the question allows.
    found = Axe().run(page, context=".reading-root").response["violations"]
    assert [f["id"] for f in found if f["impact"] in ("serious", "critical")] == []


def test_marks_of_a_pair_belong_to_a_side(opened):
    page = opened()
    asked(page, CASE, CASE, shape="point", categories=[], most=2)
    press(page, "g")
    assert ink(page, "axial", 0) > 20
    assert ink(page, "axial", 1) == 0
    press(page, "y")
    page.mouse.click(*spot(page, "axial", 0.5, 0.4, side=1))
    drawn(page)
    assert [mark["side"] for mark in kept(page)] == [1, 2]
    assert ink(page, "axial", 1) > 20
    press(page, "q", "g")  # there are two already
    assert len(kept(page)) == 2
    assert page.get_by_role("button", name="Mark with the pointer").is_disabled()


def test_marks_survive_a_reload_and_arrive(opened, make_study, tmp_path):  # noqa: F811
    home, created = make_study(template=["marks"], cases=1)
    server = Server(home, tmp_path / "app.log")
    store = StudyDatabase(home.database)
    try:
        page = opened()
        page.goto(f"{server.url}/enter?token={created.invitations['Dr. Ada']}")
        page.get_by_text("I have read this").click()
        page.get_by_role("button", name="Begin").click()
        first = shown(page)
        press(page, "g", "3", "u", "g", "ArrowUp", "g")
        page.reload()
        shown(page)
        assert page.locator(".marks li").count() == 2
        assert page.get_by_role("button", name="Broken between slices · axial").count() == 1
        press(page, "Enter")
        shown(page, first)
        press(page, "0", "Enter")
        page.get_by_text("Thank you").wait_for()
        first, second = (row["answer"] for row in store.responses("birds"))
        assert [set(mark) for mark in first] == [
            {"voxel", "category"},
            {"voxel", "end", "category"},
        ]
        assert second == []
    finally:
        server.kill()
