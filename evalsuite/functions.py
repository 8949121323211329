"""Metrics as functions of features or volumes that are at hand, NumPy or torch."""

import sys
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evalsuite import extras, plugins
from evalsuite.errors import EvalsuiteError
from evalsuite.records import Estimate

if TYPE_CHECKING:
    from torch import Tensor

    from evalsuite.metrics.metric import Metric, Views

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


def frechet_distance(real: Any, synthetic: Any) -> float:
    """Return the squared Frechet distance of two arrays of features, one row per volume (FID).

    Lower is better; biased upward for few volumes, see
    `evalsuite.metrics.frechet_distance.frechet_distance`.

    Example:
        >>> import numpy as np
        >>> frechet_distance(np.array([[-1.0], [1.0]]), np.array([[2.0], [4.0]]))
        9.0
    """
    _require_torch("frechet_distance")
    from evalsuite.metrics import frechet_distance as formula

    return formula.frechet_distance(_tensor(real), _tensor(synthetic))


def kid(real: Any, synthetic: Any) -> float:
    """Return the unbiased kernel distance of two arrays of features, one row per volume.

    The squared maximum mean discrepancy with the cubic kernel of Binkowski et al., ICLR 2018, of
    all volumes; lower is better, and 0 in expectation for cohorts of one distribution.

    Example:
        >>> import numpy as np
        >>> kid(np.array([[0.0], [0.0]]), np.array([[1.0], [1.0]]))
        7.0
    """
    _require_torch("kid")
    from evalsuite.metrics.features import checked_features
    from evalsuite.metrics.kernels import cubic_kernel
    from evalsuite.metrics.squared_mmd import relabellings, squared_mmd, summed, tiles_of
    from evalsuite.metrics.subjects import each_its_own

    rows = checked_features(_tensor(real), _tensor(synthetic), metric="KID")
    sizes, features = (len(rows[0]), len(rows[1])), rows[0].shape[1]
    tiles = tiles_of(*rows, {"kid": lambda tile: cubic_kernel(tile.products, features)})
    labels = relabellings(*sizes, permutations=0, seed=0)
    return squared_mmd(summed(tiles, each_its_own(*sizes), labels, features=features)["kid"])


def estimates(
    metric: str,
    real: Any,
    synthetic: Any,
    *,
    options: Mapping[str, Any] = NO_OPTIONS,
    subjects: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    """Return what a metric says of two cohorts, each number with its interval and caveats.

    Args:
        metric: a name of `evalsuite metrics`, of another package as well.
        real, synthetic: features, one row per volume; of a metric that looks at voxels, such as
            `ms_ssim`, sequences of volumes of one shape.
        options: of the metric, those that differ from their defaults.
        subjects: whom the real and the synthetic volumes show; by default each another.
        seed: of every random draw.

    Raises:
        EvalsuiteError: for an unknown metric or option, and a metric that needs more than this.
        ValueError: for cohorts of which the metric cannot compute anything.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> real, synthetic = rng.normal(size=(2, 40, 3))
        >>> [estimate.name for estimate in estimates("precision_recall", real, synthetic)]
        ['precision', 'recall', 'density', 'coverage']
    """
    _require_torch("estimates")
    loaded = of_one_array(metric)
    chosen = loaded.judged(options)
    whose = subjects or (None, None)
    on_voxels = "volumes" in loaded.needs
    seen = [_views(v, s, on_voxels) for v, s in zip((real, synthetic), whose, strict=True)]
    found = loaded.compute(*seen, seed=seed, **chosen)
    return tuple(one for one in found if isinstance(one, Estimate))


def of_one_array(name: str) -> "Metric":
    """Return the metric of that name, which looks at either features or voxels of a cohort.

    Raises:
        EvalsuiteError: if there is none, or it looks at more.
    """
    metric: Metric = plugins.load("metrics", name)
    if {"labels", "pairs", "training"}.intersection(metric.needs) or {"features", "volumes"} <= set(
        metric.needs
    ):
        raise EvalsuiteError(
            f"The metric {name} looks at more than one array of a cohort. Compute it with "
            "compute_metrics."
        )
    return metric


def _require_torch(function: str) -> None:
    if "torch" not in sys.modules:  # asking for what is installed takes 10 ms
        extras.require("metrics", purpose=function)


def _views(values: Any, subjects: Sequence[Hashable] | None, on_voxels: bool) -> "Views":
    from evalsuite.metrics.metric import Views

    names = [str(i) for i in range(len(values))]
    if subjects is not None and len(subjects) != len(names):
        raise EvalsuiteError(f"{len(subjects)} subjects for {len(names)} volumes.")
    features = {} if on_voxels else {"": _tensor(values)}
    volumes = [_tensor(volume) for volume in values] if on_voxels else []
    return Views(names, features, volumes, (1.0, 1.0, 1.0), subjects=subjects)


def _tensor(values: Any) -> "Tensor":
    import numpy as np
    import torch

    return values if isinstance(values, torch.Tensor) else torch.as_tensor(np.asarray(values))
