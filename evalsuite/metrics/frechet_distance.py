"""The Frechet distance of two feature sets as a formula, and its bootstrap."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from evalsuite.metrics.features import checked_features
from evalsuite.metrics.subjects import Subjects, each_its_own

SUBJECT = "The Frechet distance"


def frechet_distance(real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"]) -> float:
    """Return the squared Frechet distance of Gaussians fitted to two feature sets (FID).

    |mu_1 - mu_2|^2 + tr S_1 + tr S_2 - 2 tr (S_1 S_2)^(1/2) with covariances divided by n - 1.
    Lower is better; range [0, inf); unit: that of the features, squared. Biased upward, in
    proportion to 1/n while n is well above d and by more below it, so compare only values with
    equal numbers of volumes. Below d the overlap of the covariances is underestimated, so that
    a blurred or otherwise less varied cohort can score better than fresh real volumes.

    With A_i the centred rows over (n_i - 1)^(1/2), S_i = A_i^T A_i and the eigenvalues of
    S_1 S_2 are the squared singular values of A_1 A_2^T. The trace is therefore the sum of
    those singular values: exact for n < d, real, and without a d x d square root.

    Args:
        real: one row of d features per real volume; at least 2 rows.
        synthetic: the same features of the synthetic volumes; at least 2 rows.

    Raises:
        ValueError: if a set has fewer than two rows or values that are not finite, or if the
            numbers of features differ.

    References:
        Heusel et al., NeurIPS 2017, equation 6; Dowson and Landau, J. Multivar. Anal. 12 (1982).

    Example:
        >>> real = torch.tensor([[-1.0], [1.0]])
        >>> frechet_distance(real, real + 3)
        9.0
    """
    real, synthetic = checked_features(real, synthetic, metric=SUBJECT)
    return distance_parts(real, synthetic).distance


@dataclass(frozen=True, slots=True)
class Parts:
    """What a Frechet distance is made of.

    Args:
        shift: squared distance of the means.
        spread: sum of the traces of the two covariances.
        overlap: trace of the root of their product; at most half the spread.
    """

    shift: float
    spread: float
    overlap: float

    @property
    def distance(self) -> float:
        """The squared Frechet distance."""
        return max(0.0, self.shift + self.spread - 2 * self.overlap)


def distance_parts(real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"]) -> Parts:
    """Return the parts of the Frechet distance of two sets of at least 2 finite rows each."""
    ones = (torch.ones(len(rows)).double() for rows in (real, synthetic))
    return _weighted_parts(real, next(ones), synthetic, next(ones))


def bootstrap_distances(
    real: Float[Tensor, "m d"],
    synthetic: Float[Tensor, "n d"],
    *,
    replicates: int,
    seed: int,
    subjects: Subjects | None = None,
) -> Float[np.ndarray, " replicates"]:
    """Return the distances of cohorts whose subjects are drawn with replacement from the two.

    Duplicates lower the rank of the covariances, so these lie above the distance of the
    cohorts themselves: use their spread, never their level.

    Args:
        real: one row of d features per real volume; at least 2 rows.
        synthetic: the same features of the synthetic volumes; at least 2 rows.
        replicates: number of draws.
        seed: of the draws.
        subjects: whom the volumes show, drawn with all their volumes; by default each another.
    """
    real, synthetic = rotated(*checked_features(real, synthetic, metric=SUBJECT))
    rng = np.random.default_rng(seed)
    subjects = subjects or each_its_own(len(real), len(synthetic))
    counts = [
        torch.from_numpy(rng.multinomial(k, np.full(k, 1 / k), size=replicates)[:, codes]).double()
        for k, codes in zip(subjects.counts, (subjects.real, subjects.synthetic), strict=True)
    ]
    distances = [
        _weighted_parts(real[v > 0], v[v > 0], synthetic[w > 0], w[w > 0]).distance
        for v, w in zip(*counts, strict=True)
    ]
    return np.array(distances)


def rotated(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, "m r"], Float[Tensor, "n r"]]:
    """Return both sets in a basis of the space that their rows span, r = min(d, m + n).

    Frechet distances of all subsets stay the same, and take less time where d is above m + n.
    """
    together = torch.cat([real, synthetic])
    if together.shape[0] >= together.shape[1]:
        return real, synthetic
    basis = torch.linalg.qr((together - together.mean(dim=0)).T).Q
    return real @ basis, synthetic @ basis


def _weighted_parts(
    real: Float[Tensor, "m d"],
    real_counts: Float[Tensor, " m"],
    synthetic: Float[Tensor, "n d"],
    synthetic_counts: Float[Tensor, " n"],
) -> Parts:
    """Return the Frechet distance of sets in which row i stands `counts[i]` times, in parts."""
    means, factors = [], []
    for rows, counts in ((real, real_counts), (synthetic, synthetic_counts)):
        mean = counts @ rows / counts.sum()
        means.append(mean)
        factors.append((counts / (counts.sum() - 1)).sqrt()[:, None] * (rows - mean))
    spread = sum(float(factor.square().sum()) for factor in factors)
    # A = QR leaves the singular values of A_1 A_2^T to R_1 R_2^T, which is at most d x d.
    A1, A2 = (
        torch.linalg.qr(factor, mode="r").R if len(factor) > factor.shape[1] else factor
        for factor in factors
    )
    overlap = float(torch.linalg.svdvals(A1 @ A2.T).sum())
    shift = float((means[0] - means[1]).square().sum())
    return Parts(shift, spread, overlap)
