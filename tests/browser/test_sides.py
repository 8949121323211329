"""What lies on the patient's right is shown on the left of the screen, however it was stored."""

import io

import numpy as np
import pytest
from nibabel import Nifti1Image
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from PIL import Image

from evalsuite.study.create import create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from tests.browser.chromium import browser_page
from tests.reader_app.server import Server

ORIENTATIONS = ("RAS", "LPS", "PIR", "LAS")


def phantom(folder, orientation, index):
    """Write a cube with a bright block at the patient's right, front and top."""
    voxels = np.random.default_rng(index).uniform(10, 20, (40, 40, 40)).astype(np.float32)
    voxels[28:36, 24:32, 24:32] = 200  # towards +x: the patient's right in RAS
    image = Nifti1Image(voxels, np.diag([1.0, 1, 1, 1]))
    change = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(orientation))
    turned = image.as_reoriented(change)
    np.testing.assert_allclose(turned.affine, image.affine @ inv_ornt_aff(change, (40, 40, 40)))
    turned.to_filename(folder / f"{index}_{orientation}.nii.gz")


@pytest.fixture
def study(tmp_path):
    cohorts = []
    for role in ("real", "synthetic"):
        folder = tmp_path / role
        folder.mkdir()
        for index, orientation in enumerate(ORIENTATIONS):
            phantom(folder, orientation, index + 10 * (role == "real"))
        cohorts.append({"name": role, "path": str(folder), "role": role, "cases": 4})
    design = {"name": "sides", "title": "Sides", "cohorts": cohorts, "readers": ["Ada"]}
    design["preparation"] = {"intensity": {"kind": "window", "low": 0, "high": 255}}
    home = Home.at(tmp_path / "studies")
    return home, create(read_design(design), home)


@pytest.mark.parametrize("argument", [None, "--disable-3d-apis"])
def test_the_patients_right_is_on_the_left_of_the_screen(study, tmp_path, argument):
    home, created = study
    server = Server(home, tmp_path / "app.log")
    try:
        with browser_page(*([argument] if argument else [])) as page:
            page.goto(f"{server.url}/enter?token={created.invitations['Ada']}")
            page.get_by_role("button", name="Begin").click(timeout=30_000)
            for _ in range(4):
                page.wait_for_selector("[data-ready]", timeout=60_000)
                # The bright block is in front of and above the middle, where the crosshair stands.
                page.keyboard.press("PageUp")
                page.keyboard.press("f")
                page.wait_for_timeout(1500)
                assert "patient's right is on the left" in page.locator(".convention").inner_text()
                stage = page.locator(".stage").screenshot()
                pixels = np.asarray(Image.open(io.BytesIO(stage)).convert("L"), dtype=float)
                bright = np.argwhere(pixels > 150)
                rows, columns = np.median(bright, axis=0) / pixels.shape
                assert columns < 0.45, "right of the patient on the left of the screen"
                assert rows < 0.45, "front of the patient on top"
                page.keyboard.press("f")
                before = page.locator("[data-ready]").get_attribute("data-ready")
                for key in "111":
                    page.keyboard.press(key)
                page.keyboard.press("Enter")
                page.wait_for_selector(f"[data-ready]:not([data-ready='{before}'])", timeout=60_000)
    finally:
        server.kill()
