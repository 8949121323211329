"""The reading page over one case without the app: quick, and as the browser shows it."""

import io
import json

import nibabel as nib
import numpy as np
from PIL import Image

from tests.browser.modules import GREY, VIEWER, open_modules

QUESTION = {
    "kind": "confidence",
    "name": "sure",
    "text": "Sure?",
    "required": True,
    "options": ["no", "yes"],
    "form": "/reader/assets/forms/options.js",
}
LINE = (108, 195, 239)  # the colour of the crosshair
MOUNT = """
async () => {
  const root = document.createElement("div");
  root.className = "reading-root";
  document.body.replaceChildren(root);
  const { mount } = await import("/reader/assets/reading.js");
  mount(root, () => {});
}
"""


def mounted(page, cases, spacing=(1, 1, 1), **state):
    """Show the reading page over one case, or over the two of a pair, and return what it was told.

    Args:
        cases: voxels of one byte along the patient's right, anterior and superior.
        state: more of what the server tells of them.
    """
    told = {
        "finished": False,
        "study": {"title": "Birds", "revisable": False, "idle_seconds": 60, "paused": False},
        "phase": "reading",
        "position": 1,
        "total": 2,
        "presentation": "t",
        "sides": len(cases),
        "shape": cases[0].shape,
        "spacing": spacing,
        "questions": [QUESTION],
        "next": None,
        "back": None,
        "earlier": {},
        **GREY,
        **state,
    }
    contents = {f"/reader/voxels/t/{side}": nifti(case, spacing) for side, case in enumerate(cases)}
    contents["/reader/state"] = json.dumps(told).encode()
    page.emulate_media(reduced_motion="reduce")
    open_modules(page, contents)
    for name in ("reading", "stage", "panel"):
        page.add_style_tag(path=VIEWER / f"{name}.css")
    page.evaluate(MOUNT)
    page.locator("[data-ready=t]").wait_for(timeout=60_000)
    drawn(page)
    return told


def nifti(voxels, spacing):
    return nib.Nifti1Image(voxels.astype(np.uint8), np.diag([*spacing, 1])).to_bytes()


def problems_of(page):
    """Return a list to which every error of the page's scripts is added from now on."""
    problems = []
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    return problems


def drawn(page):
    """Wait until what was changed is on the screen."""
    page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")


def pixels(page, locator):
    """Return the pixels of the screen that show an element: rows x columns x 3."""
    drawn(page)
    picture = page.screenshot(clip=locator.bounding_box(), scale="device")
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def tile(page, plane, side=0):
    return page.locator(f".tile[data-plane={plane}]").nth(side)


def text(page, plane, part, side=0):
    drawn(page)
    return tile(page, plane, side).locator(f".{part}").text_content()


def press_tool(page, name):
    page.locator(f"[data-tool={name}]").click()
    drawn(page)


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
