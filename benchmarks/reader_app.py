"""How long do many readers at once wait for the next case?

    python benchmarks/reader_app.py [--readers 50] [--cases 20]

Over real HTTP against one server each posts an answer, takes the voxels of the case after the next,
looks for a moment, and posts again. Printed is the time from the submission to the state of the
next case. For the time to the picture see `viewer.py`.
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
from tests.reader_app.server import Server

SIDE = 64  # voxels
LOOK = 1.0  # seconds that a simulated reader looks at a case


def study(folder, readers, cases):
    cohorts = []
    for role in ("real", "synthetic"):
        source = folder / role
        source.mkdir(parents=True)
        for i in range(cases // 2):
            random = np.random.default_rng([len(role), i])
            coarse = random.normal(size=(8, 8, 8)).astype(np.float32)
            voxels = np.kron(coarse, np.ones((SIDE // 8,) * 3, np.float32))
            voxels += 0.1 * random.normal(size=voxels.shape).astype(np.float32)
            write_nifti(Volume(voxels, np.eye(4)), source / f"{i}.nii")
        cohorts.append({"name": role, "path": str(source), "role": role, "cases": cases // 2})
    design = {"name": "many", "title": "Many", "cohorts": cohorts, "template": "paper"}
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--cases", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        many = study(folder, arguments.readers, arguments.cases)
        server = Server(Home.at(folder / "studies"), folder / "log")
        try:
            times = asyncio.run(crowd(server.url, list(many.invitations.values())))
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
    output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
