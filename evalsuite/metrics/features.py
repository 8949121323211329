"""What every metric on features asks of its input."""

import torch
from jaxtyping import Float
from torch import Tensor

from evalsuite.metrics.metric import UndefinedError
from evalsuite.records import Caveat

IDENTICAL = Caveat("identical-features", "The two feature sets are identical.")
TOO_FEW = Caveat(
    "too-few-volumes",
    "{metric} needs at least {fewest} volumes in each set, but got {real} real and {synthetic} "
    "synthetic.",
)


def checked_features(
    real: Float[Tensor, "m _"],
    synthetic: Float[Tensor, "n _"],
    *,
    metric: str,
    fewest: int = 2,
) -> tuple[Float[Tensor, "m d"], Float[Tensor, "n d"]]:
    """Return both sets in float64 on the CPU.

    Args:
        real: one row of d features per real volume.
        synthetic: the same features of the synthetic volumes.
        metric: what needs them, as the subject of a sentence.
        fewest: rows that it needs in each set.

    Raises:
        UndefinedError: if a set has fewer rows or values that are not finite, or if the numbers of
            features differ.
    """
    if min(len(real), len(synthetic)) < fewest:
        raise UndefinedError(
            TOO_FEW(metric=metric, fewest=fewest, real=len(real), synthetic=len(synthetic))
        )
    if real.shape[1] != synthetic.shape[1]:
        raise UndefinedError(
            f"The real volumes have {real.shape[1]} features and the synthetic ones "
            f"{synthetic.shape[1]}. Extract both with the same extractor."
        )
    for name, features in (("real", real), ("synthetic", synthetic)):
        bad = (~features.isfinite().all(dim=1)).nonzero().flatten().tolist()
        if bad:
            raise UndefinedError(
                f"{len(bad)} of {len(features)} {name} volumes have NaN or infinite features, "
                f"the first in row {bad[0]}. Leave them out or mend the extractor."
            )
    return real.detach().to("cpu", torch.float64), synthetic.detach().to("cpu", torch.float64)


def same_rows(first: Float[Tensor, "m d"], second: Float[Tensor, "n d"]) -> bool:
    """Tell whether two sets have the same rows, in any order."""
    ours, theirs = (sorted(hash(row.tobytes()) for row in rows.numpy()) for rows in (first, second))
    return ours == theirs
