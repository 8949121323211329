"""3DINO (Xu et al., npj Digital Medicine, 2025): a vision transformer of volumes.

Trained without labels on some 100,000 volumes of MRI, CT and PET. Its licence forbids commercial use
and derivatives, so nothing of it is fetched, and the network here is our own.
"""

from typing import TYPE_CHECKING

from evalsuite.extractors.checkpoint import load_strictly
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.sources import ByHand
from evalsuite.extractors.volumetric.extractor import volume_extractor
from evalsuite.extractors.weights import PublishedWeights, obtain

if TYPE_CHECKING:
    import torch

NAME = "3dino-vitl"
# As the authors' notebooks/basic_model_use.ipynb and dinov2/data/transforms.py, at commit 85bd443.
WANTS = {
    "orientation": "RAS",
    "intensity": {"kind": "percentile", "low": 0.05, "high": 99.95, "range": (-1.0, 1.0)},
    "intensity_first": True,
    "interpolation": "linear",
    "shape": (112, 112, 112),
    "fit": "resize",
    "padding": -1.0,
}
WEIGHTS = (
    PublishedWeights(
        name=NAME,
        source=ByHand("https://huggingface.co/AICONSlab/3DINO-ViT", "3dino_vit_large.pth"),
        sha256=None,
        code_licence="CC BY-NC-ND 4.0",
        weights_licence="CC BY-NC-ND 4.0",
        note="no commercial use",
    ),
)


def vitl(options: ExtractorOptions) -> Extractor:
    """3DINO ViT-L: 1024 features of a 3D transformer; from a file of yours; no commercial use."""
    from evalsuite.extractors.networks.vision_transformer_3d import VisionTransformer3D

    weights = obtain(NAME, options)

    def network() -> "torch.nn.Module":
        made = VisionTransformer3D(width=1024, depth=24, heads=16)
        heads = ("dino_head.", "ibot_head.")
        load_strictly(weights.path, made, under="teacher", prefix="backbone.", unused=heads)
        return made

    return volume_extractor(
        NAME,
        weights.checked(network),
        options,
        fingerprint={
            "architecture": "ViT-L/16 of volumes as in 3DINO",
            "features": "class token after the last normalisation",
            "weights_sha256": weights.sha256,
        },
        wants=WANTS,
        warnings=weights.warnings,
    )
