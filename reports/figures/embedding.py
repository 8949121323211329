"""Where the cohorts lie in feature space."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evalsuite.records import Evaluation, Evidence, FeatureTable
from reports.figures.canvas import Canvas, Line, empty, in_rows, plain
from reports.figures.cohorts import Look, looks
from reports.figures.drawing import Drawing
from reports.figures.letters import BODY, shortened

COLUMNS = 2
TALL = 3.2  # inches
NOTE = (
    "Principal components of the real features, each feature scaled to unit variance; synthetic"
    " volumes are projected onto them, so a cohort may also differ in directions not shown."
)


def embedding(evaluation: Evaluation, evidence: Evidence) -> Figure:
    """Draw each cohort on the first two principal components of the real one, per extractor.

    The components are fitted on the real features, each scaled to unit variance, and the
    synthetic volumes are projected onto them: what is usual among the real volumes spans the
    picture, and a synthetic cohort shows how it differs in those directions only. Overlap here
    is necessary for a good cohort, not sufficient. Both axes of a panel have one scale.
    """
    real = evaluation.real.name
    extractors = list(dict.fromkeys(t.extractor for t in evidence.features if t.cohort == real))
    if not extractors:
        return empty("No features of real volumes are at hand.")
    warnings = list(dict.fromkeys(w for table in evidence.features for w in table.warnings))
    canvas = Canvas()
    cells = in_rows(len(extractors), min(COLUMNS, len(extractors)))
    grid = canvas.panels(cells, max(cells), [TALL] * len(cells))
    cohort_looks = looks(evaluation)
    for axes, extractor in zip(grid, extractors, strict=True):
        tables = {t.cohort: t for t in evidence.features if t.extractor == extractor}
        about = {w for table in tables.values() for w in table.warnings}
        marks = "".join(f" [{i}]" for i, w in enumerate(warnings, 1) if w in about)
        canvas.head(axes, Line(f"{extractor}{marks}"))
        _panel(axes, tables, real, cohort_looks)
    canvas.legend(_legend(evaluation, cohort_looks))
    canvas.words("\n".join([NOTE, *(f"[{i}] {warning}" for i, warning in enumerate(warnings, 1))]))
    return canvas.finish()


def _panel(
    axes: Axes, tables: Mapping[str, FeatureTable], real: str, cohort_looks: Mapping[str, Look]
) -> None:
    plain(axes, grid="both", sides=("left", "bottom"))
    fitted = tables[real].values.astype(np.float64)
    if min(fitted.shape) < 2 or not fitted.std(axis=0).any():
        text = "Two components need two features\nand two real volumes that differ."
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=BODY)
        return
    mean, deviation = fitted.mean(axis=0), fitted.std(axis=0)
    deviation[deviation == 0] = 1  # a feature that is constant stays where it is
    shares, axes_of = _components((fitted - mean) / deviation)
    points = {name: (t.values - mean) / deviation @ axes_of.T for name, t in tables.items()}
    spread = {name: float(values.std(axis=0).sum()) for name, values in points.items()}

    def layer(name: str) -> int:
        # Rings hide little, so the real lie over the synthetic; a collapsed cohort, a spot that
        # anything would hide, lies over both.
        return 1 if name == real else 2 * (spread[name] < spread[real] / 4)

    for name in sorted(points, key=layer):
        look, is_real = cohort_looks[name], name == real
        axes.scatter(
            points[name][:, 0],
            points[name][:, 1],
            s=20,
            marker=look.marker,
            facecolors="none" if is_real else look.colour,
            edgecolors=look.colour if is_real else "white",
            linewidths=0.8 if is_real else 0.3,
            alpha=0.9 if is_real else 0.75,
        )
    first, second = 100 * shares
    axes.set_xlabel(f"component 1 ({first:.0f} % of the real variance)")
    axes.set_ylabel(f"component 2 ({second:.0f} %)")
    axes.set_aspect("equal", adjustable="datalim")


def _components(
    rows: Float[np.ndarray, "n d"],
) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2 d"]]:
    """Return the shares of the variance of the first two principal components, and these.

    Args:
        rows: centred, at least 2 of at least 2 features.
    """
    from scipy.linalg import eigh

    n, d = rows.shape
    if n <= d:
        _, strengths, components = np.linalg.svd(rows, full_matrices=False)
        variances, components = strengths[:2] ** 2, components[:2]
    else:  # of many volumes no singular vectors are needed, which take minutes
        squares, vectors = eigh(rows.T @ rows, subset_by_index=(d - 2, d - 1))
        variances, components = squares[::-1], vectors.T[::-1]
    # The sign of a component is arbitrary: its largest loading is made positive.
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[[0, 1], largest])[:, None]
    return variances / np.square(rows).sum(), components * signs


def _legend(evaluation: Evaluation, cohort_looks: Mapping[str, Look]) -> list[Line2D]:
    return [
        Line2D(
            [],
            [],
            linestyle="",
            marker=cohort_looks[cohort.name].marker,
            markersize=5,
            markerfacecolor="none" if cohort.role == "real" else cohort_looks[cohort.name].colour,
            markeredgecolor=cohort_looks[cohort.name].colour,
            label=f"{shortened(cohort.name)} (n = {len(cohort.volumes)})",
        )
        for cohort in (evaluation.real, *evaluation.synthetic)
    ]


FIGURE = Drawing(
    embedding,
    "distance",
    "Each point is a volume, placed by the two directions in which the features of real volumes "
    "vary most. A cohort that lies apart here differs; one that does not may still differ in "
    "other directions.",
)
