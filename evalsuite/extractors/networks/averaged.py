"""The stages of a convolutional network up to one, and the global average of its output."""

from collections.abc import Iterator, Sequence

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
        averages = {
            count: maps.float().mean(dim=(2, 3, 4))
            for count, maps in enumerate(self.maps(volumes), 1)
            if count in counts
        }
        return [averages[count] for count in counts]

    def maps(self, volumes: Tensor) -> Iterator[Tensor]:
        """Yield what each stage gives, (b, channels, x, y, z)."""
        for stage in self.stages:
            volumes = stage(volumes)
            yield volumes
