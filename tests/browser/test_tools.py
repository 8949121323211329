"""What lies over and around the image: lines, numbers, tools, mouse."""

import itertools

import numpy as np
import pytest

from tests.browser.chromium import browser_page
from tests.browser.modules import open_modules
from tests.browser.mounted import drawn, mounted, pixels, press_tool, text, tile

LINE = (108, 195, 239)  # the colour of the crosshair
PLANES = ("axial", "coronal", "sagittal")
THROUGH = {"axial": 2, "coronal": 1, "sagittal": 0}


@pytest.fixture(scope="module")
def browser():
    with browser_page() as page:
        yield page.context.browser


@pytest.fixture
def opened(browser):
    contexts = []

    def open_page(width=1366, height=768, ratio=1, **more):
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=ratio, **more
        )
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


def grey(shape):
    return np.full(shape, 90, np.uint8)


def crosshair(picture, ratio):
    """Return where a plane has the colour of the lines, within its frame, and their columns and rows."""
    on = (picture == LINE).all(axis=2)
    edge = round(28 * ratio)
    on[:edge] = on[-edge:] = on[:, :edge] = on[:, -edge:] = False
    columns = np.flatnonzero(on.sum(axis=0) > 0.2 * on.shape[0])
    rows = np.flatnonzero(on.sum(axis=1) > 0.2 * on.shape[1])
    return on, columns.tolist(), rows.tolist()


@pytest.mark.parametrize("ratio", [1, 2, 1.5])
def test_the_crosshair_is_one_pixel_of_the_screen_in_every_plane(opened, ratio):
    page = opened(1366, 768, ratio)
    shape = (40, 51, 33)  # odd and even
    mounted(page, [grey(shape)], (1, 0.9, 1.5))

    def check(*, alone=None):
        for plane in [alone] if alone else PLANES:
            on, columns, rows = crosshair(pixels(page, tile(page, plane)), ratio)
            assert len(columns) == len(rows) == 1, (plane, columns, rows)
            column, row = columns[0], rows[0]
            # Two lines on both sides of a gap in which the image is seen, and nothing else.
            gap = round(0.1 * min(on.shape))
            assert not on[row - gap : row + gap, column - gap : column + gap].any()
            for part in (on[row, :column], on[row, column:], on[:row, column], on[row:, column]):
                assert part.any()
            on[row, :] = on[:, column] = False
            assert not on.any()
        return column / on.shape[1], row / on.shape[0]

    check()
    page.keyboard.press("ArrowUp")
    check()
    page.keyboard.press("+")
    check()
    page.set_viewport_size({"width": 1278, "height": 702})
    check()
    page.keyboard.press("f")
    check(alone="axial")
    page.keyboard.press("h")
    assert not crosshair(pixels(page, tile(page, "axial")), ratio)[0].any()
    page.keyboard.press("h")
    page.keyboard.press("r")
    across, down = check(alone="axial")
    # By hand: voxel 20 of 40 is half a voxel beyond the middle, to the left; voxel 25 of 51 is it.
    # The tile is filled from top to bottom, 51 x 0.9 mm high.
    box = tile(page, "axial").bounding_box()
    half_voxel = 0.5 * box["height"] / (51 * 0.9) / box["width"]
    assert across == pytest.approx(0.5 - half_voxel, abs=0.003)
    assert down == pytest.approx(0.5, abs=0.003)


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_crosshair_of_a_pair_is_in_every_plane_of_both(opened, ratio):
    page = opened(1280, 720, ratio)
    shape = (36, 40, 30)
    mounted(page, [grey(shape)] * 2)
    for keys in ("", "ArrowUp", "s"):
        if keys:
            page.keyboard.press(keys)
        for plane in PLANES:
            places = []
            for side in (0, 1):
                _, columns, rows = crosshair(pixels(page, tile(page, plane, side)), ratio)
                assert len(columns) == len(rows) == 1, (plane, side)
                places.append((columns[0], rows[0]))
            assert np.abs(np.subtract(*places)).max() <= 1


def test_the_crosshair_stands_on_the_voxel_that_is_shown(opened):
    page = opened(1366, 768, 2)
    voxels = np.full((30, 36, 24), 20, np.uint8)
    voxels[20, 10, 15] = 255
    mounted(page, [voxels])
    for plane, index in (("axial", 15), ("coronal", 10), ("sagittal", 20)):
        slider = tile(page, plane).locator(".slices")
        slider.fill(str(index))
        assert text(page, plane, "name").split()[1] == str(index + 1)
    for plane in PLANES:
        picture = pixels(page, tile(page, plane))
        _, columns, rows = crosshair(picture, 2)
        bright = (np.ptp(picture, axis=2) < 12) & (picture.mean(axis=2) > 100)
        down, across = np.argwhere(bright[100:-100, 100:-100]).mean(axis=0) + 100
        assert across == pytest.approx(columns[0], abs=2)
        assert down == pytest.approx(rows[0], abs=2)


def test_letters_and_numbers_do_not_cover_one_another(opened):
    for size in ((1366, 768), (1024, 700)):
        page = opened(*size)
        mounted(page, [grey((40, 48, 40))])
        for plane in PLANES:
            parts = tile(page, plane).locator("> *:not([hidden])")
            boxes = [part.bounding_box() for part in parts.all()]
            assert len(boxes) >= 7
            for place, one in enumerate(boxes):
                for other in boxes[:place]:
                    apart = (
                        one["x"] + one["width"] <= other["x"]
                        or other["x"] + other["width"] <= one["x"]
                        or one["y"] + one["height"] <= other["y"]
                        or other["y"] + other["height"] <= one["y"]
                    )
                    assert apart, (plane, one, other)


def test_a_scale_bar_is_a_round_length_at_every_zoom(opened):
    page = opened()
    mounted(page, [grey((40, 50, 30))], (2, 2, 3))
    seen = set()
    for zoom in (1, 1.25, 1.5625):
        drawn(page)
        bar = tile(page, "axial").locator(".scale")
        length = float(bar.text_content().removesuffix(" mm"))
        box, frame = bar.bounding_box(), tile(page, "axial").bounding_box()
        # The plane, 80 x 100 mm, fits into its tile at zoom 1.
        scale = min(frame["width"] / 80, frame["height"] / 100) * zoom
        assert box["width"] == pytest.approx(length * scale, abs=0.5)
        assert f"zoom {zoom:.2f}" in text(page, "axial", "numbers")
        assert str(length)[0] in "125"
        seen.add(length)
        page.keyboard.press("+")
    assert len(seen) > 1


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
