"""Where readers marked the volumes: one row for each mark, in voxels and in millimetres."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.study.blinding.cases import HEADER, geometry
from evalsuite.study.blinding.files import unpacked
from evalsuite.study.protocol.kinds.marks import MARKS, Marks
from evalsuite.study.protocol.kinds.question import Question

if TYPE_CHECKING:
    import pandas as pd

AXES = ("x", "y", "z")
KEPT = (
    "study", "reader", "reader_number", "position", "phase", "presentation", "repeat_of", "case",
    "cohort", "role", "question", "revision",
)  # fmt: skip
TOLD = ("mark", "side", "category")
ENDS = ("", "_end")  # a point has one place, a box two


@dataclass(frozen=True, slots=True)
class Grid:
    """The voxels of every case of a study.

    Args:
        shape: how many there are along the patient's right, anterior and superior.
        spacing: millimetres between two along each axis.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    def millimetres(self, voxel: Iterable[float]) -> list[float]:
        """Return a place in millimetres from the middle of the matrix, where prepared files have 0."""
        axes = zip(voxel, self.shape, self.spacing, strict=True)
        return [round((at - (n - 1) / 2) * step, 3) for at, n, step in axes]


def read_grid(folder: Path) -> Grid | None:
    """Return the grid of the prepared cases in a folder, None if there are none."""
    for file in sorted(folder.glob("*.nii*")):
        return Grid(*geometry(unpacked(file.read_bytes(), HEADER)))
    return None


def parsed(answer: object) -> list[dict[str, Any]] | None:
    """Return the marks of an answer, which may be JSON; None where there is no answer."""
    given = json.loads(answer) if isinstance(answer, str) and answer else answer
    return given if isinstance(given, list) else None


def marks_table(
    table: "pd.DataFrame", questions: Iterable[Question], grid: Grid | None
) -> "pd.DataFrame":
    """Return one row for each mark in a long table of answers.

    Columns: those of the table in `KEPT`, the number of the mark within its answer, its side of a
    pair (the case, and the truth if it is told, are those of that side), its category, and where it
    is: `x`, `y`, `z` in voxels, from 0, along the patient's right, anterior and superior; `x_mm` and
    so on from the middle of the prepared case; of a box the opposite corner as `x_end`, `x_end_mm`.

    Args:
        table: see `evalsuite.study.export.long_table`.
        questions: of the study.
        grid: of its cases; without one there are no millimetres.
    """
    import pandas as pd

    asked = {q.name: q for q in questions if isinstance(q, Marks)}
    kept = [column for column in KEPT if column in table]
    places = [f"{axis}{end}{unit}" for unit in ("", "_mm") for end in ENDS for axis in AXES]
    rows = []
    for answer in table[table["question"].isin(asked)].to_dict("records"):
        for number, mark in enumerate(parsed(answer["answer"]) or (), 1):
            row = {column: answer[column] for column in kept} | {"mark": number}
            if "side" in mark:
                row["side"] = mark["side"]
                for column in {"case", "cohort", "role"} & set(kept):
                    row[column] = str(answer[column]).split("|")[mark["side"] - 1]
            if "category" in mark:
                categories = asked[answer["question"]].categories
                row["category"] = categories[mark["category"] - 1]
            for end, name in zip(ENDS, ("voxel", "end"), strict=True):
                if name in mark:
                    row |= {f"{axis}{end}": at for axis, at in zip(AXES, mark[name], strict=True)}
                    away = grid.millimetres(mark[name]) if grid else ()
                    row |= {f"{axis}{end}_mm": at for axis, at in zip(AXES, away, strict=False)}
            rows.append(row)
    return pd.DataFrame(rows, columns=[*kept, *TOLD, *places])


def counted_marks(table: "pd.DataFrame", questions: Iterable[Question]) -> "pd.DataFrame":
    """Return the answers that are marks as numbers of marks, which statistics take for ratings.

    Each side of a pair becomes a case of its own.

    Args:
        table: a long table with scales.
        questions: of the study.
    """
    import pandas as pd

    rows = []
    for answer in table[table["analysis"] == MARKS].to_dict("records"):
        marks = parsed(answer["answer"])
        cases = str(answer["case"]).split("|")
        for side, case in enumerate(cases, 1):
            of_side = [m for m in marks or () if m.get("side", 1) == side]
            row = {**answer, "case": case, "answer": None if marks is None else len(of_side)}
            row["position"] = 2 * answer["position"] + side
            row["presentation"] = f"{answer['presentation']} {side}"
            for column in ("cohort", "role"):
                if isinstance(answer.get(column), str):
                    row[column] = answer[column].split("|")[side - 1]
            rows.append(row)
    counts = pd.DataFrame(rows, columns=table.columns)
    most = {q.name: float(q.most) for q in questions if isinstance(q, Marks)}
    highest = [most[name] for name in counts["question"]]
    return counts.assign(scale="interval", analysis="ratings", lowest=0.0, highest=highest)
