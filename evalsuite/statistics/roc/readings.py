"""Ratings of cases whose truth is known, as the analyses of ROC curves want them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.rated import TURING, Rated, rated_by_question

COLUMNS = ("reader", "case", "truth", "rating")


@dataclass(frozen=True, slots=True)
class Readings:
    """What r readers rated under t treatments: m positive and n negative cases.

    Args:
        question: what was asked; empty where it is not told.
        treatments, readers: names; at least one treatment.
        positive, negative: ratings of either truth, higher for more surely positive; nan where a
            reader has not read a case. Cases may be shared by treatments or not.
        truths: what positive and negative cases are called.
        midpoint: the rating that favours neither; nan where it is not known.
        warnings: what to know of all of it, each one plain sentence.
    """

    question: str
    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    positive: Float[np.ndarray, "t r m"]
    negative: Float[np.ndarray, "t r n"]
    truths: tuple[str, str] = ("positive", "negative")
    midpoint: float = float("nan")
    warnings: tuple[str, ...] = ()


def readings(table: pd.DataFrame) -> Readings:
    """Return the readings of a long table with one row for each rating of a case.

    Args:
        table: columns reader, case, truth (0 or 1, or false and true), rating (a number, higher
            for more surely positive, empty where it is missing), and treatment where there is
            more than one. Readers and treatments are taken in sorted order.

    Raises:
        EvalsuiteError: if a column is missing, a truth is neither 0 nor 1 or differs between rows
            of one case, a rating is no number, a name is
            missing, or a case was rated twice by one reader.
    """
    absent = [name for name in COLUMNS if name not in table.columns]
    if absent:
        raise EvalsuiteError(
            f"The table of ratings has no column {', '.join(absent)}; "
            f"expected {', '.join(COLUMNS)}, and treatment where there are several."
        )
    truth = pd.to_numeric(table["truth"], errors="coerce").astype(float)
    unclear = table.loc[~truth.isin([0, 1]), "case"]
    if len(unclear):
        raise EvalsuiteError(
            f'The truth of case "{unclear.iloc[0]}" is "{table.loc[unclear.index[0], "truth"]}"; '
            "expected 0 (negative) or 1 (positive)."
        )
    rating = pd.to_numeric(table["rating"], errors="coerce").astype(float)
    wrong = table.loc[table["rating"].notna() & (table["rating"] != "") & rating.isna()]
    if len(wrong):
        raise EvalsuiteError(
            f'The rating {wrong["rating"].iloc[0]!r} of case "{wrong["case"].iloc[0]}" by reader '
            f'"{wrong["reader"].iloc[0]}" is no number; expected one.'
        )
    treatment = table.get("treatment", pd.Series("", index=table.index))
    keys = pd.DataFrame({"treatment": treatment, "reader": table["reader"], "case": table["case"]})
    nameless = [name for name in keys if keys[name].isna().any()]
    if nameless:
        raise EvalsuiteError(
            f"A row of the table of ratings names no {nameless[0]}; expected one in every row."
        )
    twice = keys[keys.duplicated()]
    if len(twice):
        raise EvalsuiteError(
            f'Case "{twice["case"].iloc[0]}" was rated twice by reader '
            f'"{twice["reader"].iloc[0]}" under one treatment; expected one rating each.'
        )
    spread = truth.groupby(table["case"]).nunique()
    if (spread > 1).any():
        raise EvalsuiteError(
            f'Case "{spread.idxmax()}" is positive in some rows and negative in others; '
            "expected one truth for each case."
        )
    (t, treatments), (r, readers) = (
        pd.factorize(keys[name], sort=True) for name in ("treatment", "reader")
    )

    def ratings(of: int) -> Float[np.ndarray, "t r c"]:
        rows = (truth == of).to_numpy(bool)
        c, cases = pd.factorize(keys.loc[rows, "case"], sort=True)
        filled = np.full((max(len(treatments), 1), len(readers), len(cases)), np.nan)
        filled[t[rows], r[rows], c] = rating.to_numpy(float)[rows]
        return filled

    return Readings(
        question="",
        treatments=tuple(map(str, treatments)) or ("",),
        readers=tuple(map(str, readers)),
        positive=ratings(1),
        negative=ratings(0),
    )


def turing_readings(table: pd.DataFrame, points: Mapping[str, int] | None = None) -> list[Readings]:
    """Return the readings of each real-or-synthetic question of a study (visual Turing test).

    Real cases are the positive ones: ratings rise from definitely synthetic to definitely real.
    Each synthetic cohort is a treatment, read against all real cases. Hidden repeats and training
    are left out. Without truth, or without cases of one kind, a single treatment without a name is
    left, whose AUCs are undefined, and a warning.

    Args:
        table: the long table of one study, unblinded.
        points: by question, how many options it offers; the midpoint depends on it.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    return [
        _turing(rated) for rated in rated_by_question(table, points) if rated.analysis == TURING
    ]


def _turing(rated: Rated) -> Readings:
    nothing = np.empty((0, len(rated.readers)))
    real = np.concatenate([nothing, *(rated.scores[name] for name in rated.cohorts("real"))])
    synthetic = rated.cohorts("synthetic") or [""]
    scores = [rated.scores.get(name, nothing) for name in synthetic]
    # Every synthetic case belongs to one treatment and is unread under the others.
    total, start = sum(map(len, scores)), 0
    negative = np.full((len(scores), len(rated.readers), total), np.nan)
    for t, ratings in enumerate(scores):
        negative[t, :, start : start + len(ratings)] = ratings.T
        start += len(ratings)
    return Readings(
        question=rated.question,
        treatments=tuple(synthetic),
        readers=rated.readers,
        positive=np.repeat(real.T[None], len(scores), axis=0),
        negative=negative,
        truths=("real", "synthetic"),
        midpoint=(rated.points + 1) / 2,
        warnings=rated.warnings,
    )
