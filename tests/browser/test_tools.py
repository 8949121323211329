"""What is around the image: windows, distances, cine, the tool bar, full screen."""

import itertools

import numpy as np
import pytest

from tests.browser.modules import open_modules
from tests.browser.mounted import (
    crosshair,
    drawn,
    grey,
    mounted,
    pixels,
    press_tool,
    problems_of,
    text,
    tile,
)


def test_round_lengths_and_small_screens(opened):
    page = opened()
    open_modules(page, {})
    lengths = page.evaluate(
        """async () => {
          const { roundLength } = await import("/reader/assets/ink.js");
          return [[100, 1], [100, 2.1], [100, 4.9], [100, 0.9], [3, 10], [100, 1 / 7]].map(
            ([pixels, scale]) => roundLength(pixels, scale));
        }"""
    )
    assert lengths == pytest.approx([100, 20, 20, 100, 0.2, 500])
    sentences = page.evaluate(
        """async () => {
          const { tooSmall } = await import("/reader/assets/screen.js");
          return [[600, 360, 1], [720, 360, 2], [390, 440, 1], [744, 359, 2], [719, 900, 2]].map(
            (size) => tooSmall(...size));
        }"""
    )
    told = "This screen is too small to read on: the images have {} by {} pixels here, and need {} by 360."
    assert sentences == [
        "",
        "",
        told.format(390, 440, 600),
        told.format(744, 359, 720),
        told.format(719, 900, 720),
    ]


def test_the_right_button_sets_level_and_width_in_proportion(opened):
    page = opened()
    windows = [["brain", 0, 80], ["lung", -1400, 200]]
    hounsfield = {"levels": 255, "low": -1024, "high": 1024, "unit": "HU"}
    mounted(page, [grey((30, 30, 30))], windows=windows, grey=hounsfield)
    numbers = tile(page, "axial").locator(".numbers")
    assert numbers.text_content().endswith("W 80 L 40 HU")
    changes = {}
    for name, width, level in (("brain", 80, 40), ("lung", 1600, -600)):
        page.get_by_role("button", name=name, exact=True).click()
        assert text(page, "axial", "numbers").endswith(f"W {width} L {level} HU")
        page.mouse.move(200, 300)
        page.mouse.down(button="right")
        page.mouse.move(200, 364, steps=4)
        drawn(page)
        assert "changing" in numbers.get_attribute("class")
        page.mouse.move(328, 364, steps=4)
        page.mouse.up(button="right")
        drawn(page)
        assert "changing" not in numbers.get_attribute("class")
        _, now, _, middle, _ = text(page, "axial", "numbers").split("\n")[1].split()
        changes[name] = (float(now) / width, (float(middle) - level) / width)
    # 64 pixels down raise the level by a quarter of the width; 128 to the right double the width.
    assert changes["brain"] == pytest.approx((2, 0.25))
    assert changes["lung"] == pytest.approx((2, 0.25))
    page.keyboard.press("w")
    assert text(page, "axial", "numbers").endswith("W 80 L 40 HU")


def test_the_mouse_scrolls_zooms_moves_and_enlarges(opened):
    page = opened()
    mounted(page, [grey((60, 60, 60))])
    box = tile(page, "axial").bounding_box()
    x, y = box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"]
    page.mouse.move(x, y)
    page.mouse.wheel(0, -120)
    page.mouse.wheel(0, -20)  # a trackpad sends fewer at a time
    page.mouse.wheel(0, -20)
    assert text(page, "axial", "name") == "axial 33 of 60"
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(x - 30, y + 50, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert "zoom 1.25" in text(page, "axial", "numbers")
    assert text(page, "coronal", "name") == "coronal 31 of 60"
    # What was under the pointer when it zoomed has moved with it.
    page.mouse.click(x - 30, y + 50)
    scale = min(box["width"], box["height"]) / 60
    sagittal = int(text(page, "sagittal", "name").split()[1])
    coronal = int(text(page, "coronal", "name").split()[1])
    assert sagittal == pytest.approx(30.5 - 0.1 * box["width"] / scale, abs=1)
    assert coronal == pytest.approx(30.5 + 0.1 * box["height"] / scale, abs=1)
    tile(page, "sagittal").locator(".name").click()
    drawn(page)
    large = tile(page, "sagittal").bounding_box()
    assert large["x"] == 0
    assert large["width"] > tile(page, "axial").bounding_box()["width"]
    page.mouse.dblclick(300, 300)
    drawn(page)
    assert tile(page, "axial").is_hidden()
    page.mouse.dblclick(300, 300)
    drawn(page)
    assert tile(page, "axial").is_visible()


def distances(page):
    drawn(page)
    clear = page.locator("[data-tool=clear]")
    return [] if clear.is_hidden() else clear.get_attribute("title").partition(": ")[2].split(", ")


def test_a_distance_is_measured_in_millimetres_of_the_voxels(opened):
    page = opened()
    spacing = (0.7, 1.1, 3)
    voxels = np.full((60, 50, 20), 20, np.uint8)
    voxels[10:50, 15:35, 5:15] = 200  # 28 x 22 x 30 mm
    mounted(page, [voxels], spacing)
    press_tool(page, "measure")
    for plane, size in (("axial", (28, 22)), ("coronal", (28, 30)), ("sagittal", (22, 30))):
        page.keyboard.press(plane[0])
        frame = tile(page, plane)
        bright = np.argwhere(pixels(page, frame)[50:-50, 50:-50, 0] > 110) + 50
        (top, left), (bottom, right) = bright.min(axis=0), bright.max(axis=0) + 1
        box = frame.bounding_box()
        page.mouse.move(box["x"] + float(left), box["y"] + float(top))
        page.mouse.down()
        page.mouse.move(box["x"] + float(right), box["y"] + float(bottom), steps=3)
        page.mouse.up()
        found = float(distances(page)[-1].removesuffix(" mm"))
        assert found == pytest.approx(np.hypot(*size), abs=0.4)
    assert len(distances(page)) == 3
    press_tool(page, "clear")
    assert distances(page) == []
    # One end after the other; and the crosshair did not move meanwhile.
    page.keyboard.press("a")
    name = text(page, "coronal", "name")
    box = tile(page, "axial").bounding_box()
    page.mouse.click(box["x"] + 100, box["y"] + 200)
    page.mouse.click(box["x"] + 200, box["y"] + 200)
    scale = min(box["width"] / (60 * 0.7), box["height"] / (50 * 1.1))
    assert float(distances(page)[0].removesuffix(" mm")) == pytest.approx(100 / scale, abs=0.06)
    assert text(page, "coronal", "name") == name


def test_a_distance_is_drawn_on_its_slice_until_it_is_removed(opened):
    page = opened()
    mounted(page, [grey((40, 40, 40))])

    def drawn_pixels():
        red, green, blue = np.moveaxis(pixels(page, tile(page, "axial"))[100:300, 100:300], 2, 0)
        return int(((red > 240) & (green > 190) & (blue < 130)).sum())

    assert drawn_pixels() == 0
    press_tool(page, "measure")
    page.mouse.move(120, 120)
    page.mouse.down()
    page.mouse.move(280, 240)
    page.mouse.up()
    assert drawn_pixels() > 20
    page.keyboard.press("ArrowUp")
    assert drawn_pixels() == 0
    page.keyboard.press("ArrowDown")
    page.keyboard.press("+")
    page.keyboard.press("-")
    assert drawn_pixels() > 20
    press_tool(page, "measure")
    assert drawn_pixels() > 20
    page.keyboard.press("Delete")
    assert drawn_pixels() == 0


def test_a_distance_by_keyboard_is_between_two_places_of_the_crosshair(opened):
    page = opened()
    mounted(page, [grey((40, 40, 40))], (1, 1, 2))
    for key in ("e", "x", "s", *["ArrowUp"] * 3, "c", *["ArrowDown"] * 4, "x"):
        page.keyboard.press(key)
    assert distances(page) == ["5.0 mm"]
    for key in ("x", "a", "ArrowUp", "x"):  # two slices of 2 mm, seen in the coronal plane
        page.keyboard.press(key)
    assert distances(page) == ["5.0 mm", "2.0 mm"]
    page.keyboard.press("e")
    page.keyboard.press("x")
    page.keyboard.press("x")
    assert len(distances(page)) == 2


def test_cine_plays_the_marked_plane_round_and_round(opened):
    page = opened()
    mounted(page, [grey((12, 12, 6))])
    tile(page, "axial").locator(".name span").last.evaluate(
        """(name) => {
          window.seen = [];
          const note = () => window.seen.push(parseInt(name.textContent));
          new MutationObserver(note).observe(name, { childList: true });
        }"""
    )
    page.keyboard.press("p")
    page.wait_for_function("() => window.seen.length > 9")
    seen = page.evaluate("window.seen")
    moves = [(a, b) for a, b in itertools.pairwise(seen) if a != b]
    assert len(moves) > 6
    assert all(b == a % 6 + 1 for a, b in moves)
    page.keyboard.press("k")
    assert page.locator(".tools output").text_content() == "15/s"
    page.keyboard.press("p")
    still = text(page, "axial", "name")
    page.wait_for_timeout(300)
    assert text(page, "axial", "name") == still
    assert text(page, "coronal", "name") == "coronal 7 of 12"


def test_the_tool_bar_is_one_line_that_folds_away_and_is_remembered(opened):
    for width in (1366, 1024, 800):
        page = opened(width, 768)
        windows = [
            [name, 0, 50 + n] for n, name in enumerate(("soft tissue", "lung", "bone", "brain"))
        ]
        mounted(page, [grey((20, 20, 20))], windows=windows)
        bar = page.locator(".tools")
        assert bar.bounding_box()["height"] < 42
        right = bar.bounding_box()["x"] + bar.bounding_box()["width"]
        tools = page.locator(".tools [data-tool]:not([hidden])").all()
        for button in tools if width > 1000 else tools[-1:]:  # or scrolled to
            box = button.bounding_box()
            assert box["x"] + box["width"] <= right
    before = page.locator(".stage").bounding_box()["height"]
    page.keyboard.press("o")
    drawn(page)
    assert bar.bounding_box()["height"] < 24
    assert page.locator(".stage").bounding_box()["height"] > before
    page.keyboard.press("h")
    page.keyboard.press("f")
    drawn(page)
    mounted(page, [grey((20, 20, 20))])
    assert page.locator(".tools.folded").count() == 1
    assert tile(page, "coronal").is_hidden()
    assert not crosshair(pixels(page, tile(page, "axial")), 1)[0].any()


def test_full_screen_keeps_the_keys_and_escape_leaves_it(opened):
    page = opened()
    mounted(page, [grey((20, 20, 20))])
    page.keyboard.press("z")
    page.wait_for_function("() => document.fullscreenElement")
    before = text(page, "axial", "name")
    page.keyboard.press("ArrowUp")
    assert text(page, "axial", "name") != before
    page.keyboard.press("z")
    page.wait_for_function("() => !document.fullscreenElement")


def test_a_screen_too_small_to_read_on_says_so_as_long_as_it_is(opened):
    page = opened(700, 600)
    mounted(page, [grey((20, 20, 20))] * 2)
    notice = page.locator(".small")
    assert notice.is_visible()
    assert "too small to read on" in notice.text_content()
    page.set_viewport_size({"width": 1366, "height": 768})
    drawn(page)
    assert notice.is_hidden()


@pytest.mark.parametrize("key", ["e", "Delete", "v"])
def test_a_key_in_the_middle_of_a_measurement_breaks_nothing(opened, key):
    page = opened()
    problems = problems_of(page)
    mounted(page, [grey((60, 60, 60))])
    press_tool(page, "measure")
    page.mouse.move(200, 300)
    page.mouse.down()
    page.mouse.move(260, 300, steps=3)
    page.keyboard.press(key)
    page.mouse.move(320, 300, steps=3)
    page.mouse.up()
    drawn(page)
    assert problems == []
    page.mouse.move(400, 400)
    drawn(page)
    measured = page.locator("[data-tool=clear]")
    assert measured.is_visible() == (key != "Delete")


def test_the_convention_is_told_whole_or_not_at_all(opened):
    told = {}
    for width in (1366, 1280, 1210):
        page = opened(width, 768)
        mounted(page, [grey((20, 20, 20))])
        for playing in (False, True):
            if playing:
                page.keyboard.press("p")
                page.keyboard.press("e")
                drawn(page)
            told[width, playing] = page.locator(".convention").evaluate(
                """(element) => {
                  const range = document.createRange();
                  range.selectNodeContents(element);
                  const [text, room] = [range, element].map((one) => one.getBoundingClientRect());
                  if (text.top >= room.bottom) return "hidden";
                  return text.left >= room.left && text.right <= room.right ? "whole" : "cut";
                }"""
            )
    assert told[1366, False] == "whole"
    assert set(told.values()) == {"whole", "hidden"}
