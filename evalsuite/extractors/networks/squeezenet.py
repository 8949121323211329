"""SqueezeNet 1.1 (Iandola et al., arXiv 1602.07360) with the tensors of torchvision's file."""

import torch
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError

SMALLEST = 17  # pixels along a side of which something is left at the end


class Fire(nn.Module):
    """Few channels, expanded by convolutions of size 1 and of size 3 side by side."""

    def __init__(self, given: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(given, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return 2 * `expanded` channels."""
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1).relu()


class SqueezeNet(nn.Module):
    """512 features, the global average of the last stage, or the scores of 1000 classes.

    Args:
        scores: whether the classifier is asked.
    """

    def __init__(self, *, scores: bool = False) -> None:
        super().__init__()
        self.scores = scores
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(64, 16, 64),
            Fire(128, 16, 64),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(128, 32, 128),
            Fire(256, 32, 128),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            Fire(512, 64, 256),
        )
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1))

    def forward(self, slices: Tensor) -> Tensor:
        """Return 512 features, or 1000 scores, per slice of shape (3, h, w).

        Raises:
            EvalsuiteError: if a side is shorter than 17 pixels.
        """
        height, width = slices.shape[2:]
        if min(height, width) < SMALLEST:
            raise EvalsuiteError(
                f"SqueezeNet needs slices of at least {SMALLEST} x {SMALLEST} pixels, but one has "
                f"{height} x {width}: choose a size of slices, or a larger --shape."
            )
        maps: Tensor = self.features(slices)
        if self.scores:
            maps = torch.relu(self.classifier(maps))
        return maps.mean(dim=(2, 3))
