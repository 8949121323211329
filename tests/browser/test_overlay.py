"""What lies over the image: lines, letters, a scale, shapes in voxels."""

import numpy as np
import pytest

from tests.browser.modules import GREY, VIEWER, open_modules
from tests.browser.mounted import crosshair, drawn, grey, mounted, pixels, text, tile

PLANES = ("axial", "coronal", "sagittal")


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


OVERLAY = """
async (grey) => {
  const { Overlay } = await import("/reader/assets/overlay.js");
  const { View } = await import("/reader/assets/view.js");
  const host = document.createElement("div");
  host.className = "viewer";
  host.style = "position: absolute; inset: 0";
  document.body.replaceChildren(host);
  const view = new View({ shape: [40, 40, 40], spacing: [1, 1, 1], ...grey });
  const told = [];
  const tell = (what) => (place) => told.push([what, place.side, place.plane, place.voxel]);
  const mode = { name: "mark", begin: tell("begin"), move: tell("move"), end: tell("end") };
  const tools = { mode, shapes: () => window.shapes };
  const overlay = new Overlay(host, 0, tools, (change) => { change(view); overlay.draw(); });
  overlay.view = view;
  Object.assign(window, { view, overlay, told, shapes: [] });
  // How many pixels of each plane are drawn on, without the crosshair.
  window.drawnOn = (shapes) => {
    Object.assign(window, { shapes });
    view.crosshair = false;
    overlay.draw();
    return overlay.tiles.map(({ left, top, width, height }) => {
      const { data } = overlay.canvas.getContext("2d").getImageData(left, top, width, height);
      return data.filter((value, at) => at % 4 === 3 && value).length;
    });
  };
}
"""


def test_a_mode_gets_clicks_in_voxels_and_shapes_are_drawn_where_they_are(opened):
    page = opened(900, 700)
    open_modules(page, {})
    page.add_style_tag(path=VIEWER / "stage.css")
    page.evaluate(OVERLAY, GREY)

    def drawn_on(**shape):
        return [count > 0 for count in page.evaluate("(shapes) => drawnOn(shapes)", [shape])]

    # The slices shown are 20 in every plane; the tiles are axial, coronal, sagittal.
    box = {"kind": "box", "ends": [[10, 10, 12], [30, 18, 28]]}
    assert drawn_on(**box) == [True, False, True]
    assert drawn_on(**box, plane="sagittal") == [False, False, True]
    assert drawn_on(**box, side=0) == [True, False, True]
    assert drawn_on(**box, side=1) == [False, False, False]
    assert drawn_on(kind="point", ends=[[10, 20.4, 3]]) == [False, True, False]
    assert drawn_on(kind="point", ends=[[10, 20.6, 3]]) == [False, False, False]

    tile = page.evaluate("overlay.tiles[0]")
    scale = min(tile["width"], tile["height"]) / 40
    x, y = tile["left"] + tile["width"] / 2, tile["top"] + tile["height"] / 2
    page.mouse.move(x + 10 * scale, y)  # to the patient's left
    page.mouse.down()
    page.mouse.move(x + 10 * scale, y + 5 * scale)
    page.mouse.up()
    told = page.evaluate("told")
    assert [what for what, *_ in told] == ["begin", "move", "end"]
    assert [side for _, side, *_ in told] == [0, 0, 0]
    assert [plane for *_, plane, _ in told] == ["axial"] * 3
    # By hand: the middle of 40 voxels is 19.5.
    assert told[0][3] == pytest.approx([9.5, 19.5, 20])
    assert told[2][3] == pytest.approx([9.5, 14.5, 20])
    assert page.evaluate("view.place") == [20, 20, 20]
