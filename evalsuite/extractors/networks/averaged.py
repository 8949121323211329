"""The stages of a convolutional network up to one, and the global average of its output."""

from collections.abc import Sequence

from torch import Tensor, nn


class Averaged(nn.Module):
    """One feature per channel of what the last of some stages gives."""

    def __init__(self, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.Sequential(*stages)

    def forward(self, volumes: Tensor) -> Tensor:
        """Return (b, channels) of (b, 1, x, y, z), averaged in float32."""
        maps: Tensor = self.stages(volumes)
        return maps.float().mean(dim=(2, 3, 4))
