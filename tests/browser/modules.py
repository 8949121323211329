"""The viewer's own scripts in a page without the app, for what needs no study."""

from pathlib import Path

from evalsuite.study.protocol.windows import shown

GREY = shown({})  # what the server tells of cases of 8 bits
VIEWER = Path(__file__).parents[2] / "reader_app" / "viewer"
PAGE = """<!doctype html><meta name="viewport" content="width=device-width, initial-scale=1"><style>
body { margin: 0 } .viewer { position: absolute; inset: 0; overflow: hidden; background: #000 }
</style>"""


def open_modules(page, contents):
    """Serve the scripts, an empty page, and bytes by their address, to a page of Chromium."""

    def fulfil(route):
        path = route.request.url.removeprefix("http://viewer")
        if path in contents:
            route.fulfill(body=contents[path], content_type="application/octet-stream")
        elif path.startswith("/reader/assets/"):
            script = VIEWER / path.removeprefix("/reader/assets/")
            route.fulfill(path=script, content_type="text/javascript")
        else:
            route.fulfill(body=PAGE, content_type="text/html")

    page.route("http://viewer/**", fulfil)
    page.goto("http://viewer/")
