"""Vision transformer of volumes with the tensors of 3DINO's file.

Xu et al., npj Digital Medicine (2025), doi 10.1038/s41746-025-02035-w; github.com/AICONSlab/3DINO,
dinov2/models/vision_transformer.py at commit 85bd443.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.networks.vision_transformer import EPSILON, OFFSET, Block

PATCH = 16
# The file holds position embeddings for volumes of 112 voxels: 7 x 7 x 7 patches.
POSITIONS = 7
CHUNKS = 4  # the blocks are named by chunk and number


class VisionTransformer3D(nn.Module):
    """The class token after the last normalisation: `width` features.

    Args:
        width: of a token.
        depth: blocks.
        heads: of each attention.
    """

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + POSITIONS**3, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of the training
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(1, width, PATCH, PATCH)})
        size = depth // CHUNKS
        self.blocks = nn.ModuleList(
            nn.ModuleDict({str(i): Block(width, heads) for i in range(first, first + size)})
            for first in range(0, depth, size)
        )
        self.norm = nn.LayerNorm(width, EPSILON)

    def forward(self, volumes: Tensor) -> Tensor:
        """Return `width` features per volume of shape (1, x, y, z).

        Raises:
            EvalsuiteError: unless x, y and z are multiples of 16 voxels.
        """
        shape = tuple(volumes.shape[2:])
        if any(side % PATCH for side in shape):
            raise EvalsuiteError(
                f"The vision transformer cuts volumes into patches of {PATCH} voxels, but a volume "
                f"has {' x '.join(map(str, shape))}: pass a --shape of multiples of {PATCH}."
            )
        patches = self.patch_embed["proj"](volumes)
        tokens = patches.flatten(2).transpose(1, 2) + self._positions(patches.shape[2:])
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        x = torch.cat([first, tokens], dim=1)
        for chunk in self.blocks:
            for block in chunk.children():
                x = block(x)
        features: Tensor = self.norm(x[:, 0])
        return features

    def _positions(self, counts: torch.Size) -> Tensor:
        """Return the embeddings of that many patches along each axis, shape (1, n, width)."""
        table = self.pos_embed[:, 1:]
        if set(counts) == {POSITIONS}:
            return table
        sides = (POSITIONS, POSITIONS, POSITIONS)
        cube = table.view(1, *sides, -1).permute(0, 4, 1, 2, 3)
        scales = tuple((count + OFFSET) / POSITIONS for count in counts)
        resized = functional.interpolate(cube, scale_factor=scales, mode="trilinear")
        return resized.flatten(2).transpose(1, 2)
