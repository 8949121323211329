"""Pictures of results for the README: table, mosaic and report of simulated brains."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from playwright.sync_api import Browser

import evalsuite as ev
from evalsuite.workflow import simulate_population

REAL = {"variability": 1.0, "blur": 0.0, "noise": 0.0}
COHORTS = {"blurred": REAL | {"blur": 0.5, "noise": 0.01}, "alike": REAL | {"variability": 0.5}}
SPACING = 3  # millimetres
SIZE = {"width": 960, "height": 540}


def results(browser: Browser, folder: Path, images: Path) -> None:
    """Evaluate two cohorts of simulated brains and picture what comes out.

    Args:
        folder: for volumes and results.
        images: where the pictures go.
    """
    simulate_population(folder / "real", n=30, seed=1, spacing=SPACING, **REAL)
    for seed, (name, degraded) in enumerate(COHORTS.items(), 2):
        simulate_population(folder / name, n=30, seed=seed, spacing=SPACING, **degraded)
    found = ev.compute_metrics(
        folder / "real", {name: folder / name for name in COHORTS}, extractors="radiomics", seed=1
    )
    mosaic(found, images / "mosaic.png")
    page = browser.new_page(viewport=SIZE)
    page.set_content(found._repr_html_())
    shot(page.screenshot(), images / "table.png")
    page.set_viewport_size({"width": 1366, "height": 768})
    report = ev.report(folder / "report", evaluations=[found.save(folder / "results")])
    page.goto(report.as_uri())
    page.evaluate("document.getElementById('evaluation-distance').scrollIntoView()")
    page.wait_for_timeout(500)
    shot(page.screenshot(), images / "report.png")
    page.close()


def mosaic(found: ev.Evaluation, place: Path) -> None:
    """Picture the axial slices through the middle of the first volumes of each cohort."""
    slices = found.evidence.slices
    columns = min(map(len, slices.values()))
    figure = Figure(figsize=(10.93, 6.14), dpi=100, facecolor="black", layout="constrained")
    axes = figure.subplots(len(slices), columns)
    for row, (cohort, volumes) in zip(axes, slices.items(), strict=True):
        for axis, volume in zip(row, volumes, strict=False):
            axis.imshow(np.fliplr(volume.axial.T), cmap="gray", vmin=0, vmax=1, origin="lower")
            axis.set_axis_off()
        row[0].set_title(cohort, color="white", loc="left", fontsize=13)
    figure.savefig(place)
    shot(place.read_bytes(), place)


def shot(png: bytes, place: Path) -> None:
    """Keep a picture, in 256 colours."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(place, optimize=True)
