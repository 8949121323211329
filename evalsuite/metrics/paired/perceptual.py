"""Feature maps of synthetic volumes, place by place, against those of their real volumes."""

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from evalsuite.metrics.metric import Finding, Metric, UndefinedError, Views, judging_options
from evalsuite.metrics.paired.means import of_pairs, pairs_of
from evalsuite.metrics.paired.quantities import PERCEPTUAL

EPSILON = 1e-10  # of Zhang et al.'s code, for places where no channel is active


def map_distance(real: Float[Tensor, "c ..."], synthetic: Float[Tensor, "c ..."]) -> float:
    """Return the distance of two feature maps of one layer, 0 to 4; lower is more alike.

    The channels of each place are scaled to unit length; squared differences are summed over
    channels and averaged over places.

    References:
        Zhang et al., CVPR 2018, equation 1, with weights of 1.
    """
    one, other = (
        functional.normalize(maps.double(), dim=0, eps=EPSILON) for maps in (real, synthetic)
    )
    return float((one - other).square().sum(dim=0).mean())


@judging_options
def compute(
    real: Views,
    synthetic: Views,
    *,
    seed: int,  # noqa: ARG001  (every metric is handed one)
) -> list[Finding]:
    """Return the mean over pairs of the distance of feature maps, averaged over layers.

    The reference is the mean over real volumes of the distance to one of another subject.

    Raises:
        UndefinedError: if no volume stands for another, or the extractor has no feature maps.
    """
    _, codes = pairs_of(real, synthetic)
    (name,) = synthetic.features
    if name not in synthetic.apart:
        msg = f"The extractor {name} has no feature maps, which are those of convolutions over volumes."
        raise UndefinedError(msg)
    apart = synthetic.apart[name]
    strangers = _over_layers(real.apart[name])
    strangers = strangers[np.isfinite(strangers)]
    layers = apart.shape[1]
    return list(
        of_pairs(
            PERCEPTUAL,
            _over_layers(apart),
            codes,
            method=f"mean over pairs; channels of unit length, squared differences averaged over "
            f"places and {layers} layer{'s' if layers > 1 else ''}, no learnt weights; reference: mean "
            f"over {len(strangers)} real volumes of the distance to one of another subject",
            reference=float(strangers.mean()) if len(strangers) else None,
        )
    )


def _over_layers(apart: Float[np.ndarray, "n l"]) -> Float[np.ndarray, " n"]:
    means: Float[np.ndarray, " n"] = apart.mean(axis=1)
    return means


METRIC = Metric(
    name="paired_perceptual",
    summary="Each synthetic volume against its real one by feature maps, place by place (LPIPS).",
    needs=("features", "maps", "pairs", "subjects"),
    compute=compute,
    quantities=(PERCEPTUAL,),
    scores=(PERCEPTUAL,),
    methods="Each synthetic volume was compared with its real one by the squared distance of their "
    "feature maps, of unit length over channels, averaged over places and layers "
    "{paired_perceptual}",
)
