"""Where the cohorts lie in feature space."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from evalsuite.records import Evaluation, Evidence, FeatureTable
from reports.figures.cohorts import Look, empty, looks

PANEL = 3.5  # inches
COLUMNS, NARROWEST = 3, 7.0
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
    extractors = list(dict.fromkeys(table.extractor for table in evidence.features))
    if not extractors:
        return empty("No features were extracted.")
    columns = 2 if len(extractors) == 4 else min(len(extractors), COLUMNS)
    rows = -(-len(extractors) // columns)
    width = max(columns * PANEL, NARROWEST)
    warnings = list(dict.fromkeys(w for table in evidence.features for w in table.warnings))
    notes = [NOTE, *(f"[{i}] {warning}" for i, warning in enumerate(warnings, 1))]
    lines = [line for note in notes for line in textwrap.wrap(note, int(width * 21))]
    in_legend = max(1, int(width / 1.9))
    legend_rows = -(-(1 + len(evaluation.synthetic)) // in_legend)
    notes_height = 0.13 * len(lines) + 0.12
    below = notes_height + 0.2 * legend_rows + 0.15
    height = rows * PANEL + below

    figure = Figure(figsize=(width, height))
    figure.set_layout_engine(
        ConstrainedLayoutEngine(
            rect=(0, below / height, 1, 1 - below / height), w_pad=0.08, h_pad=0.08
        )
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(extractors) :]:
        axes.set_visible(False)
    cohort_looks = looks(evaluation)
    for axes, extractor in zip(grid, extractors, strict=False):
        tables = {t.cohort: t for t in evidence.features if t.extractor == extractor}
        about = {w for table in tables.values() for w in table.warnings}
        marks = "".join(f" [{i}]" for i, w in enumerate(warnings, 1) if w in about)
        axes.set_title(f"{extractor}{marks}", fontsize=9)
        _panel(axes, tables, evaluation.real.name, cohort_looks)
    figure.legend(
        handles=_legend(evaluation, cohort_looks),
        loc="lower center",
        bbox_to_anchor=(0.5, notes_height / height),
        ncols=in_legend,
        frameon=False,
        fontsize=8,
        handletextpad=0.2,
    )
    figure.text(
        0.1 / width, 0.08 / height, "\n".join(lines), fontsize=6.5, color="#333333", va="bottom"
    )
    return figure


def _panel(
    axes: Axes, tables: Mapping[str, FeatureTable], real: str, cohort_looks: Mapping[str, Look]
) -> None:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    axes.tick_params(labelsize=7, color="#999999", labelcolor="#555555")
    axes.spines[["top", "right"]].set_visible(False)
    fitted = tables[real].values.astype(np.float64)
    if min(fitted.shape) < 2 or not fitted.std(axis=0).any():
        text = "Two components need two features\nand two real volumes that differ."
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8)
        return
    pca = PCA(n_components=2, svd_solver="full")
    project = make_pipeline(StandardScaler(), pca).fit(fitted)
    points = {name: project.transform(t.values.astype(np.float64)) for name, t in tables.items()}
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
    first, second = (100 * share for share in pca.explained_variance_ratio_)
    axes.set_xlabel(f"component 1 ({first:.0f} % of the real variance)", fontsize=8)
    axes.set_ylabel(f"component 2 ({second:.0f} %)", fontsize=8)
    axes.set_aspect("equal", adjustable="datalim")


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
            label=f"{cohort.name} (n = {len(cohort.volumes)})",
        )
        for cohort in (evaluation.real, *evaluation.synthetic)
    ]
