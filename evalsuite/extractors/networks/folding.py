"""Batch normalisation folded into the convolution before it."""

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def fold_batch_norms(network: "torch.nn.Module") -> "torch.nn.Module":
    """Return the network with every batch normalisation folded into the convolution before it.

    In evaluation mode both are one affine map, so the features stay the same up to rounding.
    """
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for module in list(network.modules()):
        for (first, convolution), (second, norm) in pairwise(list(module.named_children())):
            if isinstance(convolution, nn.Conv2d | nn.Conv3d) and isinstance(
                norm, nn.BatchNorm2d | nn.BatchNorm3d
            ):
                setattr(module, first, fuse_conv_bn_eval(convolution, norm))
                setattr(module, second, nn.Identity())
    return network
