"""Where readers found something wrong: how many marks, whether they agree, and where they lie."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from evalsuite.statistics.places import agreement_of_places
from evalsuite.statistics.ratings.averages import averages
from evalsuite.statistics.ratings.comparison import DIFFERENCE, comparisons
from evalsuite.statistics.result import ALL, Result
from evalsuite.study.blinding.cases import decode
from evalsuite.study.blinding.files import case_file, unpacked
from evalsuite.study.export import counted
from evalsuite.study.places import Grid, counted_marks, marks_table
from evalsuite.study.protocol.kinds.marks import MARKS
from reports.document import Block, Notice, Picture, Section, Table, Text
from reports.figures.marks import Place, gallery, heat_maps
from reports.readers.claims import correction, intervals
from reports.readers.shown import counted as number_of
from reports.readers.shown import shown
from reports.sources import StudyData

MILLIMETRES = ["x_mm", "y_mm", "z_mm"]
LARGEST, SHARE = 10.0, 0.1  # near: millimetres, or this share of the longest side if that is less
PLACES = 6  # in the gallery, of all cohorts together
COUNTED = {"cohort": "cohort", "marks in a case": "value", "cases": "n_cases"}
READ = (
    "Readers marked where a case looked wrong, or said that there was nothing to mark. A mark says "
    "where a reader looked and found fault, not that there is one: a real scan has marks as well, "
    "and only what a synthetic cohort has beyond the real one speaks of its generator."
)
GONE = (
    "The prepared cases are not at hand, so no marks are drawn. Make the report where the study "
    "lies, by its name."
)


def marks(study: StudyData) -> list[Section]:
    """Return the chapter on marks, if any were asked for; figures need the truth and the cases."""
    if MARKS not in set(study.table["analysis"]):
        return []
    counts = counted_marks(study.table, study.questions)
    blocks: list[Block] = [Text((READ,)), *_numbers(study, counts)]
    if study.unblinded and study.grid:
        places = _marked(study, study.grid)
        near = min(LARGEST, SHARE * max(_size(study.grid)))
        blocks += [*_categories(places), *_agreement(study, places, counts, near)]
        blocks += _figures(study, study.grid, places, counts, near)
    elif study.unblinded:
        blocks.append(Notice((GONE,)))
    beyond = _by_reader(study, counts)
    return [Section("marks", "Where something is wrong", tuple(blocks), (beyond,))]


def _size(grid: Grid) -> list[float]:
    return [n * step for n, step in zip(grid.shape, grid.spacing, strict=True)]


def _marked(study: StudyData, grid: Grid) -> pd.DataFrame:
    """Return the marks that count as results; those of boxes with their middles in millimetres."""
    rows = marks_table(counted(study.table), study.questions, grid)
    for axis in ("x", "y", "z"):
        for unit in ("", "_mm"):
            end = rows[f"{axis}_end{unit}"].astype(float)
            low = rows[f"{axis}{unit}"].astype(float)
            rows[f"{axis}_low{unit}"] = low
            rows[f"{axis}{unit}"] = low.where(end.isna(), (low + end) / 2)
    return rows


def _numbers(study: StudyData, counts: pd.DataFrame) -> list[Block]:
    everyone = [mean for mean in _means(counts) if mean.at("reader") == ALL]
    blocks: list[Block] = [
        shown(
            "marks",
            f"Marks of a reader in a case, mean of all readers, with {intervals(everyone)}.",
            everyone,
            COUNTED,
            study,
        )
    ]
    if not study.unblinded:
        return blocks
    differences = [
        r for r in comparisons(counts) if r.quantity == DIFFERENCE and r.at("reader") == ALL
    ]
    if differences:
        blocks.append(
            shown(
                "marks-compared",
                "Difference in marks in a case, first less second, mean of all readers, with "
                f"{intervals(differences)}.{correction(differences)}",
                differences,
                {
                    "first": "first",
                    "second": "second",
                    "difference": "value",
                    "p, corrected": "p_holm",
                },
                study,
            )
        )
    return blocks


def _by_reader(study: StudyData, counts: pd.DataFrame) -> Table:
    alone = [mean for mean in _means(counts) if mean.at("reader") != ALL]
    return shown(
        "marks-by-reader",
        f"Marks of each reader in a case, with {intervals(alone)}.",
        alone,
        {"reader": "reader", **COUNTED},
        study,
        folded=True,
    )


def _means(counts: pd.DataFrame) -> list[Result]:
    return [mean for mean in averages(counts) if mean.quantity == "mean"]


def _categories(places: pd.DataFrame) -> list[Block]:
    named = places[places["category"].notna()]
    if named.empty:
        return []
    table = pd.crosstab([named["question"], named["category"]], named["cohort"]).reset_index()
    table.columns.name = None
    return [Table("marks-by-category", "How many marks have which category.", table)]


def _agreement(
    study: StudyData, places: pd.DataFrame, counts: pd.DataFrame, near: float
) -> list[Block]:
    read = _readings(counts)
    if read["reader"].nunique() < 2:
        return []
    results = agreement_of_places(places, read, distance=near)
    caption = (
        f"Whether readers mark the same places: share of marks with a mark of another reader of the "
        f"same case within {near:.3g} mm, and the same with the other's marks in other cases of the "
        "cohort, which is what places that are marked in every case would give. Both describe these "
        "readers and cases; there is no interval."
    )
    columns = {"cohort": "cohort", "marks": "n_marks"}
    return [shown("marks-agreement", caption, results, columns, study, across="quantity")]


def _readings(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the readings of cases that were answered, one row each."""
    return counted(counts).drop_duplicates(["question", "reader", "case"])


def _figures(
    study: StudyData, grid: Grid, places: pd.DataFrame, counts: pd.DataFrame, near: float
) -> list[Block]:
    read = _readings(counts)
    cases = sorted(set(read["case"]))
    missing = [c for c in cases if not (study.cases and case_file(study.cases, c).exists())]
    if missing or study.cases is None:
        return [Notice((GONE,))]
    if places.empty:
        return [Notice(("No reader marked any place.",))]
    folder = study.cases
    levels = float(max(_voxels(folder, case).max() for case in cases)) or 1.0
    of_cohort = {
        str(name): sorted(set(rows["case"]))
        for name, rows in read.sort_values("role", kind="stable").groupby("cohort", sort=False)
    }
    means = {
        name: np.mean([_voxels(folder, case) for case in of], axis=0) / levels
        for name, of in of_cohort.items()
    }
    blocks: list[Block] = []
    for place, question in enumerate(dict.fromkeys(places["question"])):
        suffix = f"-{question}" if place else ""
        rows = places[places["question"] == question]
        readings = read[read["question"] == question].groupby("cohort").size()
        density = {
            name: _density(rows[rows["cohort"] == name], grid, near) / readings[name]
            for name in means
        }
        most = _most_marked(rows, near)
        blocks += [
            Picture(
                f"marks-map{suffix}",
                f"Where the marks of each cohort lie ({number_of(len(rows), 'mark')}), summed "
                "through the volume over the mean of its cases and smoothed by a Gaussian with a "
                f"standard deviation of {near / 2:.3g} mm; a box counts as its middle. One colour "
                "scale for all cohorts. Anatomy differs between cases, which were not registered.",
                heat_maps(density, means, grid.spacing),
                "Maps of marks in three projections, one row for each cohort.",
            ),
            Picture(
                f"marks-gallery{suffix}",
                f"The {number_of(len(most), 'place')} that most readers marked, in three slices "
                f"through each, with all marks within {near:.3g} mm of it.",
                gallery(_drawn(most, rows, folder, levels, near), grid.spacing),
                "Slices of cases with the marks of readers.",
            ),
        ]
    return blocks


def _voxels(folder: Path, case: str) -> Float[np.ndarray, "x y z"]:
    return decode(unpacked(case_file(folder, case).read_bytes()))[0].astype(np.float64)


def _density(marks: pd.DataFrame, grid: Grid, near: float) -> Float[np.ndarray, "x y z"]:
    """Return marks in a cubic centimetre, smoothed; what leaves the volume at its edge is lost."""
    from scipy.ndimage import gaussian_filter

    edges = [np.arange(n + 1) - 0.5 for n in grid.shape]
    counts, _ = np.histogramdd(marks[["x", "y", "z"]].to_numpy(float), edges)
    sigma = [near / 2 / step for step in grid.spacing]
    smooth: Float[np.ndarray, "x y z"] = gaussian_filter(counts, sigma, mode="constant")
    return smooth * 1000 / float(np.prod(grid.spacing))


def _most_marked(marks: pd.DataFrame, near: float) -> list[pd.Series]:
    """Return marks with the most readers near them, each at least twice as far from the others."""
    readers, close = [], []
    for _, mark in marks.iterrows():
        beside = _beside(marks, mark, near)
        readers.append(beside["reader"].nunique())
        close.append(len(beside))
    ranked = marks.assign(readers=readers, close=close).sort_values(
        ["readers", "close"], ascending=False, kind="stable"
    )
    chosen: list[pd.Series] = []
    for _, mark in ranked.iterrows():
        here = [c for c in chosen if c["case"] == mark["case"]]
        if len(chosen) < PLACES and (not here or _apart(pd.DataFrame(here), mark).min() > 2 * near):
            chosen.append(mark)
    return chosen


def _beside(marks: pd.DataFrame, mark: pd.Series, near: float) -> pd.DataFrame:
    """Return the marks of the same case that are near, the mark itself among them."""
    of_case = marks[marks["case"] == mark["case"]]
    beside: pd.DataFrame = of_case[_apart(of_case, mark) <= near]
    return beside


def _apart(marks: pd.DataFrame, mark: pd.Series) -> Float[np.ndarray, " m"]:
    away = marks[MILLIMETRES].to_numpy(float) - mark[MILLIMETRES].to_numpy(float)
    distance: Float[np.ndarray, " m"] = np.linalg.norm(away, axis=1)
    return distance


def _drawn(
    chosen: Sequence[pd.Series], marks: pd.DataFrame, folder: Path, levels: float, near: float
) -> list[Place]:
    places = []
    for mark in chosen:
        beside = _beside(marks, mark, near)
        places.append(
            Place(
                f"{mark['cohort']}: {number_of(mark['readers'], 'reader')}, "
                f"{number_of(mark['close'], 'mark')}{_told(beside)}",
                _voxels(folder, mark["case"]) / levels,
                [float(mark[axis]) for axis in ("x", "y", "z")],
                [_corners(row) for row in beside.to_dict("records")],
            )
        )
    return places


def _told(marks: pd.DataFrame) -> str:
    """Return the categories of marks, the most frequent first."""
    names = marks["category"].dropna().value_counts()
    told = "; ".join(f"{name} ({count})" for name, count in names.items())
    return f": {told}" if told else ""


def _corners(mark: Mapping[Hashable, float]) -> list[list[float]]:
    low = [mark[f"{axis}_low"] for axis in ("x", "y", "z")]
    end = [mark[f"{axis}_end"] for axis in ("x", "y", "z")]
    return [low] if np.isnan(end).any() else [low, end]
