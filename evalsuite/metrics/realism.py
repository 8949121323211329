"""One number per volume: how far it lies from the real cohort in feature space.

A volume of the real cohort is scored against the others of it, so that real and synthetic volumes
are judged by the same rule.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from evalsuite.metrics.distances import MEMORY, Pairs, affordable, spans
from evalsuite.metrics.features import checked_features
from evalsuite.metrics.metric import Finding, Metric, UndefinedError, judging_options, on_features
from evalsuite.metrics.neighbourhoods import KYNKAANNIEMI
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
    memory: int = MEMORY,
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
        memory: bytes for blocks of distances, which change no digit but the last ones.
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
    sizes = whose.bincount()[whose]
    if m - int(sizes.max()) < k + 2:
        raise UndefinedError(
            f"Realism with k = {k} needs at least {k + 2} real volumes of other subjects beside "
            f"each, but got {m} volumes of {int(whose.max()) + 1} subjects."
        )
    radii = torch.cat(
        [apart.kthvalue(k, dim=1).values for apart in _distances(real, real, whose, memory)]
    )
    # Balls larger than the median one hold nothing.
    radii = torch.where(radii <= radii.median(), radii, 0.0)
    nearest, realism = _scores(real, real, whose, radii, memory)
    nearest_of_synthetic, realism_of_synthetic = _scores(synthetic, real, None, radii, memory)
    total = real.sum(dim=0)
    of_subject = torch.zeros_like(real).index_add_(0, whose, real)[whose]
    without_itself = (total - of_subject) / (m - sizes)[:, None]
    findings: list[Finding] = [
        Scores(
            name=NEAREST.name,
            real=nearest.numpy(),
            synthetic=nearest_of_synthetic.numpy(),
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
            real=realism.numpy(),
            synthetic=realism_of_synthetic.numpy(),
            direction=REALISM.direction,
            method=f"realism score (Kynkaanniemi et al. 2019, equation 3), k = {k}, balls no "
            "larger than the median one; the balls of a real volume's own subject are left out",
        ),
    ]
    return findings


def _distances(
    scored: Float[Tensor, "n d"],
    real: Float[Tensor, "m d"],
    whose: Int[Tensor, " m"] | None,
    memory: int,
) -> Iterator[Float[Tensor, "b m"]]:
    """Return distances to all real volumes, block by block; infinite within a subject.

    Args:
        whose: subjects of the real volumes if it is these that are scored.
    """
    pairs = Pairs.of(scored, real)
    for rows in spans(0, len(scored), affordable(memory, 4 * len(real), real.shape[1])):
        apart = pairs.squares(rows).sqrt_()
        if whose is not None:
            apart.masked_fill_(whose[rows, None] == whose, torch.inf)
        yield apart


def _scores(
    scored: Float[Tensor, "n d"],
    real: Float[Tensor, "m d"],
    whose: Int[Tensor, " m"] | None,
    radii: Float[Tensor, " m"],
    memory: int,
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return the distance to the nearest real volume and the realism of each volume."""
    found = [
        (apart.amin(dim=1), (radii / apart.clamp_min(1e-12)).amax(dim=1))
        for apart in _distances(scored, real, whose, memory)
    ]
    nearest, realism = (torch.cat(of) for of in zip(*found, strict=True))
    return nearest, realism


METRIC = Metric(
    name="realism",
    summary="Per volume: realism score, distance to the nearest real volume and to the real mean.",
    needs=("features", "subjects"),
    compute=on_features(compute),
    scores=(REALISM, NEAREST, TO_MEAN),
    methods="Each volume was given a realism score {realism} and its distances to the nearest real "
    "volume and to the real mean",
)
