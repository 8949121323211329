"""Features of synthetic volumes against those of the real volumes that they stand for."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from evalsuite.metrics.metric import Finding, Metric, Views, judging_options
from evalsuite.metrics.paired.means import of_pairs, pairs_of
from evalsuite.metrics.paired.quantities import FEATURES


@judging_options
def compute(
    real: Views,
    synthetic: Views,
    *,
    seed: int,  # noqa: ARG001  (every metric is handed one)
) -> list[Finding]:
    """Return the mean cosine distance of the features of both volumes of a pair.

    The reference is the mean over real volumes of different subjects: a pair that is no nearer than
    two strangers has nothing of its patient.

    Raises:
        UndefinedError: if no volume stands for another.
    """
    places, codes = pairs_of(real, synthetic)
    (ours,), (theirs,) = real.features.values(), synthetic.features.values()
    apart = (1 - functional.cosine_similarity(ours[places], theirs, dim=1)).numpy()
    return list(
        of_pairs(
            FEATURES,
            apart,
            codes,
            method="mean over pairs of the cosine distance of the features; reference: mean over real "
            "volumes of different subjects",
            missing="the features of one are all 0",
            reference=strangers(ours, real.codes),
        )
    )


def strangers(features: Float[Tensor, "n d"], codes: Int[np.ndarray, " n"]) -> float | None:
    """Return the mean cosine distance of volumes of different subjects; None if there is but one.

    The cosines of all pairs add up to the scalar product of the sum of all units with itself, those
    of pairs of one subject to that of the sum of its own: no matrix of pairs is held.
    """
    volumes = torch.from_numpy(np.bincount(codes)).double()
    pairs = len(codes) ** 2 - float(volumes.square().sum())
    if pairs == 0:
        return None
    units = functional.normalize(features.double(), dim=1)
    own = units.new_zeros(len(volumes), units.shape[1])
    own.index_add_(0, torch.from_numpy(codes), units)
    return 1 - float((own * (own.sum(dim=0) - own)).sum()) / pairs


METRIC = Metric(
    name="paired_features",
    summary="Each synthetic volume against its real one by the cosine distance of their features.",
    needs=("features", "pairs", "subjects"),
    compute=compute,
    quantities=(FEATURES,),
    scores=(FEATURES,),
    methods="Each synthetic volume was compared with its real one by the cosine distance of their "
    "features",
)
