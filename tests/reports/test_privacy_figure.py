"""The figure of privacy: what it shows is what was measured, and it fits the page."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from evalsuite.metrics.privacy.copies import Threshold
from evalsuite.records import Detail, Evidence, MidSlices
from reports.figures.panels import RED
from reports.figures.privacy import privacy
from tests.evaluations import example
from tests.reports.pages import assert_sound

LONG = "ddpm-medium-guidance-3.5-ema-0.9999"


def slices(name, value, shape=(24, 32, 20)):
    x, y, z = shape
    return MidSlices(
        name,
        sagittal=np.full((y, z), value),
        coronal=np.full((x, z), value),
        axial=np.linspace(0, value, x * y).reshape(x, y),
        spacing=(1.0, 1.0, 1.5),
    )


def pair(i, *, relative, flips=(False, False, False), shift=(0, 0, 0)):
    return {
        "dcr": 0.1,
        "relative": relative,
        "flips": flips,
        "shift": shift,
        "synthetic": slices(f"sample_{i:05d}.nii.gz", 1.0),
        "training": slices(f"sub-{i:03d}/ses-baseline/anat/sub-{i:03d}_T1w.nii.gz", 0.75),
    }


def details(names, extractors=("",), unseen="held-out real volumes"):
    found = []
    for i, name in enumerate(names):
        for extractor in extractors:
            values = {"unseen_are": unseen}
            for quantity in ("dcr", "relative"):
                values[quantity] = {
                    "synthetic": np.linspace(0.1 * i, 1, 11),
                    "unseen": np.linspace(0.35, 1, 30),
                    "threshold": Threshold(0.35, 1 / 31, 1, 30),
                }
            if not extractor:
                moved = pair(0, relative=0.3, flips=(True, False, True), shift=(0, -1, 2))
                values["pairs"] = (moved, *(pair(k, relative=0.35 + k) for k in range(1, 6)))
            found.append(Detail("privacy", values, name, extractor))
    return Evidence((), {}, (), tuple(found))


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text().strip()]


@pytest.mark.parametrize("names", [("ddpm",), ("gan", "ddpm", "vae", "blur", LONG)])
@pytest.mark.parametrize(
    ("extractors", "unseen"),
    [
        (("",), "held-out real volumes"),
        (("", "radiomics", "medicalnet-resnet10-23datasets"), "training volumes, each left out"),
    ],
)
def test_no_text_leaves_the_page_and_no_two_texts_meet(names, extractors, unseen):
    assert_sound(privacy(example(*names), details(names, extractors, unseen)))


def test_points_counts_and_threshold_are_those_of_the_evidence():
    # Of 0, 0.1, ... 1.0 four lie below 0.35.
    figure = privacy(example("ddpm"), details(["ddpm"]))
    for axes in figure.axes[:2]:
        points = np.concatenate([c.get_offsets()[:, 0] for c in axes.collections])
        expected = np.concatenate([np.linspace(0.35, 1, 30), np.linspace(0, 1, 11)])
        assert sorted(points) == pytest.approx(sorted(expected))
        red = [c for c in axes.collections if len(c.get_offsets()) == 4]
        assert to_hex(red[0].get_edgecolor()[0]).upper() == RED
        assert axes.lines[0].get_xdata()[0] == 0.35
        assert "4 of 11" in [t.get_text() for t in axes.texts]
        assert "rate 3.2 %" in [t.get_text() for t in axes.texts]


def test_pairs_are_told_with_their_move_and_copies_are_red():
    figure = privacy(example("ddpm"), details(["ddpm"]))
    title = next(t for t in figure.texts if t.get_text().startswith("1."))
    assert title.get_text() == (
        "1. sample_00000.nii.gz and …es-baseline/anat/sub-000_T1w.nii.gz (mirrored in x and z,"
        " displaced by +0, -1, +2 voxels): distance 0.100, relative 0.300"
    )
    assert title.get_color() == RED
    second = next(t for t in figure.texts if t.get_text().startswith("2."))
    assert second.get_text().endswith("T1w.nii.gz: distance 0.100, relative 1.350")
    assert second.get_color() == "black"


def test_tiles_are_synthetic_training_and_their_difference_in_radiological_orientation():
    figure = privacy(example("ddpm"), details(["ddpm"]))
    tiles = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(tiles) == 6 * 9
    expected = slices("", 1.0).axial
    assert np.asarray(tiles[0].get_array()) == pytest.approx(expected[::-1].T)
    assert np.asarray(tiles[1].get_array()) == pytest.approx(0.75 * expected[::-1].T)
    assert np.asarray(tiles[2].get_array()) == pytest.approx(0.25 * expected[::-1].T)
    assert tiles[0].get_clim() == tiles[1].get_clim()
    low, high = tiles[2].get_clim()
    assert low == -high


def test_many_cohorts_share_the_page():
    names = ("gan", "ddpm", "vae", "blur", LONG)
    figure = privacy(example(*names), details(names))
    assert sum(bool(axes.images) for axes in figure.axes) == 5 * 9
    assert figure.get_size_inches()[1] < 13


def test_there_is_no_figure_where_the_metric_was_not_computed():
    assert privacy(example("ddpm"), Evidence((), {})) is None
