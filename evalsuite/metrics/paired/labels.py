"""Label maps of synthetic volumes against those of the real volumes that they stand for."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from evalsuite.metrics.metric import Finding, Metric, UndefinedError, Views, judging_options
from evalsuite.metrics.paired.means import of_pairs, pairs_of
from evalsuite.metrics.paired.quantities import DICE, HD95, SURFACE

MEASURES = (DICE, HD95, SURFACE)
METHODS = {
    DICE.name: "mean over pairs; 0 where one of both has the structure alone",
    HD95.name: "mean over pairs of the larger of both 95th percentiles of surface distances",
    SURFACE.name: "mean over pairs of the mean distance of both surfaces",
}


@judging_options
def compute(
    real: Views,
    synthetic: Views,
    *,
    seed: int,  # noqa: ARG001  (every metric is handed one)
) -> list[Finding]:
    """Compare each structure of both label maps: Dice, 95 % Hausdorff and surface distance (MONAI).

    A pair of which neither has the structure has no number; where one alone has it, Dice is 0 and
    both distances have none.

    Raises:
        UndefinedError: if no volume stands for another, or the label maps are not on one grid.
    """
    places, codes = pairs_of(real, synthetic)
    if real.labels is None or synthetic.labels is None:
        msg = "Pairs of label maps need those of both cohorts."
        raise UndefinedError(msg)
    found: list[dict[int, tuple[float, ...]]] = []
    for i, place in enumerate(places):
        x, y = real.labels[place], synthetic.labels[i]
        if x.labels.shape != y.labels.shape:
            raise UndefinedError(
                f"The label map of {synthetic.names[i]} has {y.labels.shape} voxels, that of "
                f"{real.names[place]} {x.labels.shape}: write both on one grid."
            )
        values = sorted({*np.unique(x.labels).tolist(), *np.unique(y.labels).tolist()} - {0})
        found.append({v: of_structure(x.labels == v, y.labels == v, x.spacing) for v in values})
    structures = sorted({value for row in found for value in row})
    nothing = (math.nan,) * len(MEASURES)
    findings: list[Finding] = []
    for structure in structures:
        table = np.array([row.get(structure, nothing) for row in found])
        for column, quantity in enumerate(MEASURES):
            findings += of_pairs(
                quantity,
                table[:, column],
                codes,
                where=(("structure", str(structure)),),
                method=METHODS[quantity.name],
                missing="the structure is missing from one or both label maps",
            )
    return findings


def of_structure(
    real: Bool[np.ndarray, "x y z"],
    synthetic: Bool[np.ndarray, "x y z"],
    spacing: Sequence[float],
) -> tuple[float, float, float]:
    """Return Dice, 95 % Hausdorff distance and mean symmetric surface distance, both in mm."""
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    dice = 2 * float((real & synthetic).sum()) / float(real.sum() + synthetic.sum())
    if not (real.any() and synthetic.any()):
        return dice, math.nan, math.nan
    pair = (synthetic[None, None], real[None, None])
    of = {"include_background": True, "spacing": list(spacing)}
    furthest = compute_hausdorff_distance(*pair, percentile=95, **of)
    return (
        dice,
        float(furthest),
        float(compute_average_surface_distance(*pair, symmetric=True, **of)),
    )


METRIC = Metric(
    name="paired_labels",
    summary="Structures of each synthetic label map against the real one: Dice, surface distances.",
    needs=("labels", "pairs", "subjects"),
    compute=compute,
    quantities=MEASURES,
    methods="Each structure of a synthetic label map was compared with that of the real one by Dice, "
    "the 95th percentile of the Hausdorff distance, and the mean surface distance",
)
