"""Where the app finds its studies: what the environment says, else the home of this process."""

import os
from functools import cache
from pathlib import Path

from evalsuite.study.home import Home, default_folder
from evalsuite.study.storage.study_database import StudyDatabase


def home() -> Home:
    """Return `EVALSUITE_STUDIES`, else `studies`, with the database `EVALSUITE_DATABASE`."""
    return Home.at(default_folder())


def prepared_cases() -> Path:
    """Return `EVALSUITE_CASES`, else the folder of prepared cases in the home."""
    return Path(os.environ.get("EVALSUITE_CASES") or home().app / "cases")


def base_path() -> str:
    """Return the path below which the app is served, such as `/study`; usually empty."""
    import streamlit as st

    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


@cache
def database_at(url: str) -> StudyDatabase:
    """Return a database, opened once in each process; its tables are made if need be."""
    return StudyDatabase(url, upgrade=True)


def database() -> StudyDatabase:
    """Return the database of this process."""
    return database_at(home().database)
