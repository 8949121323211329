"""The figure of the anatomy metric."""

import numpy as np
import pytest

from evalsuite.records import Detail, Evidence
from reports.figures.anatomy import SHOWN, anatomy
from tests.evaluations import example


def evidence(names, real, synthetic):
    """Return what the metric keeps; `synthetic` by cohort."""
    details = [
        Detail(
            "anatomy",
            {"measures": names, "real": np.asarray(real), "synthetic": np.asarray(own)},
            synthetic=cohort,
        )
        for cohort, own in synthetic.items()
    ]
    return Evidence((), {}, details=tuple(details))


def titles(figure):
    return [axes.texts[0].get_text() for axes in figure.axes]


def test_without_the_metric_there_is_no_figure():
    assert anatomy(example("gan"), Evidence((), {})) is None


def test_each_measure_has_a_panel_with_its_unit_and_a_row_per_cohort():
    names = [("volume", ("1",)), ("surface", ("2",)), ("sphericity", ("1",)), ("right", ("1", "2"))]
    table = np.arange(20.0).reshape(5, 4)
    figure = anatomy(example("gan", "vae"), evidence(names, table, {"gan": table, "vae": table}))
    assert titles(figure) == [
        "Volume, structure 1", "Surface, structure 2", "Sphericity, structure 1",
        "Structure 2, how far right of 1",
    ]  # fmt: skip
    assert [axes.texts[1].get_text() for axes in figure.axes] == ["ml", "mm²", "1: a ball", "mm"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["real", "gan", "vae"]


def test_points_are_the_measures_and_missing_structures_are_left_out():
    real, own = [[1.0], [2.0], [3.0]], [[np.nan], [5.0]]
    figure = anatomy(example("gan"), evidence([("volume", ("1",))], real, {"gan": own}))
    drawn = [collection.get_offsets()[:, 0].tolist() for collection in figure.axes[0].collections]
    assert drawn == [[1, 2, 3], [5]]


def test_a_structure_that_no_synthetic_volume_has_is_drawn_for_the_real_ones():
    own = [[np.nan], [np.nan]]
    figure = anatomy(example("gan"), evidence([("volume", ("1",))], [[1.0], [2.0]], {"gan": own}))
    assert len(figure.axes[0].collections) == 1


@pytest.mark.parametrize("furthest", [0, 17, SHOWN + 4])
def test_of_many_measures_those_that_differ_most_are_shown_in_order(furthest):
    names = [("volume", (str(i),)) for i in range(SHOWN + 5)]
    real = np.tile(np.arange(5.0)[:, None], (1, len(names)))
    own = real + np.where(np.arange(len(names)) == furthest, 50.0, 0.0)
    figure = anatomy(example("gan"), evidence(names, real, {"gan": own}))
    shown = [int(title.rsplit(" ", 1)[1]) for title in titles(figure)]
    assert len(shown) == SHOWN
    assert furthest in shown
    assert shown == sorted(shown)
    assert figure.get_size_inches()[1] <= 11


def test_a_cohort_without_label_maps_is_left_out():
    figure = anatomy(
        example("gan", "vae"), evidence([("volume", ("1",))], [[1.0]], {"vae": [[1.0]]})
    )
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["real", "vae"]
