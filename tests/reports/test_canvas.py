"""Whatever is to be drawn, all words stay on the page and none are drawn over others."""

import dataclasses
import io
import logging
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from evalsuite.records import Detail, Evidence, FeatureTable, Interval
from evalsuite.statistics.result import Result
from reports.figures.anatomy import anatomy
from reports.figures.canvas import Canvas, Line
from reports.figures.cohorts import cohorts
from reports.figures.embedding import embedding
from reports.figures.estimates import estimates
from reports.figures.letters import fonts, shortened, width, wrapped
from reports.figures.privacy import privacy
from reports.figures.readers import Bars, concordance_points, forest, rating_bars, roc
from reports.figures.slices import slices
from reports.figures.utility import learning_curves
from tests.caveats import plain
from tests.evaluations import example
from tests.reports import test_anatomy_figure, test_figures, test_privacy_figure, test_slices_figure
from tests.reports.pages import assert_sound, shown
from tests.utility import made_up

LONG = "a_generator_of_forty_characters_number_1"  # the last character tells them apart
CROWD = tuple(f"{LONG[:-2]}{i:02}" for i in range(12))
FORTY = "Is this volume of a patient or of a generator, and how sure are you of that?"
COHORTS = {
    "one": (LONG,),
    "formulas": ("$x_1$", r"\frac{a}$b", "W" * 40),
    "twelve": CROWD,
}


def sheets(drawn):
    """Return the pages of what a figure's function returns."""
    return [] if drawn is None else drawn if isinstance(drawn, list) else [drawn]


def kept(names, volumes=3):
    """Return features and slices of cohorts, with a note that needs more than a line."""
    evaluation = example(*names)
    note = "A remark that is long, " * 12 + "and a path /" + "x" * 300
    found = test_figures.evidence(evaluation, ("medicalnet-resnet10-23datasets", "b"), volumes)
    tables = [
        dataclasses.replace(t, warnings=(plain(note), plain("Random."))) for t in found.features
    ]
    return dataclasses.replace(found, features=tuple(tables))


def numbers(names, value=1.0, quantities=4, groups=("",)):
    """Return an evaluation with some estimates of each cohort and group."""
    evaluation = example(*names)
    base = evaluation.estimates[0]
    made = [
        dataclasses.replace(
            base,
            name=f"quantity_{q}_with_a_name_of_many_words_" + "and_more" * q,
            value=value * 10.0 ** (q * i % 7),
            interval=Interval(value / 2, value * 2, 0.95, "b") if q % 2 else None,
            synthetic=name,
            group=group,
            warnings=(plain(f"Warning {q} of {name} " + "again " * 40),),
        )
        for i, name in enumerate(names)
        for q in range(quantities)
        for group in groups
    ]
    return dataclasses.replace(evaluation, estimates=tuple(made))


@pytest.mark.parametrize("names", COHORTS.values(), ids=COHORTS)
class TestCohorts:
    @pytest.mark.parametrize("volumes", [1, 6])
    def test_slices_of_cohorts(self, names, volumes):
        assert_sound(cohorts(example(*names), kept(names, volumes)))

    def test_embedding(self, names):
        assert_sound(embedding(example(*names), kept(names)))

    @pytest.mark.parametrize("value", [1.0, 1e-7, 123456.0, math.nan])
    def test_estimates(self, names, value):
        for page in sheets(estimates(numbers(names, value), Evidence((), {}))):
            assert_sound(page)

    def test_estimates_of_groups(self, names):
        groups = ("sex=F", "scanner=a scanner with a name that is much too long for a figure")
        for page in sheets(estimates(numbers(names, groups=groups), Evidence((), {}))):
            assert_sound(page)

    @pytest.mark.parametrize("spread", [1.0, 1e6, math.nan])
    def test_anatomy_of_hundreds_of_structures(self, names, spread):
        kinds = ("volume", "surface", "sphericity")
        measures = [(kind, (str(i),)) for i in range(1, 101) for kind in kinds]
        table = spread * np.random.default_rng(0).lognormal(size=(6, len(measures)))
        kept = test_anatomy_figure.evidence(measures, table, dict.fromkeys(names, 2 * table))
        assert_sound(anatomy(example(*names), kept))

    def test_privacy(self, names):
        spaces = ("", "medicalnet-resnet10-23datasets")
        unseen = "training volumes, each left out of the training volumes"
        kept = test_privacy_figure.details(names, spaces, unseen)
        for detail in kept.details:
            for pair in dict(detail.values).get("pairs", ()):
                pair["synthetic"] = dataclasses.replace(pair["synthetic"], volume="W" * 60)
        assert_sound(privacy(example(*names), kept))

    @pytest.mark.parametrize("volume", ["v{:03d}", "W" * 60 + "{:03d}"])
    def test_slices(self, names, volume):
        assert_sound(slices(example(*names), test_slices_figure.details(names, volume=volume)))

    def test_slices_without_a_score(self, names):
        kept = test_slices_figure.details(names)
        none = dict.fromkeys(("real_scores", "synthetic_scores"), np.full(4, np.nan))
        none |= {"threshold": math.nan, "worst": ()}
        details = [Detail(d.name, dict(d.values) | none, d.synthetic) for d in kept.details]
        kept = dataclasses.replace(kept, details=tuple(details))
        assert_sound(slices(example(*names), kept))

    def test_ratings(self, names):
        shares = [
            Result(where={"cohort": c, "reader": r, "option": o}, value=1 / 6)
            for c in ("real", *names) for r in ("all", "A" * 40, "B") for o in range(1, 7)
        ]  # fmt: skip
        options = [f"{i}. {FORTY} {FORTY}" for i in range(6)]
        assert_sound(rating_bars([Bars(FORTY, shares, options)] * 2, by_reader=True))

    @pytest.mark.parametrize("value", [0.5, math.nan])
    def test_forest_of_readers(self, names, value):
        results = [
            Result(where={"pair": f"{name} less {other}", "question": f"{FORTY} ({q})"},
                   value=value, low=value - 0.2, high=value + 0.2)
            for q in "ab" for name in names for other in names[:2]
        ]  # fmt: skip
        pair, question = (lambda r: r.at("pair")), (lambda r: r.at("question"))
        assert_sound(forest(results, label=pair, group=question, reference=0.0, axis=FORTY * 2))
        assert_sound(forest(results, label=pair, limits=(-1.0, 1.0)))

    def test_roc(self, names):
        rows = [(name, reader, x, x**0.5) for name in names for reader in ("A", "all")
                for x in (0.0, 0.5, 1.0)]  # fmt: skip
        columns = ["treatment", "reader", "false_positive_rate", "sensitivity"]
        assert_sound(roc(pd.DataFrame(rows, columns=columns)))

    def test_concordance(self, names):
        rows = [(f"{c}{i}", c, "q", 3.0 + i, "m", "radiomics", 10.0 ** (3 * i))
                for c in names for i in range(3)]  # fmt: skip
        columns = ["case", "cohort", "question", "rating", "metric", "extractor", "value"]
        panel = {"question": "q", "metric": "m", "extractor": "radiomics",
                 "title": FORTY * 2, "axis": FORTY * 2}  # fmt: skip
        for panels in ([panel], [panel] * 4):
            assert_sound(concordance_points(pd.DataFrame(rows, columns=columns), panels))


@pytest.mark.parametrize(
    ("shares", "structures"),
    [((100.0,), "1"), ((1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 90.0, 100.0), "123456")],
)
def test_learning_curves(shares, structures):
    structures = [f"{s}{s}" for s in structures]
    assert_sound(learning_curves(made_up.example(shares=shares, structures=structures)))


def test_nothing_to_draw_is_said_on_the_page():
    nothing = Evidence((), {})
    for figure in (cohorts, embedding, estimates):
        bare = dataclasses.replace(example(), estimates=())
        for page in sheets(figure(bare, nothing)):
            assert len(shown(page)) == 1
            assert_sound(page)
    for figure in (anatomy, privacy, slices):
        assert figure(example("gan"), nothing) is None


def test_features_that_have_no_components_say_so_within_their_panel():
    tables = [FeatureTable("real", e, ("a",), np.ones((1, 4))) for e in "abcde"]
    assert_sound(embedding(example(LONG), Evidence(tuple(tables), {})))


@pytest.mark.parametrize("text", ["a b", "word " * 40, "x" * 200, "\u60a3\u8005" * 40, "a\n\nb"])
def test_wrapped_lines_fit_and_lose_no_letter(text):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("reports.figures.letters.width", lambda t, size, bold: 0.1 * len(t))
        lines = wrapped(text, 2.05, 8.0).split("\n")
    assert max(map(len, lines)) <= 20
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")


def test_shortened_names_fit_and_keep_the_end_that_tells_them_apart():
    assert shortened("gan") == "gan"
    names = [shortened(name) for name in CROWD]
    assert len(set(names)) == len(CROWD)
    assert max(width(name, 8.0) for name in names) <= 1.75
    assert all(name.startswith("a_gen") and "…" in name for name in names)


def test_fonts_are_those_installed_so_that_none_is_missed(caplog):
    assert fonts()[0] == "DejaVu Sans"
    with caplog.at_level(logging.WARNING, "matplotlib"):
        figure = embedding(example(LONG), kept((LONG,)))
        FigureCanvasAgg(figure).draw()
    assert not [record for record in caplog.records if "font" in record.message.lower()]
    assert set(fonts()) <= set(font_manager.get_font_names())


def test_every_text_has_all_fonts_and_none_is_a_formula():
    figure = embedding(example("$x$"), kept(("$x$",)))
    texts = [text for text, _ in shown(figure)]
    assert all(text.get_fontfamily() == list(fonts()) for text in texts)
    assert any("$x$" in text.get_text() and not text.get_parse_math() for text in texts)


def test_what_is_cropped_keeps_every_text_where_it_was():
    canvas = Canvas()
    canvas.words("above")
    (axes,) = canvas.panels([1], 1, [1])
    canvas.head(axes, Line("head of the panel"))
    figure = canvas.finish()

    def drawn(**crop):
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=100, **crop)
        return np.asarray(Image.open(picture).convert("L"))

    cropped = drawn(bbox_inches="tight", pad_inches=0.1)  # as files of a report are
    assert (cropped[10:-10, 10:-10] == drawn()).all()
