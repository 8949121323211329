"""Inflated 3D ResNet-152 of Merlin and Astra, with the tensors of their files.

Blankemeier et al., Merlin, arXiv 2406.06512; github.com/StanfordMIMI/Merlin, merlin/models/i3res.py
at commit 2489a96: a ResNet-152 of images (arXiv 1512.03385, with PyTorch's strides) whose
convolutions of 3 x 3 pixels became 3 x 3 x 3.
"""

from collections.abc import Mapping

from torch import Tensor, nn

# Blocks and channels of the four stages.
STAGES = ((3, 64), (8, 128), (36, 256), (3, 512))
EXPANSION = 4


class Bottleneck(nn.Module):
    """Three convolutions, of which the second one strides, and what came in."""

    def __init__(self, given: int, planes: int, stride: int) -> None:
        super().__init__()
        wide = EXPANSION * planes
        self.conv1 = nn.Conv3d(given, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(wide)
        self.downsample = (
            nn.Identity()
            if given == wide
            else nn.Sequential(nn.Conv3d(given, wide, 1, stride, bias=False), nn.BatchNorm3d(wide))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return four times `planes` channels."""
        y: Tensor = self.bn1(self.conv1(x)).relu_()
        y = self.bn2(self.conv2(y)).relu_()
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return y.relu_()


class AsInflated(nn.Module):
    """Volumes as the network saw them: (b, 1, x, y, z) as three equal channels in z, x, y."""

    def forward(self, volumes: Tensor) -> Tensor:
        """Return (b, 3, z, x, y)."""
        return volumes.permute(0, 1, 4, 2, 3).expand(-1, 3, -1, -1, -1)


class I3ResNet152(nn.Module):
    """The encoder, without its heads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        given = 64
        for number, (blocks, planes) in enumerate(STAGES, start=1):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(Bottleneck(given, planes, 2 if block == 0 and number > 1 else 1))
                given = EXPANSION * planes
            self.add_module(f"layer{number}", stage)

    def stages(self) -> Mapping[str, nn.Module]:
        """Return the parts in their order, the first of which takes (b, 1, x, y, z)."""
        stem = nn.Sequential(
            AsInflated(), self.conv1, self.bn1, nn.ReLU(), nn.MaxPool3d(3, stride=2, padding=1)
        )
        layers = {f"layer{i}": self.get_submodule(f"layer{i}") for i in range(1, len(STAGES) + 1)}
        return {"stem": stem, **layers}
