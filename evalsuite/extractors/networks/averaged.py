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
        return self.after(volumes, [len(self.stages)])[0]

    def after(self, volumes: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Return the averages after so many stages, for each of several numbers of stages."""
        averages, maps = {}, volumes
        for count, stage in enumerate(self.stages, 1):
            maps = stage(maps)
            if count in counts:
                averages[count] = maps.float().mean(dim=(2, 3, 4))
        return [averages[count] for count in counts]
