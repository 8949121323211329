"""One Chromium for each file of tests over the mounted reading page."""

import pytest

from tests.browser.chromium import browser_page


@pytest.fixture(scope="module")
def browser():
    with browser_page() as page:
        yield page.context.browser


@pytest.fixture
def opened(browser):
    contexts = []

    def open_page(width=1366, height=768, ratio=1, **more):
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=ratio, **more
        )
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
