"""Where the app finds its studies."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evalsuite.study.home import Home, default_folder
from evalsuite.study.storage.store import Store


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    Args:
        database: `EVALSUITE_DATABASE`, else the SQLite file in the home.
        cases: `EVALSUITE_CASES`, else the folder of prepared cases in the home.
        home: `EVALSUITE_STUDIES`, else `studies` in the working folder.
    """

    database: str
    cases: Path
    home: Path


def settings() -> Settings:
    """Return the settings of this process."""
    home = default_folder()
    found = Home.at(home)
    cases = os.environ.get("EVALSUITE_CASES")
    return Settings(found.database, Path(cases) if cases else found.app / "cases", home)


@cache
def store_at(url: str) -> Store:
    """Return the store of a database, one for each process; its tables are made if need be."""
    return Store(url, upgrade=True)


def store() -> Store:
    """Return the store of this process."""
    return store_at(settings().database)
