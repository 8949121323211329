"""The figures that the evaluations drew themselves."""

from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.plugins import available, load
from evalsuite.records import Chapter, Evidence, FeatureTable
from reports.document import Block, Image, Picture, Section
from reports.evaluations.comparison import Comparison, EvaluationFolder
from reports.figures.drawing import Drawing
from reports.figures.embedding import embedding
from reports.glossary import meaning

REDRAWN, EMBEDDING = "estimates", "embedding"
OWN = " Only {cohorts}, as drawn by that evaluation: colours may be others than elsewhere."


def drawings() -> dict[str, Drawing]:
    """Return the declaration of every figure that an evaluation draws, by name."""
    return {name: load("figures", name) for name in available("figures")}


def own_figures(comparison: Comparison, chapter: Chapter | Literal["overview"]) -> list[Block]:
    """Return the runs' own figures that belong to a chapter.

    That of the features of several runs is drawn anew with all cohorts in it.

    Raises:
        EvalsuiteError: if features that lie with an evaluation cannot be read.
    """
    blocks: list[Block] = []
    for name, drawing in drawings().items():
        if drawing.chapter != chapter:
            continue
        caption = drawing.caption
        tables = _features(comparison) if name == EMBEDDING and len(comparison.runs) > 1 else []
        if tables:
            drawn = embedding(comparison.evaluation, Evidence(tuple(tables), {}))
            told = "Scatter plot of the features of all cohorts."
            blocks.append(Picture(f"evaluation-{name}", caption, drawn, told))
            continue
        blocks += [
            _embedded(name, path, caption, comparison, run, place)
            for place, run in enumerate(comparison.runs, 1)
            if (path := run.figures.get(name))
        ]
    return blocks


def _features(comparison: Comparison) -> list[FeatureTable]:
    """Return the features of all cohorts, each once; none where those of some are missing."""
    tables: dict[tuple[str, str], FeatureTable] = {}
    for run in comparison.runs:
        for cohort, name in run.names.items():
            start = f"{cohort}--".replace("/", "_")
            paths = [
                path
                for path in sorted((run.folder / "features").glob("*.npz"))
                if path.name.startswith(start)
            ]
            if not paths:
                return []
            for path in paths:
                extractor = path.stem.removeprefix(start)
                tables.setdefault((name, extractor), _feature_table(path, name, extractor))
    return list(tables.values())


def _feature_table(path: Path, cohort: str, extractor: str) -> FeatureTable:
    try:
        with np.load(path) as stored:
            volumes = tuple(str(volume) for volume in stored["volumes"])
            return FeatureTable(cohort, extractor, volumes, stored["values"])
    except (OSError, ValueError, KeyError, BadZipFile):
        raise EvalsuiteError(
            f"{path}: the features cannot be read. Run the evaluation again, or remove its folder "
            "features to have them left out."
        ) from None


def other_figures(comparison: Comparison) -> list[Section]:
    """Return a chapter with the figures that belong to no other one."""
    shown = {
        name
        for name, drawing in drawings().items()
        if drawing.chapter == "overview"
        or any(meaning(e).chapter == drawing.chapter for e in comparison.evaluation.estimates)
    }
    blocks = [
        _embedded(name, path, f"The figure “{name}” of the evaluation.", comparison, run, place)
        for place, run in enumerate(comparison.runs, 1)
        for name, path in run.figures.items()
        if name not in shown and not is_redrawn(name)
    ]
    title = "Other figures of the evaluation"
    return [Section("evaluation-figures", title, tuple(blocks))] if blocks else []


def is_redrawn(name: str) -> bool:
    """Say whether a figure is a page of the one that the report draws anew."""
    first, _, place = name.partition("-")
    return first == REDRAWN and (not place or place.isdigit())


def _embedded(
    name: str, path: Path, caption: str, comparison: Comparison, run: EvaluationFolder, place: int
) -> Picture:
    several = len(comparison.runs) > 1
    return Picture(
        f"evaluation-{name}" + (f"-run-{place}" if several else ""),
        caption + (OWN.format(cohorts=", ".join(run.cohorts)) if several else ""),
        Image(path),
        f"{name}, drawn by the evaluation.",
    )
