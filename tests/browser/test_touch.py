"""Fingers over the image, on a tablet with two pixels of the screen for each of CSS."""

import numpy as np
import pytest

from tests.browser.mounted import drawn, mounted, press_tool, problems_of, text, tile

# The fingers of a busy machine are slow: only where it is asked for is that a long press.
PATIENT = """
const later = window.setTimeout;
window.setTimeout = (act, wait, ...more) => later(act, wait === 450 ? 60000 : wait, ...more);
"""


@pytest.fixture
def tablet(opened, request):
    """Return a page over a volume of 60 x 60 x 60 mm, and what touches it."""
    page = opened(1180, 820, 2, has_touch=True)
    if "long" not in request.node.name:
        page.add_init_script(PATIENT)
    mounted(page, [np.full((60, 60, 60), 90, np.uint8)])
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        names = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": names})
        drawn(page)

    return page, touch


def slices(page):
    drawn(page)
    return [int(text(page, p, "name").split()[1]) for p in ("sagittal", "coronal", "axial")]


def spot(page, plane, across, down):
    box = tile(page, plane).bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def swipe(touch, start, right, down, steps=6):
    x, y = start
    touch("Start", start)
    for step in range(1, steps + 1):
        touch("Move", (x + right * step / steps, y + down * step / steps))
    touch("End")


def test_a_swipe_scrolls_the_plane_under_it(tablet):
    page, touch = tablet
    assert slices(page) == [31, 31, 31]
    swipe(touch, spot(page, "axial", 0.3, 0.6), 3, -126)
    assert slices(page) == [31, 31, 41]  # 12 pixels a slice, upwards to the head
    swipe(touch, spot(page, "sagittal", 0.5, 0.3), 0, 66)
    assert slices(page) == [26, 31, 41]


def test_a_tap_places_the_crosshair(tablet):
    page, touch = tablet
    touch("Start", spot(page, "axial", 0.5, 0.25))
    touch("End")
    sagittal, coronal, axial = slices(page)
    box = tile(page, "axial").bounding_box()
    scale = min(box["width"], box["height"]) / 60
    assert (sagittal, axial) == (pytest.approx(31, abs=1), 31)
    assert coronal == pytest.approx(30.5 + 0.25 * box["height"] / scale, abs=1)


def test_two_fingers_zoom_and_move(tablet):
    page, touch = tablet
    x, y = spot(page, "axial", 0.6, 0.4)
    touch("Start", (x - 50, y))
    touch("Start", (x - 50, y), (x + 50, y))
    for spread in (60, 80, 100):
        touch("Move", (x - spread, y), (x + spread, y))
    touch("Move", (x - 60, y + 80), (x + 140, y + 80))
    touch("End", (x - 60, y + 80))  # one finger leaves; the other does nothing more
    touch("Move", (x - 60, y + 280))
    touch("End")
    assert "zoom 2.00" in text(page, "axial", "numbers")
    assert slices(page) == [31, 31, 31]
    # What was between the fingers is 40 to the right and 80 down of where it was: a tap there finds
    # the voxel that lay between them, at 0.6 across and 0.4 down the tile.
    box = tile(page, "axial").bounding_box()
    touch("Start", (x + 40, y + 80))
    touch("End")
    scale = min(box["width"], box["height"]) / 60
    sagittal, coronal, _ = slices(page)
    assert sagittal == pytest.approx(30.5 - 0.1 * box["width"] / scale, abs=1)
    assert coronal == pytest.approx(30.5 + 0.1 * box["height"] / scale, abs=1)


def test_a_long_press_and_a_drag_set_the_window(tablet):
    page, touch = tablet
    x, y = spot(page, "axial", 0.5, 0.5)
    touch("Start", (x, y))
    touch("Move", (x + 2, y + 1))  # a finger trembles
    numbers = tile(page, "axial").locator(".numbers")
    tile(page, "axial").locator(".numbers.changing").wait_for()
    touch("Move", (x + 2, y - 63))
    touch("Move", (x - 126, y - 63))
    touch("End")
    drawn(page)
    # 64 pixels up lower the level by a quarter of the width; 128 to the left halve the width.
    _, width, _, level, _ = numbers.text_content().split("\n")[1].split()
    assert (float(width), float(level)) == (pytest.approx(50, abs=1), pytest.approx(25, abs=1))
    assert slices(page) == [31, 31, 31]


def test_one_finger_measures_when_it_is_asked_to(tablet):
    page, touch = tablet
    press_tool(page, "measure")
    box = tile(page, "axial").bounding_box()
    swipe(touch, spot(page, "axial", 0.3, 0.5), 0.2 * box["width"], 0)
    scale = min(box["width"], box["height"]) / 60
    millimetres = page.locator("[data-tool=clear]").get_attribute("title").split()[-2]
    assert float(millimetres) == pytest.approx(0.2 * box["width"] / scale, abs=0.1)
    assert slices(page) == [31, 31, 31]


def test_a_slider_follows_a_finger(tablet):
    page, touch = tablet
    slider = tile(page, "coronal").locator(".slices")
    box = slider.bounding_box()
    x, bottom = box["x"] + box["width"] / 2, box["y"] + box["height"]
    touch("Start", (x, bottom - 0.5 * box["height"]))
    touch("Move", (x, bottom - 0.8 * box["height"]))
    touch("End")
    sagittal, coronal, axial = slices(page)
    assert coronal == pytest.approx(0.8 * 60, abs=3)
    assert (sagittal, axial) == (31, 31)


def test_a_tap_in_3d_does_nothing(tablet):
    page, touch = tablet
    problems = problems_of(page)
    press_tool(page, "solid")
    for mode in (None, "measure"):
        if mode:
            press_tool(page, mode)
        touch("Start", (400, 300))
        touch("End")
    assert problems == []


def test_every_window_can_be_reached_on_a_narrow_tablet(opened):
    page = opened(744, 1133, 2, has_touch=True)
    names = ["soft tissue", "lung", "bone", "brain", "liver", "full range"]
    mounted(
        page,
        [np.full((20, 20, 20), 90, np.uint8)],
        windows=[[n, 0, 50 + i] for i, n in enumerate(names)],
    )
    row = page.locator(".tools .windows")
    assert row.evaluate("(row) => row.scrollWidth > row.clientWidth")
    for name in names[1:]:
        page.keyboard.press("w")
        drawn(page)
        button = page.get_by_role("button", name=name, exact=True)
        inside, around = button.bounding_box(), row.bounding_box()
        assert around["x"] <= inside["x"] + 1
        assert inside["x"] + inside["width"] <= around["x"] + around["width"] + 1
        assert around["y"] <= inside["y"] < around["y"] + around["height"]
    row.evaluate("(row) => { row.scrollLeft = 0; }")
    button = page.get_by_role("button", name="liver", exact=True)
    button.scroll_into_view_if_needed()
    button.tap()
    drawn(page)
    assert button.get_attribute("aria-pressed") == "true"
