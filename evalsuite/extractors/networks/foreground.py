"""The input of MedicalNet."""

import torch
from torch import Tensor, nn


class StandardisedForeground(nn.Module):
    """Volumes of mean 0 and standard deviation 1 over their non-zero voxels.

    MedicalNet was trained so, with the background (the zeros) replaced by standard normal noise.
    Here the background becomes 0, the mean of that noise: features must not depend on a draw.
    Brightness and contrast of the foreground have no effect. A volume whose foreground is empty
    or constant becomes 0 everywhere.
    """

    def forward(self, volumes: Tensor) -> Tensor:
        """Return volumes of the same shape (b, 1, x, y, z)."""
        standardised = torch.zeros_like(volumes)
        for volume, target in zip(volumes, standardised, strict=True):
            inside = volume != 0
            values = volume[inside].double()
            if values.numel() and values.min() < values.max():
                target[inside] = ((values - values.mean()) / values.std(correction=0)).float()
        return standardised
