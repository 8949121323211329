"""Figures of one page and of several; where results go."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from evalsuite import plugins
from evalsuite.records import Evidence
from evalsuite.workflow import draw, folder_by_time
from reports.figures.drawing import Drawing
from tests.evaluations import example


@dataclass
class Point:
    """An entry point of a figure that is drawn already."""

    drawn: object

    def load(self):
        return Drawing(lambda evaluation, evidence: self.drawn, "overview", "")


def test_further_pages_of_a_figure_are_numbered_and_nothing_is_no_figure(monkeypatch):
    pages = [Figure(), Figure(), Figure()]
    points = {
        "many": Point(pages[:2]),
        "none": Point(None),
        "one": Point(pages[2]),
        "empty": Point([]),
    }
    monkeypatch.setattr(plugins, "available", lambda group: points)
    drawn = draw(example("gan"), Evidence((), {}))
    assert drawn == {"many": pages[0], "many-2": pages[1], "one": pages[2]}


def test_runs_that_begin_in_one_second_have_folders_of_their_own():
    assert folder_by_time() != folder_by_time()
