"""Pictures of results for the README: table, mosaic and report of simulated brains."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

import evalsuite as ev
from evalsuite.workflow import simulate_population

SIZE = (1366, 768)
SHOWN = (  # of the table, which is long
    "frechet_distance",
    "frechet_distance_infinity",
    "kid",
    "precision",
    "recall",
    "ms_ssim",
)
REAL = {"variability": 1.0, "blur": 0.0, "noise": 0.0}
COHORTS = {"blurred": REAL | {"blur": 0.5, "noise": 0.01}, "alike": REAL | {"variability": 0.5}}


def results(folder: Path) -> ev.Evaluation:
    """Evaluate two cohorts of simulated brains, and keep the results."""
    simulate_population(folder / "real", n=30, seed=1, spacing=3, **REAL)
    for seed, (name, more) in enumerate(COHORTS.items(), 2):
        simulate_population(folder / name, n=30, seed=seed, spacing=3, **more)
    found = ev.compute_metrics(
        folder / "real", {name: folder / name for name in COHORTS}, extractors="radiomics", seed=1
    )
    return found.save(folder / "results")


def table(browser: Browser, found: ev.Evaluation, place: Path) -> None:
    """Picture the table as a notebook shows it."""
    page = browser.new_page(viewport={"width": 1093, "height": 614})
    page.set_content(found._repr_html_())
    shot(page.screenshot(), place)
    page.close()


def report(browser: Browser, found: ev.Evaluation, folder: Path, place: Path) -> None:
    """Picture the first screen of a report."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.goto(ev.report(folder, evaluations=[found]).as_uri())
    shot(page.screenshot(), place)
    page.close()


def shot(png: bytes, place: Path) -> None:
    """Keep a picture, in 256 colours."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(place, optimize=True)
