"""The figure of the agreement of pairs."""

import numpy as np
import pytest

from evalsuite.records import Detail, Evidence
from evalsuite.statistics.limits import limits_of_agreement
from reports.figures.agreement import SHOWN, agreement
from tests.evaluations import example

FOREGROUND = (("region", "foreground"),)


def evidence(names, structures):
    regions = [(), FOREGROUND, *((("structure", str(i)),) for i in range(structures))]
    random = np.random.default_rng(0)
    tables = {"middle": random.normal(100, 9, (len(regions), 12)),
              "apart": random.normal(3, 2, (len(regions), 12))}  # fmt: skip
    details = [Detail("agreement", {"regions": regions, **tables}, synthetic=n) for n in names]
    return Evidence((), {}, details=tuple(details)), tables


def test_every_region_has_its_subjects_and_limits():
    assert agreement(example("gan"), Evidence((), {})) is None
    kept, tables = evidence(["gan"], 2)
    tables["apart"][1, 3] = np.nan
    figure = agreement(example("gan"), kept)
    assert [axes.texts[0].get_text() for axes in figure.axes] == [
        "Foreground", "Structure 0", "Structure 1", "Whole volume"
    ]  # fmt: skip
    foreground = figure.axes[0]
    assert len(foreground.collections[0].get_offsets()) == 11
    found = limits_of_agreement(np.delete(tables["apart"][1], 3))
    drawn = [line.get_ydata()[0] for line in foreground.get_lines()[1:]]
    assert drawn == pytest.approx([found.bias, found.bias - found.reach, found.bias + found.reach])


def test_of_many_regions_the_first_are_drawn_and_the_others_counted():
    figure = agreement(example("gan", "vae"), evidence(["gan", "vae"], 30)[0])
    assert len(figure.axes) == SHOWN
    assert "23 more regions are in the table." in [text.get_text() for text in figure.texts]
