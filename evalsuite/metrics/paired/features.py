"""Features of synthetic volumes against those of the real volumes that they stand for."""

import numpy as np
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
    """Return the mean cosine distance of volumes of different subjects; None if there is but one."""
    units = functional.normalize(features, dim=1)
    other = codes[:, None] != codes[None, :]
    if not other.any():
        return None
    return float((1 - units @ units.T).numpy()[other].mean())


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
