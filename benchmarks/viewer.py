"""How long until a reader sees a case, and how quickly the viewer follows, in software rendering.

    python benchmarks/viewer.py [--side 256] [--rounds 3] [CHECKOUT ...]

Each checkout of this repository (this one where none is named) prepares the same volumes of SIDE
cubed as a study and serves it to headless Chromium, by turns, so that a busy machine slows all
alike. Printed are medians in milliseconds: from the request for the state to the first picture,
from Enter to the next case's picture (fetched ahead), and for one slice, one change of the window
and one press of A, C or S while a key is held; then all of them as ratios to the first checkout.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from evalsuite.study.home import Home
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.browser.chromium import browser_page
from tests.reader_app.server import ROOT, Server

CASES = 4
HELD = 20  # presses of each key
SIZE = {"width": 1366, "height": 768}
CREATE = """
import json, sys
from pathlib import Path
from evalsuite.study.create import create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
design, home = json.loads(sys.argv[1]), Home.at(Path(sys.argv[2]))
print(json.dumps(create(read_design(design), home).invitations))
"""
READY = """
async (before) => {
  const find = (root) => {
    for (const e of root.querySelectorAll("*")) {
      if (e.dataset?.ready && e.dataset.ready !== before) return e.dataset.ready;
      const within = e.shadowRoot && find(e.shadowRoot);
      if (within) return within;
    }
    return null;
  };
  const frame = () => new Promise(requestAnimationFrame);
  while (!find(document)) await frame();
  await frame();
  await frame();
  const [asked] = performance.getEntriesByType("resource").filter((e) => e.name.includes("/state"));
  return [find(document), performance.now(), asked.startTime];
}
"""
PRESS = """
async ([keys, count]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const start = performance.now();
  for (let i = 0; i < count; i += 1) {
    const key = keys[i % keys.length];
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true }));
    await frame();
  }
  await frame();
  await frame();
  return (performance.now() - start) / count;
}
"""


def volumes(folder, side):
    for role in ("real", "synthetic"):
        (folder / role).mkdir()
        for i in range(CASES // 2):
            random = np.random.default_rng([len(role), i])
            coarse = random.normal(size=(8, 8, 8)).astype(np.float32)
            voxels = np.kron(coarse, np.ones((side // 8,) * 3, np.float32))
            voxels += 0.1 * random.standard_normal(voxels.shape, np.float32)
            write_nifti(Volume(voxels, np.eye(4)), folder / role / f"{i}.nii")


def study(folder, checkout, readers):
    """Create the study by the checkout's own code; return its home and the readers' tokens."""
    home = folder / f"studies{len(list(folder.glob('studies*')))}"
    cohorts = [
        {"name": role, "path": str(folder / role), "role": role, "cases": CASES // 2}
        for role in ("real", "synthetic")
    ]
    design = {"name": "speed", "title": "Speed", "template": "turing", "cohorts": cohorts}
    design["readers"] = [f"Reader {i}" for i in range(readers)]
    command = [sys.executable, "-c", CREATE, json.dumps(design), str(home)]
    told = subprocess.run(command, cwd=checkout, check=True, stdout=subprocess.PIPE)
    return Home.at(home), list(json.loads(told.stdout).values())


def times(url, token):
    """Return milliseconds by what was measured, of one reader's first two cases."""
    with browser_page(**SIZE) as page:
        page.goto(f"{url}/enter?token={token}")
        page.get_by_role("button", name="Begin").click()
        first, shown, asked = page.evaluate(READY, "")
        page.wait_for_timeout(4000)  # the next case is fetched ahead
        held = {
            name: page.evaluate(PRESS, [keys, HELD])
            for name, keys in {
                "slice": ["ArrowUp"],
                "window": ["l", "d"],
                "plane": list("acs"),
            }.items()
        }
        page.keyboard.press("1")
        before = page.evaluate("() => performance.now()")
        page.keyboard.press("Enter")
        _, after, _ = page.evaluate(READY, first)
    return {"first": shown - asked, "next": after - before, **held}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[ROOT])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = [[] for _ in arguments.checkouts]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        volumes(folder, arguments.side)
        studies = [study(folder, c, arguments.rounds) for c in arguments.checkouts]
        for turn in range(arguments.rounds):
            for checkout, (home, tokens), seen in zip(
                arguments.checkouts, studies, found, strict=True
            ):
                server = Server(home, folder / "log", root=checkout)
                try:
                    seen.append(times(server.url, tokens[turn]))
                finally:
                    server.kill()
    medians = [
        {name: statistics.median(one[name] for one in seen) for name in seen[0]} for seen in found
    ]
    for checkout, median in zip(arguments.checkouts, medians, strict=True):
        told = [f"{name} {ms:.0f} ms ({ms / medians[0][name]:.2f})" for name, ms in median.items()]
        print(f"{checkout}: {', '.join(told)}")
    output = Path(__file__).parent / "results" / "viewer.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps({"side": arguments.side, "medians": medians}, indent=1) + "\n")


if __name__ == "__main__":
    main()
