"""Vision transformer of volumes with the tensors of 3DINO's file.

Xu et al., npj Digital Medicine (2025), doi 10.1038/s41746-025-02035-w; github.com/AICONSlab/3DINO,
dinov2/models/vision_transformer.py at commit 85bd443.
"""

from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.networks.vision_transformer import Block, PatchTransformer

PATCH = 16
# The file holds position embeddings for volumes of 112 voxels: 7 x 7 x 7 patches.
POSITIONS = 7
CHUNKS = 4  # the blocks are named by chunk and number


class VisionTransformer3D(PatchTransformer):
    """Of volumes with one channel.

    Args:
        width: of a token.
        depth: blocks.
        heads: of each attention.
    """

    def __init__(self, width: int, depth: int, heads: int) -> None:
        patches = nn.Conv3d(1, width, PATCH, PATCH)
        size = depth // CHUNKS
        blocks = nn.ModuleList(
            nn.ModuleDict({str(i): Block(width, heads) for i in range(first, first + size)})
            for first in range(0, depth, size)
        )
        super().__init__(width, patches, (POSITIONS, POSITIONS, POSITIONS), blocks, "trilinear")

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
        return self.class_token(volumes)
