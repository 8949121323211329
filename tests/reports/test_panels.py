"""Small panels: how they fill pages, and that what they show can be read."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from reports.figures.canvas import WIDTH
from reports.figures.cohorts import Look
from reports.figures.forests import Panel, forest_pages, forests
from reports.figures.panels import ACROSS, TALLEST, Strip, pages, strips
from tests.caveats import plain
from tests.reports.evaluations.made_up import estimate

LOOKS = {"gan": Look("#D55E00", "^"), "a generator with a long name": Look("#0072B2", "s")}


def panel(value=1.0, title="Fréchet distance of slices, sagittal", **known):
    known = {"low": value - 0.5, "high": value + 0.5} | known
    return Panel(title, "radiomics", [estimate("kid", value, name, **known) for name in LOOKS])


def drawn(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=8), max_size=12), st.integers(1, 30))
def test_pages_keep_every_panel_in_order_and_fit(rows, cohorts):
    found = pages(rows, cohorts)
    assert [p for page in found for row in page for p in row] == [p for row in rows for p in row]
    assert all(1 <= len(row) <= ACROSS for page in found for row in page)
    for page in found:
        assert all(len(one) + len(two) > ACROSS for one, two in pairwise(page))


def test_neighbours_share_a_row_and_many_cohorts_take_a_page_each():
    assert pages([["a"], ["b"], ["c", "d"], ["e"]], 2) == [[["a", "b"], ["c", "d", "e"]]]
    assert pages([["a", "b", "c"], ["d"]], 60) == [[["a", "b", "c"]], [["d"]]]
    tall = pages([["a", "b", "c"]] * 20, 4)
    figures = [forests([[panel()] * 3] * len(p), LOOKS, lambda _: "") for p in tall]
    assert max(f.get_size_inches()[1] for f in figures) <= TALLEST


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_letters_have_one_size_whatever_the_number_of_panels(columns):
    figure = forests([[panel()] * columns], LOOKS, lambda _: "[1]")
    box = figure.get_tightbbox(drawn(figure))
    assert box.width == pytest.approx(WIDTH, abs=0.3)
    strip = Strip("t", "f", "good is low", {name: np.array([1.0, 2.0]) for name in LOOKS})
    figure = strips([[strip] * columns], LOOKS)
    assert figure.get_tightbbox(drawn(figure)).width == pytest.approx(WIDTH, abs=0.3)


def test_no_words_overlap_or_leave_the_page():
    rows = [[panel(value) for value in (12345.678, 0.001234, -3.25)]] * 2
    figure = forests(rows, LOOKS, lambda _: "[1, 12]")
    renderer = drawn(figure)
    texts = [t for axes in figure.axes for t in (*axes.texts, *axes.get_yticklabels())]
    boxes = [t.get_window_extent(renderer) for t in texts if t.get_text().strip()]
    for i, one in enumerate(boxes):
        assert one.x0 >= 0
        assert one.x1 <= figure.bbox.width
        for other in boxes[i + 1 :]:
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            along = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert min(across, along) < 1


def texts(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts]


def test_values_notes_and_undefined_numbers_are_written():
    figure = forests([[panel(1.5)]], LOOKS, lambda _: "[3]")
    assert texts(figure).count("1.5 [3]") == 2
    known = {"low": math.nan, "high": math.nan, "warnings": (plain("Why."),)}
    figure = forests([[panel(math.nan, **known)]], LOOKS, lambda _: "[1]")
    assert texts(figure).count("undefined [1]") == 2


def test_a_point_with_a_caveat_is_hollow():
    for warnings, face in (((), "#D55E00"), ((plain("Why."),), "white")):
        axes = forests([[panel(warnings=warnings)]], LOOKS, lambda _: "").axes[0]
        points = [line for line in axes.lines if line.get_marker() == "^"]
        assert [line.get_markerfacecolor() for line in points] == [face]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((1.0, 100.0), "log"),
        ((1.0, 20.0), "linear"),
        ((-1.0, 100.0), "symlog"),
        ((0.0, 9.0), "linear"),
    ],
)
def test_one_that_squeezes_the_others_makes_an_axis_logarithmic(values, kind):
    own = [estimate("kid", v, n) for v, n in zip(values, LOOKS, strict=True)]
    figure = forests([[Panel("t", "f", own)]], LOOKS, lambda _: "")
    assert figure.axes[0].get_xscale() == kind


@pytest.mark.parametrize(
    ("values", "kind"), [((1.0, 100.0), "log"), ((1.0, 20.0), "linear"), ((-1.0, 100.0), "linear")]
)
def test_wide_ranges_of_positive_scores_are_logarithmic(values, kind):
    strip = Strip("t", "f", "", dict(zip(LOOKS, ([values[0]], [values[1]]), strict=True)))
    assert strips([[strip]], LOOKS).axes[0].get_xscale() == kind


@pytest.mark.parametrize(
    "intervals", [((0.0, 0.3), (900, 2000)), ((-0.3, 0.1), (900, 2000)), ((0.2, 0.3), (-2000, -900)),
                  ((1e-9, 3.0), (900, 2000)), ((5.0, 5.0), (0.0, 7e5))]
)  # fmt: skip
def test_what_reaches_zero_or_below_stays_in_sight_beside_one_far_off(intervals):
    own = [estimate("kid", sum(i) / 2, n, low=i[0], high=i[1])
           for i, n in zip(intervals, LOOKS, strict=True)]  # fmt: skip
    figure = forests([[Panel("t", "f", own)]], LOOKS, lambda _: "")
    drawn(figure)
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    to_page = axes.transAxes.inverted().transform
    for ends in intervals:
        assert low < min(ends)
        assert max(ends) < high
    places = to_page([axes.transData.transform((end, 0)) for end in intervals[0]])[:, 0]
    assert intervals[0][0] == intervals[0][1] or places[1] - places[0] > 0.02
    ticks = [t for t in axes.get_xticks() if low <= t <= high]
    assert 0.0 in ticks
    assert 2 <= len(ticks) <= 7


def test_one_estimate_alone_is_never_logarithmic():
    own = [estimate("kid", 1.0, "gan", low=0.001, high=5.0)]
    assert forests([[Panel("t", "f", own)]], LOOKS, lambda _: "").axes[0].get_xscale() == "linear"


def test_groups_are_rows_and_each_has_its_own_yardstick():
    own = [
        estimate("kid", 1.0 + i, name, group=f"sex={g}", reference=0.5 + i)
        for i, g in enumerate("FM")
        for name in LOOKS
    ]
    ((panels, groups),) = forest_pages([[Panel("KID", "radiomics", own)]], list(LOOKS))
    assert groups == ("sex=F", "sex=M")
    figure = forests(panels, LOOKS, lambda _: "", groups)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["sex=F", "sex=M"]
    lines = [segment for c in axes.collections for segment in c.get_segments()]
    assert [line[0][0] for line in lines] == [0.5, 1.5]
    assert lines[0][:, 1].max() < lines[1][:, 1].min()
    points = {line.get_ydata()[0] for line in axes.lines if line.get_marker() in ("^", "s")}
    assert len(points) == 4
    named = [t.get_text() for t in figure.legends[0].get_texts()][:2]
    assert named == list(LOOKS)


def test_many_groups_and_panels_take_pages_of_bounded_height():
    own = [
        [Panel(f"q{q}", "radiomics", [estimate(f"q{q}", 1.0, n, group=f"g={g:02}") for g in range(20) for n in LOOKS])]
        for q in range(7)
    ]  # fmt: skip
    found = forest_pages(own, list(LOOKS))
    shown = [
        (e.name, e.group, e.synthetic)
        for panels, _ in found
        for row in panels
        for panel in row
        for e in panel.estimates
    ]
    assert len(shown) == len(set(shown)) == 7 * 20 * 2
    for panels, groups in found:
        height = forests(panels, LOOKS, lambda _: "", groups).get_size_inches()[1]
        assert height < 11.7  # A4


def test_panels_without_a_number_are_left_out():
    rows = [[panel(math.nan, low=math.nan, high=math.nan), panel(1.0)]]
    ((panels, groups),) = forest_pages(rows, list(LOOKS))
    assert panels == [[rows[0][1]]]
    assert groups == ("",)
    assert forest_pages([rows[0][:1]], list(LOOKS)) == []


def test_a_note_on_all_of_a_panel_stands_at_its_head_only():
    all_of, one = plain("All."), plain("One.")
    marks = {all_of.key: "[1]", one.key: "[2]"}
    own = [
        estimate("kid", 1.5, n, warnings=(all_of, *more))
        for n, more in zip(LOOKS, ((), (one,)), strict=True)
    ]
    figure = forests(
        [[Panel("t", "radiomics", own)]], LOOKS, lambda ws: " ".join(marks[w] for w in ws)
    )
    assert texts(figure) == ["t", "radiomics [1]", "lower is better", "1.5", "1.5 [2]"]


def test_a_cohort_without_values_keeps_its_row():
    figure = strips([[Strip("t", "f", "", {"gan": np.array([])})]], LOOKS)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "gan"


def test_the_head_says_what_is_good():
    near = {"direction": "nearer the reference is better"}
    assert "lower is better" in texts(forests([[panel()]], LOOKS, lambda _: ""))
    own = forests([[panel(reference=0.5, **near)]], LOOKS, lambda _: "")
    assert "nearer the dashed line is better" in texts(own)
    assert "nearer the reference is better" in texts(
        forests([[panel(**near)]], LOOKS, lambda _: "")
    )
