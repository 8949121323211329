"""Long tables of made-up studies, which the tests of statistics share."""

import numpy as np
import pandas as pd

from evalsuite.statistics.rated import rated_by_question
from tests.kinds import scales

NAN = float("nan")
REASONS = "There is no|needs|cannot|No active time|not told apart|are equal"


def long_table(cohorts, *, question="appearance", kind="choice", seed=0, seconds=20.0):
    """Return the long table of matrices of answers, cases x readers, by cohort.

    Cohorts whose name begins with `real` are real. Every reader has their own random order. The
    cases of cohort `real` are real00, real01, ...
    """
    rng = np.random.default_rng(seed)
    rows = []
    cases = [(name, i) for name, scores in cohorts.items() for i in range(len(scores))]
    for reader in range(next(iter(cohorts.values())).shape[1]):
        for position, k in enumerate(rng.permutation(len(cases)), start=1):
            cohort, i = cases[k]
            rows.append(
                {
                    "study": "made-up",
                    "reader": f"reader{reader:02d}",
                    "position": position,
                    "phase": "reading",
                    "presentation": f"{reader}-{position}",
                    "case": f"{cohort}{i:02d}",
                    "repeat_of": None,
                    "question": question,
                    **scales(kind),
                    "answer": cohorts[cohort][i, reader],
                    "revision": 0,
                    "answered_at": "",
                    "seconds": seconds,
                    "active_seconds": seconds,
                    "cohort": cohort,
                    "role": "real" if cohort.startswith("real") else "synthetic",
                    "stratum": "",
                }
            )
    return pd.DataFrame(rows)


def closed_off(table):
    """Return the table of a study that is not closed: without the truth."""
    return table.drop(columns=["cohort", "role", "stratum"])


def simulated(readers=4, cases=30, *, difference=0.0, seed=0, names=("real", "gan")):
    """Return answers 1 to 4 to cohorts of which the others lie `difference` below the first."""
    rng = np.random.default_rng(seed)
    effect = 0.3 * rng.standard_normal(readers)
    return {
        name: np.rint(
            2.9
            - difference * (k > 0)
            + effect
            + 0.4 * rng.standard_normal((cases, 1))
            + 0.6 * rng.standard_normal((cases, readers))
        ).clip(1, 4)
        for k, name in enumerate(names)
    }


def odd_studies():
    """Return studies that go wrong in the ways issue 5 names, by name."""
    study = simulated()
    with_holes = {name: scores.copy() for name, scores in study.items()}
    rng = np.random.default_rng(1)
    for scores in with_holes.values():
        scores[rng.random(scores.shape) < 0.3] = NAN
    apart = {name: scores[:, :2].copy() for name, scores in study.items()}
    for scores in apart.values():
        scores[::2, 0] = NAN
        scores[1::2, 1] = NAN
    return {
        "missing answers": long_table(with_holes),
        "one reader": long_table({name: scores[:, :1] for name, scores in study.items()}),
        "one case": long_table({name: scores[:1] for name, scores in study.items()}),
        "all equal": long_table({name: np.full((20, 3), 4.0) for name in study}),
        "separated": long_table({"real": np.full((20, 3), 4.0), "gan": np.full((20, 3), 1.0)}),
        "never overlap": long_table(apart),
        "not closed": closed_off(long_table(study)),
        "only real": long_table({"real": study["real"]}),
        "no answer": long_table({name: np.full((20, 3), NAN) for name in study}),
    }


def matrices(table):
    """Return the answers of the first question by cohort, as the statistics see them."""
    return rated_by_question(table)[0].scores


def says_why(rows, columns=("value", "low", "high")):
    """Return whether every row with a nan has a sentence about it."""
    undefined = rows[list(columns)].isna().any(axis=1)
    return bool(rows.loc[undefined, "warnings"].str.contains(REASONS).all())
