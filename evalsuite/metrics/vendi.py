"""The Vendi score: how many unlike volumes a cohort effectively holds."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from evalsuite.metrics.distances import MOST, spans
from evalsuite.metrics.features import checked_features
from evalsuite.metrics.grouped_jackknife import METHOD, Rows, half_width, variances
from evalsuite.metrics.metric import (
    Level,
    Metric,
    UndefinedError,
    judging_options,
    on_features,
)
from evalsuite.metrics.subjects import Subjects, each_its_own, rows_of
from evalsuite.records import Caveat, Estimate, Interval, Quantity

DRAWS = 10  # subsets of real volumes where there are more of them than synthetic ones
VENDI = Quantity(
    name="vendi_score",
    title="Vendi score",
    sentence="how many volumes without any likeness are as varied as the synthetic ones; below that "
    "of as many real ones (within real) they are too much alike, above it too different.",
    direction="nearer the reference is better",
    range="1 to n",
    bias="grows with n; grouped jackknife over subjects",
    chapter="diversity",
    works=(
        (
            "Friedman D, Dieng AB. The Vendi score: a diversity evaluation metric for machine "
            "learning. Transactions on Machine Learning Research (2023)."
        ),
    ),
)
FEWER_REAL = Caveat(
    "fewer-real-for-vendi",
    "There are fewer real subjects ({real}) than synthetic ones ({synthetic}), so the score within "
    "real is of fewer and too low.",
)
NO_INTERVAL = Caveat(
    "few-for-vendi-interval",
    "{real} real and {synthetic} synthetic subjects are too few for an interval.",
)


def vendi_score(features: Float[Tensor, "n d"]) -> float:
    """Return the exponential of the entropy of the eigenvalues of a cohort's cosine similarities.

    Between 1 (all volumes alike) and n (no two have any likeness). The eigenvalues are those of the
    matrix of similarities over n, or, where there are fewer features than volumes, those of the
    matrix of the features' products, which are the same.

    Args:
        features: one row of d features per volume, none of them all 0.

    References:
        Friedman and Dieng, TMLR (2023), definition 3.1 and section 3.2.
    """
    n, d = features.shape
    rows = features / features.norm(dim=1, keepdim=True)
    if n <= d:
        matrix = rows @ rows.T
    else:
        parts = (rows[some].T @ rows[some] for some in spans(0, n, MOST))
        matrix = sum(parts, torch.zeros(d, d).double())
    weights = torch.linalg.eigvalsh(matrix / n)
    weights = weights[weights > 0]
    return float(torch.exp(-(weights * weights.log()).sum()))


@judging_options
def compute(
    real: Float[Tensor, "m _"],
    synthetic: Float[Tensor, "n _"],
    *,
    subjects: Subjects | None = None,
    seed: int = 0,
    intervals: bool = True,
    level: Level = 0.95,
) -> list[Estimate]:
    """Return `vendi_score` of the synthetic cohort, beside that of as many real subjects.

    No unit, 1 to n. It says nothing of realism: noise is very varied.

    Args:
        real, synthetic: one row of d features per volume.
        subjects: whom they show; by default each another.
        seed: of the real subjects that are drawn where there are more of them, and of the groups.
        intervals: whether there is to be an interval.
        level: nominal coverage of the interval.

    Raises:
        ValueError: if a volume has no feature other than 0, or features are not finite.

    References:
        Friedman and Dieng, TMLR (2023).
    """
    subjects = subjects or each_its_own(len(real), len(synthetic))
    real, synthetic = checked_features(real, synthetic, metric="The Vendi score")
    for role, features in (("real", real), ("synthetic", synthetic)):
        if not features.norm(dim=1).all():
            raise UndefinedError(f"A {role} volume has no features but 0, and so no direction.")
    (m, n), value = subjects.counts, vendi_score(synthetic)
    found = None
    if intervals:
        found = variances(lambda _, rows: np.array([vendi_score(synthetic[rows])]), subjects, seed)
    known = found is not None and found[0] > 0
    half = half_width(found[0], level) if found is not None and known else math.nan
    warnings: tuple[Caveat, ...] = (FEWER_REAL(real=m, synthetic=n),) if m < n else ()
    if intervals and found is None:
        warnings += (NO_INTERVAL(real=m, synthetic=n),)
    return [
        Estimate(
            name=VENDI.name,
            value=value,
            direction=VENDI.direction,
            n_real=len(real),
            n_synthetic=len(synthetic),
            method="Exponential of the entropy of the eigenvalues of cosine similarities over n "
            f"(Friedman and Dieng 2023). The reference is that of {min(m, n)} real subjects.",
            interval=Interval(max(1.0, value - half), value + half, level, METHOD)
            if known
            else None,
            standard_error=math.sqrt(found[0]) if found is not None and known else None,
            reference=float(np.mean([vendi_score(real[rows]) for rows in _drawn(subjects, seed)])),
            warnings=warnings,
        )
    ]


def _drawn(subjects: Subjects, seed: int) -> Sequence[Rows]:
    """Return the real volumes of as many subjects as there are synthetic ones, some times."""
    m, n = subjects.counts
    if m <= n:
        return [np.arange(len(subjects.real))]
    random = np.random.default_rng(seed)
    return [rows_of(random.permutation(m)[:n], subjects.real) for _ in range(DRAWS)]


METRIC = Metric(
    name="vendi",
    summary="Vendi score: how many unlike volumes there effectively are, beside real ones",
    needs=("features", "subjects"),
    compute=on_features(compute),
    quantities=(VENDI,),
    methods="Variety was measured by the Vendi score {vendi_score}",
)
