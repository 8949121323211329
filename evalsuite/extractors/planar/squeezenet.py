"""SqueezeNet 1.1, trained on ImageNet, with torchvision's weights."""

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import Extractor, ExtractorOptions
from evalsuite.extractors.planar.extractor import IMAGENET_MEAN, IMAGENET_STD, planar_extractor
from evalsuite.extractors.slices import Slices
from evalsuite.extractors.sources import Address
from evalsuite.extractors.weights import PublishedWeights

NAME = "squeezenet1_1"
# Slices keep their size, as a convolutional network allows.
SLICES = Slices(step=4, mean=IMAGENET_MEAN, std=IMAGENET_STD)
FEATURES = {
    "": "global average of the last stage",
    "classifier": "scores of the 1000 classes",
}

WEIGHTS = (
    PublishedWeights(
        name=NAME,
        source=Address("https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth"),
        # Its first digits are published, in the name of the file.
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        code_licence="BSD-3-Clause",
        weights_licence="BSD-3-Clause",
    ),
)


def squeezenet1_1(options: ExtractorOptions) -> Extractor:
    """SqueezeNet 1.1 in 2.5D: 512 features per slice, trained on ImageNet; @classifier: 1000."""
    from evalsuite.extractors.networks.squeezenet import SqueezeNet

    if options.layer not in FEATURES:
        raise EvalsuiteError(
            f'{NAME} has no layer "{options.layer}": write {NAME}@classifier for the scores of '
            f"its classes, or {NAME} for its last stage."
        )
    return planar_extractor(
        NAME,
        lambda: SqueezeNet(scores=options.layer == "classifier"),
        SLICES,
        options,
        architecture="SqueezeNet 1.1",
        features=FEATURES[options.layer],
    )
