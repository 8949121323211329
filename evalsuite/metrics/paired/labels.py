"""Label maps of synthetic volumes against those of the real volumes that they stand for."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Bool, Int
from scipy import ndimage

from evalsuite.metrics.metric import Finding, Metric, UndefinedError, Views, judging_options
from evalsuite.metrics.paired.means import of_pairs, pairs_of
from evalsuite.metrics.paired.quantities import DICE, HD95, SURFACE
from evalsuite.records import Caveat

Box = tuple[slice, slice, slice]
MEASURES = (DICE, HD95, SURFACE)
NEAREST = Caveat(
    "labels-moved-onto-pair",
    "{n} of {size} synthetic label maps lay on another grid than their real one and were moved onto "
    "it by the nearest voxel, which shifts surfaces by up to half a voxel.",
)
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
        UndefinedError: if no volume stands for another, or a cohort has no label maps.
    """
    places, codes = pairs_of(real, synthetic)
    if real.labels is None or synthetic.matched is None:
        msg = "Pairs of label maps need those of both cohorts."
        raise UndefinedError(msg)
    found: list[dict[int, tuple[float, float, float]]] = []
    for i, place in enumerate(places):
        x, y = real.labels[place], synthetic.matched[i]
        found.append(of_maps(x.labels, y.labels, x.spacing))
    structures = sorted({value for row in found for value in row})
    moved = len(synthetic.moved.intersection(synthetic.names))
    told = (NEAREST(n=moved, size=len(places)),) if moved else ()
    nothing = (math.nan, math.nan, math.nan)
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
                warnings=told,
            )
    return findings


def of_maps(
    real: Int[np.ndarray, "x y z"], synthetic: Int[np.ndarray, "x y z"], spacing: Sequence[float]
) -> dict[int, tuple[float, float, float]]:
    """Return the measures of each structure that either label map has, see `of_structure`.

    Each is looked at within the box that holds it in both, outside which nothing of it is.
    """
    values = sorted({*np.unique(real).tolist(), *np.unique(synthetic).tolist()} - {0})
    numbered = [np.searchsorted([0, *values], one) for one in (real, synthetic)]
    boxes = [ndimage.find_objects(one, len(values)) for one in numbered]

    def measured(value: int, *own: Box | None) -> tuple[float, float, float]:
        box = tuple(
            slice(min(side.start for side in sides), max(side.stop for side in sides))
            for sides in zip(*filter(None, own), strict=True)
        )
        return of_structure(real[box] == value, synthetic[box] == value, spacing)

    # Searching the nearest surface, which takes most of the time, lets other threads run.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return dict(zip(values, pool.map(measured, values, *boxes), strict=True))


def of_structure(
    real: Bool[np.ndarray, "x y z"],
    synthetic: Bool[np.ndarray, "x y z"],
    spacing: Sequence[float],
) -> tuple[float, float, float]:
    """Return Dice, 95 % Hausdorff distance and mean symmetric surface distance, both in mm.

    What lies outside is background. The surfaces and their distances are MONAI's, found once for
    both numbers, which are those of its functions.
    """
    from monai.metrics import get_mask_edges, get_surface_distance

    dice = 2 * float((real & synthetic).sum()) / float(real.sum() + synthetic.sum())
    if not (real.any() and synthetic.any()):
        return dice, math.nan, math.nan
    one, other = get_mask_edges(synthetic, real, crop=False)
    apart = [
        get_surface_distance(*pair, spacing=list(spacing)) for pair in ((one, other), (other, one))
    ]
    furthest = max(float(np.quantile(distances, 0.95)) for distances in apart)
    return dice, furthest, float(np.concatenate(apart).mean(dtype=np.float64))


METRIC = Metric(
    name="paired_labels",
    summary="Structures of each synthetic label map against the real one: Dice, surface distances.",
    needs=("labels", "pairs", "subjects"),
    compute=compute,
    quantities=MEASURES,
    methods="Each structure of a synthetic label map was compared with that of the real one by Dice, "
    "the 95th percentile of the Hausdorff distance, and the mean surface distance",
)
