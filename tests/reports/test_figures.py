"""What is drawn is what was found, and it fits the page."""

import dataclasses
import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from evalsuite.records import (
    Caveat,
    Estimate,
    Evaluation,
    Evidence,
    FeatureTable,
    Interval,
    MidSlices,
)
from reports.figures.cohorts import cohorts, looks
from reports.figures.embedding import embedding
from reports.figures.estimates import estimates
from tests.caveats import plain
from tests.evaluations import FEW, example
from tests.reports.pages import assert_sound

LONG = "ddpm-medium-guidance-3.5-ema-0.9999"


def evidence(evaluation: Evaluation, extractors=("radiomics",), volumes=3) -> Evidence:
    """Return features and slices of balls that differ in size, a little noisier per cohort."""
    rng = np.random.default_rng(0)
    everyone = (evaluation.real, *evaluation.synthetic)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (24, 32, 20)), indexing="ij")

    def slices(cohort, i):
        ball = 1.0 * (x**2 + y**2 + z**2 < rng.uniform(0.3, 0.8)) + 0.1 * i * rng.random(x.shape)
        return MidSlices(cohort.volumes[0], ball[12], ball[:, 16], ball[:, :, 10], (1, 1, 1.5))

    tables = [
        FeatureTable(c.name, e, c.volumes, rng.normal(i, 1, (len(c.volumes), 8)), ("Random.",))
        for e in extractors
        for i, c in enumerate(everyone)
    ]
    shown = {c.name: tuple(slices(c, i) for _ in range(volumes)) for i, c in enumerate(everyone)}
    return Evidence(tuple(tables), shown)


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def busy(cohort_names, quantities=12) -> Evaluation:
    """Return an evaluation with many estimates, warnings and undefined values."""
    evaluation = example(*cohort_names)
    base = evaluation.estimates[0]
    found = []
    for i, name in enumerate(cohort_names):
        for extractor in ("medicalnet-resnet10-23datasets", "radiomics"):
            for q in range(quantities):
                warnings = (FEW, plain(f"Warning {'abcdefghijklmnop'[q]} of {i}.")) if q % 3 else ()
                value = math.nan if (q, i) == (4, 0) else 12345.678 * 10.0**-q
                found.append(
                    dataclasses.replace(
                        base,
                        name=f"quantity_number_{q}",
                        value=value,
                        interval=None if q % 2 else Interval(value / 2, value * 2, 0.95, "b"),
                        synthetic=name,
                        extractor=extractor,
                        warnings=warnings,
                    )
                )
    return dataclasses.replace(evaluation, estimates=tuple(found))


def sheets(figure, evaluation, extractors=("radiomics",)):
    """Return the pages of a figure."""
    drawn = figure(evaluation, evidence(evaluation, extractors))
    return drawn if isinstance(drawn, list) else [drawn]


@pytest.mark.parametrize("figure", [cohorts, embedding, estimates])
@pytest.mark.parametrize("names", [("ddpm",), ("gan", "ddpm", "vae", "blur", LONG)])
def test_no_text_leaves_the_page_and_no_two_texts_meet(figure, names):
    for page in sheets(figure, busy(names), ("medicalnet-resnet10-23datasets", "b", "c")):
        assert_sound(page)


def test_no_text_meets_another_where_there_are_groups():
    evaluation = busy(("gan", LONG), quantities=4)
    groups = ["", *(f"scanner={v}" for v in ("short", "of a name that is much too long", "x"))]
    changed = [dataclasses.replace(e, group=g) for g in groups for e in evaluation.estimates]
    for page in sheets(estimates, dataclasses.replace(evaluation, estimates=tuple(changed))):
        assert_sound(page)


def test_figures_leave_pyplot_alone():
    from matplotlib import pyplot as plt

    evaluation = example("ddpm")
    for figure in (cohorts, embedding, estimates):
        for page in sheets(figure, evaluation):
            pixels(page)
    assert plt.get_fignums() == []


def test_cohorts_look_different_for_up_to_42_of_them():
    found = looks(example(*(f"c{i}" for i in range(42))))
    assert len(set(found.values())) == 43
    assert found["real"].colour == "#000000"


# --- cohorts


@pytest.mark.parametrize(
    ("row", "plane", "axes_of_plane"),
    [(0, "axial", (0, 1)), (1, "coronal", (0, 2)), (2, "sagittal", (1, 2))],
)
def test_right_and_front_are_drawn_left_and_up_and_front_up(row, plane, axes_of_plane):
    shape = (10, 12, 8)
    image = np.zeros([shape[a] for a in axes_of_plane])
    image[-2:, -2:] = 1  # right (or front) and front (or top) in RAS+
    planes = {
        name: np.zeros((shape[a], shape[b]))
        for name, (a, b) in {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}.items()
    }
    slices = MidSlices("v", **(planes | {plane: image}), spacing=(1, 1, 1))
    evaluation = example("ddpm")
    figure = cohorts(evaluation, Evidence((), {"real": (slices,)}))
    axes = figure.axes[row]
    for text in list(axes.texts):
        text.remove()
    drawn = pixels(figure)[..., 0]
    box = axes.get_window_extent()
    top, bottom = (round(drawn.shape[0] - y) for y in (box.y1, box.y0))
    left, right = round(box.x0), round(box.x1)
    rows, columns = np.nonzero(drawn[top + 1 : bottom - 1, left + 1 : right - 1] > 200)
    assert rows.mean() < (bottom - top) / 4
    assert columns.mean() < (right - left) / 2


def test_tiles_are_to_scale_in_millimetres():
    evaluation = example("ddpm")
    slices = MidSlices("v", np.eye(20, 10), np.eye(16, 10), np.eye(16, 20), spacing=(2, 1, 3))
    figure = cohorts(evaluation, Evidence((), {"real": (slices,), "ddpm": (slices,)}))
    pixels(figure)
    axial, coronal, sagittal = (axes.get_window_extent() for axes in figure.axes[:3])
    per_mm = axial.width / 32  # the widest slices are 16 voxels of 2 mm
    assert axial.height == pytest.approx(20 * per_mm)
    assert coronal.height == pytest.approx(30 * per_mm)
    assert sagittal.height == pytest.approx(30 * per_mm)
    (image,) = figure.axes[2].images
    assert image.get_extent() == [-10, 10, -15, 15]


def test_one_window_for_all_comes_from_the_real_slices():
    evaluation = example("ddpm")
    kept = evidence(evaluation)
    figure = cohorts(evaluation, kept)
    values = np.concatenate(
        [a.ravel() for s in kept.slices["real"] for a in (s.axial, s.coronal, s.sagittal)]
    )
    expected = np.percentile(values, [0.5, 99.5])
    assert len(figure.axes) == 2 * 3 * 3
    for axes in figure.axes:
        np.testing.assert_allclose(axes.images[0].get_clim(), expected)


def test_cohorts_without_slices_are_left_out_and_short_ones_have_gaps():
    evaluation = example("gan", "ddpm")
    kept = evidence(evaluation)
    slices = {"real": kept.slices["real"], "ddpm": kept.slices["ddpm"][:1]}
    figure = cohorts(evaluation, Evidence((), slices))
    assert len(figure.axes) == 3 * 3 + 3
    assert "ddpm (n = 30)" in texts(figure)
    assert "gan (n = 30)" not in texts(figure)
    assert texts(cohorts(evaluation, Evidence((), {}))) == ["No slices were kept."]


def test_constant_slices_can_be_drawn():
    flat = MidSlices("v", np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 4)), (1, 1, 1))
    pixels(cohorts(example("ddpm"), Evidence((), {"real": (flat,)})))


# --- embedding


@pytest.mark.parametrize("volumes", [30, 3])  # more than features, and fewer
def test_embedding_agrees_with_singular_values(volumes):
    evaluation = example("ddpm")
    kept = Evidence(
        tuple(
            dataclasses.replace(t, values=t.values[:volumes]) for t in evidence(evaluation).features
        ),
        {},
    )
    axes = embedding(evaluation, kept).axes[0]
    real, synthetic = (table.values for table in kept.features)
    mean, deviation = real.mean(axis=0), real.std(axis=0)
    _, singular, directions = np.linalg.svd((real - mean) / deviation)
    shares = 100 * singular**2 / (singular**2).sum()
    assert axes.get_xlabel() == f"component 1 ({shares[0]:.0f} % of the real variance)"
    assert axes.get_ylabel() == f"component 2 ({shares[1]:.0f} %)"
    rings = [len(c.get_facecolor()) == 0 for c in axes.collections]
    assert sorted(rings) == [False, True]
    for is_real, collection in zip(rings, axes.collections, strict=True):
        drawn, values = np.asarray(collection.get_offsets()), real if is_real else synthetic
        expected = (values - mean) / deviation @ directions[:2].T
        np.testing.assert_allclose(np.abs(drawn), np.abs(expected), atol=1e-9)


def test_a_collapsed_cohort_is_drawn_over_the_rings_of_the_real_and_those_over_the_rest():
    evaluation = example("collapsed", "wide")
    real, collapsed, wide = evidence(evaluation).features
    collapsed = dataclasses.replace(collapsed, values=np.repeat(real.values[:1], 30, axis=0))
    wide = dataclasses.replace(wide, values=3 * wide.values)
    axes = embedding(evaluation, Evidence((real, collapsed, wide), {})).axes[0]
    found = looks(evaluation)
    first, rings, last = axes.collections
    assert to_hex(first.get_facecolor()[0]).upper() == found["wide"].colour
    assert len(rings.get_facecolor()) == 0
    assert to_hex(last.get_facecolor()[0]).upper() == found["collapsed"].colour


def test_embedding_has_a_panel_per_extractor_a_legend_and_the_warnings():
    evaluation = example("ddpm")
    figure = embedding(evaluation, evidence(evaluation, ("a", "b")))
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["a [1]", "b [1]"]
    assert "ddpm (n = 30)" in texts(figure)
    assert any(text.endswith("[1] Random.") for text in texts(figure))


@pytest.mark.parametrize("values", [np.ones((1, 4)), np.ones((5, 4)), np.ones((5, 1))])
def test_too_little_for_two_components_is_told(values):
    evaluation = example("ddpm")
    table = FeatureTable("real", "radiomics", tuple("abcde"[: len(values)]), values)
    figure = embedding(evaluation, Evidence((table,), {}))
    assert "Two components need two features\nand two real volumes that differ." in texts(figure)
    assert texts(embedding(evaluation, Evidence((), {}))) == [
        "No features of real volumes are at hand."
    ]


# --- estimates


def panel(figure, title):
    return next(a for a in figure.axes if title in [t.get_text() for t in a.texts])


def test_points_intervals_and_references_stand_at_their_numbers():
    (figure,) = estimates(example("gan", "ddpm"), Evidence((), {}))
    axes = panel(figure, "Fréchet distance")
    gan_line, gan_point, ddpm_line, ddpm_point = axes.lines
    (segment,) = (segment for c in axes.collections for segment in c.get_segments())
    assert list(segment[:, 0]) == [0.5, 0.5]
    assert list(gan_line.get_xdata()) == [2.5, 4.125]
    assert list(gan_point.get_xdata()) == [3.25]
    assert list(ddpm_line.get_xdata()) == [3.5, 5.125]
    assert list(ddpm_point.get_ydata()) == [1]
    low, high = axes.get_xlim()
    assert low < 0
    assert high > 5.125
    axes = panel(figure, "MMD")
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [-0.003, 0.001])


def test_estimates_with_warnings_are_hollow_and_numbered():
    evaluation = example("gan", "ddpm")
    changed = (*evaluation.estimates[:3], dataclasses.replace(evaluation.estimates[3], warnings=()))
    evaluation = dataclasses.replace(evaluation, estimates=(*changed, *evaluation.estimates[4:]))
    (figure,) = estimates(evaluation, Evidence((), {}))
    first, second = panel(figure, "Fréchet distance").lines[1::2]
    assert first.get_markerfacecolor() == "white"
    assert second.get_markerfacecolor() != "white"
    assert "3.25 [1]" in texts(figure)
    assert "4.25" in texts(figure)
    assert f"[1] Fréchet distance on radiomics of gan: {FEW}" in texts(figure)


def test_warnings_that_differ_in_values_are_one_note_on_the_pages_that_have_it():
    evaluation = example("gan", "ddpm")
    few = [
        dataclasses.replace(e, warnings=(Caveat("few", "{n} volumes are few.")(n=n),), group=g)
        for g, e, n in zip(("", "sex=F", "", "sex=F"), evaluation.estimates, (40, 9, 40, 20), strict=False)
    ]  # fmt: skip
    pages = estimates(dataclasses.replace(evaluation, estimates=tuple(few)), Evidence((), {}))
    notes = [text for page in pages for text in texts(page) if "are few." in text]
    told = "[1] Fréchet distance, MMD and Likeness (MS-SSIM) on radiomics and voxels: 9 to 40 volumes are few."
    assert notes == [told, told]


def test_what_is_undefined_everywhere_is_named_not_drawn():
    evaluation = example("ddpm")
    undefined = dataclasses.replace(evaluation.estimates[0], value=math.nan, interval=None)
    pages = estimates(
        dataclasses.replace(evaluation, estimates=(undefined, *evaluation.estimates[1:])),
        Evidence((), {}),
    )
    assert [len(page.axes) for page in pages] == [2]
    told = "Undefined, so not drawn: Fréchet distance (radiomics); results.json says why."
    assert told in "\n".join(texts(pages[0]))
    alone = dataclasses.replace(evaluation, estimates=(undefined,))
    (empty,) = estimates(alone, Evidence((), {}))
    assert texts(empty) == ["No estimate is defined: results.json says why."]


def test_pages_are_no_taller_than_paper_whatever_the_numbers():
    evaluation = busy(("gan", "ddpm"), quantities=16)
    changed = [
        dataclasses.replace(e, group=f"age={g}") for g in range(3) for e in evaluation.estimates
    ]
    both = dataclasses.replace(evaluation, estimates=(*evaluation.estimates, *changed))
    pages = estimates(both, Evidence((), {}))
    assert sum(len(page.axes) for page in pages) == 2 * 2 * 16
    assert max(page.get_size_inches()[1] for page in pages) < 13


def test_directions_are_in_plain_words_and_undefined_is_said():
    evaluation = example("gan", "ddpm")
    base = evaluation.estimates[0]
    changed = (
        dataclasses.replace(base, value=math.nan),
        *evaluation.estimates[1:],
        Estimate("mmd_rbf_p_value", 0.0005, "higher is better", 4, 3, "m", synthetic="ddpm"),
    )
    (figure,) = estimates(dataclasses.replace(evaluation, estimates=changed), Evidence((), {}))
    found = texts(figure)
    assert "undefined" in found
    assert "lower is better" in found
    assert "nearer the dashed line is better" in found
    axes = panel(figure, "MMD, p-value")
    assert "small: a difference beyond chance" in [t.get_text() for t in axes.texts]
    assert axes.get_xlim() == (-0.04, 1.04)
