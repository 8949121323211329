"""`evalsuite study serve`: the app of the readers, from wherever the package is installed."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from evalsuite import extras
from evalsuite.study.home import Home

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


def serve(home: Home, *, host: str, port: int, base_path: str, trusted_proxies: str) -> NoReturn:
    """Become the app, which says its address when it listens; it ends by Ctrl-C or SIGTERM.

    Args:
        home: whose studies are served.
        host: address to listen on.
        port: to listen on.
        base_path: what every address of the app begins with, as a proxy passes it on.
        trusted_proxies: addresses or networks, with commas, that are believed where a request
            comes from and whether by HTTPS (X-Forwarded-For and -Proto); none if empty.

    Raises:
        EvalsuiteError: if what the app needs is not installed.
    """
    app = find_spec("reader_app")
    extras.require("reader", purpose="The app")
    assert app is not None  # noqa: S101 - it is one of this distribution's packages
    assert app.origin is not None  # noqa: S101
    options = {
        "server.address": host,
        "server.port": port,
        "server.baseUrlPath": base_path.strip("/"),
        # Without it Streamlit asks the internet for the address of this machine.
        "browser.serverAddress": "localhost" if host in EVERYWHERE else host,
    }
    os.environ |= {
        "EVALSUITE_STUDIES": str(home.app.parent),
        "EVALSUITE_DATABASE": home.database,
        "FORWARDED_ALLOW_IPS": trusted_proxies,
    }
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(Path(app.origin).parent)]
    command += [f"--{name}={value}" for name, value in options.items()]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606
