"""The derivative of the Frechet distance by the weight of each row."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from evalsuite.metrics.frechet_distance import Parts, factor, reduced


@dataclass(frozen=True, slots=True)
class Influence:
    """A Frechet distance with what every row of both sets contributes to it.

    Args:
        value: the squared Frechet distance.
        real, synthetic: its empirical influence values, which sum to zero within each set: by how
            much it grows per weight put on the row, the whole set having the weight 1.
    """

    value: float
    real: Float[Tensor, " m"]
    synthetic: Float[Tensor, " n"]


def influence(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"], *, exact: bool = True
) -> Influence:
    """Return the Frechet distance of two sets of at least 2 finite rows each, and its derivative.

    For a row x of the first set, centred, and F = |mu_1 - mu_2|^2 + tr S_1 + tr S_2 - 2 O,

        2 x (mu_1 - mu_2) + m / (m - 1) (|x|^2 - x T x) - (tr S_1 - O)

    where T / 2 is the derivative of the overlap O = tr (S_1 S_2)^(1/2) by S_1, and T the optimal
    transport from the first Gaussian to the second. With S_i = R_i^T R_i and the singular values
    of R_1 R_2^T = U diag(s) V^T, x T x is the sum of (x R_2^T v_k)^2 / s_k: no covariance is
    inverted, so it holds below m = d as well. Likewise for the second set.

    Args:
        real, synthetic: rows of features.
        exact: whether by singular values, or by the roots of eigenvalues, which take half the
            time and have half the digits.

    References:
        Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 6;
        Malago, Montrucchio and Pistone, Information Geometry 1 (2018), for the derivative.
    """
    A1, A2 = factor(real), factor(synthetic)
    R1, R2 = reduced(A1), reduced(A2)
    U, s, V = _singular(R1 @ R2.T) if exact else _by_eigenvalues(R1 @ R2.T)
    difference, overlap = real.mean(dim=0) - synthetic.mean(dim=0), float(s.sum())
    used = s > 1e-7 * s.max()
    values, spread = [], 0.0
    for A, R, own, other, theirs, shift in (
        (A1, R1, U, R2, V, difference),
        (A2, R2, V, R1, U, -difference),
    ):
        n, squares = len(A), A.square().sum(dim=1)
        trace = float(squares.sum())
        if A is R:  # then x R_2^T v_k is s_k times the row of U that is x's own
            transported = own[:, used].square() @ s[used]
        else:
            transported = (A @ (other.T @ theirs[:, used])).square() @ (1 / s[used])
        values.append(
            2 * (n - 1) ** 0.5 * (A @ shift) + n * (squares - transported) - (trace - overlap)
        )
        spread += trace
    parts = Parts(float(difference.square().sum()), spread, overlap)
    return Influence(parts.distance, *values)


def unit_influence(
    real: Float[Tensor, "m d"], synthetic: Float[Tensor, "n d"]
) -> Float[Tensor, " m"]:
    """Return what each real row contributes by the units, where those are its cohort's deviations.

    For features in standard deviations of the real cohort, to be added to the influence of its
    rows: a row far out along a feature makes its unit longer and both cohorts smaller along it.
    With x a centred row, its squares divided by the variances 1, and g_k the derivative of the
    distance by the logarithm of the scale of feature k,

        -1/2 sum over k of g_k (m / (m - 1) x_k^2 - 1),
        g / 2 = (mu_1 - mu_2)^2 + diag S_1 + diag S_2 - diag T S_1 - diag T' S_2

    where T' is the transport back. Constant features, which have no unit, are left out.

    Args:
        real, synthetic: rows of features before any rotation.
    """
    A1, A2 = factor(real), factor(synthetic)
    R1, R2 = reduced(A1), reduced(A2)
    U, s, V = _singular(R1 @ R2.T)
    used = s > 1e-7 * s.max()
    gradient = (real.mean(dim=0) - synthetic.mean(dim=0)).square()
    for R, axes in ((R1, R2.T @ V[:, used]), (R2, R1.T @ U[:, used])):
        transported = (axes / s[used] * (R.T @ (R @ axes))).sum(dim=1)
        gradient += R.square().sum(dim=0) - transported
    squares = A1.square() * len(real)
    contributions: Float[Tensor, " m"] = R1.square().sum(dim=0) @ gradient - squares @ gradient
    return contributions


def _singular(
    K: Float[Tensor, "a b"],
) -> tuple[Float[Tensor, "a r"], Float[Tensor, " r"], Float[Tensor, "b r"]]:
    """Return left vectors, singular values and right vectors."""
    U, s, Vh = torch.linalg.svd(K, full_matrices=False)
    return U, s, Vh.T


def _by_eigenvalues(
    K: Float[Tensor, "a b"],
) -> tuple[Float[Tensor, "a r"], Float[Tensor, " r"], Float[Tensor, "b r"]]:
    """Return the same; right vectors of values near zero are meaningless."""
    if K.shape[0] > K.shape[1]:
        V, s, U = _by_eigenvalues(K.T)
        return U, s, V
    eigenvalues, U = torch.linalg.eigh(K @ K.T)
    s = eigenvalues.clamp(min=0).sqrt()
    return U, s, K.T @ U / s.clamp(min=torch.finfo(s.dtype).tiny)
