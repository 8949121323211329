"""ResNet-50 trained on RadImageNet (Mei et al., Radiology: AI 4 (2022) e210315).

Radiological images of CT, MRI and ultrasound. The file is that of
github.com/Warvito/radimagenet-models, which converted the Keras weights of the authors.
"""

from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.planar.extractor import IMAGENET_MEAN, planar_extractor
from evalsuite.extractors.slices import SliceIntensity, Slices
from evalsuite.extractors.sources import Address
from evalsuite.extractors.weights import PublishedWeights

NAME = "radimagenet-resnet50"
# As NVIDIA-Medtech/NV-Generate-CTMR shows it slices: of any size, blue first, without division.
SLICES = Slices(
    intensity=SliceIntensity(per="plane"), step=4, reverse=True, mean=IMAGENET_MEAN[::-1]
)

WEIGHTS = (
    PublishedWeights(
        name=NAME,
        source=Address(
            "https://drive.usercontent.google.com/download"
            "?id=1VOWHgOq0rm7OkE_JxlWXhMAH4CvcXUHT&export=download&confirm=t",
            kept_as="RadImageNet-ResNet50_notop.pth",
        ),
        sha256=None,
        code_licence="Apache-2.0",
        weights_licence="terms of RadImageNet, unverified",
        note="read the terms of RadImageNet before you use the weights",
    ),
)


def resnet50(options: ExtractorOptions) -> Extractor:
    """RadImageNet ResNet-50 in 2.5D: 2048 features per slice, trained on radiological images."""
    from evalsuite.extractors.networks.resnet import ResNet50

    return planar_extractor(
        NAME,
        ResNet50,
        SLICES,
        options,
        architecture="ResNet-50 as in Keras",
        features="global average of the last stage",
    )
