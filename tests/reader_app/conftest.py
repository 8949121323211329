"""A small study on disk."""

import pytest

from evalsuite.study.create import create
from evalsuite.study.home import Home
from evalsuite.study.protocol.design import read_design


@pytest.fixture
def make_study(tmp_path, make_cohort):
    """Create a study of smooth random volumes; returns its home and what was told of it."""

    def make(**changes):
        values = {
            "name": "birds",
            "title": "A study of birds",
            "cohorts": [
                {"name": "heron", "path": str(make_cohort("heron", 8, seed=1)), "role": "real"},
                {
                    "name": "magpie",
                    "path": str(make_cohort("magpie", 8, seed=2, shift=0.5)),
                    "role": "synthetic",
                },
            ],
            "readers": ["Dr. Ada", "Dr. Bob"],
            "consent": "I take part.",
            "instructions": "Rate each volume.",
            **changes,
        }
        cases = values.pop("cases", 6)
        for cohort in values["cohorts"]:
            cohort["cases"] = cases
        home = Home.at(tmp_path / "studies", changes.get("database"))
        return home, create(read_design(values), home)

    return make
