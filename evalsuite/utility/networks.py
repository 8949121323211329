"""The network of every arm, and how it starts from a pre-trained one."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

State = Mapping[str, Tensor]


def network(channels: Sequence[int], outputs: int, seed: int) -> nn.Module:
    """Return a residual 3D U-Net with random weights.

    MONAI's `UNet` after Kerfoot et al. (STACOM 2018): two residual units of 3x3x3 convolutions
    per level, instance normalisation, PReLU, halved by strides and doubled by transposed
    convolutions.

    Args:
        channels: of each level.
        outputs: 1 to reconstruct, the number of classes to segment.
        seed: of the weights; the random state of the process stays as it was.
    """
    from monai.networks.nets import UNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: nn.Module = UNet(
            spatial_dims=3,
            in_channels=1,
            out_channels=outputs,
            channels=tuple(channels),
            strides=(2,) * (len(channels) - 1),
            num_res_units=2,
            norm=("instance", {"affine": True}),
        )
    return made


def start_from(pretrained: State, segmenter: nn.Module) -> list[str]:
    """Copy the weights of a reconstructing network, encoder and decoder, into a segmenting one.

    Returns:
        The names of those that stay as they are, because they make the outputs.
    """
    weights = segmenter.state_dict()
    same = {name: value for name, value in pretrained.items() if value.shape == weights[name].shape}
    segmenter.load_state_dict({**weights, **same})
    return sorted(set(weights) - set(same))
