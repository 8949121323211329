"""Where planes and voxels are on the screen: the functions that viewers and overlay share."""

import itertools

import pytest

from tests.browser.chromium import browser_page
from tests.browser.modules import GREY, open_modules

STATES = [
    {"shape": [256, 256, 256], "spacing": [1, 1, 1]},
    {"shape": [181, 217, 35], "spacing": [1, 0.9, 5]},
    {"shape": [7, 64, 301], "spacing": [3.3, 0.7, 0.5]},
]
SIZES = [(982, 728), (488, 690), (1900, 1000), (700, 300), (320, 500)]
LAYOUTS = ("main", "three", "alone")

# What `check(view, tiles, functions)` returns for each of the cases.
CHECKED = """
async ([cases, zoom, check, grey]) => {
  const { View } = await import("/reader/assets/view.js");
  const functions = await import("/reader/assets/layout.js");
  return Promise.all(cases.map(([state, layout, main, [width, height]]) => {
    const view = new View({ ...grey, ...state });
    view.enlarge(main);
    view.arrange(layout);
    view.look(state.shape.map((size) => size / 3));
    view.magnify(zoom);
    return eval(check)(view, functions.tiles(view, width, height), functions);
  }));
}
"""


@pytest.fixture(scope="module")
def page():
    with browser_page() as page:
        open_modules(page, {})
        yield page


def over_all(page, check, zoom=1):
    """Yield a layout, a plane, a size and what `check` returns, for states, layouts, planes and sizes."""
    planes = ("axial", "coronal", "sagittal")
    cases = list(itertools.product(STATES, LAYOUTS, planes, SIZES))
    found = page.evaluate(CHECKED, [cases, zoom, check, GREY])
    for (_, layout, main, size), one in zip(cases, found, strict=True):
        yield layout, main, size, one


def once(page, check, state, layout="main", size=(9, 9)):
    return page.evaluate(CHECKED, [[[state, layout, "axial", size]], 1, check, GREY])[0]


def test_tiles_fill_the_host_without_overlap(page):
    for layout, main, (width, height), tiles in over_all(page, "(view, tiles) => tiles"):
        planes = [tile["plane"] for tile in tiles]
        assert len(set(planes)) == len(planes) == (1 if layout == "alone" else 3)
        if layout != "three":
            assert planes[0] == main
            area = [tile["width"] * tile["height"] for tile in tiles]
            assert area[0] == max(area)
        covered = set()
        for tile in tiles:
            left, top = tile["left"], tile["top"]
            right, bottom = left + tile["width"], top + tile["height"]
            assert all(isinstance(n, int) for n in (left, top, right, bottom))
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            cells = set(itertools.product(range(left, right, 5), range(top, bottom, 5)))
            assert not covered & cells
            covered |= cells
        if layout != "three":  # which leaves a corner free
            bare = width * height - sum(tile["width"] * tile["height"] for tile in tiles)
            assert bare <= 8 * (width + height)  # no more than the gaps


def test_a_point_on_the_screen_and_its_voxel_are_each_others_inverse(page):
    check = """(view, tiles, { at, onScreen }) => tiles.map((tile) => {
        const place = at(view, tile, tile.left + 12.5, tile.top + 7.25);
        return [...onScreen(view, tile, place), tile.left, tile.top];
    })"""
    for zoom in (1, 2.5):
        for _, _, _, points in over_all(page, check, zoom):
            for x, y, left, top in points:
                assert (x - left, y - top) == pytest.approx((12.5, 7.25))


def test_a_whole_plane_fits_its_tile_and_the_corner_is_that_of_the_outermost_voxel(page):
    # By hand: 100 x 50 voxels of 1 x 2 mm in 300 x 400 pixels are 3 pixels a millimetre, which
    # leaves 50 pixels above and below. The patient's right is on the left, the front on top.
    state = {"shape": [100, 50, 8], "spacing": [1, 2, 1]}
    check = """(view, [tile], { at, onScreen, pixelsPerMillimetre }) => [
        pixelsPerMillimetre(view, tile), at(view, tile, 0, 50), onScreen(view, tile, [0, 0, 0])]"""
    scale, corner, point = once(page, check, state, "alone", (300, 400))
    assert scale == 3
    assert corner == pytest.approx([99.5, 49.5, 3])
    assert point == pytest.approx([300 - 1.5, 350 - 3])


def test_zooming_keeps_a_voxel_under_the_finger(page):
    check = """(view, tiles, { at, onScreen }) => {
        const [tile] = tiles;
        const place = at(view, tile, tile.left + 40, tile.top + 60);
        view.drag(tile.plane, 11, -5, 2);
        const before = onScreen(view, tile, place);
        view.magnify(1.7, place);
        return [before, onScreen(view, tile, place)];
    }"""
    for _, _, _, (before, after) in over_all(page, check, zoom=1.5):
        assert after == pytest.approx(before)


def test_dragging_moves_the_picture_with_the_pointer(page):
    check = """(view, tiles, { onScreen, pixelsPerMillimetre }) => tiles.map((tile) => {
        const before = onScreen(view, tile, view.place);
        view.drag(tile.plane, 11, -5, pixelsPerMillimetre(view, tile));
        const after = onScreen(view, tile, view.place);
        return [after[0] - before[0], after[1] - before[1]];
    })"""
    for _, _, _, moves in over_all(page, check, zoom=2):
        for move in moves:
            assert move == pytest.approx([11, -5])


def test_most_of_the_viewer_shows_image(page):
    check = "(view, tiles, { area }) => tiles.map((tile) => area(view, tile))"
    cube = STATES[0]
    for size, share in (((982, 700), 0.8), ((488, 690), 0.85)):  # beside a form; one of a pair
        areas = once(page, check, cube, size=size)
        assert sum(areas) / (size[0] * size[1]) > share


def test_windows_are_in_the_unit_and_leave_the_level_within_what_is_stored(page):
    grey = {"levels": 65535, "low": -1000, "high": 1000, "unit": "HU"}
    windows = [["soft tissue", -160, 240], ["brain", 0, 80], ["bone", -500, 1300]]
    state = {"shape": [4, 4, 4], "spacing": [1, 1, 1], "grey": grey, "windows": windows}
    check = """(view) => {
        const seen = [[view.window, view.preset()]];
        view.nextPreset();
        seen.push([view.stored(), view.preset(), view.level, view.width]);
        view.adjust(64, 64);
        seen.push([view.level, view.width, view.preset()]);
        view.setWindow(5000, 5001);
        seen.push(view.window);
        view.reset();
        seen.push(view.window);
        return seen;
    }"""
    first, brain, adjusted, narrow, again = once(page, check, state)
    assert first == [{"low": -160, "high": 240}, 0]
    assert brain[0]["low"] == pytest.approx(65535 / 2)
    assert brain[0]["high"] == pytest.approx(65535 * 1080 / 2000)
    assert brain[1:] == [1, 40, 80]
    assert adjusted == pytest.approx([20, 40, -1])  # 64 of 256 parts of 80 HU, and half the width
    assert narrow == {"low": 999, "high": 1001}
    assert again == first[0]


def test_a_study_made_before_has_shares_of_its_range(page):
    grey, stored = once(page, "(view) => [view.grey, view.stored()]", STATES[0])
    assert grey == {"levels": 255, "low": 0, "high": 100, "unit": "%"}
    assert stored == {"low": 0, "high": 255}


def test_a_layout_is_left_for_the_one_before_and_stays_for_the_next_case(page):
    check = """async (view) => {
        const { View } = await import("/reader/assets/view.js");
        const seen = [];
        const to = (layout) => { view.toggle(layout); seen.push(view.layout); };
        ["alone", "solid", "solid", "alone", "solid", "alone"].forEach(to);
        view.mark("sagittal");
        return [seen, view.shown(), new View(view, view).shown()];
    }"""
    seen, shown, then = once(page, check, STATES[0], "three")
    assert seen == ["alone", "solid", "alone", "three", "solid", "alone"]
    assert shown == then == ["sagittal"]
