"""Make the pictures of docs/images, of simulated volumes only: the reading room and results.

`python docs/pictures.py` from a clone with the extras `reader` and `dev` and Debian's Chromium; it
takes some minutes. The brains are one template under random deformations, the body is drawn here.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import result_pictures
from evalsuite.study.create import Created, create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from evalsuite.volumes.population import degrade, simulate
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti

IMAGES = Path(__file__).parent / "images"
READER = "Dr. Ada"
TRAINING = 2
SIZE = (1366, 768)
KEPT = (1093, 614)
AIR, LUNG, FAT, SOFT, BONE = -1000, -850, -90, 45, 700
INSERTS = (30, 37, 60)  # Hounsfield units, within the soft tissue
SHOWN = """
(before) => {
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


def body(seed: int, noise: float = 12.0) -> Volume:
    """Draw a chest of ellipses in Hounsfield units: lungs, spine, ribs and inserts of 30, 37, 60.

    Args:
        seed: of the noise and of a body a few per cent larger or smaller.
        noise: standard deviation in Hounsfield units.
    """
    generator = np.random.default_rng(seed)
    shape, spacing = (176, 136, 112), 2.0
    x, y, z = np.meshgrid(*(spacing * (np.arange(n) - n / 2) for n in shape), indexing="ij")
    size = generator.uniform(0.95, 1.05)

    def within(centre: tuple[float, float, float], *radii: float) -> np.ndarray:
        axes = zip((x, y, z), centre, radii, strict=True)
        return sum(((axis - size * c) / (size * r)) ** 2 for axis, c, r in axes) < 1

    endless = 1e4
    hu = np.full(shape, float(AIR))
    hu[within((0, 0, 0), 160, 112, endless)] = FAT
    hu[within((0, 0, 0), 150, 102, endless)] = SOFT
    ribs = within((0, 0, 0), 141, 93, endless) & ~within((0, 0, 0), 134, 86, endless)
    hu[ribs & (np.mod(z + 0.35 * y, 28) < 10)] = BONE
    for side in (-1, 1):
        hu[within((side * 72, 8, 10), 52, 72, 92)] = LUNG
    hu[within((-14, 26, -20), 46, 42, 52)] = SOFT
    hu[within((0, -68, 0), 20, 17, endless)] = BONE
    hu[within((0, -68, 0), 13, 10, endless)] = 180
    hu[within((0, -92, 0), 8, 8, endless)] = SOFT
    for place, value in zip((-40, -14, 12), INSERTS, strict=True):
        hu[within((place, 28, -20), 9, 9, 12)] = value
    hu += generator.normal(0, noise, shape)
    return Volume(hu, np.diag([spacing, spacing, spacing, 1]))


def brains(folder: Path, count: int, seed: int, *, blur: float = 0.0) -> str:
    """Write simulated brains of 1 mm and return where."""
    folder.mkdir()
    for index in range(count):
        brain = simulate(index, seed=seed, spacing=1.0)
        if blur:
            brain = degrade(brain, blur=blur, noise=0.02, seed=index)
        write_nifti(brain, folder / f"{index}.nii.gz")
    return str(folder)


def bodies(folder: Path, count: int, seed: int) -> str:
    """Write drawn bodies and return where."""
    folder.mkdir()
    for index in range(count):
        write_nifti(body(100 * seed + index), folder / f"{index}.nii.gz")
    return str(folder)


def study(home: Home, name: str, real: str, synthetic: str, cases: int, **more: Any) -> Created:
    """Create a study of one real and one synthetic cohort."""
    cohorts = [
        {"name": role, "path": path, "role": role, "cases": cases}
        for role, path in (("real", real), ("synthetic", synthetic))
    ]
    return create(
        read_design({"name": name, "cohorts": cohorts, "readers": [READER], **more}), home
    )


@contextmanager
def served(home: Home) -> Iterator[str]:
    """Serve the studies while the block runs; yields the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "evalsuite", "study", "serve", "--port", str(port)]
    places = {"EVALSUITE_STUDIES": str(home.app.parent), "EVALSUITE_STUDY_TRACKING": "off"}
    process = subprocess.Popen(command, env={**os.environ, **places}, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/healthy", timeout=5).read()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def opened(browser: Browser) -> Page:
    """Open a page as another visitor."""
    return browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})


def entered(browser: Browser, address: str, token: str) -> Page:
    """Open a study as its reader, up to the first case."""
    page = opened(browser)
    page.goto(f"{address}/enter?token={token}")
    page.get_by_role("button", name="Begin").click(timeout=60_000)
    case(page)
    return page


def case(page: Page, before: str | None = None) -> str:
    """Wait for a case, other than the one before, and return its token."""
    token: str = page.wait_for_function(SHOWN, arg=before, timeout=90_000).json_value()
    page.wait_for_timeout(500)
    return token


def keep(page: Page, name: str) -> None:
    """Keep what the screen shows, smaller and in 256 colours, half of which are pure greys."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(KEPT)
    pixels = np.asarray(shown)
    coloured = np.unique(pixels[np.ptp(pixels, axis=2) > 8], axis=0)
    others = Image.fromarray(coloured[None]).quantize(128).convert("RGB").getcolors() or []
    greys = [(level, level, level) for level in np.linspace(0, 255, 128).round().astype(int)]
    palette = np.array(greys + [colour for _, colour in others])
    colours, places = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    apart = ((colours[:, None].astype(int) - palette) ** 2).sum(axis=2)
    kept = Image.fromarray(apart.argmin(axis=1)[places].reshape(pixels.shape[:2]).astype(np.uint8))
    kept.putpalette(palette.astype(np.uint8).tobytes())
    kept.save(IMAGES / f"{name}.png", optimize=True)


def scan(browser: Browser, address: str, token: str) -> None:
    """Picture a brain beside the questions of Khader et al., two of them answered."""
    page = entered(browser, address, token)
    page.get_by_role("button", name="darker").click()
    page.keyboard.press("3")
    page.keyboard.press("4")
    keep(page, "reading")
    page.context.close()


def pair(browser: Browser, address: str, token: str) -> None:
    """Picture two bodies side by side, with a distance in the one on the left."""
    page = entered(browser, address, token)
    page.get_by_role("button", name="liver", exact=True).click()
    page.locator(".tile[data-plane=coronal] .slices").first.fill("82")
    axial = page.locator(".tile[data-plane=axial]").first
    axial.locator(".slices").fill("46")
    axial.locator(".slices").blur()
    page.keyboard.press("h")
    page.keyboard.press("e")
    for place in ((238, 187), (320, 187)):
        page.mouse.click(*place)
    keep(page, "pair")
    page.context.close()


def lead(browser: Browser, address: str, study: str, made: Created) -> None:
    """Picture the training, and the lead's page after a reader who answered all at once."""
    page = entered(browser, address, made.invitations[READER])
    token = None
    for number in range(made.cases):
        token = case(page, token)
        page.keyboard.press("w")
        for _ in range(4):
            page.keyboard.press("1")
        page.keyboard.press("Enter")
        if number < TRAINING:
            page.get_by_text("This volume is").wait_for()
            keep(page, "training")
            page.keyboard.press("Enter")
        if number == TRAINING - 1:
            page.get_by_text("The training is over").wait_for()
            page.keyboard.press("Enter")
    page.get_by_text("Thank you").wait_for(timeout=60_000)
    page.context.close()
    page = opened(browser)
    page.goto(address)
    page.get_by_text("I lead a study").click()
    page.locator("input[name=study]").fill(study)
    page.locator("input[name=lead]").fill(made.lead_secret)
    page.get_by_role("button", name="Open the lead's page").click()
    page.get_by_text("Signs of careless reading").wait_for(timeout=60_000)
    keep(page, "lead")
    page.context.close()


def main() -> None:
    """Make all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        home = Home.at(root / "studies", None)
        mri = study(
            home, "mri", brains(root / "a", 1, 1), brains(root / "b", 1, 2, blur=1.0), 1,
            title="Brain MRI", template=["paper", "turing"],
        )  # fmt: skip
        chests = bodies(root / "c", 6, 1), bodies(root / "d", 6, 2)
        ct = study(home, "ct", *chests, 5, title="CT of the chest", preset="ct",
                   template=["turing", "paper"], training=TRAINING // 2)  # fmt: skip
        pairs = study(home, "pairs", *chests, 4, title="Pairs", preset="ct", paired=True)
        with served(home) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            scan(browser, address, mri.invitations[READER])
            pair(browser, address, pairs.invitations[READER])
            lead(browser, address, "ct", ct)
            result_pictures.results(browser, root / "results", IMAGES)
            browser.close()


if __name__ == "__main__":
    main()
