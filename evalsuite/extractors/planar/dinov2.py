"""DINOv2's vision transformers (Oquab et al., arXiv 2304.07193), trained without labels."""

from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.planar.extractor import IMAGENET_MEAN, IMAGENET_STD, planar_extractor
from evalsuite.extractors.slices import Slices
from evalsuite.extractors.sources import Address
from evalsuite.extractors.weights import PublishedWeights

BASE, LARGE = "dinov2-vitb14", "dinov2-vitl14"
# 224 pixels are 16 x 16 patches, as in DINOv2's own evaluation.
SLICES = Slices(
    size=224,
    interpolation="bicubic",
    antialias=True,
    step=4,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
)


def _published(name: str, sha256: str) -> PublishedWeights:
    model = name.replace("-", "_")
    return PublishedWeights(
        name=name,
        source=Address(f"https://dl.fbaipublicfiles.com/dinov2/{model}/{model}_pretrain.pth"),
        sha256=sha256,
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0",
        note="SHA-256 as many public repositories record it; the authors publish none",
    )


WEIGHTS = (
    _published(BASE, "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73"),
    _published(LARGE, "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428"),
)


def vitb14(options: ExtractorOptions) -> Extractor:
    """DINOv2 ViT-B/14 in 2.5D: 768 features per slice, trained on natural images; slow on a CPU."""
    return _transformer(BASE, 768, 12, 12, options)


def vitl14(options: ExtractorOptions) -> Extractor:
    """DINOv2 ViT-L/14 in 2.5D: 1024 features per slice, trained on natural images; for a GPU."""
    return _transformer(LARGE, 1024, 24, 16, options)


def _transformer(
    name: str, width: int, depth: int, heads: int, options: ExtractorOptions
) -> Extractor:
    from evalsuite.extractors.networks.vision_transformer import VisionTransformer

    return planar_extractor(
        name,
        lambda: VisionTransformer(width, depth, heads),
        SLICES,
        options,
        architecture=f"ViT-{'B' if name == BASE else 'L'}/14 as in DINOv2",
        features="class token after the last normalisation",
    )
