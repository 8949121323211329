"""The metrics of the suite as `torchmetrics.Metric`, to watch a generator while it trains.

    from evalsuite.torchmetrics import FrechetDistance

    distance = FrechetDistance("medicalnet-resnet10", reset_real_features=False)
    for volumes in real_loader:
        distance.update(volumes, real=True)  # once
    for epoch in range(epochs):
        ...
        distance.update(generator(noise), real=False)
        values = distance.compute()  # {"frechet_distance": ..., "frechet_distance_infinity": ...}
        distance.reset()

Numbers are those of `evalsuite compute-metrics` and `evalsuite.compute_metrics` on the same volumes
in the same order. The features of every volume are kept until `reset`, 2 MB for 1,000 volumes with
512 of them; metrics on voxels, `StructuralSimilarity` and `SliceConsistency`, keep every prepared
volume.

States are gathered from all processes of torch.distributed, first the first volume of each process,
then their second ones: the order of one process where volumes are dealt out in turn. What two
processes see counts twice: `DistributedSampler` repeats volumes to fill up the last round unless
`drop_last` is set.

A metric of another package is here under the name of its entry point, `my_metric` as `MyMetric`.
"""

from evalsuite import plugins
from evalsuite.torchmetrics.suite_metric import SuiteMetric


class ClippedDensityCoverage(SuiteMetric):
    """Clipped density and coverage, which outliers hardly move."""

    name = "clipped"


class FrechetDistance(SuiteMetric):
    """Frechet distance (FID), also extrapolated to infinitely many volumes."""

    name = "frechet"


class FrechetRadiomicsDistance(SuiteMetric):
    """FRD, of the features of `radiomics-frd-v1` or `radiomics-frd-v0`."""

    name = "frd"


class MaximumMeanDiscrepancy(SuiteMetric):
    """Squared MMD with Gaussian kernels and KID, with p-values."""

    name = "mmd"


class PrecisionRecall(SuiteMetric):
    """Precision, recall, density and coverage."""

    name = "precision_recall"


class Realism(SuiteMetric):
    """Scores of each synthetic volume: realism, distance to the nearest real one and to the mean."""

    name = "realism"


class SliceConsistency(SuiteMetric):
    """Consistency between slices, plane by plane, from voxels."""

    name = "slices"


class StructuralSimilarity(SuiteMetric):
    """MS-SSIM and SSIM of pairs within each cohort, and how much more alike synthetic ones are."""

    name = "ms_ssim"


class VendiScore(SuiteMetric):
    """Vendi score: how many kinds of volumes there are, beside that of as many real ones."""

    name = "vendi"


def __getattr__(name: str) -> type[SuiteMetric]:
    """Return the class of a metric of another package."""
    for point in () if name.startswith("_") else plugins.available("metrics"):
        if "".join(part.capitalize() for part in point.split("_")) == name:
            made = type(name, (SuiteMetric,), {"name": point, "__module__": __name__})
            globals()[name] = made
            return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
