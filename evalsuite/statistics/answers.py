"""From the long table of a study to one matrix of answers per question."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat, Scale

COLUMNS = (
    "reader", "position", "phase", "case", "repeat_of", "question", "scale", "analysis", "answer",
    "revision",
)  # fmt: skip
CHOICE = "choice"  # the analysis of questions which of a pair is real
POINTS_UNTOLD = Caveat(
    "points-untold",
    "How many answers the question offers was not told and is taken as {points}, the largest that "
    "occurs.",
)


@dataclass(frozen=True, slots=True)
class Answers:
    """The final answers to one question, each case on first showing and where it was repeated.

    Args:
        question, scale, analysis: as in the table.
        readers, cases: names of the columns and rows: of all who read anything and of all that
            was shown, so that each statistic can say whom it leaves out.
        first: answers on first showing, nan where there is none. In paired studies 1 says that
            the alphabetically first case of the pair was held for the real one, 2 the other:
            sides differ between readers.
        second: answers on the hidden repeat; all nan without repeats.
        repeated: which cases were shown to whom a second time, answered or not.
        strata: the cohort of each case, numbered from 0; all 0 before unblinding.
        points: how many answers were offered, 0 on an interval scale.
        ends: the lowest and the highest answer.
        warnings: what to know about `points`.
    """

    question: str
    scale: Scale
    analysis: str
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    first: Float[np.ndarray, "c r"]
    second: Float[np.ndarray, "c r"]
    repeated: Bool[np.ndarray, "c r"]
    strata: Int[np.ndarray, " c"]
    points: int
    ends: tuple[float, float]
    warnings: tuple[Caveat, ...] = ()


def answers_by_question(
    table: pd.DataFrame, points: Mapping[str, int] | None = None
) -> list[Answers]:
    """Return the answers to every question with comparable answers, in the table's order.

    Training is left out, of several revisions the last one counts, and questions whose `scale` is
    `none` have no place here.

    Args:
        table: the long table of one study, in which `scale` and `analysis` say what an answer is,
            see `evalsuite.study.protocol.kinds.question`; `lowest` and `highest` are the ends of
            an interval scale.
        points: number of options by question. Where it is not told, it is the largest answer
            that occurs, and a warning says so.

    Raises:
        EvalsuiteError: if columns are missing, an answer is no number of its scale, or a reader
            saw a case twice without a note in `repeat_of`.
    """
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise EvalsuiteError(
            f"The table of answers has no column {', '.join(missing)}; "
            f"expected {', '.join(COLUMNS)}."
        )
    read = table[(table["phase"] == "reading") & (table["scale"] != "none")]
    readers = sorted(table.loc[table["phase"] == "reading", "reader"].astype(str).unique())
    return [
        _answers(rows, str(question), (points or {}).get(str(question)), readers)
        for question, rows in read.groupby("question", sort=False)
    ]


def _answers(rows: pd.DataFrame, question: str, points: int | None, readers: list[str]) -> Answers:
    scale: Scale = rows["scale"].iloc[0]
    analysis = str(rows["analysis"].iloc[0])
    rows = rows.sort_values("revision", kind="stable").drop_duplicates(
        ["reader", "position"], keep="last"
    )
    scores = _scores(rows, question)
    given_scores = scores.dropna()
    warnings: tuple[Caveat, ...] = ()
    if analysis == CHOICE:
        points = 2
    elif scale == "interval":
        points = 0
    elif points is None:
        points = max(2, int(given_scores.max())) if len(given_scores) else 2
        warnings = (POINTS_UNTOLD(points=points),)
    low, high = (
        (1.0, float(points)) if points else rows[["lowest", "highest"]].iloc[0].astype(float)
    )
    off = given_scores[
        (given_scores < low) | (given_scores > high) | (bool(points) & (given_scores % 1 != 0))
    ]
    if len(off):
        what = "a whole number" if points else "a number"
        expected = f"{what} from {low:g} to {high:g}"
        raise EvalsuiteError(
            f'The answer {off.iloc[0]:g} of reader "{rows.loc[off.index[0], "reader"]}" does not '
            f'fit the question "{question}"; expected {expected}.'
        )
    cases = rows["case"].astype(str)
    if analysis == CHOICE:
        sides = cases.str.split("|", n=1, expand=True).reindex(columns=[0, 1]).fillna("")
        swapped = sides[0] > sides[1]
        cases = cases.where(~swapped, sides[1] + "|" + sides[0])
        scores = scores.where(~swapped, 3 - scores)
    repeat = pd.to_numeric(rows["repeat_of"], errors="coerce").notna()
    tidy = pd.DataFrame(
        {"reader": rows["reader"].astype(str), "case": cases, "score": scores, "repeat": repeat}
    )
    given = tidy[tidy["score"].notna()]
    twice = given[given.duplicated(["reader", "case", "repeat"])]
    if len(twice):
        raise EvalsuiteError(
            f'Reader "{twice["reader"].iloc[0]}" answered the question "{question}" twice on the '
            f'case "{twice["case"].iloc[0]}"; expected the second position to name the first '
            "one in repeat_of."
        )
    names = sorted(tidy["case"].unique())
    case = pd.Index(names).get_indexer(pd.Index(tidy["case"]))
    reader = pd.Index(readers).get_indexer(pd.Index(tidy["reader"]))
    known, again = tidy["score"].notna().to_numpy(), tidy["repeat"].to_numpy(dtype=bool)
    # A pivot table of as few answers takes a hundred times as long.
    seen = np.full((2, len(names), len(readers)), np.nan)
    seen[again[known].astype(int), case[known], reader[known]] = tidy["score"].to_numpy()[known]
    repeated = np.zeros((len(names), len(readers)), dtype=bool)
    repeated[case[again], reader[again]] = True
    return Answers(
        question, scale, analysis, tuple(readers), tuple(names), seen[0], seen[1], repeated,
        _strata(rows, cases, names), points, (low, high), warnings,
    )  # fmt: skip


def _scores(rows: pd.DataFrame, question: str) -> "pd.Series[float]":
    """Return the answers as numbers, nan where there is none."""
    given = rows["answer"].where(rows["answer"].notna() & (rows["answer"] != ""))
    scores = pd.to_numeric(given, errors="coerce").astype(float)
    wrong = given[given.notna() & scores.isna()]
    if len(wrong):
        raise EvalsuiteError(
            f'The answer {wrong.iloc[0]!r} of reader "{rows.loc[wrong.index[0], "reader"]}" to '
            f'the question "{question}" is no number; expected one.'
        )
    return scores


def _strata(rows: pd.DataFrame, cases: "pd.Series[str]", names: list[str]) -> Int[np.ndarray, " c"]:
    if "cohort" not in rows.columns or rows["cohort"].isna().any():
        return np.zeros(len(names), int)
    cohorts = rows["cohort"].astype(str).map(lambda pair: "|".join(sorted(pair.split("|"))))
    of_case = cohorts.groupby(cases).first().reindex(names)
    return np.asarray(pd.factorize(of_case)[0], int)
