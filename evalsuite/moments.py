"""Mean and covariance of a feature set whose rows are kept no longer."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# Singular values below this share of the largest are rounding.
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and unbiased covariance of rows that are kept no longer.

    Args:
        mean: of d features.
        factor: R with R^T R = S, the covariance; its k rows are orthogonal, k the rank of S, and
            none of them is one of the rows that went in.
        n: rows that went in, volumes or all their slices.
    """

    mean: Float[np.ndarray, " d"]
    factor: Float[np.ndarray, "k d"]
    n: int

    @property
    def covariance(self) -> Float[np.ndarray, "d d"]:
        """The covariance."""
        product: Float[np.ndarray, "d d"] = self.factor.T @ self.factor
        return product

    def scaled(self, centre: Float[np.ndarray, " d"], scale: Float[np.ndarray, " d"]) -> "Moments":
        """Return the moments of (x - centre) / scale."""
        return Moments((self.mean - centre) / scale, self.factor / scale, self.n)


def moments(rows: Float[np.ndarray, "n d"]) -> Moments:
    """Return mean and covariance of at least 2 rows, in double precision."""
    rows = rows.astype(np.float64)
    mean = rows.mean(axis=0)
    centred = (rows - mean) / (len(rows) - 1) ** 0.5
    if len(rows) > rows.shape[1]:
        centred = np.linalg.qr(centred, mode="r")  # the same covariance in fewer rows
    _, s, vectors = np.linalg.svd(centred, full_matrices=False)
    kept = s > ROUNDING * s[0]
    return Moments(mean, s[kept, None] * vectors[kept], len(rows))
