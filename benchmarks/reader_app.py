"""How long do readers wait for the next case, and the first for the picture?

    python benchmarks/reader_app.py [--readers 50] [--cases 20] [--side 256]

(1) That many readers at once over real HTTP against one server: each posts an answer, takes the
voxels of the case after the next, looks for a moment, and posts again. Printed is the time from
the submission to the state of the next case. (2) One browser in software rendering: the time from
opening the page to the picture of a case of SIDE cubed, and from the submission to the next.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from evalsuite.study.create import create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design
from evalsuite.volumes.volume import Volume
from evalsuite.volumes.write import write_nifti
from tests.browser.chromium import browser_page
from tests.reader_app.server import Server

LOOK = 1.0  # seconds that a simulated reader looks at a case


def study(folder, name, readers, cases, side):
    cohorts = []
    for role in ("real", "synthetic"):
        source = folder / name / role
        source.mkdir(parents=True)
        for i in range(cases // 2):
            random = np.random.default_rng([len(role), i])
            coarse = random.normal(size=(8, 8, 8)).astype(np.float32)
            voxels = np.kron(coarse, np.ones((side // 8,) * 3, np.float32))
            voxels += 0.1 * random.normal(size=voxels.shape).astype(np.float32)
            write_nifti(Volume(voxels, np.eye(4)), source / f"{i}.nii")
        cohorts.append({"name": role, "path": str(source), "role": role, "cases": cases // 2})
    design = {"name": name, "title": name, "cohorts": cohorts, "template": "paper"}
    design["readers"] = [f"Reader {i}" for i in range(readers)]
    return create(read_design(design), Home.at(folder / "studies"))


async def reader(url, token, times):
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        await client.get("/enter", params={"token": token})
        state = (await client.get("/reader/state")).json()
        while not state["finished"]:
            if state["next"]:
                await client.get(f"/reader/voxels/{state['next']}/0")
            await asyncio.sleep(LOOK * np.random.default_rng().uniform(0.5, 1.5))
            sent = {
                "presentation": state["presentation"],
                "key": state["presentation"],
                "answers": {q["name"]: 2 for q in state["questions"]},
                "behaviour": {"seconds": 1.0, "active_seconds": 1.0},
            }
            start = time.perf_counter()
            answer = await client.post("/reader/answer", json=sent)
            answer.raise_for_status()
            times.append(time.perf_counter() - start)
            state = answer.json()["state"]


async def crowd(url, tokens):
    times = []
    await asyncio.gather(*(reader(url, token, times) for token in tokens))
    return times


def one_browser(url, token, side):
    with browser_page() as page:
        page.goto(f"{url}/enter?token={token}")
        page.get_by_role("button", name="Begin").wait_for(timeout=60_000)
        page.wait_for_timeout(2000)
        start = time.perf_counter()
        page.get_by_role("button", name="Begin").click()
        page.wait_for_selector("[data-ready]", timeout=60_000)
        first = time.perf_counter() - start
        page.wait_for_timeout(3000)
        nexts = []
        for _ in range(3):
            before = page.locator("[data-ready]").get_attribute("data-ready")
            for key in "222":
                page.keyboard.press(key)
            start = time.perf_counter()
            page.keyboard.press("Enter")
            page.wait_for_selector(f"[data-ready]:not([data-ready='{before}'])", timeout=60_000)
            nexts.append(time.perf_counter() - start)
            page.wait_for_timeout(3000)
    print(f"{side} cubed: {first:.2f} s to the first picture, then {np.median(nexts):.2f} s")
    return {"side": side, "first": first, "next": nexts}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--side", type=int, default=256)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        many = study(folder, "many", arguments.readers, arguments.cases, 64)
        large = study(folder, "large", 1, 6, arguments.side)
        server = Server(Home.at(folder / "studies"), folder / "log")
        try:
            times = asyncio.run(crowd(server.url, list(many.invitations.values())))
            picture = one_browser(server.url, large.invitations["Reader 0"], arguments.side)
        finally:
            server.kill()
    found = {
        "readers": arguments.readers,
        "submissions": len(times),
        "median": statistics.median(times),
        "p95": float(np.percentile(times, 95)),
        "most": max(times),
    }
    print(
        f"{found['readers']} readers, {found['submissions']} submissions: median "
        f"{found['median']:.3f} s to the next case, 95 % within {found['p95']:.3f} s, "
        f"at most {found['most']:.3f} s"
    )
    output = Path(__file__).parent / "results" / "reader_app.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps({"crowd": found, "picture": picture}, indent=1) + "\n")


if __name__ == "__main__":
    main()
