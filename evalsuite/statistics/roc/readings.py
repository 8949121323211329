"""Ratings of cases whose truth is known, as the analyses of ROC curves want them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from evalsuite.records import Caveat
from evalsuite.statistics.rated import TURING, Rated, rated_by_question


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
        subjects: numbers of whom the positive and whom the negative cases show, where some show one
            subject; cases of a subject are then no independent sample.
    """

    question: str
    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    positive: Float[np.ndarray, "t r m"]
    negative: Float[np.ndarray, "t r n"]
    truths: tuple[str, str] = ("positive", "negative")
    midpoint: float = float("nan")
    warnings: tuple[Caveat, ...] = ()
    subjects: tuple[Int[np.ndarray, " m"], Int[np.ndarray, " n"]] | None = None


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
    whom = [[name for c in cohorts for name in rated.subjects.get(c, ())]
            for cohorts in (rated.cohorts("real"), synthetic)]  # fmt: skip
    numbers = pd.factorize(np.array([*whom[0], *whom[1]], object))[0]
    repeated = len(np.unique(numbers)) < len(numbers)
    return Readings(
        question=rated.question,
        treatments=tuple(synthetic),
        readers=rated.readers,
        positive=np.repeat(real.T[None], len(scores), axis=0),
        negative=negative,
        truths=("real", "synthetic"),
        midpoint=(rated.points + 1) / 2,
        warnings=rated.warnings,
        subjects=(numbers[: len(whom[0])], numbers[len(whom[0]) :]) if repeated else None,
    )
