"""ResNet-50 (arXiv 1512.03385) as Keras defines it: RadImageNet's."""

import torch
from torch import Tensor, nn

EPSILON = 1.001e-5
# Blocks and channels of the four stages.
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))
EXPANSION = 4


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON)


class Bottleneck(nn.Module):
    """Three convolutions with biases, of which the first one strides (PyTorch's second does)."""

    def __init__(self, given: int, planes: int, stride: int) -> None:
        super().__init__()
        wide = EXPANSION * planes
        self.conv1 = nn.Conv2d(given, planes, 1, stride)
        self.bn1 = _norm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1)
        self.bn2 = _norm(planes)
        self.conv3 = nn.Conv2d(planes, wide, 1)
        self.bn3 = _norm(wide)
        self.downsample = (
            nn.Identity()
            if (given, stride) == (wide, 1)
            else nn.Sequential(nn.Conv2d(given, wide, 1, stride), _norm(wide))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return four times `planes` channels."""
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return torch.relu(y)


class ResNet50(nn.Module):
    """2048 features: the global average of the last stage."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.bn1 = _norm(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        given = 64
        for number, (blocks, planes) in enumerate(STAGES, start=1):
            stage = nn.Sequential()
            for block in range(blocks):
                stride = 2 if block == 0 and number > 1 else 1
                stage.append(Bottleneck(given, planes, stride))
                given = EXPANSION * planes
            self.add_module(f"layer{number}", stage)

    def forward(self, slices: Tensor) -> Tensor:
        """Return 2048 features per slice of shape (3, h, w)."""
        x: Tensor = self.maxpool(self.bn1(self.conv1(slices)).relu())
        for number in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x.mean(dim=(2, 3))
