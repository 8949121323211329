"""Debian's Chromium, headless, with WebGL2 in software."""

import os
import shutil
from contextlib import contextmanager

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
    "--disable-component-update",
]


@contextmanager
def browser_page(*extra, width=1440, height=900):
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None and not os.environ.get("EVALSUITE_REQUIRE_ALL"):
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *extra])
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()
