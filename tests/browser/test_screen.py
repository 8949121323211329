"""How much of a reader's screen shows image, and in how many pixels, inside the app."""

import io

import numpy as np
import pytest
from PIL import Image

from evalsuite.study.create import create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.browser.chromium import browser_page
from tests.browser.mounted import drawn
from tests.reader_app.server import Server

SCREENS = [(1280, 720, 1), (1366, 768, 1), (1920, 1080, 1), (2560, 1440, 2)]
MEASURED = """() => {
  const found = [];
  const walk = (root) => {
    for (const e of root.querySelectorAll("*")) {
      if (e.matches(".viewer > canvas")) {
        const box = e.getBoundingClientRect(), host = e.parentElement.getBoundingClientRect();
        const bare = Math.max(...["left", "top", "right", "bottom"].map((s) => Math.abs(box[s] - host[s])));
        found.push([e.width, e.height, box.width * devicePixelRatio, box.height * devicePixelRatio, bare]);
      }
      if (e.shadowRoot) walk(e.shadowRoot);
    }
  };
  walk(document);
  return found; }"""


def inserts(random):
    """Return 30, 37 and 60 HU in noise, in thirds from the patient's left to the right."""
    hounsfield = random.normal(30, 5, (60, 60, 9))
    hounsfield[20:40] += 7
    hounsfield[40:] += 30
    return hounsfield


def cohorts(folder, voxels):
    for seed, role in enumerate(("real", "synthetic")):
        (folder / role).mkdir(parents=True)
        for i in range(2):
            made = voxels(np.random.default_rng([seed, i])).astype(np.float32)
            write_nifti(Volume(made, np.eye(4)), folder / role / f"{i}.nii")
    return [
        {"name": role, "path": str(folder / role), "role": role, "cases": 2}
        for role in ("real", "synthetic")
    ]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """Serve studies of one and of two light cubes a case, and of CT; return addresses for readers."""
    folder = tmp_path_factory.mktemp("screen")
    cubes = cohorts(folder / "cubes", lambda random: random.uniform(190, 210, (32, 32, 32)))
    light = {
        "preparation": {"intensity": {"kind": "window", "low": 0, "high": 255}},
        "windows": [{"name": "all", "low": 0, "high": 255}],
    }
    phantoms = cohorts(folder / "phantoms", inserts)
    home = Home.at(folder / "studies")
    tokens = {}
    for name, more in {
        "single": {"template": ["paper", "turing"], "cohorts": cubes, **light},
        "pairs": {"template": "2afc", "paired": True, "cohorts": cubes, **light},
        "ct": {"template": "turing", "cohorts": phantoms, "preset": "ct", "windows": ["brain"]},
    }.items():
        design = {"name": name, "title": name, "readers": ["Ada"], "consent": "I agree.", **more}
        tokens[name] = create(read_design(design), home).invitations["Ada"]
    store = StudyDatabase(home.database)
    for reader in (1, 2, 3):
        store.consent(reader)
    server = Server(home, folder / "app.log")
    yield {name: f"{server.url}/enter?token={token}" for name, token in tokens.items()}
    server.kill()


@pytest.fixture(scope="module")
def reading(app):
    """Open a study at a size and pixel ratio of the screen."""
    with browser_page() as first:

        def opened(study, width, height, ratio=1):
            size = {"width": width, "height": height}
            context = first.context.browser.new_context(viewport=size, device_scale_factor=ratio)
            page = context.new_page()
            page.goto(app[study])
            page.wait_for_selector("[data-ready]", timeout=60_000)
            return page

        yield opened


def share(page):
    """Return the share of the screen that is light, as only image is."""
    drawn(page)
    screen = Image.open(io.BytesIO(page.screenshot())).convert("L")
    box = page.locator(".stage").bounding_box()
    box = [
        round(n) for n in (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    ]
    return (np.asarray(screen.crop(box)) > 150).sum() / (screen.width * screen.height)


@pytest.mark.parametrize("screen", SCREENS)
def test_the_canvas_has_the_pixels_of_the_screen(reading, screen):
    page = reading("pairs", *screen)
    at_rest = f"() => ({MEASURED})().every(([a, b, c, d, bare]) => a === c && b === d && bare < 1)"
    page.wait_for_function(at_rest)
    assert len(page.evaluate(MEASURED)) == 2
    page.set_viewport_size({"width": screen[0] - 33, "height": screen[1] - 21})
    page.wait_for_function(at_rest)
    page.context.close()


def test_more_than_half_of_a_laptops_screen_shows_image(reading):
    page = reading("single", 1366, 768)
    assert page.locator("fieldset").count() == 4
    assert share(page) > 0.55
    page.keyboard.press("f")
    assert page.locator(".tile[data-plane=axial]").is_visible()
    alone = share(page)
    page.keyboard.press("f")
    assert 0.45 < alone < share(page)
    page.context.close()


def test_both_of_a_pair_are_large_and_alike(reading):
    page = reading("pairs", 1366, 768)
    assert share(page) > 0.55
    boxes = [page.locator(".tile[data-plane=axial]").nth(i).bounding_box() for i in (0, 1)]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)
    assert boxes[0]["height"] == boxes[1]["height"]
    page.keyboard.press("s")
    drawn(page)
    for side in (0, 1):
        sagittal, axial = (
            page.locator(f".tile[data-plane={plane}]").nth(side).bounding_box()
            for plane in ("sagittal", "axial")
        )
        assert sagittal["width"] > 1.5 * axial["width"]
    page.context.close()


def test_ct_inserts_differ_by_the_right_number_of_greys_at_the_brain_window(reading):
    # W 80 L 40: 255 greys for 80 HU. On the screen the patient's right is on the left.
    page = reading("ct", 1280, 720)
    page.keyboard.press("f")
    page.keyboard.press("h")
    box = page.locator(".tile[data-plane=axial]").bounding_box()
    drawn(page)
    third = min(box["width"], box["height"]) / 3
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]

    def grey(thirds):
        left = middle[0] + thirds * third - third / 4
        clip = {"x": left, "y": middle[1] - third / 2, "width": third / 2, "height": third}
        return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("L")).mean()

    sixty, thirty_seven, thirty = (grey(thirds) for thirds in (-1, 0, 1))
    assert thirty == pytest.approx(30 / 80 * 255, abs=2)
    assert thirty_seven - thirty == pytest.approx(7 / 80 * 255, abs=2)
    assert sixty - thirty_seven == pytest.approx(23 / 80 * 255, abs=2)
    page.context.close()
