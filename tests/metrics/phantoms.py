"""Volumes that the tests share."""

import torch
from torch import Tensor


def smooth(shape, seed, *, dtype=torch.float32) -> Tensor:
    """Return smooth noise of that shape."""
    noise = torch.rand(*(side + 4 for side in shape), generator=torch.manual_seed(seed))
    blurred = torch.nn.functional.avg_pool3d(noise[None], 5, 1)[0] * 3 - 1
    return blurred.to(dtype)
