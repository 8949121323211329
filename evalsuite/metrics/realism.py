"""One number per volume: how far it lies from the real cohort in feature space.

A volume of the real cohort is scored against the others of it, so that real and synthetic volumes
are judged by the same rule.
"""

from dataclasses import replace
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.metric import Finding, Metric, UndefinedError, judging_options, on_features
from evalsuite.metrics.neighbourhoods import KYNKAANNIEMI, distances
from evalsuite.metrics.subjects import Subjects
from evalsuite.records import Quantity, Scores

NEAREST = Quantity(
    name="nearest_real_distance",
    title="Distance to the nearest real volume",
    sentence="by features; large for a volume that is like no real one.",
    direction="lower is better",
    range="0 to ∞",
    bias="real volumes are scored against the others",
    unit="of the features",
)
TO_MEAN = replace(
    NEAREST,
    name="distance_to_real_mean",
    title="Distance to the real mean",
    sentence="by features; large for a volume far from the average real one.",
)
REALISM = Quantity(
    name="realism",
    title="Realism",
    sentence="above 1 the volume lies within the neighbourhood of a real one, near 0 far from all.",
    direction="higher is better",
    range="0 to ∞",
    bias="real volumes are scored against the others",
    works=(KYNKAANNIEMI,),
)


@judging_options
def compute(
    real: Float[Tensor, "m d"],
    synthetic: Float[Tensor, "n d"],
    *,
    subjects: Subjects | None = None,
    seed: int,  # noqa: ARG001 - nothing is drawn
    k: Annotated[int, Field(ge=1, description="neighbours that set the radius of a ball")] = 3,
) -> list[Finding]:
    """Return three scores of every volume.

    `nearest_real_distance` is the Euclidean distance to the nearest real volume (in the units of
    the features, lower is better). `distance_to_real_mean` is that to the mean of the real
    volumes. `realism` is the largest ratio, over real volumes whose own ball is no larger than
    the median one, of the radius of the ball (the distance to its k-th nearest real neighbour)
    to the distance from its centre: above 1 inside some ball, higher is better.

    Args:
        real, synthetic: one row of d features per volume.
        subjects: a real volume is not scored against others of its own subject.
        seed: not used.
        k: neighbour that sets the radius of a ball.

    Raises:
        UndefinedError: if beside a real volume there are fewer than k + 2 of other subjects, or
            features do not fit.

    References:
        Kynkaanniemi et al., NeurIPS 32 (2019), equation 3 (realism).
    """
    real, synthetic = checked_features(real, synthetic, metric="Realism")
    m = len(real)
    whose = torch.arange(m) if subjects is None else torch.from_numpy(subjects.real)
    same = whose[:, None] == whose[None, :]
    sizes = same.sum(dim=1)
    if m - int(sizes.max()) < k + 2:
        raise UndefinedError(
            f"Realism with k = {k} needs at least {k + 2} real volumes of other subjects beside "
            f"each, but got {m} volumes of {int(whose.max()) + 1} subjects."
        )
    own = distances(real, real).masked_fill(same, torch.inf)
    across = distances(synthetic, real)
    total = real.sum(dim=0)
    of_subject = torch.zeros_like(real).index_add_(0, whose, real)[whose]
    without_itself = (total - of_subject) / (m - sizes)[:, None]
    findings: list[Finding] = [
        Scores(
            name=NEAREST.name,
            real=own.amin(dim=1).numpy(),
            synthetic=across.amin(dim=1).numpy(),
            direction=NEAREST.direction,
            method="Euclidean distance to the nearest real volume, its own subject left out",
        ),
        Scores(
            name=TO_MEAN.name,
            real=(real - without_itself).norm(dim=1).numpy(),
            synthetic=(synthetic - total / m).norm(dim=1).numpy(),
            direction=TO_MEAN.direction,
            method="Euclidean distance to the mean of the real volumes, its own subject left out",
        ),
        Scores(
            name=REALISM.name,
            real=_realism(own, _radii(own, k)).numpy(),
            synthetic=_realism(across, _radii(own, k)).numpy(),
            direction=REALISM.direction,
            method=f"realism score (Kynkaanniemi et al. 2019, equation 3), k = {k}, balls no "
            "larger than the median one; the balls of a real volume's own subject are left out",
        ),
    ]
    return findings


def _radii(own: Float[Tensor, "m m"], k: int) -> Float[Tensor, " m"]:
    """Return the radius of every real volume's ball, 0 for those larger than the median one."""
    radii = own.kthvalue(k, dim=1).values
    return torch.where(radii <= radii.median(), radii, 0.0)


def _realism(apart: Float[Tensor, "n m"], radii: Float[Tensor, " m"]) -> Float[Tensor, " n"]:
    return (radii / apart.clamp_min(1e-12)).amax(dim=1)


METRIC = Metric(
    name="realism",
    summary="Per volume: realism score, distance to the nearest real volume and to the real mean.",
    needs=("features", "subjects"),
    compute=on_features(compute),
    scores=(REALISM, NEAREST, TO_MEAN),
    methods="Each volume was given a realism score {realism} and its distances to the nearest real "
    "volume and to the real mean",
)
