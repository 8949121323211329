"""Vision transformer (Dosovitskiy et al., arXiv 2010.11929) with the tensors of DINOv2's files.

DINOv2: Oquab et al., arXiv 2304.07193; github.com/facebookresearch/dinov2.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from evalsuite.errors import EvalsuiteError

EPSILON = 1e-6
PATCH = 14
# The files hold position embeddings for images of 518 pixels: 37 x 37 patches.
POSITIONS = 37
# Added to the number of patches before the scale is computed, when DINOv2 was trained and since.
OFFSET = 0.1


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape (b, n, width)."""
        b, n, width = x.shape
        query, key, value = self.qkv(x).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.proj(y.transpose(1, 2).reshape(b, n, width))
        return projected


class Scale(nn.Module):
    """One learnt factor per channel (LayerScale)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled tokens."""
        return x * self.gamma


class Perceptron(nn.Module):
    """Two layers, four times as wide between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        y: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return y


class Block(nn.Module):
    """Attention and perceptron, each normalised before and added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, EPSILON)
        self.attn = Attention(width, heads)
        self.ls1 = Scale(width)
        self.norm2 = nn.LayerNorm(width, EPSILON)
        self.mlp = Perceptron(width)
        self.ls2 = Scale(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        y: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return y


class PatchTransformer(nn.Module):
    """The class token of an image or a volume after the last normalisation: `width` features.

    Args:
        width: of a token.
        patches: convolution that makes a token of each patch.
        sides: patches along each axis for which there are position embeddings.
        blocks: all blocks in their order, however they are grouped.
        mode: of the interpolation of position embeddings.
    """

    def __init__(
        self, width: int, patches: nn.Module, sides: tuple[int, ...], blocks: nn.Module, mode: str
    ) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + math.prod(sides), width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of the training
        self.patch_embed = nn.ModuleDict({"proj": patches})
        self.blocks = blocks
        self.norm = nn.LayerNorm(width, EPSILON)
        self._sides, self._mode = sides, mode

    def class_token(self, images: Tensor) -> Tensor:
        """Return `width` features per image or volume, whose sides are multiples of a patch."""
        patches = self.patch_embed["proj"](images)
        tokens = patches.flatten(2).transpose(1, 2) + self._positions(tuple(patches.shape[2:]))
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        x = torch.cat([first, tokens], dim=1)
        for block in self.blocks.modules():
            if isinstance(block, Block):
                x = block(x)
        features: Tensor = self.norm(x[:, 0])
        return features

    def _positions(self, counts: tuple[int, ...]) -> Tensor:
        """Return the embeddings of that many patches along each axis, shape (1, n, width)."""
        table = self.pos_embed[:, 1:]
        if counts == self._sides:
            return table
        grid = table.view(1, *self._sides, -1).movedim(-1, 1)
        scales = tuple((n + OFFSET) / side for n, side in zip(counts, self._sides, strict=True))
        resized = functional.interpolate(grid, scale_factor=scales, mode=self._mode)
        return resized.flatten(2).transpose(1, 2)


class VisionTransformer(PatchTransformer):
    """Of slices with three channels.

    Args:
        width: of a token.
        depth: blocks.
        heads: of each attention.
    """

    def __init__(self, width: int, depth: int, heads: int) -> None:
        patches = nn.Conv2d(3, width, PATCH, PATCH)
        blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        super().__init__(width, patches, (POSITIONS, POSITIONS), blocks, "bicubic")

    def forward(self, slices: Tensor) -> Tensor:
        """Return `width` features per slice of shape (3, h, w).

        Raises:
            EvalsuiteError: unless h and w are multiples of 14 pixels.
        """
        height, width = slices.shape[2:]
        if height % PATCH or width % PATCH:
            raise EvalsuiteError(
                f"The vision transformer cuts slices into patches of {PATCH} x {PATCH} pixels, but "
                f"a slice has {height} x {width}: choose a size of slices that is a multiple of "
                f"{PATCH}, such as {PATCH * 16}."
            )
        return self.class_token(slices)
