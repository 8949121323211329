"""The figure of slices: what it shows is what was measured, and it fits the page."""

import dataclasses

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from evalsuite.metrics.metric import Views
from evalsuite.metrics.slices import METRIC
from evalsuite.records import Detail, Evidence
from reports.figures.panels import RED
from reports.figures.slices import slices
from tests.evaluations import example
from tests.reports.pages import assert_sound

LONG = "ddpm-medium-guidance-3.5-ema-0.9999"
POSITIONS, FREQUENCIES = (24, 32, 20), 24


def details(names, *, volume="sample_{:05d}.nii.gz"):
    """Return what the metric keeps, with numbers that are easily told."""

    def bands(level):
        return {
            "similarity": [
                np.outer([level - 0.1, level, level + 0.1], np.linspace(0.9, 1, n))
                for n in POSITIONS
            ],
            "power": [np.outer([0.5, 1, 2], np.full(FREQUENCIES, level))] * 3,
            "frequencies": np.linspace(0.5 / FREQUENCIES, 0.5, FREQUENCIES),
        }

    def worst(i):
        return {
            "volume": volume.format(i),
            "score": -40.0 if i == 0 else -3.0,
            "plane": "axial",
            "text": "slice unlike the mean of its neighbours, slice 17",
            "at": None if i == 5 else 17.0,
            "picture": np.linspace(0, 1, 24 * 20).reshape(24, 20),
            "along": 1,
            "steps": (1.0, 1.5),
        }

    found = [
        Detail(
            "slices",
            {
                "real": bands(0.8),
                "synthetic": bands(0.7 - 0.02 * i),
                "worst": tuple(worst(k) for k in range(6)),
                "real_scores": np.linspace(-6, 1, 29),
                "synthetic_scores": np.array([-40.0, -5.8, -3, -2, -1, np.nan]),
                "threshold": -5.75,
                "rate": 0.05,
            },
            name,
        )
        for i, name in enumerate(names)
    ]
    return Evidence((), {}, (), tuple(found))


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text().strip()]


def panel(figure, title, place=0):
    own = [axes for axes in figure.axes if axes.texts and axes.texts[0].get_text() == title]
    return own[place]


@pytest.mark.parametrize("names", [("ddpm",), ("gan", "ddpm", "vae", "blur", LONG)])
@pytest.mark.parametrize(
    "volume", ["sample_{:05d}.nii.gz", "sub-{:03d}/ses-baseline/anat/sub-x_acq-mprage_T1w.nii.gz"]
)
def test_no_text_leaves_the_page_and_no_two_texts_meet(names, volume):
    drawn = slices(example(*names), details(names, volume=volume))
    assert_sound(drawn)
    assert sum(bool(axes.images) for axes in drawn.axes) == (6 if len(names) == 1 else 10)


def test_curves_are_medians_and_the_band_is_that_of_the_real_cohort():
    figure = slices(example("ddpm"), details(["ddpm"]))
    for title, n in zip(("sagittal", "coronal", "axial"), POSITIONS, strict=True):
        axes = panel(figure, f"{title} slices")
        real, synthetic, low, high = axes.lines
        np.testing.assert_allclose(real.get_xdata(), (np.arange(n) + 0.5) / n)
        np.testing.assert_allclose(real.get_ydata(), 0.8 * np.linspace(0.9, 1, n))
        np.testing.assert_allclose(synthetic.get_ydata(), 0.7 * np.linspace(0.9, 1, n))
        np.testing.assert_allclose(low.get_ydata(), 0.6 * np.linspace(0.9, 1, n))
        np.testing.assert_allclose(high.get_ydata(), 0.8 * np.linspace(0.9, 1, n))
        band = axes.collections[0].get_paths()[0].vertices
        assert band[:, 1].min() == pytest.approx(0.7 * 0.9)
        assert band[:, 1].max() == pytest.approx(0.9)
        ratio = panel(figure, f"across / within {title} slices")
        assert ratio.lines[1].get_ydata()[0] == pytest.approx(0.8)
        assert ratio.lines[2].get_ydata()[0] == pytest.approx(0.7)


def test_the_spread_of_many_cohorts_is_left_out_and_the_note_does_not_tell_of_it():
    names = ("gan", "ddpm", "vae")
    figure = slices(example(*names), details(names))
    assert len(panel(figure, "axial slices").lines) == 4
    assert not any("thin lines" in text.replace("\n", " ") for text in texts(figure))
    few = slices(example("ddpm"), details(["ddpm"]))
    assert any("thin lines" in text.replace("\n", " ") for text in texts(few))


def test_scores_stand_at_their_numbers_and_faulty_ones_are_red_and_counted():
    figure = slices(example("ddpm"), details(["ddpm"]))
    axes = panel(figure, "consistency of each volume")
    points = np.concatenate([c.get_offsets()[:, 0] for c in axes.collections])
    expected = np.concatenate([np.linspace(-6, 1, 29), [-40.0, -5.8, -3, -2, -1]])
    np.testing.assert_allclose(np.sort(points), np.sort(expected))
    red = [c for c in axes.collections if to_hex(c.get_edgecolor()[0]).upper() == RED]
    assert sorted(len(c.get_offsets()) for c in red) == [1, 2]  # of the real ones only -6
    assert axes.lines[0].get_xdata()[0] == -5.75
    across = axes.transAxes.inverted().transform(axes.transData.transform([(-40, 0)]))[0, 0]
    assert across == pytest.approx(0.05 / 1.1, abs=0.005)  # the margin is one of the drawn scale
    words = [t.get_text() for t in axes.texts]
    assert "2 of 5" in words
    assert "rate 5 %" in words
    assert "ddpm (n = 5)" in [t.get_text() for t in axes.get_yticklabels()]


def test_the_worst_volumes_are_named_and_marked_where_the_fault_is():
    figure = slices(example("ddpm"), details(["ddpm"]))
    captions = [axes.xaxis.label for axes in figure.axes if axes.images]
    assert captions[0].get_text() == (
        "sample_00000.nii.gz\nscore -40, axial slices\nslice unlike the mean of its\nneighbours, slice 17"
    )
    assert [to_hex(t.get_color()).upper() for t in captions] == [RED] + ["#000000"] * 5
    tiles = [axes for axes in figure.axes if axes.images]
    assert [line.get_ydata()[0] for line in tiles[0].lines] == [17.5, 17.5]
    assert not tiles[5].lines  # a period has no place
    # The right of the patient is on the left; millimetres are square.
    picture = details(["ddpm"]).details[0].values["worst"][0]["picture"]
    np.testing.assert_array_equal(tiles[0].images[0].get_array(), picture[::-1].T)
    box = tiles[0].get_window_extent()
    assert box.width / box.height == pytest.approx(24 / (20 * 1.5))


def test_a_mark_across_stands_in_the_mirrored_picture_at_its_slice():
    evidence = details(["ddpm"])
    worst = evidence.details[0].values["worst"]
    picture = np.zeros((24, 20))
    picture[17] = 1
    worst[0].update(along=0, picture=picture)
    figure = slices(example("ddpm"), evidence)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axes = next(axes for axes in figure.axes if axes.images)
    x, _ = axes.transData.transform((axes.lines[0].get_xdata()[0], 10))
    pixels = np.asarray(canvas.buffer_rgba())[..., 0]
    box = axes.get_window_extent()
    row = pixels[round(figure.bbox.y1 - (box.y0 + box.y1) / 2)]
    bright = np.flatnonzero(row[round(box.x0) : round(box.x1)] > 200) + round(box.x0)
    assert bright.min() <= x <= bright.max()


def test_planes_without_enough_slices_say_so():
    evidence = details(["ddpm"])
    for side in ("real", "synthetic"):
        for key in ("similarity", "power"):
            evidence.details[0].values[side][key][2] = None
    figure = slices(example("ddpm"), evidence)
    assert texts(figure).count("too few slices with content") == 2


def test_draws_what_the_metric_returns():
    rng = np.random.default_rng(0)

    def views(n):
        volumes = [torch.tensor(rng.random((12, 13, 14)), dtype=torch.float32) for _ in range(n)]
        return Views([f"v{i}" for i in range(n)], {}, volumes, (1.0, 1.0, 2.0))

    (detail,) = (f for f in METRIC.compute(views(6), views(3)) if isinstance(f, Detail))
    flat = torch.ones(12, 13, 14)
    empty = Views(["a", "b", "c"], {}, [flat] * 3, (1.0, 1.0, 1.0))
    (none,) = (f for f in METRIC.compute(empty, empty) if isinstance(f, Detail))
    gan, vae = (
        dataclasses.replace(detail, synthetic="gan"),
        dataclasses.replace(none, synthetic="vae"),
    )
    for kept, pictures in (((gan, vae), 3), ((gan,), 3), ((vae,), 0)):
        figure = slices(example("gan", "vae"), Evidence((), {}, (), kept))
        FigureCanvasAgg(figure).draw()
        assert sum(bool(axes.images) for axes in figure.axes) == pictures


def test_there_is_no_figure_where_the_metric_was_not_computed():
    assert slices(example("ddpm"), Evidence((), {})) is None
