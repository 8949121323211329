"""Vision transformer (Dosovitskiy et al., arXiv 2010.11929) with the tensors of DINOv2's files.

DINOv2: Oquab et al., arXiv 2304.07193; github.com/facebookresearch/dinov2.
"""

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


class VisionTransformer(nn.Module):
    """The class token after the last normalisation: `width` features.

    Args:
        width: of a token.
        depth: blocks.
        heads: of each attention.
    """

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + POSITIONS**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of the training
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, PATCH, PATCH)})
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, EPSILON)

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
        patches = self.patch_embed["proj"](slices)
        tokens = patches.flatten(2).transpose(1, 2) + self._positions(*patches.shape[2:])
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        x = torch.cat([first, tokens], dim=1)
        for block in self.blocks:
            x = block(x)
        features: Tensor = self.norm(x[:, 0])
        return features

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Return the position embeddings of that many patches, shape (1, rows * columns, width)."""
        table = self.pos_embed[:, 1:]
        if (rows, columns) == (POSITIONS, POSITIONS):
            return table
        square = table.view(1, POSITIONS, POSITIONS, -1).permute(0, 3, 1, 2)
        scales = tuple((count + OFFSET) / POSITIONS for count in (rows, columns))
        resized = functional.interpolate(square, scale_factor=scales, mode="bicubic")
        return resized.flatten(2).transpose(1, 2)
