"""The chapter on single volumes: their scores among those of real ones, and the worst."""

import math

import numpy as np
import pandas as pd
from jaxtyping import Float

from evalsuite.records import Direction
from reports.document import Block, Picture, Section, Table, Text
from reports.evaluations.comparison import Comparison
from reports.evaluations.tables import GOOD
from reports.figures.cohorts import looks
from reports.figures.panels import Strip, pages, strips
from reports.glossary import score_meaning, scored_on, whole

WORST = 3  # volumes named per cohort and score
RARE = 0.05  # share of real volumes that lie beyond the limit of what is usual
LONGEST_NAME = 34


def volume_chapter(comparison: Comparison) -> list[Section]:
    """Return the chapter on single volumes, none where no metric scored them."""
    scores = whole(comparison.scores)
    if scores.empty or not scores["value"].notna().any():
        return []
    real = comparison.evaluation.real.name
    panels: dict[str, list[Strip]] = {}
    meant: dict[str, str] = {}
    for name, extractor, rows in _by_score(scores):
        meaning = score_meaning(name, str(rows["method"].iloc[0]))
        meant.setdefault(meaning.sentence, meaning.title)
        values = {
            cohort: rows[rows["cohort"] == cohort]
            .drop_duplicates("volume")["value"]
            .dropna()
            .to_numpy(float)
            for cohort in (real, *comparison.cohorts)
        }
        good = f"good is {GOOD[rows['direction'].iloc[0]]}"
        panels.setdefault(meaning.sentence, []).append(
            Strip(meaning.title, scored_on(name, extractor), good, values)
        )
    portions = pages(list(panels.values()), 1 + len(comparison.cohorts))
    blocks: list[Block] = [
        Text(
            (
                (
                    "Some metrics give every single volume a score. They find the volumes to look at "
                    "first, and are what readers' ratings of the same volumes can be set against."
                ),
            )
        ),
        *(
            Picture(
                "evaluation-volumes" + (f"-{place}" if len(portions) > 1 else ""),
                "Scores of single volumes: each point is a volume, each bar a median. Real volumes "
                "are scored by the same rule, each against the others."
                if place == 1
                else "The figure before, continued.",
                strips(portion, looks(comparison.evaluation)),
                "Rows of points per cohort; the table below has medians and counts.",
            )
            for place, portion in enumerate(portions, 1)
        ),
        Table(
            "evaluation-volumes",
            "Where the volumes of each cohort lie among real ones. Of volumes like the real ones, "
            "5 % would be worse than 95 % of real.",
            score_summary(scores, comparison),
            tuple(f"{title}: {sentence}" for sentence, title in meant.items()),
        ),
    ]
    beyond = Table(
        "evaluation-worst",
        f"The {WORST} worst volumes of each cohort by each score.",
        worst_volumes(scores, comparison),
        folded=True,
    )
    title = "Which volumes stand out?"
    return [Section("evaluation-volumes", title, tuple(blocks), (beyond,))]


def score_summary(scores: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Return per score and synthetic cohort where its volumes lie among real ones.

    Args:
        scores: the long table of scores.
        comparison: names the cohorts.
    """
    rows = []
    for name, extractor, rows_of_score in _by_score(scores):
        direction: Direction = rows_of_score["direction"].iloc[0]
        for cohort in comparison.cohorts:
            values = (
                rows_of_score.loc[rows_of_score["cohort"] == cohort, "value"]
                .dropna()
                .to_numpy(float)
            )
            real = rows_of_score[
                (rows_of_score["role"] == "real") & (rows_of_score["against"] == cohort)
            ]["value"].dropna()
            if not (rows_of_score["cohort"] == cohort).any():
                continue
            known = len(values) > 0 and len(real) > 0
            worse = int((_badness(values, real, direction) > _limit(real, direction)).sum())
            rows.append(
                {
                    "score": score_meaning(name, "").title,
                    "on": scored_on(name, extractor),
                    "cohort": cohort,
                    "volumes": len(values),
                    "median": float(np.median(values)) if len(values) else math.nan,
                    "median of real": float(real.median()) if len(real) else math.nan,
                    "good is": GOOD[direction],
                    "worse than 95 % of real": f"{worse} of {len(values)}" if known else None,
                }
            )
    return pd.DataFrame(rows)


def worst_volumes(scores: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Return the worst volumes of every cohort by every score, the worst first."""
    rows = []
    for name, extractor, rows_of_score in _by_score(scores):
        direction: Direction = rows_of_score["direction"].iloc[0]
        for cohort in (comparison.evaluation.real.name, *comparison.cohorts):
            among = rows_of_score[
                (rows_of_score["cohort"] == cohort) & rows_of_score["value"].notna()
            ]
            # Real volumes have one score against each synthetic cohort.
            among = among.drop_duplicates("volume")
            real = rows_of_score[
                (rows_of_score["role"] == "real") & rows_of_score["value"].notna()
            ]["value"]
            bad = _badness(among["value"].to_numpy(float), real, direction)
            for place, i in enumerate(np.argsort(-bad, kind="stable")[:WORST].tolist(), 1):
                row = among.iloc[i]
                rows.append(
                    {
                        "score": score_meaning(name, "").title,
                        "on": scored_on(name, extractor),
                        "cohort": cohort,
                        "place": place,
                        "volume": _ending(str(row["volume"])),
                        "value": float(row["value"]),
                        "median of real": float(real.median()) if len(real) else math.nan,
                        "good is": GOOD[direction],
                    }
                )
    return pd.DataFrame(rows)


def _by_score(scores: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Return name, extractor and rows of every score, in order of appearance."""
    groups = scores.groupby(["name", "extractor"], sort=False)
    return [(str(name), str(extractor), rows) for (name, extractor), rows in groups]


def _badness(
    values: Float[np.ndarray, " n"], real: pd.Series, direction: Direction
) -> Float[np.ndarray, " n"]:
    """Return numbers that grow as the values get worse."""
    if direction == "lower is better":
        return values
    if direction == "higher is better":
        return -values
    middle = float(real.median()) if len(real) else math.nan
    return np.abs(values - middle)


def _ending(name: str) -> str:
    """Return the end of an identifier, which tells volumes of one folder apart."""
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _limit(real: pd.Series, direction: Direction) -> float:
    """Return the badness that only a rare real volume exceeds."""
    if not len(real):
        return math.nan
    return float(np.quantile(_badness(real.to_numpy(float), real, direction), 1 - RARE))
