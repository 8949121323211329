"""What the viewer draws, pixel by pixel, without the app around it."""

import io

import numpy as np
import pytest
from nibabel import Nifti1Image
from PIL import Image
from scipy.ndimage import map_coordinates

from tests.browser.modules import GREY, open_modules

AXES = {"axial": (0, 1, 2, -1), "coronal": (0, 2, 1, -1), "sagittal": (1, 2, 0, -1)}
CT = {"levels": 65535, "low": -1000, "high": 1000, "unit": "HU"}
BRAIN = [["brain", 0, 80], ["all", -1000, 1000]]
DRAW = """
async ([state, change, file]) => {
  const { View } = await import("/reader/assets/view.js");
  const { VolumeViewer, PictureViewer } = await import(`/reader/assets/${file}.js`);
  const Viewer = VolumeViewer ?? PictureViewer;
  const { tiles } = await import("/reader/assets/layout.js");
  const { forgetAllBut } = await import("/reader/assets/server.js");
  forgetAllBut([]);
  window.viewer?.close();
  document.querySelector(".viewer")?.remove();
  const host = document.createElement("div");
  host.className = "viewer";
  document.body.append(host);
  window.view = new View(state);
  window.viewer = new Viewer(host, () => {});
  await window.viewer.show("case", 0, window.view);
  window.change = (change) => {
    eval(change)(window.view);
    window.viewer.draw(window.view);
    return tiles(window.view, host.clientWidth, host.clientHeight);
  };
  return window.change(change);
}
"""


@pytest.fixture(scope="module")
def pages(browser):
    """Return a page of one size and pixel ratio, the same one when asked again."""
    opened = {}

    def page(width=600, height=400, ratio=1):
        key = (width, height, ratio)
        if key not in opened:
            size = {"width": width, "height": height}
            opened[key] = browser.new_page(viewport=size, device_scale_factor=ratio)
            opened[key].contents = {}
            open_modules(opened[key], opened[key].contents)
        return opened[key]

    return page


def draw(
    page, voxels, spacing=(1, 1, 1), change="view => {}", grey=None, windows=None, file="volume"
):
    """Show a volume; return the tiles."""
    page.contents["/reader/voxels/case/0"] = Nifti1Image(voxels, np.eye(4)).to_bytes()
    state = {"shape": list(voxels.shape), "spacing": list(spacing), **GREY}
    if grey:
        state |= {"grey": grey, "windows": windows}
    return page.evaluate(DRAW, [state, change, file])


def pixels(page):
    """Return what is on the screen, one number for each of its pixels."""
    page.evaluate("() => new Promise(requestAnimationFrame)")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    colours = np.asarray(picture).astype(int)
    assert (colours == colours[..., :1]).all()
    return colours[..., 0]


def expected(voxels, spacing, tile, ratio, place, low, high, *, zoom=1, centre=(0, 0, 0)):
    """Return the grey of a tile's pixels, interpolated linearly by SciPy, and where image is."""
    across, up, through, sign = AXES[tile["plane"]]
    sides = [n * step for n, step in zip(voxels.shape, spacing, strict=True)]
    scale = zoom * min(tile["width"] / sides[across], tile["height"] / sides[up])
    x = (np.arange(round(tile["width"] * ratio)) + 0.5) / ratio - tile["width"] / 2
    y = tile["height"] / 2 - (np.arange(round(tile["height"] * ratio)) + 0.5) / ratio

    def voxel(axis, on_screen):
        return (centre[axis] + on_screen / scale) / spacing[axis] + (voxels.shape[axis] - 1) / 2

    columns, rows = voxel(across, sign * x), voxel(up, y)
    cut = np.take(voxels, place[through], through).astype(float)
    grid = np.meshgrid(columns, rows)
    values = map_coordinates(cut, grid, order=1, mode="nearest")
    inside = (np.abs(grid[0] - (voxels.shape[across] - 1) / 2) < voxels.shape[across] / 2) & (
        np.abs(grid[1] - (voxels.shape[up] - 1) / 2) < voxels.shape[up] / 2
    )
    grey = np.clip((values - low) / (high - low), 0, 1) * 255
    return np.where(inside, grey, 0), inside


def cut_out(screen, tile, ratio):
    left, top = round(tile["left"] * ratio), round(tile["top"] * ratio)
    right = round((tile["left"] + tile["width"]) * ratio)
    bottom = round((tile["top"] + tile["height"]) * ratio)
    return screen[top:bottom, left:right]


@pytest.mark.parametrize("file", ["volume", "pictures"])
@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize(("layout", "zoom"), [("main", 1), ("three", 1), ("alone", 2.5)])
def test_every_pixel_is_the_windowed_linear_interpolation(pages, file, layout, ratio, zoom):
    # Odd and even sides, three spacings, 16 bits, a window within the range.
    shape, spacing = (19, 24, 7), (1.0, 0.75, 3.5)
    voxels = np.random.default_rng(1).integers(0, 65536, shape).astype(np.uint16)
    page = pages(601, 403, ratio)
    change = f"""view => {{
        view.enlarge("sagittal"); view.arrange("{layout}"); view.look([4, 17, 2]);
        view.setWindow(-700, 500); view.magnify({zoom}); }}"""
    tiles = draw(page, voxels, spacing, change, CT, BRAIN, file)
    screen = pixels(page)
    assert screen.shape == (403 * ratio, 601 * ratio)
    low, high = (65535 * (hu + 1000) / 2000 for hu in (-700, 500))
    mm = [(p - (n - 1) / 2) * s for p, n, s in zip((4, 17, 2), shape, spacing, strict=True)]
    centre = [m - m / zoom for m in mm]
    rest = screen.copy()
    for tile in tiles:
        wanted, inside = expected(
            voxels, spacing, tile, ratio, (4, 17, 2), low, high, zoom=zoom, centre=centre
        )
        shown = cut_out(screen, tile, ratio)
        np.testing.assert_allclose(shown, wanted, atol=0.6)
        assert inside.mean() > (0.3 if zoom == 1 else 0.6)
        cut_out(rest, tile, ratio)[:] = 0
    assert not rest.any()


@pytest.mark.parametrize(
    "size", [(1280, 720, 1), (1366, 768, 1), (1920, 1080, 1), (2560, 1440, 2), (823, 611, 1.25)]
)
def test_the_canvas_has_the_pixels_of_the_screen(pages, size):
    width, height, ratio = size
    page = pages(*size)
    draw(page, np.zeros((4, 5, 6), np.uint8))
    box = page.locator("canvas").bounding_box()
    assert (box["width"], box["height"]) == pytest.approx((width, height), abs=0.5)
    # At rest, should drawing so many pixels in software have been found too slow for motion.
    measured = "size => { const c = window.viewer.canvas.element; return `${c.width} ${c.height}` === size; }"
    page.wait_for_function(measured, arg=f"{round(width * ratio)} {round(height * ratio)}")


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("file", ["volume", "pictures"])
def test_pixels_are_whole_where_the_host_begins_within_one(pages, file, ratio):
    voxels = np.random.default_rng(2).integers(0, 65536, (300, 200, 3)).astype(np.uint16)
    page = pages(600, 400, ratio)
    grey = {**CT, "levels": 65535}
    draw(page, voxels, change='view => view.arrange("alone")', grey=grey, windows=BRAIN, file=file)
    (tile,) = page.evaluate("""() => {
        const { style } = document.querySelector(".viewer");
        Object.assign(style, { left: "10.4px", top: "7.7px", width: "480.3px", height: "320.4px" });
        return window.change("view => view.setWindow(-1000, 1000)"); }""")
    assert (tile["width"], tile["height"]) == (480, 320)
    page.wait_for_timeout(400)
    wanted, _ = expected(voxels, (1, 1, 1), tile, ratio, (0, 0, 1), 0, 65535)
    shown = pixels(page)[8 * ratio : 328 * ratio, 10 * ratio : 490 * ratio]
    np.testing.assert_allclose(shown, wanted, atol=0.6)


def test_inserts_of_a_ct_phantom_differ_by_the_right_number_of_greys(pages):
    # W 80 L 40: 255 greys for 80 HU, so 7 HU are 22.3 greys and 23 HU are 73.3.
    hounsfield = np.random.default_rng(0).normal(0, 4, (60, 60, 9)) + 30
    hounsfield[24:36] += 7
    hounsfield[44:56] += 30
    for low, high in ((-1000, 1000), (-1024, 3071)):
        stored = np.rint((hounsfield - low) / (high - low) * 65535).astype(np.uint16)
        grey = {**CT, "low": low, "high": high}
        page = pages(600, 600)
        draw(page, stored, change='view => view.arrange("alone")', grey=grey, windows=BRAIN)
        screen = pixels(page)
        # The patient's right, where the first axis ends, is on the left.
        means = [screen[20:-20, 600 - 10 * b + 10 : 600 - 10 * a - 10].mean() for a, b in
                 ((4, 16), (24, 36), (44, 56))]  # fmt: skip
        assert means[0] == pytest.approx(30 / 80 * 255, abs=1.5)
        assert means[1] - means[0] == pytest.approx(7 / 80 * 255, abs=1.5)
        assert means[2] - means[1] == pytest.approx(23 / 80 * 255, abs=1.5)


def test_a_case_of_eight_bits_is_shown_as_before(pages):
    voxels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    page = pages()
    (tile,) = draw(page, voxels, change='view => view.arrange("alone")')
    wanted, _ = expected(voxels, (1, 1, 1), tile, 1, (8, 8, 0), 0, 255)
    np.testing.assert_allclose(cut_out(pixels(page), tile, 1), wanted, atol=0.6)


def test_only_the_slices_that_changed_are_sent_to_the_graphics_card(pages):
    page = pages()
    draw(page, np.zeros((8, 8, 8), np.uint16), grey=CT, windows=BRAIN)
    sent = """change => {
        const { gl } = window.viewer, original = gl.texImage2D;
        let count = 0;
        gl.texImage2D = (...all) => { count += 1; original.apply(gl, all); };
        window.change(change);
        delete gl.texImage2D;
        return count; }"""
    assert page.evaluate(sent, "view => view.nextPreset()") == 0
    assert page.evaluate(sent, "view => { view.magnify(2); view.drag('axial', 9, 9, 1); }") == 0
    assert page.evaluate(sent, "view => view.scroll('coronal', 1)") == 1
    assert page.evaluate(sent, "view => view.look([0, 0, 0])") == 3


def test_where_drawing_is_slow_only_motion_has_fewer_pixels(pages):
    page = pages(600, 400, 2)
    draw(page, np.zeros((8, 8, 8), np.uint16), grey=CT, windows=BRAIN)
    seen = page.evaluate("() => [window.viewer.kind, window.viewer.canvas.element.width]")
    assert seen == ["webgl2", 1200]
    page.evaluate("""() => {
        const { gl, canvas: { element } } = window.viewer, original = gl.readPixels;
        gl.readPixels = (...all) => {
          const end = performance.now() + (400 * element.width) / 1200;
          while (performance.now() < end);
          original.apply(gl, all);
        }; }""")
    width = "() => window.viewer.canvas.element.width"
    for _ in range(4):
        page.evaluate("() => window.change('view => view.scroll(\"axial\", 1)')")
    assert page.evaluate(width) < 900
    assert page.evaluate("() => window.viewer.kind") == "webgl2-coarse"
    page.wait_for_function(f"() => ({width})() === 1200")


def test_the_solid_volume_is_seen_from_where_it_is_turned_to(pages):
    voxels = np.zeros((40, 40, 40), np.uint16)
    voxels[10:30, 10:30, 10:30] = 20000
    voxels[10:30, 28:30, 20:30] = 65535  # the upper half of the front is lighter
    voxels[28:30, 28:30, 10:20] = 65535  # as is the patient's lower right
    page = pages(400, 400)
    front = 'view => { view.setWindow(-1000, 1000); view.arrange("solid"); view.turn = [180, 0]; }'
    assert draw(page, voxels, change=front, grey=CT, windows=BRAIN) == []
    page.wait_for_timeout(500)  # while it moves it has fewer pixels
    face = pixels(page)
    # The cube's side is 20 of a diagonal of 40 * sqrt(3) voxels, of which 400 pixels show 4 / 5.
    side = 1.25 * 400 * 20 / (40 * 3**0.5)
    columns = np.flatnonzero(face.max(axis=0) > 20)
    assert len(columns) == pytest.approx(side, abs=6)
    assert face[170, 150:250].min() > 1.3 * face[230, 210:250].max()
    assert face[230, 132:138].min() > 1.3 * face[230, 210:250].max()
    page.evaluate("() => window.change('view => { view.turn = [0, 0]; }')")
    back = pixels(page)
    assert back[170, 200] < face[170, 200]
