"""Where the app finds its studies."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evalsuite.study.home import Home, default_folder
from evalsuite.study.storage.study_database import StudyDatabase


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
    folder = default_folder()
    home = Home.at(folder)
    cases = os.environ.get("EVALSUITE_CASES")
    return Settings(home.database, Path(cases) if cases else home.app / "cases", folder)


@cache
def database_at(url: str) -> StudyDatabase:
    """Return a database, opened once in each process; its tables are made if need be."""
    return StudyDatabase(url, upgrade=True)


def database() -> StudyDatabase:
    """Return the database of this process."""
    return database_at(settings().database)
