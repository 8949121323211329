"""The scores of automatic metrics, as a table gives them."""

from dataclasses import dataclass

import pandas as pd

from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat

SIGNS = {"lower is better": -1.0, "higher is better": 1.0}
UNKNOWN_SIGN = Caveat(
    "unknown-direction",
    "Whether high or low is better is not told, so the sign is that of the raw score.",
)


@dataclass(frozen=True, slots=True)
class Scored:
    """One metric's values, turned so that higher is better.

    Args:
        where: its place: `metric` and `extractor`.
        by_name: the values, by case or cohort.
        warnings: what to know of the sign.
    """

    where: dict[str, str]
    by_name: "pd.Series[float]"
    warnings: tuple[Caveat, ...]


def read_scores(scores: pd.DataFrame, key: str) -> list[Scored]:
    """Return every metric of a table of scores.

    Args:
        scores: columns `metric`, `value` and that of the key; `extractor` and `direction` if known.
        key: the column that says what is scored.

    Raises:
        EvalsuiteError: if a column is missing, or something is scored twice by one metric.
    """
    missing = [column for column in (key, "metric", "value") if column not in scores.columns]
    if missing:
        raise EvalsuiteError(
            f"The table of scores has no column {', '.join(missing)}; "
            f"expected {key}, metric and value."
        )
    complete = scores.assign(
        extractor=scores["extractor"].fillna("") if "extractor" in scores.columns else "",
        direction=scores["direction"].fillna("") if "direction" in scores.columns else "",
    )
    metrics = []
    for (name, extractor), rows in complete.groupby(["metric", "extractor"], sort=False):
        values = pd.to_numeric(rows["value"], errors="coerce").astype(float)
        values.index = pd.Index(rows[key].astype(str))
        if values.index.has_duplicates:
            twice = values.index[values.index.duplicated()][0]
            raise EvalsuiteError(
                f'The metric "{name}" has two values for the {key} "{twice}"; expected one.'
            )
        direction = str(rows["direction"].iloc[0])
        place = {"metric": str(name), "extractor": str(extractor)}
        warnings = () if direction in SIGNS else (UNKNOWN_SIGN,)
        metrics.append(Scored(place, values * SIGNS.get(direction, 1.0), warnings))
    return metrics
