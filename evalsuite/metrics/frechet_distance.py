"""The Frechet distance of two feature sets as a formula."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from evalsuite.metrics.features import checked_features

SUBJECT = "The Frechet distance"
MOST_DIVISIONS = 10
ENTRIES = 2_000_000  # of a factor of the covariance, over the number of divisions


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
    A1, A2 = factor(real), factor(synthetic)
    return Parts(
        shift=float((real.mean(dim=0) - synthetic.mean(dim=0)).square().sum()),
        spread=float(A1.square().sum() + A2.square().sum()),
        overlap=float(torch.linalg.svdvals(reduced(A1) @ reduced(A2).T).sum()),
    )


def rotated(
    real: Float[Tensor, "m *s d"], synthetic: Float[Tensor, "n *t d"]
) -> tuple[Float[Tensor, "m *s r"], Float[Tensor, "n *t r"]]:
    """Return both sets in a basis of the space that their rows span, if that is much smaller.

    Frechet distances of all subsets stay the same, and take less time where d is far above m + n.
    """
    together = torch.cat([real.flatten(0, -2), synthetic.flatten(0, -2)])
    if 4 * together.shape[0] > together.shape[1]:
        return real, synthetic
    basis = torch.linalg.qr((together - together.mean(dim=0)).T).Q
    return real @ basis, synthetic @ basis


def factor(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Return the centred rows over (n - 1)^(1/2), A with A^T A = S, the unbiased covariance."""
    A: Float[Tensor, "n d"] = (rows - rows.mean(dim=0)).div_((len(rows) - 1) ** 0.5)
    return A


def reduced(factor: Float[Tensor, "n d"]) -> Float[Tensor, "k d"]:
    """Return R of A = QR where A has more rows than columns, A itself where it has not.

    R^T R = A^T A, and the singular values of A_1 A_2^T are those of R_1 R_2^T, at most d x d.
    """
    tall = factor.shape[0] > factor.shape[1]
    return torch.linalg.qr(factor, mode="r").R if tall else factor


def affordable(rows: int, features: int, fewest: int) -> int:
    """Return how often a cohort is divided at random: 10 times, or fewer where that takes long.

    Large cohorts need it less: their parts differ little.
    """
    return max(fewest, min(MOST_DIVISIONS, ENTRIES // (rows * min(rows, features))))
