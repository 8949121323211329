"""Where studies lie: what the app may open, and what only the lead may."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The two folders of a home of studies, and its database.

    Args:
        app: prepared cases, and the database unless another is named; all that the app opens.
        lead: designs, truths and audits; a deployed app never sees this folder.
        database: SQLAlchemy URL.
    """

    app: Path
    lead: Path
    database: str

    @classmethod
    def at(cls, folder: Path, database: str | None = None) -> "Home":
        """Return the home in a folder; `EVALSUITE_DATABASE` names another database."""
        app = folder / "app"
        url = database or os.environ.get("EVALSUITE_DATABASE")
        return cls(app, folder / "lead", url or f"sqlite:///{app / 'studies.db'}")

    def cases(self, study: str) -> Path:
        """Return the folder of the prepared cases of a study."""
        return self.app / "cases" / study

    def truth(self, study: str) -> Path:
        """Return the table that tells what each case is."""
        return self.lead / study / "truth.tsv"


def default_folder() -> Path:
    """Return `EVALSUITE_STUDIES`, else `studies` in the working folder."""
    return Path(os.environ.get("EVALSUITE_STUDIES", "studies"))
